"""The recorder tells what no request tells: also how many denials have no entry of their own."""

from __future__ import annotations

import pytest
from tests.server.store.harness import running
from tests.server.store.model import MemoryEngine

from agentgate_proto.quotas.denials import Untold
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_server.audit.recorder import AuditRecorder

pytestmark = pytest.mark.anyio


async def test_denials_without_entries_are_told_together_and_who_they_are_of() -> None:
    engine = MemoryEngine()
    untold = [
        Untold(principal=name, rid="r1", tool="t", digest="d1", last="d2", count=57)
        for name in ("evil", "other")
    ]
    heard: list[tuple[str, str]] = []

    def take() -> list[Untold]:
        taken, untold[:] = untold[:], []
        return taken

    async with running(engine) as (writer, _):
        recorder = AuditRecorder(writer, take, lambda owner, cap: heard.append((owner, cap)))
        await recorder.close(AuditEntry(event="gateway.stopped"))

    told = [(entry.event, entry.agent, entry.count) for entry in engine.audit]
    assert told == [
        ("requests.denied", "evil", 57),
        ("requests.denied", "other", 57),
        ("gateway.stopped", "", 0),
    ]
    assert heard == [("evil", "denials in the audit"), ("other", "denials in the audit")]
