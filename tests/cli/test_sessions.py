"""``agent-gate sessions``: which there are, what was said, the end of one."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.cli.looking import looking
from tests.cli.rehearsed import EVIL, agent_of
from tests.cli.support import OPERATOR_TOKEN, Served, ended, run, started


def said(stage: Served, prompt: str, *args: str) -> str:
    """Say something in a new session; return its id."""
    done = run("chat", "--json", prompt, *args, **agent_of(stage))
    return str(json.loads(done.stdout.splitlines()[0])["session"])


def asked(stage: Served, *args: str) -> Any:
    """Run a command that prints one JSON document."""
    done = run(*args, "--json", **agent_of(stage))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_newest_comes_first_and_a_limit_bounds_them(stage: Served) -> None:
    first, second = said(stage, "one"), said(stage, "two")
    rows = asked(stage, "sessions", "list")["sessions"]
    assert [row["id"] for row in rows[:2]] == [second, first]
    assert rows[0]["messages"] == 2
    assert len(asked(stage, "sessions", "list", "--limit", "1")["sessions"]) == 1
    done = run("sessions", "list", "--limit", "2", **agent_of(stage))
    cells = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[:3] for row in cells] == [[second, "plain", "2"], [first, "plain", "2"]]


def test_a_conversation_is_shown_with_who_spoke_and_what_was_done(stage: Served) -> None:
    said(stage, 'call get_temperature {"room": "kitchen"}')
    done = run("sessions", "show", "latest", **agent_of(stage))
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("session ")
    assert lines[1:] == [
        'you: call get_temperature {"room": "kitchen"}',
        '→ get_temperature {"room":"kitchen"}',
        "← get_temperature: executed 21.0",
        "model: get_temperature answered: 21.0",
    ]


def test_what_was_thought_is_shown_where_it_is_wanted(stage: Served) -> None:
    session = said(stage, "think about lamps")
    shown = run("sessions", "show", session, **agent_of(stage)).stdout
    assert "Only what was said" not in shown
    shown = run("sessions", "show", session, "--thinking", **agent_of(stage)).stdout
    assert "thinking: What do I know of this? Only what was said: lamps" in shown


def test_as_json_it_is_whole_and_nothing_that_is_shown_steers(stage: Served) -> None:
    session = said(stage, "evil")
    document = asked(stage, "sessions", "show", session)
    assert document["session"]["id"] == session
    replies = [row for row in document["events"] if row["kind"] == "reply"]
    assert replies[0]["data"]["text"] == EVIL
    assert document["events"][-1]["kind"] == "run_ended"
    shown = run("sessions", "show", session, **agent_of(stage)).stdout
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]", shown) is None


def test_following_goes_on_with_what_comes(stage: Served) -> None:
    session = said(stage, "one")
    follow = started("sessions", "show", session, "--follow", "--json", **agent_of(stage))
    assert follow.stdout is not None
    while json.loads(follow.stdout.readline())["kind"] != "run_ended":
        pass
    run("chat", "--session", session, "two", **agent_of(stage))
    kinds = []
    while "run_ended" not in kinds:
        kinds.append(json.loads(follow.stdout.readline())["kind"])
    assert kinds[0] == "message"
    follow.send_signal(signal.SIGINT)
    assert ended(follow)[0] == 130


def test_one_that_is_deleted_is_gone(stage: Served) -> None:
    session = said(stage, "one")
    done = run("sessions", "delete", session, **agent_of(stage))
    assert (done.returncode, done.stdout) == (0, f"deleted {session}\n")
    done = run("sessions", "show", session, **agent_of(stage))
    assert done.returncode == 4
    assert "Session not found; see 'agent-gate sessions list'" in done.stderr
    assert run("sessions", "delete", session, **agent_of(stage)).returncode == 4
    assert asked(stage, "sessions", "delete", said(stage, "two")).keys() == {"deleted"}


def test_a_run_that_is_in_the_way_is_named_and_can_be_ended(stage: Served) -> None:
    session = said(stage, "one")
    talk = started("chat", "--json", "--session", session, "slowly", **agent_of(stage))
    assert talk.stdout is not None
    while json.loads(talk.stdout.readline())["kind"] != "text":
        pass
    done = run("chat", "--session", session, "two", **agent_of(stage))
    assert done.returncode == 1
    assert "a run is under way" in done.stderr
    assert "see 'agent-gate sessions show' and 'agent-gate sessions cancel'" in done.stderr
    done = run("sessions", "cancel", session, **agent_of(stage))
    assert (done.returncode, done.stdout[:14]) == (0, "cancelled run ")
    assert json.loads(ended(talk)[1].splitlines()[-1])["data"]["status"] == "cancelled"
    done = run("sessions", "cancel", session, **agent_of(stage))
    assert (done.returncode, done.stdout) == (0, "no run is under way\n")
    assert asked(stage, "sessions", "cancel", session) == {"status": "no_run"}


def test_an_operator_sees_all_and_changes_none(stage: Served) -> None:
    session = said(stage, "one")
    operator = {"AGENT_GATE_URL": stage.url, "AGENT_GATE_TOKEN": OPERATOR_TOKEN}
    assert session in run("sessions", "list", **operator).stdout
    assert "you: one" in run("sessions", "show", session, **operator).stdout
    assert run("sessions", "delete", session, **operator).returncode != 0
    assert session in run("sessions", "list", **operator).stdout


def test_the_models_are_listed_with_their_prices(stage: Served) -> None:
    rows = {row["name"]: row for row in asked(stage, "sessions", "models")["models"]}
    assert set(rows) == {"plain", "brief", "dear"}
    assert rows["plain"]["is_default"]
    assert rows["dear"]["input_micros"] == 3_000_000
    done = run("sessions", "models", **agent_of(stage))
    assert "dear\tdear (rehearsal)\t$3.00\t$15.00\t" in done.stdout


@pytest.mark.parametrize("columns", [40, 80])
def test_lists_fit_the_terminal(stage: Served, tmp_path: Path, columns: int) -> None:
    session = said(stage, "one")
    variables = agent_of(stage)
    with looking("sessions", "list", cwd=tmp_path, columns=columns, **variables) as person:
        assert person.end() == 0
        assert session in person.text
    with looking("sessions", "show", session, cwd=tmp_path, columns=columns, **variables) as person:
        assert person.end() == 0
        assert "you: one" in person.text
        assert "You said: one" in person.text
        assert max(map(len, person.lines)) <= columns


def test_where_there_is_none_that_is_said(tmp_path: Path, mortal: Served) -> None:
    done = run("sessions", "show", "latest", **agent_of(mortal))
    assert done.returncode == 4
    assert "begin one with 'agent-gate chat'" in done.stderr
    with looking("sessions", "list", cwd=tmp_path, **agent_of(mortal)) as person:
        assert person.end() == 0
        assert "no sessions yet" in person.text
