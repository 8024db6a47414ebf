"""What waits for the store, and the batch in which it gets there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.storage import Answer, Change, Query, SessionAnswer, SessionQuery
from agentgate_server.store.engine import StoreError


class Submitted(msgspec.Struct, frozen=True):
    """A change in the queue."""

    number: int
    change: Change


class Asked(msgspec.Struct, frozen=True):
    """A query in the queue: how many were asked before it, and the last change before it."""

    number: int
    after: int
    query: Query | SessionQuery
    token: Any


@dataclass(slots=True, eq=False)
class Waiting:
    """A caller that waits for its place in the queue to come round; so many were asked before."""

    prune_at: float | None = None
    ran_s: float = 0.0
    deleted: int = 0
    reason: str | None = None
    asked: int = 0
    finished: anyio.Event = field(default_factory=anyio.Event)


Entry = Submitted | Waiting


class Batch(msgspec.Struct):
    """What one hop to the thread does, and how it went."""

    submitted: list[Submitted] = msgspec.field(default_factory=list)
    asked: list[tuple[str, Asked]] = msgspec.field(default_factory=list)
    waiting: list[Waiting] = msgspec.field(default_factory=list)
    told: list[AuditEntry] = msgspec.field(default_factory=list)
    failure: str | None = None
    took_s: float = 0.0
    answers: list[Answer | SessionAnswer | StoreError] = msgspec.field(default_factory=list)
