"""A gateway in the program's own process, and which one a program gets."""

from agentgate_local.sessions import LocalSessions, session_gateway
from agentgate_server.documents import DocumentError
from agentgate_server.store.engine import StoreError

__all__ = ["DocumentError", "LocalSessions", "StoreError", "session_gateway"]
