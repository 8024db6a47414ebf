"""How the gateway is at the other end of a bridge, and what can be said of that."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

import msgspec

JOIN_S: Final = 600.0
"""How long after its end a request is joined by one for the same, unless it is said otherwise."""


class LinkState(Enum):
    """How the gateway is."""

    AWAY = auto()
    """It can't be reached, and that is tried again."""
    UP = auto()
    REFUSED = auto()
    """It does not take us, or can't be trusted; somebody has to do something about it."""


class BridgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user said.

    Attributes:
        address: of the gateway, for people.
        hold_s: how long a call is held at most; None: as long as it takes.
        join_s: see ``JOIN_S``.
    """

    address: str
    hold_s: float | None = None
    join_s: float = JOIN_S


class Link:
    """The gateway, as far as it is known.

    Args:
        address: for people.

    Attributes:
        state: see :class:`LinkState`.
        why: why it is not there; "": it is, or nothing is known yet.
    """

    def __init__(self, address: str) -> None:
        self.state = LinkState.AWAY
        self.why = ""
        self._address = address

    @property
    def is_up(self) -> bool:
        """Whether it can be asked."""
        return self.state is LinkState.UP

    @property
    def is_refused(self) -> bool:
        """Whether waiting for it is of no use."""
        return self.state is LinkState.REFUSED

    @property
    def absence(self) -> str:
        """Why it can't be reached; "": it can."""
        return "" if self.is_up else self.why or "no answer yet"

    @property
    def trouble(self) -> str:
        """Why there is nothing to be had, for whoever set this up."""
        why = self.why or "no answer yet"
        if self.is_refused:
            advice = (
                "mend it (a token is made by 'agent-gate token new NAME --role agent', and put in"
                " its place by 'agent-gate mcp setup'), then start this server again"
            )
            return f"The gateway {self._address} can't be used: {why}. To do: {advice}"
        return (
            f"The gateway {self._address} can't be reached: {why}. It is tried again all the time"
        )
