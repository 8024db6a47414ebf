"""What `agent-gate doctor` tries, and `agent-gate init` before anything is written."""
