"""What ``agent-gate chat`` shows and asks."""
