"""Faces: what other wire formats need at the edge, whichever they are."""
