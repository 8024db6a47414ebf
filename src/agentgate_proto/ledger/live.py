"""Live requests: what the ledger holds in memory about a request that is not over yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.quotas.held import FORESEEN_BYTES_MIN, Held
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.outcome import Outcome, Status, ended
from agentgate_proto.records.request import Effects, Phase, Record

CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One person's answer to an approval.

    Attributes:
        ticket: what the channel calls it.
        approve: yes or no.
        approver, channel, at: who, where and when (UTC seconds).
        verified: the person proved it with a one-time code.
        grant: what else the yes is to cover, if anything.
        word: what they say to the agent with it, or "".
        edit: what the request is to be instead, with a yes; None: it is as it was asked.
        nameless: who it is besides the channel is not known: maybe somebody who has answered
            elsewhere under a name.
    """

    ticket: str
    approve: bool
    approver: str
    channel: str
    at: float
    verified: bool = False
    grant: GrantTerms | None = None
    word: str = ""
    edit: Edit | None = None
    nameless: bool = False


class Caller:
    """Somebody who waits for a request's outcome: one id of one client.

    Attributes:
        client_id: "" for an old client.
        link: number of the connection on which an old client is answered; 0: on none at present,
            and always for a client that names itself.
        request_id: the JSON-RPC id under which the answer goes out.
        told: the outcome was sent on a connection that stands.
        record: its own request, where it has joined another one and is to have a row of its own;
            without it the outcome is found again by the idempotency key.
        delivered: its client has the outcome for certain, before that row is durable.
        only_hears: it has asked for nothing, and nothing is done, or goes on, for its sake.
    """

    __slots__ = ("client_id", "delivered", "link", "only_hears", "record", "request_id", "told")

    def __init__(self, client_id: str, link: int, request_id: int | str) -> None:
        self.client_id = client_id
        self.link = link
        self.request_id = request_id
        self.told = False
        self.record: Record | None = None
        self.delivered = False
        self.only_hears = False


class Live:
    """One request that is under way.

    Attributes:
        record: its state, which may be ahead of the disk.
        stored: its state on disk; None: the store has no row of it.
        args: the decoded arguments, until it is certain which way the request goes: as they are
            written, and when policy has spoken as the tool gets them.
        bound: the latter, until then; None: as they are written.
        join_s: for how long back an identical request is this one, seconds; 0: none is.
        decision: what policy has said, while the store is asked for such a request, or while what
            people are asked is being written.
        callers: who gets the outcome. The first made the request and owns its row; the others
            joined it, or only hear of it.
        public: the outcome may be told, though it is not durable yet.
        tickets: decisions that wait for the end of the approval to be durable; if a person made
            that end, the first is the winner.
        endorsing: the ticket of one yes of several that is being written, or "".
        held: what other people have answered meanwhile.
        cancels: calls of ``cancel_request``, as (link, call id), that wait for a write.
        withdrawn_at: when its caller withdrew it before its tool started; 0: that did not happen.
        withdrawn_as: how it ends then.
        foreseen: bytes of them for an outcome that is not there yet.
        is_told: the audit says what becomes of it, and does not only count it.
        abandoned: it was withdrawn for all who wait for it.
        size: bytes that count as held for its principal, with what has joined it.
    """

    __slots__ = (
        "abandoned",
        "args",
        "bound",
        "callers",
        "cancels",
        "decision",
        "endorsing",
        "foreseen",
        "held",
        "is_told",
        "join_s",
        "public",
        "record",
        "size",
        "stored",
        "tickets",
        "withdrawn_as",
        "withdrawn_at",
    )

    def __init__(self, record: Record, *, args: dict[str, Any] | None = None, link: int = 0):
        self.record = record
        self.stored: Record | None = None
        self.args = args
        self.bound: Mapping[str, Any] | None = None
        self.join_s = 0.0
        self.decision: Decision | None = None
        self.callers = [Caller(record.client_id, link, record.request_id)]
        self.public = False
        self.tickets: list[str] = []
        self.endorsing = ""
        self.held: list[Verdict] = []
        self.cancels: list[tuple[int, int | str | None]] = []
        self.withdrawn_at = 0.0
        self.withdrawn_as: Outcome = CANCELLED
        self.abandoned = False
        self.size = 0
        self.foreseen = 0
        self.is_told = True

    @property
    def approval(self) -> Record | None:
        """The approval as people may see it, nothing of which is not durable (I5), if any."""
        return self.stored if self.stored is not None and self.stored.expires_at else None

    @property
    def settling(self) -> bool:
        """Whether the end of the waiting is decided and not durable yet."""
        return (
            self.record.expires_at > 0.0
            and self.record.phase is not Phase.WAITING
            and (self.stored is None or self.stored.phase is Phase.WAITING)
        )

    @property
    def started(self) -> bool:
        """Whether the tool was started, as far as this process knows."""
        intended = not self.needs_intention or self.stored is self.record
        return self.record.phase is Phase.RUNNING and intended

    @property
    def needs_intention(self) -> bool:
        """Whether the intention to run must be durable before the tool starts.

        That of a ``write`` (I2), and the use of a grant, which must not come back after a crash.
        """
        used = bool(self.record.grant) and not self.record.expires_at
        return self.record.effects is Effects.WRITE or (used and self.stored is None)

    @property
    def joined(self) -> list[Caller]:
        """Who has joined it, and wants it as the first caller does."""
        return [caller for caller in self.callers[1:] if not caller.only_hears]

    def copies_of(self, outcome: Outcome) -> int:
        """Return how many bytes of an outcome are kept: each of these requests has its own row."""
        return len(memoryview(outcome.data)) * (1 + len(self.joined))

    @property
    def key(self) -> str:
        """The idempotency key that any of its callers gave; they never differ."""
        records = [self.record, *(caller.record for caller in self.callers if caller.record)]
        return next((record.idempotency_key for record in records if record.idempotency_key), "")


def came(held: Held, live: Live, outcome: Outcome) -> int:
    """Return how many bytes more a request holds with its outcome than was foreseen for it."""
    size, foreseen, live.foreseen = len(memoryview(outcome.data)), live.foreseen, 0
    if outcome.status is Status.EXECUTED and (foreseen or size >= FORESEEN_BYTES_MIN):
        held.learn(live.record.principal, live.record.tool, size)
    return size - foreseen


def crowded(most: int) -> str:
    """Say that no more than so many requests may wait for another one."""
    return f"{most} requests wait for this one already"
