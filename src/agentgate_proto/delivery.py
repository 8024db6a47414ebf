"""Delivery: which outcome goes to which connection, and what a returning client is told.

An outcome is sent where its client is now. If the client is nowhere it stays in the store, and
the client collects it when it is back (``get_pending_results``). What was sent counts as delivered
only when the connection reports a receipt (I6); what a dead connection left without one is
collected, or sent again, on the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from agentgate_proto.effects import (
    Answer,
    AnswerPending,
    Attached,
    Effect,
    Purpose,
    Question,
    Refusal,
    TakenOver,
    Token,
)
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import PENDING_BYTES_MAX, PENDING_ROWS_MAX
from agentgate_proto.links import Link, Links
from agentgate_proto.live import Joined, Live
from agentgate_proto.outcome import Outcome
from agentgate_proto.record import Record
from agentgate_proto.storage import HighestId, Undelivered


class Delivery:
    """Routes outcomes. Emits effects into the ledger's queue.

    Args:
        live: the requests under way, by rid; shared with the ledger.
        effects: the ledger's output queue.
    """

    def __init__(self, live: Mapping[str, Live], effects: deque[Effect]) -> None:
        self.links = Links()
        self._live = live
        self._effects = effects
        self._sent: dict[str, Link] = {}
        self._orphans: dict[str, dict[str, int | str]] = {}
        self._uncollected: dict[str, int] = {}

    def uncollected(self, principal: str) -> int:
        """Outcomes of this principal, since the start, that nobody has for certain."""
        return self._uncollected.get(principal, 0)

    # Connections come and go

    def attach(self, link: Link) -> None:
        """A connection was authenticated; ``Attached`` follows when its client is known."""
        former = self.links.attach(link)
        if former is not None:
            self._forget_sent(former)
            self._effects.append(TakenOver(former.number))
        if link.is_old:
            self._effects.append(Attached(link.number, 0))
            return
        scope = self.links.scope(link.scope)
        if scope.known:
            self._effects.append(Attached(link.number, scope.highest_id))
        else:
            link.collecting = True  # nothing may overtake the auth result
            token = Token(Purpose.ATTACH, link=link.number)
            self._effects.append(Question(HighestId(*link.scope), token))

    def attached(self, token: Token, highest_id: int) -> None:
        """The store knows the highest id of the client that attached."""
        link = self.links.get(token.link)
        if link is None:
            return
        scope = self.links.scope(link.scope)
        scope.known = True
        scope.highest_id = max(scope.highest_id, highest_id)
        self._effects.append(Attached(link.number, scope.highest_id))
        self._let_go(link)

    def detach(self, number: int) -> None:
        """A connection is gone. One that was taken over is gone already."""
        link = self.links.get(number)
        if link is None:
            return
        self.links.detach(link)
        unreceipted = self._forget_sent(link)
        if not link.is_old:
            return
        for request_id, rid in link.requests.items():
            live = self._live[rid]
            if live.link == number and live.record.request_id == request_id:
                self._bequeath(live)
        if unreceipted:
            token = Token(Purpose.LATE, rids=frozenset(unreceipted))
            limit = len(unreceipted) + PENDING_ROWS_MAX
            self._effects.append(Question(Undelivered(link.principal, "", limit), token))

    def adopt_restored(self, live: Live) -> None:
        """Take a request that a former process left behind."""
        record = live.record
        if record.client_id:
            scope = self.links.scope((record.principal, record.client_id))
            scope.requests[record.request_id] = record.rid
        else:
            self._bequeath(live)

    def _bequeath(self, live: Live) -> None:
        """Give an old client's request to the link that continues its process, or to nobody."""
        record = live.record
        heir = self.links.heir(record.principal, record.request_id)
        if heir is None:
            live.link = 0
            self._orphans.setdefault(record.principal, {})[record.rid] = record.request_id
        else:
            live.link = heir.number
            heir.requests[record.request_id] = record.rid

    def _forget_sent(self, link: Link) -> list[str]:
        rids = list(link.sent)
        for rid in rids:
            del self._sent[rid]
        link.sent.clear()
        return rids

    # Outcomes go out

    def answer(self, live: Live, outcome: Outcome) -> None:
        """Send an outcome to its client and to all that joined; what can't be sent waits."""
        record = live.record
        self._uncollected[record.principal] = self.uncollected(record.principal) + 1
        link = self.links.of_client(record.principal, record.client_id, live.link)
        if link is not None:
            self.send(link, Answer(link.number, record.request_id, outcome, record.rid))
        for joined in live.joined:
            link = self.links.of_client(record.principal, joined.client_id, joined.link)
            if link is not None:
                self.send(link, Answer(link.number, joined.request_id, outcome, ""))

    def send(self, link: Link, answer: Answer) -> None:
        """Send an answer, or hold it until the reply that an old client waits for is out."""
        if answer.rid:
            link.sent[answer.rid] = None
            self._sent[answer.rid] = link
        if link.collecting:
            link.held.append(answer)
        else:
            self._effects.append(answer)

    def release(self, live: Live) -> None:
        """Forget the ids under which a request was under way: it is over."""
        record = live.record
        if record.client_id:
            self._release_id(record.principal, record.client_id, 0, record.request_id)
        else:
            self._release_id(record.principal, "", live.link, record.request_id)
            orphans = self._orphans.get(record.principal, {})
            if orphans.pop(record.rid, None) is not None and not orphans:
                del self._orphans[record.principal]
        for joined in live.joined:
            self._release_id(record.principal, joined.client_id, joined.link, joined.request_id)

    def reserve(self, record: Record, number: int, rid: str) -> None:
        """Let a client's id stand for the request that it has joined."""
        if record.client_id:
            scope = self.links.scope((record.principal, record.client_id))
            scope.requests[record.request_id] = rid
        else:
            link = self.links.get(number)
            if link is not None:
                link.requests[record.request_id] = rid

    def rid_of(self, link: Link, request_id: int | str) -> str:
        """Return the rid of a request under way, or ""."""
        return self.links.requests_at(link).get(request_id, "")

    def is_past(self, link: Link, request_id: int | str) -> bool:
        """Whether this client has used the id for a request that is over."""
        if link.is_old or not isinstance(request_id, int):
            return False
        return request_id <= self.links.scope(link.scope).highest_id

    def joined_of(self, live: Live, link: Link, request_id: int | str) -> Joined | None:
        """Return how this client's id joined a request; None: it is that request's own."""
        number = link.number if link.is_old else 0
        joined = Joined(link.client_id, number, request_id)
        return joined if joined in live.joined else None

    def received(self, number: int, rids: Sequence[str]) -> None:
        """The client of this link has these outcomes for certain."""
        link = self.links.get(number)
        for rid in rids:
            holder = self._sent.pop(rid, None)
            if holder is not None:
                holder.sent.pop(rid, None)
        if link is not None:
            left = self.uncollected(link.principal) - len(rids)
            self._uncollected[link.principal] = max(0, left)

    def _release_id(
        self, principal: str, client_id: str, number: int, request_id: int | str
    ) -> None:
        if client_id:
            self.links.scope((principal, client_id)).requests.pop(request_id, None)
            self.links.forget_idle((principal, client_id))
        else:
            link = self.links.get(number)
            if link is not None:
                link.requests.pop(request_id, None)

    # A client collects

    def collect(self, number: int, call_id: int | str | None) -> None:
        """A client asks for what it missed; ``AnswerPending`` follows."""
        link = self.links.get(number)
        if link is None:
            return
        link.collecting = link.is_old
        under_way = self.links.unreceipted(link) + len(self.links.requests_at(link))
        limit = PENDING_ROWS_MAX + 1 + under_way
        token = Token(Purpose.COLLECT, link=number, call_id=call_id)
        self._effects.append(Question(Undelivered(link.principal, link.client_id, limit), token))

    def collected(self, token: Token, rows: Sequence[Record]) -> None:
        """The store has listed what was not delivered."""
        link = self.links.get(token.link)
        if link is None:
            return
        eligible = [row for row in rows if self._may_collect(link, row)]
        records = first_page(eligible)
        for record in records:
            link.sent[record.rid] = None
            self._sent[record.rid] = link
        if link.is_old and isinstance(token.call_id, int):
            link.collected_upto = max(link.collected_upto, token.call_id)
            self._adopt_orphans(link)
        pending = self._pending(link)
        more = len(records) < len(eligible)
        self._effects.append(AnswerPending(link.number, token.call_id, records, pending, more))
        self._let_go(link)

    def collect_failed(self, token: Token, text: str) -> None:
        """The store could not list what was not delivered; the client may ask again."""
        link = self.links.get(token.link)
        if link is not None:
            code = ErrorCode.INTERNAL_ERROR
            self._effects.append(Refusal(link.number, token.call_id, code, text, 1.0))
            self._let_go(link)

    def late(self, token: Token, rows: Sequence[Record]) -> None:
        """The store has what a dead link of an old client left without a receipt."""
        for row in rows:
            if row.rid not in token.rids or row.rid in self._sent or row.outcome is None:
                continue
            heir = self.links.heir(row.principal, row.request_id)
            if heir is not None:
                self.send(heir, Answer(heir.number, row.request_id, row.outcome, row.rid))

    def _let_go(self, link: Link) -> None:
        """The reply is out: what was held may follow."""
        link.collecting = False
        self._effects.extend(link.held)
        link.held.clear()

    def _may_collect(self, link: Link, row: Record) -> bool:
        """Whether a row may be handed out here.

        Not while it is under way to somebody, and not under an id that this connection uses for a
        request of its own, which an old client would take the row for.
        """
        if row.rid in self._live or row.rid in self._sent:
            return False
        return not link.is_old or row.request_id not in link.requests

    def _adopt_orphans(self, link: Link) -> None:
        orphans = self._orphans.get(link.principal, {})
        for rid, request_id in list(orphans.items()):
            if link.continues(request_id):
                del orphans[rid]
                link.requests[request_id] = rid
                self._live[rid].link = link.number
        if not orphans:
            self._orphans.pop(link.principal, None)

    def _pending(self, link: Link) -> list[int | str]:
        """The ids that are known and not answered, as this client may know them."""
        ids = list(self.links.requests_at(link))
        if link.is_old:
            ids.extend(self._orphans.get(link.principal, {}).values())
        return ids


def first_page(rows: Sequence[Record]) -> list[Record]:
    """As many rows as one reply may hold; at least one, if there is one."""
    page: list[Record] = []
    size = 0
    for row in rows[:PENDING_ROWS_MAX]:
        size += len(bytes(row.outcome.data)) if row.outcome else 0
        if page and size > PENDING_BYTES_MAX:
            break
        page.append(row)
    return page
