"""Observing: what the gateway lets its operator see of it, as logs, metrics and traces."""

from agentgate_server.observing.watcher import Observing, Watcher

__all__ = ["Observing", "Watcher"]
