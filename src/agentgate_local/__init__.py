"""A gateway in the program's own process, and which one a program gets."""

from agentgate_local.sessions import LocalSessions, session_gateway

__all__ = ["LocalSessions", "session_gateway"]
