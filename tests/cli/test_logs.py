"""What a serving process logs: its form, and one request's way through it."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.support import AGENT_TOKEN, Served, ended, run, started, write_files

from agentgate_cli.logs import JsonFormatter, TextFormatter
from agentgate_proto.text.characters import is_hidden
from agentgate_server.observing.context import current_rid

OURS = {"agentgate", "agentgate_server"}


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.INFO, "x.py", 1, message, None, None)
    made.__dict__.update(extra)
    return made


def told_by(served: Served) -> list[dict[str, Any]]:
    """What a gateway has logged in its life, which this ends."""
    assert served.process is not None
    served.process.terminate()
    code, _, err = ended(served.process)
    assert code == 0
    return [json.loads(line) for line in err.splitlines()]


def test_a_line_for_people_ends_with_the_request_it_is_about() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]\w+ info: hello \[01ab\]",
        TextFormatter().format(record("hello", rid="01ab")),
    )
    assert TextFormatter().format(record("hello")).endswith(" info: hello")


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_text_of_others_starts_no_line(formatter: logging.Formatter) -> None:
    line = formatter.format(record("a\nb\x1b[2J\x9b\u202e\u2028", rid="01\nab\x9b", tool="x\u202e"))
    assert not any(map(is_hidden, line))


def test_what_runs_right_to_left_leaves_the_rid_in_its_place() -> None:
    line = TextFormatter().format(record("\u05d0", rid="01ab"))
    assert line.endswith(" info: \\u05d0 [01ab]")


def test_what_a_tool_raises_is_no_line_of_the_log() -> None:
    forged = "13:00:00 info: owner approved"
    failed = record("failed")
    try:
        raise ValueError(f"x\n{forged}\r{forged}\x85{forged}\x1b[2J\u202e")
    except ValueError:
        failed.exc_info = sys.exc_info()
    head, *trace = TextFormatter().format(failed).splitlines()
    assert head.endswith(" info: failed")
    assert trace[0] == "  | Traceback (most recent call last):"
    assert all(line.startswith("  | ") for line in trace)
    assert trace[-1] == f"  | {forged}\\r{forged}\\u0085{forged}\\u001b[2J\\u202e"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_a_tool_logs_by_itself_belongs_to_its_request(formatter: logging.Formatter) -> None:
    before = current_rid.set("01ab")
    line = formatter.format(record("from a tool"))
    current_rid.reset(before)
    assert "01ab" in line
    assert "01ab" not in formatter.format(record("from elsewhere"))


def test_json_has_the_time_as_machines_read_it_and_all_that_was_added() -> None:
    row = json.loads(JsonFormatter().format(record("hello", rid="01ab", tool="x", took_s=1.5)))
    assert datetime.fromisoformat(row.pop("time")).utcoffset() is not None
    assert row == {
        "level": "info",
        "logger": "x",
        "message": "hello",
        "rid": "01ab",
        "tool": "x",
        "took_s": 1.5,
    }


def test_one_request_can_be_followed_through_the_log_by_its_rid(tmp_path: Path) -> None:
    write_files(tmp_path, log={"format": "json", "level": "debug"})
    served = Served(tmp_path)
    served.start()
    assert served.as_agent("call", "get_temperature", "room=kitchen").returncode == 0
    denied = served.as_agent("call", "unlock_door", "door=back")
    assert denied.returncode == 1
    told = told_by(served)
    assert {row["logger"].partition(".")[0] for row in told} <= OURS, "libraries are quiet"
    rows = [row for row in told if row["logger"] == "agentgate.requests"]
    by_rid: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if "rid" in row:
            by_rid.setdefault(row["rid"], []).append(row)
    read, denial = by_rid.values()
    assert {"get_temperature"} == {row["tool"] for row in read if "tool" in row}
    assert {row["level"] for row in read} == {"debug"}
    assert [row.get("outcome") for row in read].count("executed") == 1
    assert denial[0]["level"] == "info"
    assert denial[0]["rule"].startswith("permissions.yaml:")
    assert "back" not in json.dumps(rows), "arguments are not logged"


def test_the_flags_win_over_the_file(tmp_path: Path) -> None:
    write_files(tmp_path, log={"format": "json", "level": "debug"})
    process = started("serve", *("--log-format", "readable", "--log-level", "error"), cwd=tmp_path)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"ws://[^ ]+", line)
    assert found, line
    run("tools", AGENT_GATE_URL=found[0], AGENT_GATE_TOKEN=AGENT_TOKEN)
    process.terminate()
    code, _, err = ended(process)
    assert (code, err) == (0, "")
