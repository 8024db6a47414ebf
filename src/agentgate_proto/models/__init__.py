"""What is said to models and what they say: one form, and each vendor's; prices."""
