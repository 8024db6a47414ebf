"""The gateway: sockets, files, clocks and processes around the core."""

from agentgate_server.tools.errors import EffectUnknown, ToolError
from agentgate_server.tools.python import tool

__all__ = ["EffectUnknown", "ToolError", "tool"]
