"""kill -9 of the gateway and of the ready agent of a device, at random moments.

Each prompt is one message of one session, and is answered once. What a device does with an answer
it does once as well; only where it died in the midst of that, the next life does it again, and says
so. A gateway that dies ends the run that was under way, and that is an answer too.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from tests.chance import fresh_base, is_fixed
from tests.e2e.edge_process import EdgeProcess
from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until

from agentgate_client import AgentGateClient, Cursor, Event

KILLS = int(os.environ.get("DEVICE_KILLS", "12"))
SCRIPT = """
scenes:
  - {when: "say {word} slowly", say: "It says {word}", pause_ms: 15}
  - {when: "say {word}", say: "It says {word}"}
"""


def gateway_of(folder: Path, **more: Any) -> GatewayProcess:
    (folder / "scenes.yaml").write_text(SCRIPT)
    models = {"actor": {"backend": "rehearsal", "script": "scenes.yaml"}}
    return GatewayProcess(folder, {"sessions": {"models": models}, **more})


async def log_of(url: str) -> list[Event]:
    """Read the log of the device's session, and see that there is one session."""
    async with AgentGateClient(url, AGENT_TOKEN) as client:
        (view,) = [one for one in await client.sessions.list() if one.messages]
        session = await client.sessions.get(view.id)
        stream = session.attach(Cursor(view.epoch, 0))
        events: list[Event] = []
        while not events or events[-1].offset + events[-1].count < view.next:
            events.append(await anext(stream))
        return events


@pytest.mark.parametrize("seed", [0 if is_fixed() else fresh_base()])
def test_each_prompt_is_answered_once_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    (tmp_path / "gate").mkdir()
    (tmp_path / "edge").mkdir()
    answers = tmp_path / "edge" / "answers"
    hook = {"command": ["sh", "-c", "cat >> answers && echo >> answers"]}
    with gateway_of(tmp_path / "gate") as gateway:
        edge = EdgeProcess(
            tmp_path / "edge", gateway.url, AGENT_TOKEN, events={"answer": hook}
        ).start()
        texts: list[str] = []
        for kill in range(KILLS):
            for _ in range(rng.randrange(1, 4)):
                texts.append(f"say w{len(texts)}" + rng.choice(["", " slowly"]))
                edge.ask(str(len(texts) - 1), texts[-1])
            asked = len(texts)
            if rng.random() < 0.5:
                count = len(edge.rows)
                wanted = count + rng.randrange(4)
                until(lambda: len(edge.rows) >= wanted or is_quiet(edge, asked), "some progress")  # noqa: B023
            if kill % 2:
                edge.kill()
                kept = {row["id"] for row in edge.told("kept")}
                edge.start()
                for number, text in enumerate(texts):
                    if str(number) not in kept:
                        edge.ask(str(number), text)
            else:
                gateway.restart()
        edge.until(
            lambda: {row["id"] for row in edge.rows if row["event"] == "kept"} >= names(asked)
        )
        until(lambda: ids_in(answers) >= names(asked), "all answers")
        edge.kill()
        log = anyio.run(log_of, gateway.url)
    check(answers, log, asked)


def names(count: int) -> set[str]:
    return {str(number) for number in range(count)}


def is_quiet(edge: EdgeProcess, asked: int) -> bool:
    """Whether there is nothing more to wait for."""
    return {row["id"] for row in edge.told("answer")} >= names(asked)


def rows_in(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def ids_in(path: Path) -> set[str]:
    return {row["id"] for row in rows_in(path)}


def check(answers: Path, log: list[Event], asked: int) -> None:
    """Each prompt ran once, and was acted on once, or again where a process had died."""
    said = [event.data["message_id"] for event in log if event.kind == "message"]
    assert sorted(said) == sorted(f"prompt:{name}" for name in names(asked))
    ended = [event.data["run"] for event in log if event.kind == "run_ended"]
    assert len(ended) == len(set(ended)) == asked
    by_id: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows_in(answers):
        by_id[row["id"]].append(row)
    assert set(by_id) == names(asked)
    for name, rows in by_id.items():
        assert len({(row["text"], row["status"]) for row in rows}) == 1
        assert sum(not row["again"] for row in rows) <= 1, "only who died acts again"
        if rows[0]["status"] == "completed":
            assert rows[0]["text"] == f"It says w{name}"
        else:
            assert rows[0]["status"] == "interrupted"
