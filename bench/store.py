"""What sessions cost in the store: rows a second, processor for a change, and reports of usage.

``python -m bench.store [FOLDER [REQUESTS]]``: the database lies in a new folder under this one, on
whose disk each commit is synced; usage of so many requests to models is added up.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from agentgate_proto.records.session import (
    EventKind,
    LogRow,
    OpenRun,
    PutSession,
    SessionRecord,
    SumUsage,
    UsageBy,
)
from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus
from agentgate_server.store.sqlite import SqliteEngine

BATCHES = (1, 16, 64, 256)
CHANGES = 12_800
"""Of each size of batch."""

DELTAS, DELTA = 6, "x" * 20
"""Of a text, what a session says between two writes at 50 deltas a second."""

DAYS, MODELS, PRINCIPALS, OF_SESSION = 200, 3, 20, 20
"""Of usage: so many of each, and so many requests of a session."""


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of processor, that something takes."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def session(number: int, offset: int) -> PutSession:
    """A session that streams has said a little more."""
    run = OpenRun(
        id="r" * 16, message_id="m" * 16, first=0, model="m", max_iterations=20, started_at=1.0
    )
    record = SessionRecord(
        id=f"s{number:015}",
        principal=f"agent{number % PRINCIPALS}",
        epoch="e" * 16,
        model="m",
        workspace="/srv/workspaces/s",
        created_at=1.0,
        updated_at=2.0 + offset,
        next=offset + DELTAS,
        reserved=offset + 4_096,
        run=run,
    )
    cuts = [len(DELTA) * cut for cut in range(1, DELTAS)]
    data = msgspec.json.encode({"run": run.id, "text": DELTA * DELTAS, "cuts": cuts})
    row = LogRow(first=offset, count=DELTAS, kind=EventKind.TEXT, at=2.0, data=msgspec.Raw(data))
    return PutSession(record, (row,))


def used(number: int, requests: int) -> UsageRow:
    """What one of so many requests took."""
    at = number * DAYS // requests * 86_400.0
    owner = number // OF_SESSION
    return UsageRow(
        id=f"u{number}",
        session=f"s{owner:015}",
        principal=f"agent{owner % PRINCIPALS}",
        run="r" * 16,
        model=f"m{owner % MODELS}",
        model_id="vendor-model",
        at=at,
        day=time.strftime("%Y-%m-%d", time.gmtime(at)),
        status=UsageStatus.SETTLED,
        reserved_micros=900,
        cost_micros=500,
        usage=Usage(input=1_000, output=100),
    )


def streams(folder: Path) -> None:
    """Commit what sessions say, in batches of several sizes."""
    for size in BATCHES:
        engine = SqliteEngine(folder / f"batches-of-{size}.db")
        rounds = [
            [session(number, turn * DELTAS) for number in range(size)]
            for turn in range(CHANGES // size + 1)
        ]
        engine.commit(rounds[0])

        def write(engine: SqliteEngine = engine, rounds: list[list[PutSession]] = rounds) -> None:
            for batch in rounds[1:]:
                engine.commit(batch)

        wall, cpu = taken(write)
        count = size * (len(rounds) - 1)
        print(
            f"batches of {size:3}: {count / wall:9,.0f} rows/s, {cpu / count * 1e6:5.1f} us of"
            f" processor a PutSession with a row of {DELTAS} deltas"
        )
        engine.close()


def reports(folder: Path, requests: int) -> None:
    """Store usage, and add it up in each way."""
    engine = SqliteEngine(folder / "usage.db")
    rows = [used(number, requests) for number in range(requests)]
    parts = [rows[start : start + 256] for start in range(0, requests, 256)]
    change = session(0, 0)

    def write() -> None:
        for part in parts:
            engine.commit([PutSession(change.session, (), tuple(part))])

    _, cpu = taken(write)
    print(f"usage: {cpu / requests * 1e6:.1f} us of processor a row, sums included")
    for by in UsageBy:
        times = [
            min(taken(lambda query=query: engine.answer_session(query))[0] for _ in range(3))  # type: ignore[misc]
            for query in (SumUsage(by, None), SumUsage(by, "agent3"))
        ]
        print(
            f"{requests:,} requests by {by.value:9}: {times[0] * 1e3:6.1f} ms,"
            f" of one principal {times[1] * 1e3:6.1f} ms"
        )
    wall, _ = taken(engine.restore)
    print(f"what a start needs of them: {wall * 1e3:.1f} ms")
    engine.close()


def main() -> None:
    """Measure on the disk of a folder."""
    under = sys.argv[1] if len(sys.argv) > 1 else None
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    with tempfile.TemporaryDirectory(dir=under) as folder:
        streams(Path(folder))
        reports(Path(folder), requests)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores; peak {peak / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
