"""Faces: other wire formats at the edge, translated to native calls."""
