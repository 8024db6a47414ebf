"""What a reader sees of a text that somebody else wrote, and what is written by its number."""
