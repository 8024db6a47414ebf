"""Models made real: how each backend is asked, and what it costs."""
