"""A client over all its connections: its calls, its schedule, what it tells."""
