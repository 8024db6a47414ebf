"""What the streams of all vendors have in common: caps, arguments, events that are no events."""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

import msgspec

from agentgate_proto.wire.nesting import TOO_DEEP, is_too_deep

ANSWER_CHARS_MAX: Final = 8_388_608
"""Characters of one answer, thinking and arguments included: the longest that models write are
128,000 tokens, which is half a million characters."""

CALLS_MAX: Final = 128
"""Tools that one answer may want; vendors know no more than that many tools."""

BLOCKS_MAX: Final = 1_024
"""Content blocks of one answer: one for a text, a thought or a call."""

TOKENS_MAX: Final = 1_000_000_000_000
"""Of one number in a vendor's usage: what is larger, or below zero, would break sums of money."""

MODEL_ID_CHARS_MAX: Final = 256
"""Of the name of the model that answered."""

NO_ARGUMENTS: Final = msgspec.Raw(b"{}")

UNREADABLE: Final = (msgspec.DecodeError, RecursionError, ValueError)
"""What is raised by what is no event. Too deep is one of them."""

T = TypeVar("T")

decode_object = msgspec.json.Decoder(dict[str, Any] | None).decode


class TooMuch(Exception):
    """An answer is beyond a cap."""


class Allowance:
    """How much of an answer is left to come."""

    def __init__(self) -> None:
        self.chars = ANSWER_CHARS_MAX
        self.calls = CALLS_MAX
        self.blocks = BLOCKS_MAX

    def take(self, text: str) -> None:
        """Let a text in.

        Raises:
            TooMuch: the answer gets too long.
        """
        self.chars -= len(text)
        if self.chars < 0:
            raise TooMuch(f"the answer has more than {ANSWER_CHARS_MAX:,} characters")

    def take_call(self) -> None:
        """Let a tool call in.

        Raises:
            TooMuch: there are too many.
        """
        self.calls -= 1
        if self.calls < 0:
            raise TooMuch(f"the answer has more than {CALLS_MAX} tool calls")

    def take_block(self) -> None:
        """Let a content block in.

        Raises:
            TooMuch: there are too many.
        """
        self.blocks -= 1
        if self.blocks < 0:
            raise TooMuch(f"the answer has more than {BLOCKS_MAX:,} blocks")


def tokens(number: int | None) -> int:
    """Return a number of a vendor's usage within bounds; none is 0."""
    return min(max(number or 0, 0), TOKENS_MAX)


def read_usage(value: Any, form: type[T]) -> T | None:
    """Read a vendor's usage; None: it is none. No answer is lost because somebody counts oddly."""
    try:
        return msgspec.convert(value, form, strict=False) if value is not None else None
    except msgspec.ValidationError:
        return None


def merge(usage: msgspec.Struct, later: msgspec.Struct) -> None:
    """Take over each number that is there: the last one counts, and null is none."""
    for name in later.__struct_fields__:
        value = getattr(later, name)
        if value is not None:
            setattr(usage, name, value)


def arguments(text: str) -> tuple[msgspec.Raw, str]:
    """Read the arguments of a tool call.

    Args:
        text: all that came of them; models that want to say nothing send nothing.

    Returns:
        JSON of an object, {} if it is none; and why it is none, or "".
    """
    text = text.strip()
    if not text:
        return NO_ARGUMENTS, ""
    try:
        if decode_object(text) is None:
            return NO_ARGUMENTS, ""
    except msgspec.ValidationError:
        return NO_ARGUMENTS, "its arguments are no object"
    except RecursionError:
        return NO_ARGUMENTS, f"its arguments are {TOO_DEEP}"
    except msgspec.DecodeError:
        return NO_ARGUMENTS, "its arguments are no JSON"
    if is_too_deep(text):
        return NO_ARGUMENTS, f"its arguments are {TOO_DEEP}"
    return msgspec.Raw(text.encode()), ""


def read_event(decoder: msgspec.json.Decoder[T], data: str) -> T:
    """Read the data of an event.

    Half a surrogate pair, which some servers send because they cut a text anywhere, becomes a
    question mark; msgspec takes it for broken JSON.

    Raises:
        One of UNREADABLE.
    """
    try:
        event = decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        data = json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8", "replace").decode()
        event = decoder.decode(data)
    if is_too_deep(data):  # its parts are kept, and read again by others
        raise ValueError(TOO_DEEP)
    return event
