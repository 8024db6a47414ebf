"""What a model says, in no vendor's form, in the order in which it comes.

A stream is any number of deltas, tool calls and ``UsageSeen``, and then one ``Ended`` or one
``Failed``. Nothing counts as an end but the vendor's own terminal event: a stream that just stops
is ``Failed`` as truncated.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agentgate_proto.records.usage import Usage


class Stop(StrEnum):
    """Why a model stopped."""

    END = "end"
    """It has said all. Reasons that nobody knows count as this."""
    TOOLS = "tools"
    """It waits for its tools."""
    MAX_TOKENS = "max_tokens"
    """It may write no more, or its context is full."""
    REFUSAL = "refusal"
    """It would not, or a filter cut it."""


class Failure(StrEnum):
    """Why a stream has no end."""

    RETRYABLE = "retryable"
    """It may go well the next time: overloaded, too many requests, a server's error."""
    TRUNCATED = "truncated"
    """It broke off, or stalled."""
    FATAL = "fatal"
    """Asking again is of no use: a bad request, a wrong key, an unknown model."""


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the answer; never empty."""

    text: str


class ThinkingDelta(msgspec.Struct, frozen=True):
    """A piece of its thinking; never empty."""

    text: str


class CallMade(msgspec.Struct, frozen=True, kw_only=True):
    """A whole tool call: its block is closed and its arguments are an object.

    Attributes:
        id: the vendor's; "" if it gives none. May be the same as an earlier one's.
        name: of the tool, as the model was told it.
        args: JSON, an object; {} where the model sent nothing.
        problem: why it can't be run, if so: its arguments are no object. ``args`` is {} then.
    """

    id: str
    name: str
    args: msgspec.Raw
    problem: str = ""


class UsageSeen(msgspec.Struct, frozen=True):
    """What the request took so far, in all; the last one counts."""

    usage: Usage


class Restarted(msgspec.Struct, frozen=True):
    """The vendor has begun the answer anew within one stream: all before it is withdrawn."""

    reason: str


class Noted(msgspec.Struct, frozen=True):
    """Something to know: another model goes on, a parameter was dropped."""

    text: str


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The vendor's terminal event.

    Attributes:
        stop: why.
        blocks: the whole content in the vendor's own form, to be sent back byte for byte; without
            what is not whole (thinking without its signature). b"": there is nothing to keep.
        model_id: which model answered, if the vendor says so; "".
    """

    stop: Stop
    blocks: bytes = b""
    model_id: str = ""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """There is no answer, or no end of it.

    Attributes:
        failure: whether another attempt makes sense.
        message: what went wrong, in the vendor's words if there are some.
        retry_after_s: how long the vendor wants us to wait, if it says so.
    """

    failure: Failure
    message: str
    retry_after_s: float | None = None


ModelEvent = TextDelta | ThinkingDelta | CallMade | UsageSeen | Restarted | Noted | Ended | Failed
