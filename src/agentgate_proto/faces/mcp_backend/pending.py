"""What is under way in the talk with a server: requests of ours, calls, questions of the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from agentgate_proto.faces.mcp_backend.listing import Listing


class Purpose(Enum):
    """What a request of ours is for."""

    DISCOVER = "discover"
    INITIALIZE = "initialize"
    LIST = "list"
    CALL = "call"
    LISTEN = "listen"
    OTHER = "other"
    """Something of which only the failure matters, to nobody."""


@dataclass(slots=True, kw_only=True)
class Call:
    """Something that a server is asked to do.

    Attributes:
        number: by which it is known outside.
        method, params: what is asked, without ``_meta``.
        can: what those who asked can be asked for.
        headers: what HTTP says of it besides (modern).
        request: the id of the request that is under way for it; None: the next waits for answers.
        was_sent: some request for it may have reached the server.
        repeats: how often it was sent again because it was certainly not read.
        rounds: how often the server has asked for something before going on.
        progress: the last that was passed on.
        answers: to what was asked in this round, by the server's keys; None: not there yet.
        state: what the server wants back with them.
    """

    number: int
    method: str
    params: Mapping[str, Any]
    can: frozenset[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    request: int | None = None
    was_sent: bool = False
    repeats: int = 0
    rounds: int = 0
    progress: float = float("-inf")
    answers: dict[str, msgspec.Raw | None] = field(default_factory=dict)
    state: str | msgspec.UnsetType = msgspec.UNSET


@dataclass(slots=True, kw_only=True)
class Pending:
    """A request of ours that has no answer yet.

    Attributes:
        id: of the request.
        purpose: what it is for.
        method, params: what it says, ``_meta`` included.
        call, listing: what it is a part of.
        session: in which it was sent, or "".
    """

    id: int
    purpose: Purpose
    method: str
    params: Mapping[str, Any]
    call: Call | None = None
    listing: Listing | None = None
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that the server wants to know.

    Attributes:
        number: by which it is known outside.
        call: for which call.
        method: what is asked.
        request: the server's own id, to be answered under (legacy).
        key: the server's name of it, in the round of the call (modern); None: it is a request.
    """

    number: int
    call: Call
    method: str
    request: int | str | None = None
    key: str | None = None
