"""Conversations with models, made real: wires the core's sessions to store, models and tools."""
