"""Observing: what the gateway lets its operator see of it, as logs, metrics and traces."""

from agentgate_server.observing.observers import Observer, Observers

__all__ = ["Observer", "Observers"]
