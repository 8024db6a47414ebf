"""The ready agent of a small device: `agent-gate edge`."""
