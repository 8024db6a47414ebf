"""The audit: telling the store what to note, and reading, verifying and exporting it."""
