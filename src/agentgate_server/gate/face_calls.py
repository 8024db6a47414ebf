"""Face calls: the desk at which a face asks for tools; ``faces.call_desk`` says what it promises.

Each principal has a link to the ledger of its own, made when it first calls, with a client id that
nobody else may name: so what it has asked outlives its connections and this process.

No listener is called before the verb that it was given to has returned: what is to be told at once
waits in ``_due`` until the gate drains, which it does after each event, and is asked to otherwise.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import (
    Answer,
    AnswerCancel,
    Attached,
    Effect,
    Refusal,
    TakenOver,
    TurnedAway,
    Waiting,
)
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.principal import Principal
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import CancelStatus, ToolRow
from agentgate_server.faces.call_desk import CLIENT, CallListener, Told
from agentgate_server.gate.calls import Calls
from agentgate_server.gate.face_finding import Finder
from agentgate_server.gate.face_links import CALLS_MAX, Entry, FaceLink, View
from agentgate_server.observing import Observers
from agentgate_server.store.writer import StoreWriter
from agentgate_server.tools.dialogue import Asker

log = logging.getLogger(__name__)

FIRST_LINK = -(2**40)
"""The number of the first link; sessions count theirs from -1 down, and never get here."""


class FaceCalls:
    """See the module; a :class:`agentgate_server.faces.call_desk.CallDesk`.

    Args:
        ledger: where requests live.
        writer: asks the store.
        calls: takes requests for tools, and lists tools.
        observers: hears what is told and refused.
        utc: the clock of the ledger.
        wake: lets the gate drain soon, if it does not anyway.
    """

    def __init__(
        self,
        ledger: Ledger,
        writer: StoreWriter,
        calls: Calls,
        observers: Observers,
        *,
        utc: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._calls = calls
        self._observers = observers
        self._utc = utc
        self._wake = wake
        self._seal = b""
        self._links: dict[str, FaceLink] = {}
        self._by_number: dict[int, FaceLink] = {}
        self._last_link = FIRST_LINK + 1
        self._cancels: dict[int, View] = {}
        self._last_cancel = 0
        self._due: deque[Callable[[], None]] = deque()
        self._looks: list[Callable[[], None]] = []
        finder_of = partial(Finder, later=self._later, end=self._end, utc=utc)
        self._finder = finder_of(ledger, writer)

    # For faces

    @property
    def seal(self) -> bytes:
        """See ``CallDesk``."""
        assert self._seal, "the store is read before anybody is served"
        return self._seal

    def ask(
        self,
        principal: Principal,
        request: ToolRequest,
        listener: CallListener,
        asker: Asker | None = None,
    ) -> View:
        """See ``CallDesk``."""
        digest = digest_of(request.tool, canonical_args(request.args))
        link = self._link_of(principal.name)
        view = View(self, link, listener, asker, digest)
        self._begin(view, partial(self._ask, request))
        return view

    def find(
        self,
        principal: Principal,
        number: int,
        digest: str,
        listener: CallListener,
        asker: Asker | None = None,
    ) -> View:
        """See ``CallDesk``."""
        link = self._link_of(principal.name)
        view = View(self, link, listener, asker, digest)
        view.finds = True
        self._begin(view, partial(self._finder.find, number))
        return view

    def find_rid(self, principal: Principal, rid: str, listener: CallListener) -> View:
        """See ``CallDesk``."""
        link = self._link_of(principal.name)
        view = View(self, link, listener, None)
        view.finds = True
        self._begin(view, partial(self._finder.find_rid, rid))
        return view

    def tools(self, principal: Principal) -> list[ToolRow]:
        """See ``CallDesk``."""
        return self._calls.list_tools(principal, listed_only=True)

    def tool_names(self) -> list[str]:
        """See ``CallDesk``."""
        return [tool.name for tool in self._calls.catalogue if tool.listed]

    def objection_to_listing(self, principal: Principal) -> tuple[str, float] | None:
        """See ``CallDesk``."""
        objection = self._ledger.objection_to_listing(principal.name, self._utc())
        if objection is not None:
            self._observers.capped(principal.name, "requests")
        return objection

    def on_tools_changed(self, look: Callable[[], None]) -> None:
        """See ``CallDesk``."""
        self._looks.append(look)

    # For the gate

    def take_up(self, seal: bytes) -> None:
        """Take what the store keeps for faces."""
        self._seal = seal

    def tools_changed(self) -> None:
        """Tools came, went or are other ones, or another policy is in force."""
        for look in self._looks:
            look()

    def askers(self, rid: str) -> list[Asker]:
        """Return the ends of the clients that wait for a request, by its rid."""
        record = self._ledger.under_way(rid)
        link = self._links.get(record.principal) if record is not None else None
        if link is None:
            return []
        numbers = self._ledger.waits_as(rid, CLIENT)
        entries = [link.entries[each] for each in numbers if each in link.entries]
        views = [view for entry in entries for view in entry.views]
        return [view.asker for view in views if view.asker is not None]

    def owns(self, link: int) -> bool:
        """Whether a link of this number is one of ours."""
        return link <= FIRST_LINK

    def drain_once(self) -> bool:
        """Tell what is due; return whether there was anything."""
        if not self._due:
            return False
        while self._due:
            self._due.popleft()()
        return True

    def told(self, effect: Effect) -> None:
        """Take what the ledger wants one of our links told."""
        self.drain_once()  # what is due came before it
        link = self._by_number.get(getattr(effect, "link", 0))
        if link is None:
            return
        match effect:
            case Attached(highest_id=highest_id):
                self._attached(link, highest_id)
            case Answer():
                self._answered(link, effect)
            case Waiting(record=record):
                self._waiting(link, record)
            case AnswerCancel(call_id=call_id, status=status):
                view = self._cancels.pop(call_id, None) if isinstance(call_id, int) else None
                if view is not None:
                    view.withdrawn(CancelStatus(status))
            case Refusal(request_id=request_id):
                self._refused(link, request_id, effect)
            case TurnedAway(reason=reason):
                self._turned_away(link, reason)
            case TakenOver():
                log.error("the calls of %s by a face were taken over", link.principal)
            case _:
                raise AssertionError(f"not for a face: {effect!r}")

    # For views

    def waits_for(self, view: View) -> Record | None:
        """See ``face_links.Desk``."""
        if view.entry is None:
            return None
        return self._ledger.waits_for(view.link.number, view.entry.number)

    def withdraw(self, view: View) -> None:
        """See ``face_links.Desk``."""
        if view.finds:  # it may be under way, so it is not forgotten that nobody wants it
            view.withdraws = True
            return
        if view.entry is None:
            self._later(partial(view.withdrawn, CancelStatus.UNKNOWN_REQUEST))
            self._later(partial(self._end, view))
            return
        self._last_cancel += 1
        self._cancels[self._last_cancel] = view
        number = view.entry.number
        self._ledger.cancel(view.link.number, self._last_cancel, number, self._utc())
        self._wake()

    def leave(self, view: View) -> None:
        """See ``face_links.Desk``."""
        entry = view.entry
        self._end(view)
        if entry is not None and not entry.views and entry.rid:
            self._ledger.untold(view.link.number, entry.rid)

    def received(self, view: View) -> None:
        """See ``face_links.Desk``."""
        entry = view.entry
        if entry is not None and entry.rid:
            rids = (entry.rid,)
            entry.rid = ""
            self._ledger.received(view.link.number, rids)
            self._observers.received(view.link.principal, rids)
            self._wake()
        self._end(view)

    # What a call does when its link is ready

    def _ask(self, request: ToolRequest, view: View) -> None:
        link = view.link
        entry = link.new_entry(request.tool)
        view.look_at(entry)
        refusal = self._calls.ask_for_face(link.number, link.principal, entry.number, request)
        if refusal is not None:
            self._later(partial(self._refuse, entry, *refusal))
        elif self._ledger.waits_for(link.number, entry.number) is not None:
            self._later(view.taken)

    # What the ledger tells

    def _attached(self, link: FaceLink, highest_id: int) -> None:
        link.last = max(link.last, highest_id)
        link.ready = True
        while link.queue:
            view, act = link.queue.popleft()
            if view.is_open:
                act(view)

    def _answered(self, link: FaceLink, answer: Answer) -> None:
        number = answer.request_id
        entry = link.entries.get(number) if isinstance(number, int) else None
        self._observers.sent(answer.rid)
        if entry is None:
            if answer.rid:
                self._ledger.untold(link.number, answer.rid)
            return
        entry.rid = answer.rid
        told = Told(answer.rid or entry.heard_of, answer.joined_at, entry.tool)
        link.keep(entry, answer.outcome, told)
        for view in list(entry.views):
            view.settled(answer.outcome, told)

    def _waiting(self, link: FaceLink, record: Record) -> None:
        number = record.request_id
        entry = link.entries.get(number) if isinstance(number, int) else None
        if entry is None:
            return
        asked = self._ledger.waits_for(link.number, entry.number)
        # What joined has a rid of its own; people answer the first one's, and a crash leaves that.
        shown = record if asked is None else msgspec.structs.replace(record, rid=asked.rid)
        for view in list(entry.views):
            view.waiting(shown)

    def _refused(self, link: FaceLink, number: int | str | None, refusal: Refusal) -> None:
        self._observers.refused(link.principal, "", refusal.code)
        entry = link.entries.get(number) if isinstance(number, int) else None
        if entry is not None:
            self._refuse(entry, refusal.code, refusal.message, refusal.retry_after_s)

    def _refuse(
        self, entry: Entry, code: ErrorCode, message: str, retry_after_s: float | None = None
    ) -> None:
        for view in list(entry.views):
            view.refused(code, message, retry_after_s)
            self._end(view)

    def _turned_away(self, link: FaceLink, reason: str) -> None:
        """The store can't be read: who calls next is tried anew."""
        self._ledger.detach(link.number)
        del self._links[link.principal], self._by_number[link.number]
        while link.queue:
            view, _ = link.queue.popleft()
            view.refused(ErrorCode.INTERNAL_ERROR, reason, 1.0)

    # Links and views

    def _link_of(self, principal: str) -> FaceLink:
        link = self._links.get(principal)
        if link is None:
            self._last_link -= 1
            link = FaceLink(self._last_link, principal, self._ledger.held)
            self._links[principal] = self._by_number[link.number] = link
            self._ledger.attach(link.number, principal, CLIENT, progress=True)
        return link

    def _begin(self, view: View, act: Callable[[View], None]) -> None:
        """Let a view do what it is made for, once its link is ready."""
        link = view.link
        if link.views >= CALLS_MAX:
            text = f"{CALLS_MAX} calls of yours are looked at already"
            self._later(partial(view.refused, ErrorCode.LIMIT_EXCEEDED, text, 1.0))
            return
        link.views += 1
        view.counts = True
        if link.ready:
            act(view)
        else:
            link.queue.append((view, act))
        self._wake()

    def _end(self, view: View) -> None:
        """Nobody looks through this view any more."""
        view.is_open = False
        if view.counts:
            view.counts = False
            view.link.views -= 1
        entry, view.entry = view.entry, None
        if entry is None:
            return
        entry.views.remove(view)
        if not entry.views:
            view.link.let_go(entry)
            view.link.entries.pop(entry.number, None)
            if entry.heard_of:
                self._ledger.hear_no_more(view.link.number, entry.number)

    def _later(self, act: Callable[[], None]) -> None:
        self._due.append(act)
        self._wake()
