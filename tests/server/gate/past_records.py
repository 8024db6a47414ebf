"""A store with calls on record, for tests of what looks back on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from tests.server.store.model import MemoryEngine
from tests.server.store.samples import EXECUTED, done

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Outcome, Status, ended
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Answer, Put, Query
from agentgate_server.gate.past_calls import Ask

DENIED = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON, "by owner")
DENIED_BY_POLICY = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY)
EXPIRED = ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)
CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)
T0 = 1_700_000_000.0


def call(number: int, outcome: Outcome = EXECUTED, *, asked: bool = True, **more: Any) -> Record:
    """A call at second ``number``; people were asked about it, and said yes or no."""
    args = more.pop("args", {"n": number})
    at = T0 + number
    answered = outcome.status is not Status.EXPIRED and outcome.status is not Status.CANCELLED
    fields: dict[str, Any] = {
        "args": msgspec.Raw(msgspec.json.encode(args, order="sorted")),
        "tool": "asked",
        "created_at": at,
        "expires_at": at + 900.0 if asked else 0.0,
        "decided_at": at + 1.0 if asked and answered else 0.0,
        "approver": "owner" if asked and answered else "",
        "warning": "",
        "filled": (),
    }
    return done(f"r{number}", outcome, at + 2.0, **{**fields, **more})


def store(records: Iterable[Record]) -> tuple[MemoryEngine, Ask]:
    """A store that has these, and how it is asked."""
    engine = MemoryEngine()
    engine.commit([Put(record) for record in records])

    def ask(query: Query, take: Callable[[Answer, str], None], owner: str) -> None:
        assert owner == "owner"
        take(engine.answer(query), "")

    return engine, ask
