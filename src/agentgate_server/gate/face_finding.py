"""Finding calls that were made before, by this process or a former one.

What is under way is heard of from the ledger, under the number that the principal's client of it
has; what is over is in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.limits import JOIN_S_MAX
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.storage import Answer, FindRequest, FindRid, FindTwin, Query
from agentgate_proto.rpc.results import CancelStatus
from agentgate_server.faces.call_desk import CLIENT, Told
from agentgate_server.gate.face_links import Entry, View
from agentgate_server.store.writer import StoreWriter

NO_CALL = "There is no such call: it was not made here, or is too long over"


class Finder:
    """See the module. A view's link must be ready.

    Args:
        ledger: what is under way.
        writer: asks the store.
        later: does something after the verb of the face has returned.
        end: a view is over.
        utc: the clock of the ledger.
    """

    def __init__(
        self,
        ledger: Ledger,
        writer: StoreWriter,
        *,
        later: Callable[[Callable[[], None]], None],
        end: Callable[[View], None],
        utc: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._writer = writer
        self._later = later
        self._end = end
        self._utc = utc

    def find(self, number: int, view: View) -> None:
        """Find the call of a number, or what has the digest of its view."""
        link = view.link
        record = self._ledger.waits_for(link.number, number)
        if record is not None and self._ledger.identity(link.number, number) == view.digest:
            self._look_at(view, number, record)
        elif self._may_look(view):
            query = FindRequest(link.principal, CLIENT, number)
            self._ask_store(view, query, self._found)

    def _found(self, view: View, row: Record | None) -> None:
        link = view.link
        if row is not None and row.identity == view.digest and row.outcome is not None:
            self._settle_as(view, row)
            return
        rid = self._ledger.newest(link.principal, view.digest)
        if rid:
            self._hear(view, rid)
        else:
            query = FindTwin(link.principal, view.digest, self._utc() - JOIN_S_MAX)
            self._ask_store(view, query, self._found_twin)

    def _found_twin(self, view: View, row: Record | None) -> None:
        """What the tool gets as it is written is found; else what was written so may be."""
        if row is not None:
            self._settle_as(view, row)
            return
        since = self._utc() - JOIN_S_MAX
        query = FindTwin(view.link.principal, view.digest, since, as_written=True)
        self._ask_store(view, query, self._settle_as)

    def find_rid(self, rid: str, view: View) -> None:
        """Find a request by its rid."""
        if self._ledger.under_way(rid) is not None:
            self._hear(view, rid)
        elif self._may_look(view):
            self._ask_store(view, FindRid(rid), self._settle_as)

    def _hear(self, view: View, rid: str) -> None:
        """Let a view hear of a request under way, whichever of the principal's clients made it."""
        link, record = view.link, self._ledger.under_way(rid)
        if record is None or record.principal != link.principal:
            self._not_found(view)
            return
        number = next(iter(self._ledger.waits_as(rid, CLIENT)), None)
        if isinstance(number, int):
            self._look_at(view, number, record)
            return
        entry = link.new_entry(record.tool)
        entry.heard_of = record.rid
        view.look_at(entry, view.digest or record.identity)
        self._ledger.hear(link.number, rid, entry.number)
        self._withdraw(view)

    def _look_at(self, view: View, number: int, record: Record) -> None:
        """Let a view see a number that the ledger answers, as far as that is."""
        entry = view.link.entry_of(number, record.tool)
        view.look_at(entry, view.digest or record.identity)
        if entry.end is not None:
            self._later(partial(view.settled, *entry.end))
            self._withdraw(view)
            return
        approval = self._ledger.approval(record.rid)
        if record.phase is Phase.WAITING and approval is not None:
            self._later(partial(view.waiting, approval))
        self._ledger.tell_again(view.link.number, number)
        self._withdraw(view)

    def _withdraw(self, view: View) -> None:
        """What was to be withdrawn is found. If its tool runs it goes on: who withdrew it could not
        know whether stopping it does harm."""
        if not view.withdraws:
            return
        view.withdraws = False
        if view.phase is Phase.RUNNING:
            self._later(partial(view.withdrawn, CancelStatus.TOO_LATE))
        else:
            view.withdraw()

    def _settle_as(self, view: View, row: Record | None) -> None:
        """End a view as the store has it; of what is another client's, nothing is acknowledged."""
        link = view.link
        if row is None or row.principal != link.principal or row.outcome is None:
            self._not_found(view)
            return
        is_ours = row.client_id == CLIENT and isinstance(row.request_id, int)
        entry = Entry(0, row.tool)
        if is_ours:
            assert isinstance(row.request_id, int), "it was looked at"
            entry = link.entry_of(row.request_id, row.tool)
            if not row.delivered:
                entry.rid = row.rid
                self._ledger.told(link.number, row)
        view.look_at(entry, view.digest or row.identity)
        told = Told(row.rid, row.joined_at, row.tool)
        link.keep(entry, row.outcome, told)
        self._later(partial(view.settled, row.outcome, told))
        if view.withdraws:
            self._later(partial(view.withdrawn, CancelStatus.TOO_LATE))

    def _may_look(self, view: View) -> bool:
        """Whether the store may be asked: that counts against the rate, as listings do."""
        objection = self._ledger.objection_to_listing(view.link.principal, self._utc())
        if objection is not None:
            text, pause = objection
            self._refuse(view, ErrorCode.LIMIT_EXCEEDED, text, pause)
        return objection is None

    def _not_found(self, view: View) -> None:
        self._refuse(view, ErrorCode.NOT_FOUND, NO_CALL)

    def _refuse(
        self, view: View, code: ErrorCode, text: str, retry_after_s: float | None = None
    ) -> None:
        def tell() -> None:
            if view.withdraws and code is ErrorCode.NOT_FOUND:
                view.withdrawn(CancelStatus.UNKNOWN_REQUEST)
            else:
                view.refused(code, text, retry_after_s)
            self._end(view)

        self._later(tell)

    def _ask_store(
        self, view: View, query: Query, then: Callable[[View, Record | None], None]
    ) -> None:
        def answered(answer: Answer, problem: str) -> None:
            if not view.is_open:
                return
            if problem:
                text = f"the gateway cannot read its store: {problem}"
                self._refuse(view, ErrorCode.INTERNAL_ERROR, text, 1.0)
            else:
                then(view, answer if isinstance(answer, Record) else None)

        self._writer.ask(query, answered)
