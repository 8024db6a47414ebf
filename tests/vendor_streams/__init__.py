"""Streams that others have recorded of real vendors, read by us and by the vendors' own SDKs."""
