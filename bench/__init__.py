"""Measurements. ``python -m bench`` prints ratios against a peer in the same run."""
