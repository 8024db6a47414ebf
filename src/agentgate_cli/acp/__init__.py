"""What `agent-gate acp` does between an editor and a gateway."""
