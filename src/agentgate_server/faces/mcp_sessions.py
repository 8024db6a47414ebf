"""Sessions of the legacy era: nothing is behind their ids, so they outlive the gateway's process.

What is kept is what can't be in an id: that a session was ended before its time, and which messages
its client wants for its log. Both are forgotten with the process, and are bounded for each
principal, whose own oldest go first. A session that was ended before a restart works again after
it; its client has said that it does not use it.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Final

from agentgate_proto.faces.mcp.seals import SessionSeal, seal, unseal

SESSION_S: Final = 604_800
"""How long a session is good: a week, so that an editor that sleeps over the weekend goes on."""

NONCE_BYTES: Final = 12

ENDED_MAX: Final = 1_024
"""Ended sessions of one principal that are remembered."""

LEVELS_MAX: Final = 256
"""Sessions of one principal that want other messages than usual."""


class Sessions:
    """See the module.

    Args:
        key: returns the gateway's secret for seals.
        utc: the time, in UTC seconds.
    """

    def __init__(self, key: Callable[[], bytes], utc: Callable[[], float] = time.time) -> None:
        self._key = key
        self._utc = utc
        self._ended: defaultdict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)
        self._levels: defaultdict[str, OrderedDict[str, str]] = defaultdict(OrderedDict)

    def begin(self, principal: str, version: str, can: frozenset[str]) -> str:
        """Return the id of a new session."""
        content = SessionSeal(
            secrets.token_urlsafe(NONCE_BYTES),
            version,
            tuple(sorted(can)),
            int(self._utc()) + SESSION_S,
        )
        return seal(self._key(), principal, content)

    def find(self, principal: str, session: str) -> SessionSeal | None:
        """Return what a session is; None: there is none of this principal with that id."""
        found = unseal(self._key(), principal, session, SessionSeal, self._utc())
        if found is None or found.nonce in self._ended[principal]:
            return None
        return found

    def end(self, principal: str, session: SessionSeal) -> None:
        """End a session."""
        self._levels[principal].pop(session.nonce, None)
        ended = self._ended[principal]
        ended[session.nonce] = None
        if len(ended) > ENDED_MAX:
            ended.popitem(last=False)

    def set_level(self, principal: str, session: SessionSeal, level: str) -> None:
        """Take note of which messages a session's client wants for its log."""
        levels = self._levels[principal]
        levels.pop(session.nonce, None)
        levels[session.nonce] = level
        if len(levels) > LEVELS_MAX:
            levels.popitem(last=False)

    def level(self, principal: str, session: SessionSeal | None) -> str:
        """Return from which level on they want them; "": they never said."""
        return "" if session is None else self._levels[principal].get(session.nonce, "")
