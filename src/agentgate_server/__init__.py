"""The gateway: sockets, files, clocks and processes around the core."""

from agentgate_server.errors import EffectUnknown, NotStarted, ToolError, ToolFailed
from agentgate_server.tools.python import tool

__all__ = ["EffectUnknown", "NotStarted", "ToolError", "ToolFailed", "tool"]
