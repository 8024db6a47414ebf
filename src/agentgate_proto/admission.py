"""Admission: which requests are taken, and which are the same as one that is known already.

Identity comes first: a repeat of a request under way joins it, a repeat of one that is over gets
its outcome again, and an id or key that comes back with other content is refused. Only what is
new is counted against the limits and judged by the policy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from agentgate_proto.decision import Decision
from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.effects import Answer, Effect, Purpose, Question, Token
from agentgate_proto.errors import ErrorCode
from agentgate_proto.lifecycle import Lifecycle
from agentgate_proto.links import Link
from agentgate_proto.live import Joined, Live
from agentgate_proto.rates import TokenBucket
from agentgate_proto.record import Effects, Phase, Record
from agentgate_proto.storage import FindIdempotencyKey, FindRequest

Judge = Callable[[Record, Mapping[str, Any], float], Decision]
"""The policy: a pure function of the request, its decoded arguments and the time (UTC)."""

OTHER_CONTENT = "was used for another request; a repeat must have the same tool and arguments"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A tool request as it came in: the tool exists and the arguments fit it.

    Attributes:
        link: number of the connection.
        rid: a fresh unguessable id from a secure source.
        request_id, tool, args, idempotency_key: as the client sent them.
        effects, signature: what the gateway knows of the tool and the request.
    """

    link: int
    rid: str
    request_id: int | str
    tool: str
    args: dict[str, Any]
    effects: Effects
    signature: str
    idempotency_key: str = ""


class Admission:
    """The door. See the module."""

    def __init__(self, judge: Judge, lifecycle: Lifecycle, effects: deque[Effect]) -> None:
        self.judge = judge
        self.lifecycle = lifecycle
        self.limits = lifecycle.limits
        self._effects = effects
        self._buckets: dict[str, TokenBucket] = {}
        self._probe_at = 0.0

    def receive(self, asked: Asked, now: float) -> None:
        """A tool request came."""
        links = self.lifecycle.delivery.links
        link = links.get(asked.link)
        if link is None:
            return
        record = new_record(asked, link, now)
        requests = links.requests_at(link)
        known = requests.get(record.request_id)
        if known is not None:
            self._repeat(self.lifecycle.live[known], record, link)
            return
        objection = self._objection(link.principal, now)
        if objection is not None:
            self.lifecycle.refuse_at(record, link.number, record.request_id, *objection)
            return
        live = Live(record, args=asked.args, link=link.number if link.is_old else 0)
        self.lifecycle.live[record.rid] = live
        requests[record.request_id] = record.rid
        if link.is_old or links.scope(link.scope).take(record.request_id):
            self._look_up_key(live, now)
        else:
            query = FindRequest(record.principal, record.client_id, record.request_id)
            self._effects.append(Question(query, Token(Purpose.REQUEST, rid=record.rid)))

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
        elif found.digest != live.record.digest:
            name = f"id {live.record.request_id!r}" if by_id else "the idempotency key"
            self.lifecycle.refuse(live, ErrorCode.INVALID_REQUEST, f"{name} {OTHER_CONTENT}")
        else:
            self._replay(live, found, found.rid if by_id else "")

    def look_up_failed(self, token: Token, text: str) -> None:
        """Nobody can say whether the request is a repeat, so it is not taken."""
        live = self.lifecycle.live.get(token.rid)
        if live is not None:
            self.lifecycle.refuse(live, ErrorCode.INTERNAL_ERROR, f"{text}; nothing was run")

    def _repeat(self, live: Live, record: Record, link: Link) -> None:
        """An id that is under way came again: the same request is answered once, with the first."""
        if record.digest != live.record.digest:
            text = f"id {record.request_id!r} {OTHER_CONTENT}"
            code = ErrorCode.INVALID_REQUEST
            self.lifecycle.refuse_at(record, link.number, record.request_id, code, text)
        elif live.answered and live.record.outcome is not None:
            answer = Answer(link.number, record.request_id, live.record.outcome, live.record.rid)
            self.lifecycle.delivery.send(link, answer)

    def _objection(self, principal: str, now: float) -> tuple[ErrorCode, str, float | None] | None:
        """Say why a new request can't be taken now, or count it against the rate."""
        problem = self.lifecycle.journal.problem
        if problem and now < self._probe_at:
            text = f"cannot store requests: {problem}; nothing was run"
            return ErrorCode.INTERNAL_ERROR, text, self.limits.write_retry_s
        self._probe_at = now + self.limits.write_retry_s
        code = ErrorCode.LIMIT_EXCEEDED
        if (
            len(self.lifecycle.journal) >= self.limits.writes_max
            or len(self.lifecycle.live) >= self.limits.active_max
        ):
            return code, "the gateway has too much to do", 1.0
        if self.lifecycle.delivery.uncollected(principal) >= self.limits.undelivered_max:
            most = self.limits.undelivered_max
            return code, f"{most} outcomes wait to be collected: get_pending_results", None
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = TokenBucket(self.limits.requests_per_minute, now)
            self._buckets[principal] = bucket
        pause = bucket.take(now)
        if pause:
            return code, f"more than {self.limits.requests_per_minute} requests a minute", pause
        return None

    def _look_up_key(self, live: Live, now: float) -> None:
        """Find out whether this very act was asked for before, under another id."""
        record = live.record
        if not record.idempotency_key:
            self._judge(live, now)
            return
        key = (record.principal, record.idempotency_key)
        first = self.lifecycle.live.get(self.lifecycle.idempotent.get(key, ""))
        if first is not None:
            self._join(live, first)
            return
        self.lifecycle.idempotent[key] = record.rid
        query = FindIdempotencyKey(*key)
        self._effects.append(Question(query, Token(Purpose.IDEMPOTENCY, rid=record.rid)))

    def _join(self, live: Live, first: Live) -> None:
        """Let a request wait for the outcome of the one that came first."""
        if live.record.digest != first.record.digest:
            text = f"the idempotency key {OTHER_CONTENT}"
            self.lifecycle.refuse(live, ErrorCode.INVALID_REQUEST, text)
        elif len(first.joined) >= self.limits.joined_max:
            text = f"{self.limits.joined_max} requests wait for this one already"
            self.lifecycle.refuse(live, ErrorCode.LIMIT_EXCEEDED, text, 1.0)
        elif first.answered and first.record.outcome is not None:
            self._replay(live, first.record, "")
        else:
            record = live.record
            self.lifecycle.remove(live)
            joined = Joined(record.client_id, live.link, record.request_id)
            first.joined.append(joined)
            self.lifecycle.delivery.reserve(record, live.link, first.record.rid)

    def _replay(self, live: Live, found: Record, rid: str) -> None:
        """Answer as before (I3)."""
        record = live.record
        if found.outcome is None or found.phase is not Phase.DONE:
            text = "this request is being finished; ask again"
            self.lifecycle.refuse(live, ErrorCode.INTERNAL_ERROR, text, 1.0)
            return
        links = self.lifecycle.delivery.links
        for client_id, number, request_id in (
            (record.client_id, live.link, record.request_id),
            *((a.client_id, a.link, a.request_id) for a in live.joined),
        ):
            link = links.of_client(record.principal, client_id, number)
            if link is not None:
                answer = Answer(link.number, request_id, found.outcome, rid)
                self.lifecycle.delivery.send(link, answer)
        self.lifecycle.remove(live)

    def _judge(self, live: Live, now: float) -> None:
        decision = self.judge(live.record, live.args or {}, now)
        self.lifecycle.judged(live, decision, now)


def new_record(asked: Asked, link: Link, now: float) -> Record:
    """The record of a request that has just come."""
    args = canonical_args(asked.args)
    return Record(
        rid=asked.rid,
        principal=link.principal,
        client_id=link.client_id,
        request_id=asked.request_id,
        tool=asked.tool,
        args=msgspec.Raw(args),
        signature=asked.signature,
        digest=digest_of(asked.tool, args),
        effects=asked.effects,
        idempotency_key=asked.idempotency_key,
        phase=Phase.RECEIVED,
        created_at=now,
    )
