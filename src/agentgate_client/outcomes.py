"""How calls for tools end, as the SDK tells it."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.client.events import Settled


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a call for a tool ended well.

    Attributes:
        data: what the tool returned, as decoded JSON.
        word: what the person who was asked about it says, or "".
        edited: the arguments that it ran with, if that person had changed them; None: it ran with
            those of the call.
        joined_at: when the call had ended that this one was a repeat of, RFC 3339: nothing was run
            for it; "": it is none.
    """

    data: Any
    word: str = ""
    edited: dict[str, Any] | None = None
    joined_at: str = ""


def result_of(settled: Settled) -> CallResult:
    """Make the result of the end of a call."""
    return CallResult(
        data=settled.result,
        word=settled.word,
        edited=settled.edited,
        joined_at=settled.joined_at,
    )
