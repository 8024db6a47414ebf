"""What the bridge between an MCP client's pipe and a gateway wants done, in order."""

from __future__ import annotations

import msgspec


class ListTools(msgspec.Struct, frozen=True):
    """Ask the gateway what tools there are; tell ``listed`` or ``listing_failed``."""


class AskTool(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the gateway for a tool; tell ``waiting``, and then ``settled`` or ``failed``.

    Attributes:
        number: names this request here.
        tool: its name in the catalogue.
        args: a JSON object.
        key: idempotency key, or "".
        join_s: an identical request that ended so long ago at most is this one.
        why: what the client says of why it asks, or "".
    """

    number: int
    tool: str
    args: msgspec.Raw
    key: str = ""
    join_s: float = 0.0
    why: str = ""


class WithdrawTool(msgspec.Struct, frozen=True):
    """Nobody wants the outcome of this request any more; nothing is told of it."""

    number: int


class FindRequest(msgspec.Struct, frozen=True):
    """Look up the gateway's own id of a request that waits for a person; tell ``named``, if it can
    be found."""

    number: int
    tool: str


class LookUp(msgspec.Struct, frozen=True):
    """Look up a request by the gateway's own id; tell ``found`` or ``not_found``.

    Attributes:
        number: names this question here.
        rid: of the request.
    """

    number: int
    rid: str


class Ended(msgspec.Struct, frozen=True):
    """The client has gone: send what there is to send, and end. What it asked for goes on, and
    whoever asks for the same gets the outcome."""


BridgeEvent = ListTools | AskTool | WithdrawTool | FindRequest | LookUp | Ended
