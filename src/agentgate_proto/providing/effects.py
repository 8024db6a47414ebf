"""What the providers' machine wants done, and what it says of an offer and of a call's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool

Check = Callable[[Mapping[str, Any]], str]
"""Says why arguments do not fit a tool, or ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One tool that can be asked for now.

    Attributes:
        name: ``<principal>.<tool>``.
        link: of the connection that offers it.
        tool: what its provider says of it.
        check: its arguments, as its schema wants them.
    """

    name: str
    link: int
    tool: OfferedTool
    check: Check


@dataclass(frozen=True, slots=True)
class Refusal:
    """Tools are not taken, and nothing has changed."""

    code: ErrorCode
    message: str


class End(Enum):
    """How a call is over."""

    DONE = auto()
    """The tool returned."""
    FAILED = auto()
    """The tool said so; or it reads, and nobody answers any more."""
    NOT_STARTED = auto()
    """The provider has certainly not run it."""
    UNKNOWN = auto()
    """The tool writes, and may have run."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send ``tools.call`` under this id; if it can't be sent, say ``not_sent``."""

    link: int
    request: str
    params: CallTool


@dataclass(frozen=True, slots=True)
class Drop:
    """Send ``tools.cancel`` for this call, and wait for no answer to the request."""

    link: int
    request: str
    call: str


@dataclass(frozen=True, slots=True)
class Over:
    """A call has come to its end.

    Attributes:
        call: which.
        end: how.
        data: what the tool returned.
        text: what went wrong, for who asked.
    """

    call: str
    end: End
    data: Any = None
    text: str = ""


Effect = Ask | Drop | Over
