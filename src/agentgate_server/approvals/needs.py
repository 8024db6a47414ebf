"""What a channel of the configuration is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentgate_server.approvals.answers import Answers
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.desk import Desk
from agentgate_server.observing import Observers
from agentgate_server.store.writer import StoreWriter

if TYPE_CHECKING:
    from agentgate_server.tools.home_assistant.watching import Watching


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """See the module.

    Attributes:
        clock: what it waits on.
        desk: whose approvals are asked.
        writer: asks the store for what a former life of the channel has noted.
        drain: does what the ledger wants done; called after each decision.
        answers: takes answers by ticket.
        house: has the link to Home Assistant; None: there is none.
        observers: hear what was brought to people, and whose asks are held back.
    """

    clock: Clock
    desk: Desk
    writer: StoreWriter
    drain: Callable[[], None]
    answers: Answers
    observers: Observers
    house: Watching | None = None
