"""What ``agent-gate init`` writes: a configuration, a policy and tools, ready to serve."""
