"""What Home Assistant and we say to each other over its WebSocket, as values.

After developers.home-assistant.io/docs/api/websocket, and the source where that is silent. Every
command has an id that is higher than all before it on the connection; the one ``result`` to it has
the same, and so has each ``event`` of what was subscribed to.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

ERROR_CHARS_MAX: Final = 500
"""Characters of an error that are kept."""

BAD_INPUT: Final = frozenset(
    {"invalid_format", "not_found", "not_supported", "service_validation_error"}
)
"""Codes of refusals after which nothing was done: what was asked for is not there, or not so."""

REFUSED: Final = BAD_INPUT | {"unauthorized", "unknown_command", "id_reuse"}
"""Codes after which nothing was done."""


class Ready(msgspec.Struct, frozen=True):
    """The token was taken; commands may be sent.

    Attributes:
        version: of Home Assistant: ``2025.4.4``.
    """

    version: str


class Answer(msgspec.Struct, frozen=True):
    """The answer to a command.

    Attributes:
        id: the command's.
        result: what came of it, as JSON.
        code, message: why it was refused or failed; "" and "": it was not.
    """

    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    code: str = ""
    message: str = ""


class Pushed(msgspec.Struct, frozen=True):
    """Something that was subscribed to has happened.

    Attributes:
        id: of the command that subscribed.
        event: what, as JSON.
    """

    id: int
    event: msgspec.Raw


class Ended(msgspec.Struct, frozen=True):
    """The connection is over; nothing more comes.

    Attributes:
        reason: for people and logs.
        is_refused: Home Assistant does not take the token.
    """

    reason: str
    is_refused: bool = False


Event = Ready | Answer | Pushed | Ended


class Problem(msgspec.Struct):
    """What is wrong, in an answer."""

    code: str = "unknown_error"
    message: str = ""


class Heard(msgspec.Struct):
    """One message as it comes; what there is depends on its type."""

    type: str = ""
    id: int = 0
    ha_version: str = ""
    message: str = ""
    success: bool = False
    result: msgspec.Raw = msgspec.Raw(b"null")
    event: msgspec.Raw = msgspec.Raw(b"null")
    error: Problem | None = None


DECODER: Final = msgspec.json.Decoder(Heard | list[Heard])
"""A message, or several in a list: newer versions join what waits, if one asks for it."""


def heard(text: str) -> list[Heard]:
    """Read a text message.

    Raises:
        ValueError: it is no message of Home Assistant's; the text does not quote it.
    """
    try:
        found = DECODER.decode(text)
    except msgspec.MsgspecError as error:
        raise ValueError(f"what came is no message of Home Assistant's: {error}") from None
    return found if isinstance(found, list) else [found]


def command(number: int, kind: str, fields: dict[str, Any]) -> bytes:
    """Write a command."""
    return msgspec.json.encode({"id": number, "type": kind, **fields})
