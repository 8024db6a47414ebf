"""``agent-gate serve --watch``: the gateway, and who answers it, at one terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.looking import Looking, looking
from tests.cli.support import AGENT_TOKEN, BOUND_S, OWNER_TOKEN, Served, ended, run, write_files

QUESTION = "approve? [y]es, [n]o, [e]dit, [g]rant, [s]kip:"
CALL = ("set_light", "room=bedroom", "on=true")


@contextmanager
def at_the_gateway(folder: Path, *args: str, **changes: Any) -> Iterator[tuple[Looking, Served]]:
    """Sit where the gateway runs; the second is how to reach it from elsewhere."""
    served = Served(folder)
    gateway = {"port": served.port, "shutdown_s": 2}
    write_files(folder, **{"gateway": gateway, **changes})
    with looking("serve", "--watch", *args, cwd=folder) as person:
        person.see("watching as owner")
        yield person, served


def test_what_an_agent_asks_is_answered_where_the_gateway_runs(tmp_path: Path) -> None:
    with at_the_gateway(tmp_path) as (person, served):
        person.see("listening on ws://127.0.0.1:")
        call = served.calling(*CALL)
        person.see(QUESTION)
        assert b"\a" in person.written
        person.type("ye")
        person.see(f"{QUESTION} ye")
        assert served.as_agent("call", "get_temperature", "room=kitchen").returncode == 0
        person.see("agent connected", times=2)
        person.see(f"{QUESTION} ye")
        rows = [line for line in person.lines if line]
        assert rows[-1].strip() == f"{QUESTION} ye", "the log stands above the question"
        assert sum(QUESTION in line for line in rows) == 1
        person.type("s\n")
        person.see("approved by owner (terminal)")
        assert ended(call)[0] == 0
        person.interrupt()
        assert person.end() == 0
        last = person.text.index("shutting down; running tools have 2 s")
        assert person.text.index("owner disconnected") < last


def test_ctrl_c_while_it_asks_ends_both_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    import termios

    with at_the_gateway(tmp_path, "--no-bell") as (person, served):
        modes = termios.tcgetattr(person.master)[3]
        served.calling(*CALL)
        person.see(QUESTION)
        assert b"\a" not in person.written
        assert not termios.tcgetattr(person.master)[3] & termios.ICANON
        person.interrupt()
        person.see("shutting down")
        assert termios.tcgetattr(person.master)[3] == modes
        assert person.end() == 0
        assert "Traceback" not in person.text


def test_the_log_waits_for_an_editor_and_the_end_of_the_gateway_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, editor = tmp_path / "gate", tmp_path / "editor"
    os.mkfifo(gate)
    editor.write_text(f"#!/bin/sh\necho the editor is open\ncat {gate}\n")
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    with at_the_gateway(tmp_path) as (person, served):
        served.calling(*CALL)
        person.see(QUESTION)
        person.type("e\n")
        person.see("the editor is open")
        assert served.as_agent("call", "get_temperature", "room=kitchen").returncode == 0
        gate.write_text("the editor closes\n")
        person.see("agent connected", times=2)
        text = person.text
        assert text.index("the editor closes") < text.rindex("agent connected")
        person.see("no edit: nothing was changed")
        person.type("e\n")
        person.see("the editor is open", times=2)
        person.interrupt()
        assert person.end() == 0
        assert "Traceback" not in person.text


def test_who_leaves_the_terminal_leaves_the_gateway_running(tmp_path: Path) -> None:
    with at_the_gateway(tmp_path) as (person, served):
        person.type("\x04")
        person.see("no more is asked here: the gateway goes on; answer elsewhere")
        assert served.as_agent("call", "get_temperature", "room=kitchen").returncode == 0
        person.interrupt()
        assert person.end() == 0


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = run("serve", "--watch", cwd=tmp_path)
    assert done.returncode == 4
    assert "--watch asks at a terminal, and this is none" in done.stderr


@pytest.mark.parametrize(
    ("args", "changes", "said"),
    [
        (("--watch",), {"principals": []}, "has the role approver or operator"),
        (("--watch", "--as", "ownr"), {}, "nobody in config.yaml has this name"),
        (("--as", "owner"), {}, "it belongs to --watch"),
    ],
)
def test_nobody_who_could_answer_is_said_before_it_serves(
    tmp_path: Path, args: tuple[str, ...], changes: dict[str, Any], said: str
) -> None:
    write_files(tmp_path, **changes)
    with looking("serve", *args, cwd=tmp_path) as person:
        person.see(said)
        assert person.end() == 4
        assert "listening" not in person.text
        assert not any(token in person.text for token in (AGENT_TOKEN, OWNER_TOKEN))


def test_a_terminal_that_is_stopped_holds_up_neither_requests_nor_the_end(tmp_path: Path) -> None:
    with at_the_gateway(tmp_path) as (person, served):
        person.type("\x13")  # Ctrl-S
        call = served.calling(*CALL)
        rid = served.waiting_ids()[0]
        for _ in range(2):
            assert served.as_agent("call", "get_temperature", "room=kitchen").returncode == 0
        assert QUESTION not in person.text
        person.type("\x11")  # Ctrl-Q
        person.see(QUESTION)
        served.decide(rid, "deny")
        assert ended(call)[0] == 1
        person.type("\x13")
        assert served.as_agent("call", "get_temperature", "room=kitchen").returncode == 0
        person.process.send_signal(signal.SIGTERM)
        assert person.process.wait(BOUND_S) == 0
