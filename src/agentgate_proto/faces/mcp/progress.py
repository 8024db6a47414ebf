"""Progress of one call as its client hears of it: under the client's own token, always increasing.

Two tell of it: the gate while a person is asked, and the tool, by whatever numbers it counts. A
client may take a number that does not increase for an error, so ours stand between the tool's.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agentgate_proto.faces.mcp.messages import Token
from agentgate_proto.faces.mcp.replies import progress
from agentgate_proto.rpc.jsonrpc import UNREADABLE

STEP: Final = 1e-6
"""From one of our own numbers to the next: smaller than what a tool counts by."""

BURST: Final = 50
EACH_S: Final = 0.05
"""What may be told: so much at once, and then so often. What a tool says beyond that is left out,
so that nobody is cut for being slow who did not ask for more."""


class ToolProgress(msgspec.Struct, frozen=True):
    """What a tool says, without the token, which would be another one."""

    progress: float
    total: float | None = None
    message: str = ""


class Pace:
    """Says how often something may be told."""

    __slots__ = ("_free_at",)

    def __init__(self) -> None:
        self._free_at = 0.0

    def takes(self, now: float) -> bool:
        """Whether one more may be told now (seconds on any one clock); then it counts."""
        since = max(self._free_at, now - BURST * EACH_S)
        if since > now:
            return False
        self._free_at = since + EACH_S
        return True


class Progress:
    """See the module.

    Args:
        token: of the client.
    """

    __slots__ = ("_last", "_token")

    def __init__(self, token: Token) -> None:
        self._token = token
        self._last: float | None = None

    def ours(self, message: str) -> bytes:
        """Return a notification of the gate's own."""
        return self._told(0.0, None, message)

    def of_tool(self, params: msgspec.Raw) -> bytes | None:
        """Return what a tool says as a notification; None: it says nothing."""
        try:
            said = msgspec.json.decode(params, type=ToolProgress)
        except UNREADABLE:
            return None
        return self._told(said.progress, said.total, said.message)

    def _told(self, value: float, total: float | None, message: str) -> bytes:
        last = self._last
        if last is not None and value <= last:
            value = last + max(STEP, abs(last) * STEP)  # so that it differs whatever its size
        self._last = value
        return progress(self._token, value, total, message)
