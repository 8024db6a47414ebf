"""What a commit returned for survives ``kill -9``, and no batch is ever there in part."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from agentgate_proto.records.request import Record
from agentgate_proto.records.session import (
    FindSession,
    ListSessions,
    ReadLog,
    SumUsage,
    UsageBy,
)
from agentgate_proto.records.storage import NO_BOUND, ListRequests
from agentgate_server.store.sqlite import SqliteEngine

KILLS = 10

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from random import Random
from agentgate_proto.records.storage import MarkDelivered, Put
from agentgate_server.store.sqlite import SqliteEngine
from tests.server.store.samples import done

engine = SqliteEngine(Path(sys.argv[1]))
random = Random(sys.argv[2])
number = int(sys.argv[2])
before = ()
while True:
    size = random.choice([1, 1, 3, 20, 300])
    names = tuple(f"{number}-{part}" for part in range(size))
    puts = [Put(done(name, client_id=str(number), request_id=size)) for name in names]
    engine.commit([*puts, MarkDelivered(before)])
    print(number, flush=True)
    before = names
    number += 1
"""

STREAM_FOR_EVER = """
import sys
from pathlib import Path
from random import Random
from agentgate_proto.records.session import DropSession, FindSession, PutSession
from agentgate_server.store.sqlite import SqliteEngine
from tests.server.store.session_samples import grown, row, session, usage

engine = SqliteEngine(Path(sys.argv[1]))
random = Random(sys.argv[2])
number = int(sys.argv[2])
while True:
    changes = []
    for name in ("s0", "s1", "s2"):  # all three grow by the same, so that a part can be told
        rows = tuple(row(number * 10 + part, text="x" * 500) for part in range(10))
        ends = number * 10 + 10
        grows = session(name, next=ends, reserved=ends, oldest=max(ends - 100, 0), messages=number)
        spent = tuple(usage(f"{name}.{number}.{part}", session=name) for part in range(3))
        changes.append(PutSession(grows, rows, spent))
    changes += [grown(f"brief{number}", 40), DropSession(f"brief{number - 1}", "agent")]
    engine.commit(changes)
    print(number, flush=True)
    if random.random() < 0.2:
        engine.prune(2e9, 1.0)
    number += 1
"""


def run_and_kill(path: Path, first: int, lines: int, program: str = WRITE_FOR_EVER) -> list[int]:
    """Let a process write batches from ``first`` on; returns those that it called durable."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path), str(first)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        printed = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.kill()
        printed += [int(line) for line in writer.stdout]
    return printed


@pytest.mark.slow
def test_every_batch_that_was_called_durable_is_there_after_each_of_many_kills(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    random = Random(1)
    durable: list[int] = []
    first = 0
    for _ in range(KILLS):
        durable += run_and_kill(path, first, random.randint(1, 60))
        engine = SqliteEngine(path)
        found = engine.answer(ListRequests(None, 1_000_000))
        engine.close()
        assert isinstance(found, list)
        batches: dict[int, list[Record]] = defaultdict(list)
        for record in found:
            batches[int(record.client_id)].append(record)

        assert set(durable) <= set(batches)
        for number, records in batches.items():
            assert len(records) == records[0].request_id, f"batch {number} is there in part"
            if number >= first:  # the batch after this one marks it: both stand or fall together
                assert {record.delivered for record in records} == {number + 1 in batches}
        assert len(batches) - len(durable) <= KILLS, "at most one batch per kill is not reported"
        first = max(batches) + 1


@pytest.mark.slow
def test_a_session_its_log_and_what_it_cost_stand_or_fall_together(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    random = Random(2)
    first = 0
    for _ in range(KILLS):
        durable = run_and_kill(path, first, random.randint(1, 60), STREAM_FOR_EVER)
        engine = SqliteEngine(path)
        found = [engine.answer_session(FindSession(f"s{number}")) for number in range(3)]
        last = found[0].messages
        assert last in (durable[-1], durable[-1] + 1), "one batch per kill may not be reported"
        for session in found:
            assert session.messages == last
            log = engine.answer_session(ReadLog(session.id, 0, 1_000_000, NO_BOUND))
            assert [row.first for row in log] == list(range(session.oldest, session.next))
            (cost,) = engine.answer_session(SumUsage(UsageBy.TOTAL, None, session.id))
            assert cost.requests == 3 * (last + 1)
        brief = [s.id for s in engine.answer_session(ListSessions("agent", 1000)) if s.next == 40]
        assert brief == [f"brief{last}"]
        assert len(engine.answer_session(ReadLog(brief[0], 0, 1000, NO_BOUND))) == 40
        engine.close()
        first = last + 1
