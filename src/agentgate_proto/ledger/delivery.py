"""Delivery: which outcome goes to which connection.

An outcome is sent where its client is now. If the client is nowhere it stays in the store, and
the client collects it when it is back (``collecting``). What was sent counts as delivered only
when the connection reports a receipt (I6); what a dead connection left without one is collected,
or sent again, on the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from agentgate_proto.ledger.effects import (
    Answer,
    Attached,
    Effect,
    Purpose,
    Question,
    TakenOver,
    Token,
    TurnedAway,
)
from agentgate_proto.ledger.links import Link, Links
from agentgate_proto.ledger.live import Caller, Live
from agentgate_proto.limits import ID_COUNTED_MAX, UNACKED_MAX
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import FindRid, HighestId


class Delivery:
    """Routes outcomes. Emits effects into the ledger's queue.

    Args:
        live: the requests under way, by rid; shared with the ledger.
        effects: the ledger's output queue.

    Attributes:
        live: the requests under way, by rid.
        joined: the requests that others have joined, by the rids of those others.
        sent: where each outcome is on its way to, by rid.
        orphans: by principal, who of its old clients waits for what, on no connection at present.
    """

    def __init__(self, live: Mapping[str, Live], effects: deque[Effect]) -> None:
        self.links = Links()
        self.joined: dict[str, Live] = {}
        self.live = live
        self._effects = effects
        self.sent: dict[str, Link] = {}
        self.orphans: dict[str, dict[Caller, Live]] = {}

    def emit(self, link: Link, effect: Effect) -> None:
        """Do something on a connection, after the replies that nothing may overtake."""
        if link.replies_due:
            link.held.append(effect)
        else:
            self._effects.append(effect)

    def reply(self, link: Link, effect: Effect) -> None:
        """Emit a reply that nothing may overtake, and what was held for it."""
        self._effects.append(effect)
        link.replies_due -= 1
        if not link.replies_due:
            self._effects.extend(link.held)
            link.held.clear()

    # Connections come and go

    def attach(self, link: Link) -> None:
        """A connection was authenticated; ``Attached`` follows when its client is known."""
        former = self.links.attach(link)
        if former is not None:
            self._leave(former)
            self._effects.append(TakenOver(former.number))
        scope = None if link.is_old else self.links.scope(link.scope)
        if scope is None or scope.known:
            self.emit(link, Attached(link.number, scope.highest_id if scope else 0))
        else:
            link.replies_due += 1
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
        self.reply(link, Attached(link.number, scope.highest_id))

    def attach_failed(self, token: Token, text: str) -> None:
        """The store could not say what the client that attached has asked before."""
        if self.links.get(token.link) is not None:
            self._effects.append(TurnedAway(token.link, text))

    def detach(self, number: int) -> None:
        """A connection is gone. One that was taken over is gone already."""
        link = self.links.get(number)
        if link is None:
            return
        self.links.detach(link)
        lost = self._leave(link)
        if not link.is_old:
            self.links.forget_idle(link.scope)
        elif self.links.of_old_clients(link.principal):
            for rid in lost:
                self._effects.append(Question(FindRid(rid), Token(Purpose.LATE, rid=rid)))

    def adopt_restored(self, live: Live) -> None:
        """Take a request that a former process left behind."""
        (caller,) = live.callers
        if caller.client_id:
            self.reserve(live, caller)
        else:
            self._bequeath(live, caller)

    def _leave(self, link: Link) -> list[str]:
        """What a dead link was to tell, or told without a receipt, has to be told elsewhere.

        Returns:
            The rids of outcomes without a receipt that only the store has.
        """
        unreceipted = list(link.sent)
        for rid in unreceipted:
            self._forget_sent(rid)
        number = link.number if link.is_old else 0
        for rid in dict.fromkeys([*self.links.requests_at(link).values(), *unreceipted]):
            live = self.live_of(rid)
            if live is None:
                continue
            for caller in live.callers:
                if (caller.client_id, caller.link) == (link.client_id, number):
                    caller.told = False
                    if link.is_old:
                        self._bequeath(live, caller)
        return [rid for rid in unreceipted if self.live_of(rid) is None]

    def _bequeath(self, live: Live, caller: Caller) -> None:
        """Give an old client's request to the link that continues its process, or to nobody."""
        heir = self.links.heir(live.record.principal, caller.request_id)
        if heir is None:
            caller.link = 0
            self.orphans.setdefault(live.record.principal, {})[caller] = live
        else:
            self.hand_over(live, caller, heir)

    def hand_over(self, live: Live, caller: Caller, link: Link) -> None:
        """Let this link continue the process of an old client that waits for a request."""
        caller.link = link.number
        self.reserve(live, caller)
        if live.public:
            self.answer(live, live.record.rid)

    # The ids of requests under way

    def reserve(self, live: Live, caller: Caller) -> None:
        """Let a caller's id stand for the request, until ``release``."""
        requests = self._requests_of(live, caller)
        assert requests is not None, "only a client that is there, or has a scope, has ids"
        requests[caller.request_id] = live.record.rid

    def release(self, live: Live, caller: Caller) -> None:
        """Forget the id under which a caller waited: its request is over."""
        if caller.record is not None:
            del self.joined[caller.record.rid]
        principal = live.record.principal
        requests = self._requests_of(live, caller)
        if requests is not None and requests.get(caller.request_id) == live.record.rid:
            del requests[caller.request_id]
        if caller.client_id:
            self.links.forget_idle((principal, caller.client_id))
        orphans = self.orphans.get(principal, {})
        if orphans.pop(caller, None) is not None and not orphans:
            del self.orphans[principal]

    def transfer(self, live: Live, caller: Caller, to: Live) -> None:
        """Let a caller wait for another request of its principal from now on."""
        if caller.record is not None:
            self.joined[caller.record.rid] = to
        orphans = self.orphans.get(live.record.principal, {})
        if caller in orphans:
            orphans[caller] = to
        else:
            self.reserve(to, caller)

    def live_of(self, rid: str) -> Live | None:
        """Return the request under way with this rid, or the one that it has joined."""
        return self.live.get(rid) or self.joined.get(rid)

    def _requests_of(self, live: Live, caller: Caller) -> dict[int | str, str] | None:
        if caller.client_id:
            return self.links.scope((live.record.principal, caller.client_id)).requests
        link = self.links.get(caller.link)
        return link.requests if link is not None else None

    def caller_of(self, live: Live, link: Link, request_id: int | str) -> Caller:
        """Return who waits for a request under this id of this link."""
        key = (link.client_id, link.number if link.is_old else 0, request_id)
        return next(a for a in live.callers if (a.client_id, a.link, a.request_id) == key)

    def rid_of(self, link: Link, request_id: int | str) -> str:
        """Return the rid of a request under way, or ""."""
        return self.links.requests_at(link).get(request_id, "")

    def is_past(self, link: Link, request_id: int | str) -> bool:
        """Whether this client has used the id for a request that is over, or may have."""
        if link.is_old or not isinstance(request_id, int):
            return False
        is_counted = request_id <= ID_COUNTED_MAX
        return not is_counted or request_id <= self.links.scope(link.scope).highest_id

    # Outcomes go out

    def link_of(self, live: Live, caller: Caller) -> Link | None:
        """Return where a caller is now, if anywhere."""
        return self.links.of_client(live.record.principal, caller.client_id, caller.link)

    def answer(self, live: Live, rid: str) -> None:
        """Tell the outcome to each caller that is there and was not told; the rest wait.

        Args:
            live: a request that has an outcome.
            rid: of the row that the first caller's receipt is for; "": none is wanted, of nobody.
        """
        outcome = live.record.outcome
        assert outcome is not None, "only a request that is done has an outcome"
        for caller in live.callers:
            link = None if caller.told else self.link_of(live, caller)
            if link is not None:
                caller.told = True
                own = caller.record.rid if caller.record is not None and rid else ""
                if caller is live.callers[0]:
                    own = rid
                asked_at = (caller.record or live.record).created_at
                joined_at = live.record.joined_at
                answer = Answer(link.number, caller.request_id, outcome, own, joined_at)
                self.send(link, answer, asked_at)
                if link.is_old:  # an id that was answered may name a new request
                    link.requests.pop(caller.request_id, None)

    def send(self, link: Link, answer: Answer, asked_at: float) -> None:
        """Send an outcome, to a request that was made then."""
        if answer.rid:
            self.note_sent(link, answer.rid, answer.request_id, asked_at)
        self.emit(link, answer)

    def note_sent(self, link: Link, rid: str, request_id: int | str, asked_at: float) -> None:
        """Remember what is on its way; what overflows counts as not delivered."""
        self.sent[rid] = link
        link.sent[rid] = request_id, asked_at
        if len(link.sent) > UNACKED_MAX:
            self._forget_sent(next(iter(link.sent)))

    def _forget_sent(self, rid: str) -> None:
        holder = self.sent.pop(rid, None)
        if holder is not None:
            del holder.sent[rid]

    def told(self, number: int, row: Record) -> None:
        """A link has the outcome of a request from the store; a receipt follows, or ``untold``."""
        link = self.links.get(number)
        if link is not None:
            self.note_sent(link, row.rid, row.request_id, row.created_at)

    def untold(self, number: int, rid: str) -> None:
        """An outcome was sent on this link, and nobody was there to take it: it is kept."""
        link, live = self.links.get(number), self.live_of(rid)
        if link is None or rid not in link.sent:
            return
        request_id, _ = link.sent[rid]
        self._forget_sent(rid)
        if live is not None:
            self.caller_of(live, link, request_id).told = False

    def received(self, number: int, rids: Sequence[str]) -> tuple[str, ...]:
        """The client of this link has these outcomes; return those that were on their way to it."""
        link = self.links.get(number)
        if link is None:
            return ()
        mine = tuple(rid for rid in rids if rid in link.sent)
        for rid in mine:
            self._forget_sent(rid)
        return mine
