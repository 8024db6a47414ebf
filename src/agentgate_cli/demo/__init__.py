"""What ``agent-gate demo`` shows: a make-believe house, and what an agent does in it."""
