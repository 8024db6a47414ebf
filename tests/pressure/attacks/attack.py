"""What an attack is, and what many of them do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

from tests.pressure.gateway import EVIL
from tests.pressure.wire import Target, Wire

PAUSE_S = 0.05
"""Before an attacker that was cut off comes again: it wants to be a flood, not to wait."""


class Attack:
    """One attack, in a process of its own that is killed when its time is over.

    Its name is that of its class, in words with hyphens. The docstring says what it does.

    Args:
        target: the gateway.

    Attributes:
        config: what is laid over the gateway's configuration.
        tls: the gateway is to speak TLS.
        shares_address: it comes without a token, many times, from the address of the honest; who
            asks for ``/health`` without a token there may then be told 429.
    """

    config: ClassVar[dict[str, Any]] = {}
    tls: ClassVar[bool] = False
    shares_address: ClassVar[bool] = False

    def __init__(self, target: Target) -> None:
        self.target = target

    def run(self) -> None:
        """Attack until killed."""
        raise NotImplementedError

    def wire(self, token: str = EVIL, client_id: str = "", **options: Any) -> Wire:
        """Connect; see :class:`Wire`."""
        return Wire(self.target, token, client_id, **options)


def name_of(kind: type) -> str:
    """``PipelinedHealth`` is ``pipelined-health``."""
    letters = (f"-{each.lower()}" if each.isupper() else each for each in kind.__name__)
    return "".join(letters).lstrip("-")


def many(number: int, part: Callable[[], None]) -> None:
    """Do the same on so many threads, again and again whatever becomes of it; never returns."""

    def again() -> None:
        while True:
            try:
                part()
            except (OSError, KeyError, ValueError):
                time.sleep(PAUSE_S)

    for _ in range(number):
        threading.Thread(target=again, daemon=True).start()
    threading.Event().wait()


def drained(wire: Wire) -> Wire:
    """Read all that comes on a connection, on a thread, and drop it."""
    threading.Thread(target=wire.drain, daemon=True).start()
    return wire
