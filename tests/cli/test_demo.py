"""``agent-gate demo``, end to end, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.cli.support import BOUND_S, Served, at_terminal, environment, run

from agentgate_cli.demo.person import Answer
from agentgate_cli.demo.play import wrong
from agentgate_cli.demo.scenes import PLUGS, SCENES, TALKS, Scene, Twist
from agentgate_cli.demo.stage import Stage

QUESTION = "approve? [y]es, [n]o; in "


def processes_in(folder: Path) -> list[int]:
    """The processes whose working folder is inside of one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = (entry / "cwd").readlink()
            except OSError:
                continue
            if where.is_relative_to(folder):
                found.append(int(entry.name))
    return found


def wait_for_none(folder: Path) -> None:
    """Wait until no process lives in a folder."""
    end = time.monotonic() + BOUND_S
    while processes_in(folder):
        assert time.monotonic() < end, processes_in(folder)
        time.sleep(0.01)


def folder_in(text: str) -> Path:
    found = re.search(r"folder +(/\S+)", text)
    assert found, text
    return Path(found[1])


def test_without_a_terminal_it_plays_all_scenes_and_all_end_as_they_must(tmp_path: Path) -> None:
    done = run("demo", "--keep", bound_s=90.0, TMPDIR=str(tmp_path))  # a dozen processes
    assert (done.returncode, done.stderr) == (0, "")
    assert processes_in(tmp_path) == []
    for number, scene in enumerate(SCENES, 1):
        assert f"{number}  {scene.title}" in done.stdout
        assert f"asked      {scene.tool} {{" in done.stdout
    for text in (
        "allow: Looking does no harm  permissions.yaml:6",
        "deny: Doors stay shut  permissions.yaml:2",
        "ask: Everything else is asked  permissions.yaml:9",
        "│ ha_call_service(light.turn_on, light.bedroom)",
        "│ [ ✅ Approve ]",
        "│ ✅ Approved by owner",
        "│ The tool has run.",
        "yes, by owner (telegram)  the script's answer",
        "yes, by owner (terminal)  the script's answer",
        "no, by owner (terminal)  the script's answer",
        "executed: sensor.temp is 21.3",
        "Denied by policy: Doors stay shut  -32003",
        "Denied by user  -32001",
        "of the agent (pid ",
        "and collects what it missed",
        "of the gateway (pid ",
        "the gateway is started again (pid ",
        "executed: cover.blinds is closed",
        f"7  {TALKS[0].title}",
        "said       It is late. Please turn off the light in the hall.",
        "told       executed: light.hall is off",
        "model      The light in the hall is off. Good night.",
        "context    ░",
        "cost       2,3",
        " out · $0.00",
        f"8  {PLUGS[0].title}",
        "plug       client ── agent-gate mcp ── gateway: 12 tools of agent-gate",
        "progress   waiting for a person to approve it",
        'end        result: {"result":[{"entity_id":"cover.blinds","state":"open"',
    ):
        assert text in done.stdout, text
    assert done.stdout.count("✓") == 8
    assert done.stdout.count("the house was told once") == 5
    assert "all 8 ended as they must" in done.stdout
    check_what_it_kept(folder_in(done.stdout))


def check_what_it_kept(folder: Path) -> None:
    """The folder can be served again, though the house and Telegram are gone."""
    served = Served(folder)
    assert served.start()["rules"] == 3
    tokens = dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())
    operator = tokens["OPERATOR_TOKEN"]
    rows = run("pending", "--all", "--json", AGENT_GATE_URL=served.url, AGENT_GATE_TOKEN=operator)
    assert len(json.loads(rows.stdout)["requests"]) == 8
    served.stop()


def test_at_a_terminal_the_person_answers_and_the_script_does_for_the_silent(
    tmp_path: Path,
) -> None:
    with at_terminal("demo", "--answer-timeout", "2", TMPDIR=str(tmp_path)) as terminal:
        terminal.see(SCENES[2].title)
        terminal.see(QUESTION)
        terminal.type("no\n")
        terminal.see("Denied by user")
        terminal.see(SCENES[3].title)
        terminal.see(QUESTION)
        terminal.type("what?\n")
        terminal.see(QUESTION)
        terminal.type("y\n")
        terminal.see("executed: climate.hall is off")
        terminal.see(SCENES[4].title)
        terminal.see(QUESTION)
        terminal.see("the script's answer")
        terminal.see(SCENES[5].title)
        terminal.see("of the gateway (pid ")
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see(TALKS[0].title)
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see("denied")
        terminal.see("The light in the hall is as it was: Denied by user.")
        terminal.see("the house was not told, and the model knows how it ended")
        terminal.see(PLUGS[0].title)
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see("isError")
        terminal.see("the house was not told, and the client knows how it ended")
        terminal.see("all 8 ended as they must")
        assert terminal.end() == 0
    assert terminal.shown.count("the script's answer") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_its_processes_and_removes_its_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    with at_terminal("demo", "--answer-timeout", "60", TMPDIR=str(tmp_path)) as terminal:
        terminal.see(QUESTION)
        assert len(processes_in(tmp_path)) == 2
        terminal.process.send_signal(number)
        terminal.see("the gateway and the agent were ended")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.shown
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_not_even_kill_9_leaves_its_processes_behind(tmp_path: Path) -> None:
    with at_terminal("demo", "--answer-timeout", "60", TMPDIR=str(tmp_path)) as terminal:
        terminal.see(QUESTION)
        assert len(processes_in(tmp_path)) == 2
        terminal.process.kill()
        terminal.process.wait(BOUND_S)
        wait_for_none(tmp_path)


def test_a_gateway_that_dies_on_its_own_breaks_it_off_with_one_line(tmp_path: Path) -> None:
    with at_terminal("demo", "--answer-timeout", "60", TMPDIR=str(tmp_path)) as terminal:
        terminal.see("folder")
        terminal.see(QUESTION)
        found = re.findall(r"pid (\d+)", terminal.shown)
        os.kill(int(found[1]), signal.SIGKILL)
        terminal.type("y\n")
        terminal.see("Error: the demo broke off: the agent ended unexpectedly")
        assert terminal.end() == 1
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def scripted(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """The demo without a terminal, after a script has changed it."""
    end = "from agentgate_cli.main import run\nraise SystemExit(int(run(['demo'])))\n"
    return subprocess.run(
        [sys.executable, "-c", script + end],
        check=False,
        env=environment({"TMPDIR": str(folder)}),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )


def test_an_outcome_that_is_not_as_it_must_be_is_told_and_exits_with_1(tmp_path: Path) -> None:
    done = scripted(
        tmp_path,
        "from dataclasses import replace\n"
        "from agentgate_cli.demo import play, scenes\n"
        "first, second = scenes.SCENES[:2]\n"
        "play.SCENES = (replace(first, states={'sensor.temp': '99'}), second)\n"
        "play.TALKS = (replace(scenes.TALKS[0], states={'light.hall': 'on'}),)\n"
        "play.PLUGS = (replace(scenes.PLUGS[0], state='ajar'),)\n",
    )
    assert done.returncode == 1
    assert "✗ the agent got {'sensor.temp': '21.3'}, not {'sensor.temp': '99'}" in done.stdout
    assert "✗ states {'light.hall': 'off'}, not {'light.hall': 'on'}" in done.stdout
    assert "✗ the client was told the state False, not True" in done.stdout
    assert "3 of 4 ended wrong" in done.stdout


def test_without_the_telegram_extra_the_terminal_asks_and_the_demo_says_so(tmp_path: Path) -> None:
    done = scripted(
        tmp_path,
        "from agentgate_cli.demo import play, scenes, stage\n"
        "stage.find_spec = lambda name: None\n"
        "play.SCENES, play.PLUGS = scenes.SCENES[2:3], ()\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "pip install 'python-telegram-bot>=22'" in done.stdout
    assert "yes, by owner (terminal)" in done.stdout
    assert "executed: light.bedroom is on" in done.stdout


class Counted(Stage):
    """A stage of which only the house is asked."""

    def __init__(self, starts: int) -> None:
        self.count = starts

    def starts(self, args: dict[str, Any]) -> int:
        return self.count


ASK = Scene(title="", tool="t", args={}, verdict="ask", states={"light.a": "on"})
DONE = {"data": {"result": [{"entity_id": "light.a", "state": "on"}]}}
YES = Answer("approve", scripted=True)
NO = Answer("deny", scripted=True)
RAN = {"status": "executed", "approval": "approved"}
REFUSED = {"status": "denied", "approval": "denied"}


@pytest.mark.parametrize(
    ("row", "report", "answer", "starts", "problem"),
    [
        (RAN, DONE, YES, 1, None),
        (REFUSED, {"code": -32001}, NO, 0, None),
        (RAN, DONE, YES, 2, "calls at the house 2, not 1"),
        (RAN, DONE, YES, 0, "calls at the house 0, not 1"),
        (RAN, {"data": None}, YES, 1, "the agent got {}, not {'light.a': 'on'}"),
        ({**RAN, "status": "unknown"}, DONE, YES, 1, "noted 'unknown', not 'executed'"),
        (REFUSED, {"code": -32001}, NO, 1, "calls at the house 1, not 0"),
        (REFUSED, {"code": -32003}, NO, 0, "the agent got error -32003, not -32001"),
        ({"status": "executed"}, DONE, YES, 1, "the policy says 'allow', not 'ask'"),
    ],
)
def test_the_gateway_the_agent_and_the_house_must_agree(
    row: dict[str, Any],
    report: dict[str, Any],
    answer: Answer,
    starts: int,
    problem: str | None,
) -> None:
    problems = wrong(Counted(starts), ASK, row, report, answer)
    if problem is None:
        assert problems == []
    else:
        assert len(problems) == 1
        assert problem in problems[0]


def test_the_scenes_are_those_that_were_promised() -> None:
    assert [(scene.verdict, scene.answer, scene.twist) for scene in SCENES] == [
        ("allow", "approve", Twist.NOTHING),
        ("deny", "approve", Twist.NOTHING),
        ("ask", "approve", Twist.NOTHING),
        ("ask", "deny", Twist.NOTHING),
        ("ask", "approve", Twist.AGENT_GONE),
        ("ask", "approve", Twist.GATEWAY_KILLED),
    ]
