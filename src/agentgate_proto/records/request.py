"""The record of one request: everything about it that outlives a process.

A record is immutable; each step of a request's life makes a new one. What the store keeps is
exactly this, so the store, the ledger and the simulator cannot disagree about what a row means.
Times are UTC seconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from agentgate_proto.records.edit import Edit
from agentgate_proto.records.outcome import Outcome


class Effects(StrEnum):
    """What running a tool does to the world."""

    READ = "read"
    """Nothing: it may be run again."""
    WRITE = "write"
    """Something: it is started at most once (I2)."""


class Phase(StrEnum):
    """Where a request is in its life. Only forward, top to bottom."""

    RECEIVED = "received"
    """It is looked up and judged; never stored."""

    WAITING = "waiting"
    """A person is asked."""
    APPROVED = "approved"
    """A person said yes, durably; the tool has not started."""
    RUNNING = "running"
    """The intention to run is recorded; the tool may have started."""
    DONE = "done"
    """It has an outcome."""


class Endorsement(msgspec.Struct, frozen=True):
    """One of several people has said yes: who, where and when (UTC seconds), with which words."""

    approver: str
    channel: str
    at: float
    word: str = ""


class Relayed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What gateways tell each other about a request.

    Attributes:
        principal: who asked at the first gateway; "": the request is its own principal's.
        hops: the epochs of the gateways that have passed it on, the first one's first.
        must_ask: the gateway in front leaves it to this one to ask a person.
        approver, approval: who said yes at the gateway in front, and the id of that approval, where
            that gateway is trusted with it; "": nobody.
        asks_there: the policy here wants a person asked, and leaves that to the gateway behind.
    """

    principal: str = ""
    hops: tuple[str, ...] = ()
    must_ask: bool = False
    approver: str = ""
    approval: str = ""
    asks_there: bool = False


NOT_RELAYED = Relayed()
"""No other gateway has to do with it."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as it is stored.

    Attributes:
        rid: the gateway's own id of the request, and of its approval. Unguessable.
        principal: name of the agent that asked.
        client_id: the client instance that asked; "" for an old client, which names none.
        request_id: the JSON-RPC id, of the client's choosing.
        tool, args: what was asked, as the tool gets it: defaults filled in, types converted and
            written as JSON again. ``args`` is canonical JSON (sorted keys).
        args_bytes: how long ``args`` were, if only their beginnings are kept; 0: they are whole.
        signature: the same in a form for people and for seed 001's patterns.
        digest: SHA-256 of tool and ``args``, hex. What an approval is bound to (I4).
        written: the same of the arguments as the client wrote them; "": that is ``digest``. It
            tells a repeat, whatever the tool makes of what is written.
        filled: the places in ``args`` (JSON Pointers) that nobody has written, see
            :mod:`agentgate_proto.records.filling`; None: ``args`` are as written, of a time when
            that was not looked at.
        effects: read or write.
        definition: hash of the tool's definition as it was when this was asked, see
            :mod:`agentgate_proto.records.tool_pin`; "": it is part of the gateway. What was asked
            of one tool never runs another.
        idempotency_key: the caller's own key for "this is the same thing", or "".
        why: what its agent says of why it asks: its own words, for people alone. No rule looks at
            them, and a repeat may have others.
        phase: see :class:`Phase`.
        rule, description: which rule decided, and its words.
        doubt: why that rule matches, where what is written does not say it; "": it says it.
        warning: what a person must know before saying yes, or "".
        created_at, expires_at: when it arrived, and when a waiting approval lapses (0: never).
        approvers_needed: how many different people must say yes.
        needs_code: whoever says yes must prove it with a one-time code.
        endorsements: who said yes so far, where it takes more than one.
        approver, channel, decided_at: who answered, where and when; "" and 0 if nobody did.
        word: what they said to the agent with it, or "".
        edit: what they have made of the request, and what runs in its place; None: nothing.
        grant: id of the grant that the approval made, or under which the request ran; "": none.
        relayed: what other gateways have to do with it.
        joined: rid of the request that had ended before and that this one was a repeat of: it ran
            nothing, and ended then and so; "": it is none.
        outcome, resolved_at: how and when it ended; None and 0 before.
        delivered: the client has the outcome for certain (I6).
    """

    rid: str
    principal: str
    client_id: str
    request_id: int | str
    tool: str
    args: msgspec.Raw
    signature: str
    digest: str
    written: str = ""
    filled: tuple[str, ...] | None = None
    effects: Effects
    definition: str = ""
    idempotency_key: str = ""
    why: str = ""
    phase: Phase
    rule: str = ""
    description: str = ""
    doubt: str = ""
    warning: str = ""
    created_at: float
    expires_at: float = 0.0
    approvers_needed: int = 1
    needs_code: bool = False
    endorsements: tuple[Endorsement, ...] = ()
    approver: str = ""
    channel: str = ""
    decided_at: float = 0.0
    word: str = ""
    edit: Edit | None = None
    grant: str = ""
    relayed: Relayed = NOT_RELAYED
    joined: str = ""
    args_bytes: int = 0
    outcome: Outcome | None = None
    resolved_at: float = 0.0
    delivered: bool = False

    @property
    def identity(self) -> str:
        """The digest of tool and arguments as they were written: a repeat of the request has it."""
        return self.written or self.digest

    @property
    def as_approved(self) -> Record:
        """The request with what runs: as it was asked, or as a person has edited it."""
        edit = self.edit
        if edit is None:
            return self
        return replace(
            self,
            args=edit.args,
            signature=edit.signature,
            digest=edit.digest,
            written=edit.written,
            filled=edit.filled,
        )

    @property
    def words(self) -> str:
        """What people have said to the agent with their yes, or with their no."""
        said = [endorsement.word for endorsement in self.endorsements]
        if not said or self.word not in said:
            said.append(self.word)
        return "\n".join(filter(None, said))

    @property
    def joined_at(self) -> float:
        """When the request had ended that this one was a repeat of, UTC seconds; 0: it is none."""
        return self.resolved_at if self.joined else 0.0


@lru_cache(maxsize=1_024)
def rfc3339(at: float) -> str:
    """Format UTC seconds for the wire, to the millisecond: ``2026-11-20T10:00:00.000Z``."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
