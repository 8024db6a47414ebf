"""One socket's life, seen from either end."""
