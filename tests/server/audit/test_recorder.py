"""The recorder tells what no request tells: also how many requests have no entry of their own."""

from __future__ import annotations

import math
from pathlib import Path
from time import time

import pytest
from tests.server.store.harness import running
from tests.server.store.model import MemoryEngine

from agentgate_proto.audit.chain import Head
from agentgate_proto.quotas.denials import Kind, Untold
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_server.audit.heads import Findings
from agentgate_server.audit.recorder import AuditRecorder

pytestmark = pytest.mark.anyio


async def test_what_has_no_entries_is_told_together_and_who_it_is_of() -> None:
    engine = MemoryEngine()
    untold = [
        Untold(principal=name, kind=kind, rid="r1", tool="t", digest="d1", since=0.0, count=57)
        for name, kind in (("evil", Kind.DENIED), ("other", Kind.READ))
    ]
    heard: list[tuple[str, str]] = []

    def take(now: float) -> list[Untold]:
        assert now == math.inf, "nothing comes any more"
        taken, untold[:] = untold[:], []
        return taken

    async with running(engine) as (writer, _):
        recorder = AuditRecorder(writer, take, lambda *whose: heard.append(whose), time)
        await recorder.close(AuditEntry(event="gateway.stopped"))

    told = [(entry.event, entry.agent, entry.count) for entry in engine.audit]
    assert told == [
        ("requests.denied", "evil", 57),
        ("requests.read", "other", 57),
        ("gateway.stopped", "", 0),
    ]
    assert heard == [("evil", "denials in the audit"), ("other", "reads in the audit")]


class Headed(MemoryEngine):
    """Knows its head."""

    @property
    def head(self) -> Head:
        return Head(7, "0" * 64)


async def test_a_head_that_cant_be_kept_is_told_of_once_and_once_that_it_is_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heads = tmp_path / "gone" / "heads"
    async with running(Headed()) as (writer, _):
        recorder = AuditRecorder(writer, lambda _: [], lambda *_: None, time)
        recorder.found = Findings(head_file=heads)
        for _ in range(20):  # as many minutes
            await recorder.keep_head()
        (line,) = [each.getMessage() for each in caplog.records]
        assert line.startswith(f"the head of the audit can't be kept in {heads}: ")
        heads.parent.mkdir()
        for _ in range(2):
            await recorder.keep_head()
    _, line = [each.getMessage() for each in caplog.records]
    assert line.startswith(f"the head of the audit is kept in {heads} again after ")
    assert line.endswith("(it failed 20 times)")
    assert heads.read_text().count("\n") == 1
