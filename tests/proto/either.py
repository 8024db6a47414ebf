"""For what holds at both ends: an open connection of either kind, before a hand-made peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.byhand import ByHand, Doorman, Visitor

from agentgate_proto.connection.timers import Deadline, Timer
from agentgate_proto.limits import Limits

USUAL = Limits()

Opened = Callable[..., ByHand]

ENDS: dict[str, Opened] = {
    "client": lambda limits=USUAL: Doorman(limits).let_in(),
    "server": lambda limits=USUAL: Visitor(limits).enter(),
}

both_ends = pytest.mark.parametrize("opened", ENDS.values(), ids=ENDS)


def only(peer: ByHand) -> Any:
    """The only event that has happened."""
    [event] = peer.happened()
    return event


def due(peer: ByHand) -> Deadline[Timer]:
    deadline: Deadline[Timer] | None = peer.machine.next_deadline()
    assert deadline is not None
    return deadline
