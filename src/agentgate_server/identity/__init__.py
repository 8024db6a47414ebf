"""Who is who: tokens, where they are kept, and what slows down those who guess."""
