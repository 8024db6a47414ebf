"""Checking: all that can be said of a gateway's files without starting it."""
