"""Records to store."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.records.outcome import Outcome, executed, failed, unknown
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.records.storage import Put

EXECUTED = executed(b'{"state":"21.3"}')
FAILED = failed("no such lamp")
UNKNOWN = unknown("the gateway died")

WAITING = Record(
    rid="r0",
    principal="agent",
    client_id="client",
    request_id=1,
    tool="ha_turn_on",
    args=msgspec.Raw(b'{"entity_id":"light.bedroom"}'),
    signature="ha_turn_on(light.bedroom)",
    digest="d0",
    effects=Effects.WRITE,
    phase=Phase.WAITING,
    rule="permissions.yaml:3",
    description="lights are asked for",
    warning="it may already have run",
    created_at=1_700_000_000.125,
    expires_at=1_700_000_900.125,
)


def record(rid: str, **fields: Any) -> Record:
    """``WAITING`` under another rid, with some fields changed."""
    return msgspec.structs.replace(WAITING, rid=rid, **fields)


def done(
    rid: str, outcome: Outcome = EXECUTED, at: float = 1_700_000_010.0, **fields: Any
) -> Record:
    """A record that ended so and then."""
    return record(rid, phase=Phase.DONE, outcome=outcome, resolved_at=at, **fields)


def put(rid: str, **fields: Any) -> Put:
    """Store a waiting record."""
    return Put(record(rid, **fields))
