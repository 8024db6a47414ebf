"""Admission: which requests are taken, and which are the same as one that is known already.

Identity comes first: a repeat of a request under way joins it, a repeat of one that is over gets
its outcome again, and an id or key that comes back with other content is refused. Only what is
new is judged by the policy, and told that nothing was run if the store can't keep it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.errors import ASK_AGAIN, ErrorCode
from agentgate_proto.ledger.effects import Effect, Purpose, Question, Refusal, Token
from agentgate_proto.ledger.lifecycle import Lifecycle
from agentgate_proto.ledger.links import Link
from agentgate_proto.ledger.live import Live
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.filling import filled_places
from agentgate_proto.records.request import NOT_RELAYED, Effects, Phase, Record, Relayed
from agentgate_proto.records.storage import FindIdempotencyKey, FindRequest, record_bytes

Judge = Callable[[Record, Mapping[str, Any], float], Decision]
"""The policy: a pure function of the request, its decoded arguments as they are written, and the
time (UTC). The record has them as the tool gets them."""

OLD_ORDER_S = 1e-6
"""Between two requests of old clients while the clock is behind; a double holds it until 2100."""

CLOSED_PAUSE_S = 10.0
"""After which somebody may try again who was told that nothing new is taken."""

OTHER_CONTENT = "was used for another request; a repeat must have the same tool and arguments"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A tool request as it came in: the tool exists and the arguments fit it.

    Attributes:
        link: number of the connection.
        rid: a fresh unguessable id from a secure source.
        request_id, tool, args, idempotency_key: as the client sent them.
        bound: the arguments as the tool gets them; None: as they are written.
        join_s: for how long back an identical request is this one, seconds; 0: none is.
        why: the agent's own words of why it asks.
        effects, signature: what the gateway knows of the tool and the request.
        definition: of the tool, see ``Record.definition``.
        relayed: what the gateway in front says of it, as far as that is trusted.
    """

    link: int
    rid: str
    request_id: int | str
    tool: str
    args: dict[str, Any]
    bound: Mapping[str, Any] | None = None
    effects: Effects
    signature: str
    definition: str = ""
    idempotency_key: str = ""
    why: str = ""
    relayed: Relayed = NOT_RELAYED
    join_s: float = 0.0


class Admission:
    """The door. See the module.

    Attributes:
        closed: why nothing new is taken at present; "": it is.
    """

    def __init__(self, judge: Judge, lifecycle: Lifecycle, effects: deque[Effect]) -> None:
        self.judge = judge
        self.lifecycle = lifecycle
        self.limits = lifecycle.limits
        self._effects = effects
        self.closed = ""
        self._tried_at = 0.0
        self._old_at = 0.0

    def restore(self, old_at: float) -> None:
        """Take up when an old client's last request came, in the life of a former process."""
        self._old_at = old_at

    def admits(self, number: int, request_id: int | str, size: int, now: float) -> bool:
        """Say whether a request may be looked at: before that costs anything.

        It counts against the rate of its principal, unless it is the repeat of one under way:
        who comes back may ask for all that it waits for.

        Args:
            number: of the link.
            request_id: as the client sent it.
            size: bytes of its parameters.
            now: UTC seconds.

        Returns:
            whether to go on with ``receive``; if not, its client is told why.
        """
        links = self.lifecycle.delivery.links
        link = links.get(number)
        if link is None:
            return False
        if link.is_old:
            link.asks_as(request_id)
            requests = link.requests
        else:
            requests = links.scope(link.scope).requests
        if request_id in requests:
            return True
        objection = self._objection(link, size, now)
        if objection is None:
            return True
        code, text, pause = objection
        if not link.is_old and not links.scope(link.scope).is_new(request_id):
            text = f"{text}; {ASK_AGAIN}"
        self.lifecycle.delivery.emit(link, Refusal(number, request_id, code, text, pause))
        return False

    def receive(self, asked: Asked, now: float) -> None:
        """A tool request came that ``admits`` let in."""
        links = self.lifecycle.delivery.links
        link = links.get(asked.link)
        if link is None:
            return
        record = new_record(asked, link, self._came_at(link, now))
        requests = links.requests_at(link)
        known = requests.get(record.request_id)
        if known is not None:
            self._repeat(self.lifecycle.live[known], record, link)
            return
        live = Live(record, args=asked.args, link=link.number if link.is_old else 0)
        live.bound = asked.bound
        live.join_s = asked.join_s
        self.lifecycle.live[record.rid] = live
        live.foreseen = self.lifecycle.held.foreseen(record.principal, record.tool)
        live.size = record_bytes(record) + live.foreseen
        self.lifecycle.held.add(record.principal, live.size)
        requests[record.request_id] = record.rid
        if link.is_old or links.scope(link.scope).take(record.request_id):
            self._look_up_key(live, now)
        else:
            query = FindRequest(record.principal, record.client_id, record.request_id)
            self._effects.append(Question(query, Token(Purpose.REQUEST, rid=record.rid)))

    def hear(self, number: int, rid: str, request_id: int | str) -> bool:
        """Let a link hear what comes of a request under way that another client has made.

        It has not asked for it: nothing is judged, asked or run for that, nor goes on for it.

        Args:
            number: of the link, of a client that names itself.
            rid: of the request, or of one that has joined it.
            request_id: the id under which the client is told, not used before.

        Returns:
            whether it will be told: there is such a request of its principal, or a refusal follows.
        """
        delivery = self.lifecycle.delivery
        link, live = delivery.links.get(number), delivery.live_of(rid)
        if link is None or live is None or live.record.principal != link.principal:
            return False
        self.lifecycle.hear(live, link, request_id)
        return True

    def looked_up(self, token: Token, found: Record | None, now: float) -> None:
        """The store has said whether it knows the request, or its idempotency key."""
        live = self.lifecycle.live.get(token.rid)
        if live is None:
            return
        by_id = token.purpose is Purpose.REQUEST
        if found is None:
            if by_id:
                self._look_up_key(live, now)
            else:
                self._judge(live, now)
        elif found.identity != live.record.identity:
            name = f"id {live.record.request_id!r}" if by_id else "the idempotency key"
            self.lifecycle.refuse(live, ErrorCode.INVALID_REQUEST, f"{name} {OTHER_CONTENT}")
        elif found.outcome is None:
            text = "this request is being finished; ask again"
            self.lifecycle.refuse(live, ErrorCode.INTERNAL_ERROR, text, 1.0)
        else:
            if found.joined:
                live.record = replace(
                    live.record, joined=found.joined, resolved_at=found.resolved_at
                )
            self.lifecycle.denying.answer(live, found.outcome, found.rid if by_id else "")

    def looked_back(self, token: Token, found: Record | None, now: float) -> None:
        """The store has said what a request may be a repeat of."""
        live = self.lifecycle.live.get(token.rid)
        if live is not None:
            self.lifecycle.looked_back(live, found, now)

    def look_up_failed(self, token: Token, text: str) -> None:
        """Nobody can say whether the request is a repeat, so it is not taken."""
        live = self.lifecycle.live.get(token.rid)
        if live is not None:
            text = f"{text}; {ASK_AGAIN}"
            self.lifecycle.refuse(live, ErrorCode.INTERNAL_ERROR, text, 1.0)

    def _repeat(self, live: Live, record: Record, link: Link) -> None:
        """An id that is under way came again: the same request is answered once, with the first."""
        delivery = self.lifecycle.delivery
        if record.identity != live.record.identity:
            text = f"id {record.request_id!r} {OTHER_CONTENT}"
            code = ErrorCode.INVALID_REQUEST
            delivery.emit(link, Refusal(link.number, record.request_id, code, text))
        elif live.public:
            delivery.caller_of(live, link, record.request_id).told = False
            delivery.answer(live, live.record.rid)

    def _came_at(self, link: Link, now: float) -> float:
        """Say when a request came. Those of old clients are in order even if the clock is not:

        of two with one id the newer is the one that the client waits for (``delivery``).
        """
        if not link.is_old:
            return now
        self._old_at = max(now, self._old_at + OLD_ORDER_S)
        return self._old_at

    def _objection(
        self, link: Link, size: int, now: float
    ) -> tuple[ErrorCode, str, float | None] | None:
        """Say why no request can be taken from here now, or count it against the rate."""
        code = ErrorCode.LIMIT_EXCEEDED
        if self.closed:
            return code, self.closed, CLOSED_PAUSE_S
        if (
            len(self.lifecycle.journal) >= self.limits.writes_max
            or len(self.lifecycle.live) >= self.limits.active_max
        ):
            return code, "the gateway has too much to do", 1.0
        if len(link.sent) >= self.limits.undelivered_max:
            return code, f"{len(link.sent)} outcomes were sent and not acknowledged", None
        text = self.lifecycle.held.objection_to(link.principal, size)
        if text:
            return code, text, 1.0
        pause, text = self.lifecycle.allowances.of(link.principal, now).take(now, size)
        return (code, text, pause) if pause else None

    def count(self, principal: str, size: int, now: float) -> tuple[float, str]:
        """Count a request of so many bytes against a principal's rates.

        Returns:
            For how many seconds it is too much, and what is, in words; 0.0: it is not.
        """
        return self.lifecycle.allowances.of(principal, now).take(now, size)

    def _look_up_key(self, live: Live, now: float) -> None:
        """Find out whether this very act was asked for before, under another id."""
        record = live.record
        if not record.idempotency_key:
            self._judge(live, now)
            return
        key = (record.principal, record.idempotency_key)
        first = self.lifecycle.live.get(self.lifecycle.joining.idempotent.get(key, ""))
        if first is not None:
            self._join(live, first)
            return
        self.lifecycle.joining.idempotent[key] = record.rid
        query = FindIdempotencyKey(*key)
        self._effects.append(Question(query, Token(Purpose.IDEMPOTENCY, rid=record.rid)))

    def _join(self, live: Live, first: Live) -> None:
        """Let a request wait for the outcome of the one that came first with its key."""
        if live.record.identity != first.record.identity:
            text = f"the idempotency key {OTHER_CONTENT}"
            self.lifecycle.refuse(live, ErrorCode.INVALID_REQUEST, text)
        elif live.withdrawn_at:
            self.lifecycle.denying.answer(live, live.withdrawn_as)
        else:
            self.lifecycle.join(live, first)

    def _judge(self, live: Live, now: float) -> None:
        """Decide about what is new; a store that takes no writes is tried again now and then."""
        problem = self.lifecycle.journal.problem
        if live.withdrawn_at:
            self.lifecycle.finish(live, live.withdrawn_as, now)
        elif problem and 0.0 <= now - self._tried_at < self.limits.write_retry_s:
            text = f"cannot store requests: {problem}; nothing was run"
            pause = self.limits.write_retry_s
            self.lifecycle.refuse(live, ErrorCode.INTERNAL_ERROR, text, pause)
        else:
            self._tried_at = now
            args = live.args or {}
            decision = self.judge(live.record, args, now)
            self.lifecycle.judged(live, decision, args if live.bound is None else live.bound, now)


def new_record(asked: Asked, link: Link, now: float) -> Record:
    """The record of a request that has just come."""
    args = canonical_args(asked.args)
    digest = identity = digest_of(asked.tool, args)
    filled: tuple[str, ...] = ()
    if asked.bound is not None:
        args = canonical_args(asked.bound)
        digest = digest_of(asked.tool, args)
        filled = filled_places(asked.args, asked.bound)
    return Record(
        rid=asked.rid,
        principal=link.principal,
        client_id=link.client_id,
        request_id=asked.request_id,
        tool=asked.tool,
        args=msgspec.Raw(args),
        signature=asked.signature,
        digest=digest,
        written=identity if identity != digest else "",
        filled=filled,
        effects=asked.effects,
        definition=asked.definition,
        idempotency_key=asked.idempotency_key,
        why=asked.why,
        relayed=asked.relayed,
        phase=Phase.RECEIVED,
        created_at=now,
    )
