"""kill -9 of the gateway in the midst of runs.

After each restart the session is free and whole up to the last durable event: its run has ended as
interrupted, each call has one result, no ``write`` has run twice, and one whose tool was running is
unknown, which the model is told. What was seen under an offset is still there, or is told as a gap.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import anyio
import anyio.to_thread
import pytest
from tests.chance import fresh_base, is_fixed
from tests.e2e.process import AGENT_TOKEN, GatewayProcess
from tests.e2e.session_plays import AFTER, BEFORE, SPOKEN, conversing, texts_of, whole_log
from tests.e2e.test_kill import Impatient

from agent_gate import AgentGateClient
from agentgate_client import Event
from agentgate_client.sessions import Session
from agentgate_proto.sessions.history import LOOK_FIRST

KILLS = int(os.environ.get("SESSION_KILLS", "20"))
BOUND_S = 240.0
RUNS = 4
"""Under way at each kill."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The gateway is a process of its own, and the client is proved on both elsewhere."""
    return "asyncio"


class Seen:
    """What a watcher was shown, by offset.

    Attributes:
        texts: deltas.
        kinds: of all events.
    """

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.kinds: dict[int, str] = {}

    def take(self, event: Event) -> None:
        """Take one; what was seen before must be the same."""
        if event.kind in ("gap", "behind"):
            return
        if event.kind not in ("text", "thinking"):
            assert self.kinds.setdefault(event.offset, event.kind) == event.kind
            return
        edges = [0, *event.data.get("cuts", []), len(event.data["text"])]
        for place in range(event.count):
            offset = event.offset + place
            piece = event.data["text"][edges[place] : edges[place + 1]]
            assert self.texts.setdefault(offset, piece) == piece, "seen text has changed"
            assert self.kinds.setdefault(offset, event.kind) == event.kind


async def watch(session: Session, text: str, seen: Seen) -> list[Event]:
    """Send a message and see its run to the end, through whatever comes."""
    events: list[Event] = []
    async for event in session.send(text):
        seen.take(event)
        events.append(event)
    return events


def check_log(log: list[Event], seen: Seen) -> None:
    """The log is whole: one order, one end of each run, one result of each call."""
    at = 0
    for event in log:
        assert event.offset == at
        at += event.count
        if event.kind != "gap":
            seen.take(event)
    gaps = {
        offset
        for event in log
        if event.kind == "gap"
        for offset in range(event.offset, event.offset + event.count)
    }
    durable = {offset for offset in seen.kinds if seen.kinds[offset] not in ("text", "thinking")}
    assert not durable & gaps, "only text may be lost"
    kinds = [event.kind for event in log]
    assert kinds.count("run_started") == kinds.count("run_ended") == kinds.count("message")
    calls = [event.data["call"] for event in log if event.kind == "tool_call"]
    results = [event.data for event in log if event.kind == "tool_result"]
    closed = [data["call"] for data in results if not data.get("late")]
    assert sorted(calls) == sorted(closed)


def check_run(
    gate: GatewayProcess, key: str, tool: str, events: list[Event], log: list[Event]
) -> str:
    """One run, as its client saw it, is one that may be."""
    end = events[-1].data
    starts = gate.starts()[tool, key] if tool else 0
    assert starts <= 1, f"{key} ran {starts} times"
    run = end["run"]
    results = [
        event.data for event in log if event.kind == "tool_result" and event.data["run"] == run
    ]
    statuses = [data["status"] for data in results]
    if end["status"] == "completed":
        if not tool:
            assert texts_of(events) == SPOKEN
        else:
            assert texts_of(events).startswith(BEFORE)
            assert AFTER in texts_of(events)
            assert statuses in (["executed"], ["unknown"])
    else:
        assert end["status"] == "interrupted", end
        whole = SPOKEN if not tool else BEFORE + AFTER
        replies = [e.data["text"] for e in log if e.kind == "reply" and e.data["run"] == run]
        assert all(whole.startswith(text) or text in whole for text in replies)
    if "executed" in statuses:
        assert starts == 1
    if not starts:
        assert set(statuses) <= {"not_run", "unknown", "cancelled", "failed"}
    return str(end["status"]) + "".join(f" {status}" for status in statuses)


async def one_round(
    gate: GatewayProcess, client: AgentGateClient, draw: Random, number: int
) -> list[str]:
    sessions = [await client.sessions.create() for _ in range(RUNS)]
    seen = [Seen() for _ in sessions]
    ways = [("speak", ""), ("write", "allowed_write"), ("slowly write", "slow_write")]
    plays = [ways[draw.randrange(3)] for _ in sessions]
    told: dict[int, list[Event]] = {}

    async def play(place: int) -> None:
        words = plays[place][0]
        text = words if words == "speak" else f"{words} k{number}-{place}"
        told[place] = await watch(sessions[place], text, seen[place])

    async with anyio.create_task_group() as tasks:
        for place in range(RUNS):
            tasks.start_soon(play, place)
        await anyio.sleep(draw.random() * 0.35)  # the moment of the kill is drawn, not waited for
        await anyio.to_thread.run_sync(gate.kill)
        await anyio.to_thread.run_sync(gate.start)
    found = []
    for place, session in enumerate(sessions):
        async for event in session.send("hello"):  # it is free
            seen[place].take(event)
        log = await whole_log(session)
        check_log(log, seen[place])
        key, tool = f"k{number}-{place}", plays[place][1]
        found.append(check_run(gate, key, tool, told[place], log))
        inspection = await session.inspect()
        if "unknown" in found[-1]:
            assert LOOK_FIRST in inspection.body
    return found


async def test_a_killed_gateway_leaves_sessions_free_and_whole(tmp_path: Path) -> None:
    draw = Random(0 if is_fixed() else fresh_base())
    found: list[str] = []
    with GatewayProcess(tmp_path, conversing(tmp_path)) as gate, anyio.fail_after(BOUND_S):
        async with AgentGateClient(gate.url, AGENT_TOKEN, backoff=Impatient()) as client:
            for number in range(KILLS):
                found += await one_round(gate, client, draw, number)
    assert any(status.startswith("interrupted") for status in found)
    assert any("unknown" in status for status in found), found
