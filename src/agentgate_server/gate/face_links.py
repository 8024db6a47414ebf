"""The calls of one principal by a face: a link to the ledger, its numbers, and who looks at each.

A number is one request id of the principal's client of the ledger. Several may look at one: a
client that comes back while its former connection is not known to be dead.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVarTuple

from agentgate_proto.errors import ErrorCode
from agentgate_proto.quotas.held import Held
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.rpc.results import CancelStatus
from agentgate_server.faces.call_desk import CallListener, Told
from agentgate_server.tools.dialogue import Asker

log = logging.getLogger(__name__)

Args = TypeVarTuple("Args")

CALLS_MAX = 1_024
"""Calls of one principal that somebody looks at, at once: who has more waits for none of them."""


class Desk(Protocol):
    """What a view wants of the desk that made it."""

    def waits_for(self, view: View) -> Record | None:
        """Return the request under way that it waits for."""
        ...

    def withdraw(self, view: View) -> None:
        """See ``FaceCall``."""
        ...

    def leave(self, view: View) -> None:
        """See ``FaceCall``."""
        ...

    def received(self, view: View) -> None:
        """See ``FaceCall``."""
        ...


class View:
    """One look at one call; a :class:`agentgate_server.faces.call_desk.FaceCall`.

    Args:
        desk: made it.
        link: of its principal.
        listener: hears of it.
        asker: the client's end, if it can be asked something.
        digest: of tool and arguments; "": not known yet.

    Attributes:
        entry: the number that it looks at; None: none yet, or it is over.
        is_open: the listener is to hear more.
        counts: it counts against ``CALLS_MAX``.
        finds: it looks for a call that was made before, and has not found it yet.
        withdraws: that call is to be withdrawn once it is found.
    """

    def __init__(
        self,
        desk: Desk,
        link: FaceLink,
        listener: CallListener,
        asker: Asker | None,
        digest: str = "",
    ) -> None:
        self.link = link
        self.asker = asker
        self.entry: Entry | None = None
        self.is_open = True
        self.counts = False
        self.finds = False
        self.withdraws = False
        self._desk = desk
        self._listener = listener
        self._number = 0
        self._digest = digest

    @property
    def number(self) -> int:
        """See ``FaceCall``."""
        return self._number

    @property
    def digest(self) -> str:
        """See ``FaceCall``."""
        return self._digest

    @property
    def rid(self) -> str:
        """See ``FaceCall``."""
        record = self._desk.waits_for(self)
        return record.rid if record is not None else ""

    @property
    def phase(self) -> Phase | None:
        """See ``FaceCall``."""
        record = self._desk.waits_for(self)
        return record.phase if record is not None else None

    def withdraw(self) -> None:
        """See ``FaceCall``."""
        self._desk.withdraw(self)

    def leave(self) -> None:
        """See ``FaceCall``."""
        self._desk.leave(self)

    def received(self) -> None:
        """See ``FaceCall``."""
        self._desk.received(self)

    # From the desk

    def look_at(self, entry: Entry, digest: str = "") -> None:
        """This is the number that it is about."""
        self.entry = entry
        self.finds = False
        self._number = entry.number
        self._digest = digest or self._digest
        entry.views.append(self)

    def taken(self) -> None:
        """Tell it that the ledger has it."""
        self._tell(self._listener.taken)

    def waiting(self, record: Record) -> None:
        """Tell it that a person is asked."""
        self._tell(self._listener.waiting, record)

    def settled(self, outcome: Outcome, told: Told) -> None:
        """Tell it how it ended."""
        self._tell(self._listener.settled, outcome, told)

    def withdrawn(self, status: CancelStatus) -> None:
        """Tell it what came of its withdrawal."""
        self._tell(self._listener.withdrawn, status)

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None = None) -> None:
        """Tell it that there is no such call; it is over."""
        self._tell(self._listener.refused, code, message, retry_after_s)
        self.is_open = False

    def _tell(self, method: Callable[[*Args], None], *args: *Args) -> None:
        if not self.is_open:
            return
        try:
            method(*args)
        except Exception:
            log.exception("a face's listener failed: %s", method)


class Entry:
    """A number that somebody looks at.

    Attributes:
        number: of it.
        tool: what is asked for.
        views: who looks.
        end: how it ended, once that was told.
        size: of that in memory, in bytes.
        rid: of the row that a receipt is for; "": none is wanted.
        heard_of: the rid of another client's request, which was not asked for under this number.
    """

    def __init__(self, number: int, tool: str) -> None:
        self.number = number
        self.tool = tool
        self.views: list[View] = []
        self.end: tuple[Outcome, Told] | None = None
        self.size = 0
        self.rid = ""
        self.heard_of = ""


class FaceLink:
    """One principal's client of the ledger.

    Args:
        held: counts what is kept in memory for each principal.

    Attributes:
        number: of its link; negative, and no session's.
        principal: whose.
        ready: the ledger has said which numbers were used before.
        last: the highest of them.
        queue: what waits until then, each with who waits.
        entries: what somebody looks at, by number.
        views: how many look, or are about to.
    """

    def __init__(self, number: int, principal: str, held: Held) -> None:
        self.number = number
        self.principal = principal
        self.ready = False
        self.last = 0
        self.queue: deque[tuple[View, Callable[[View], None]]] = deque()
        self.entries: dict[int, Entry] = {}
        self.views = 0
        self._held = held

    def new_entry(self, tool: str) -> Entry:
        """Make an entry for a number that was not used before."""
        self.last += 1
        return self.entry_of(self.last, tool)

    def entry_of(self, number: int, tool: str) -> Entry:
        """Return the entry of a number, made if nobody looks at it."""
        entry = self.entries.get(number)
        if entry is None:
            entry = self.entries[number] = Entry(number, tool)
        return entry

    def keep(self, entry: Entry, outcome: Outcome, told: Told) -> None:
        """An entry has ended so. That is kept, and counts, until nobody looks at it any more."""
        self.let_go(entry)
        entry.end = outcome, told
        entry.size = memoryview(outcome.data).nbytes + len(outcome.message)
        self._held.add(self.principal, entry.size)

    def let_go(self, entry: Entry) -> None:
        """Nobody looks at an entry any more."""
        self._held.add(self.principal, -entry.size)
        entry.size = 0
