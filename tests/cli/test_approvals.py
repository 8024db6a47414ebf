"""``agent-gate approvals list|approve|deny``, and the lists of an agent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.cli.support import (
    AGENT_TOKEN,
    OPERATOR_TOKEN,
    OWNER_TOKEN,
    Served,
    at_terminal,
    ended,
    run,
)

from agentgate_cli.approvals import ID_CHARS
from agentgate_cli.call import Request, is_for
from agentgate_cli.editing import difference
from agentgate_cli.exits import Failure
from agentgate_cli.pending import cells
from agentgate_cli.text import ID_SHOWN_CHARS, printable
from agentgate_proto.digest import canonical_args, digest_of


def test_what_waits_is_listed_as_one_json_document(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    (row,) = gateway.waiting()
    assert row["agent"] == "agent"
    assert row["tool"] == "set_light"
    assert row["args"] == {"brightness": 100, "room": "bedroom", "on": True}
    assert row["signature"] == "set_light(100, true, bedroom)"
    assert row["rule"].startswith("permissions.yaml:")
    assert row["description"] == "Lights are asked about"
    assert row["status"] == "waiting"
    assert row["created_at"] < row["expires_at"]
    listed = gateway.as_owner("approvals", "list")
    cells = listed.stdout.rstrip("\n").split("\t")
    assert (cells[0], cells[3:6]) == (
        row["id"],
        ["agent", "set_light", '{"brightness":100,"on":true,"room":"bedroom"}'],
    )
    done = gateway.as_owner("approvals", "deny", row["id"], "--json")
    settled = json.loads(done.stdout)
    assert (settled["id"], settled["status"]) == (row["id"], "denied")
    assert (settled["decided_by"], settled["channel"]) == ("owner", "terminal")
    assert ended(call)[0] == 1


def test_nothing_waits_is_an_empty_list(gateway: Served) -> None:
    assert gateway.as_owner("approvals", "list").stdout == ""
    assert json.loads(gateway.as_owner("approvals", "list", "--json").stdout) == {"approvals": []}


def test_the_end_of_an_id_will_do_if_it_is_unique(gateway: Served) -> None:
    calls = [gateway.calling("set_light", "room=kitchen", f"on={on}") for on in ("true", "false")]
    first, second = (row["id"] for row in gateway.waiting())
    ambiguous = gateway.as_owner("approvals", "approve", "")
    assert ambiguous.returncode == 4
    assert first in ambiguous.stderr
    assert second in ambiguous.stderr
    unknown = gateway.as_owner("approvals", "approve", "no-such-id")
    assert unknown.returncode == 4
    assert "ends with no-such-id" in unknown.stderr
    approved = gateway.as_owner("approvals", "approve", first[-ID_SHOWN_CHARS:])
    assert approved.returncode == 0
    assert re.fullmatch(
        r"approved by owner \(terminal\) at \d\d:\d\d:\d\d \w+: set_light "
        r'\{"brightness":100,"on":true,"room":"kitchen"\}, for agent\n',
        approved.stdout,
    )
    assert gateway.as_owner("approvals", "deny", second).returncode == 0
    assert [ended(call)[0] for call in calls] == [0, 1]


def test_one_that_waits_is_shown_whole(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    (row,) = gateway.waiting()
    end = row["id"][-ID_SHOWN_CHARS:]
    lines = gateway.as_owner("approvals", "show", end).stdout.splitlines()
    assert lines[0] == "  ask     set_light(100, true, bedroom)"
    assert f"  digest  {digest_of('set_light', canonical_args(row['args']))}" in lines
    whole = gateway.as_owner("approvals", "show", row["id"], "--json")
    assert json.loads(whole.stdout)["args"] == row["args"]
    gateway.as_owner("approvals", "deny", row["id"])
    assert ended(call)[0] == 1
    gone = gateway.as_owner("approvals", "show", row["id"])
    assert (gone.returncode, gone.stdout) == (4, "")
    assert "no approval with this id that waits" in gone.stderr


def test_a_late_answer_hears_what_really_happened(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=false")
    (row,) = gateway.waiting()
    gateway.decide(row["id"], "deny")
    assert ended(call)[0] == 1
    late = gateway.as_owner("approvals", "approve", row["id"], "--json")
    assert late.returncode == 1
    assert late.stderr.startswith("Error: Already denied by watcher (http) at ")
    assert json.loads(late.stdout)["status"] == "denied"


@pytest.mark.parametrize("rid", ["-", "--"])
def test_an_id_may_begin_with_a_dash(gateway: Served, rid: str) -> None:
    done = gateway.as_owner("approvals", "approve", rid.ljust(ID_CHARS, "0"))
    assert done.returncode == 4
    assert done.stderr == "Error: There is no approval with this id\n"


@pytest.mark.parametrize("args", [("list",), ("approve", "0" * ID_CHARS), ("watch",)])
def test_an_agent_may_not_see_or_answer_approvals(gateway: Served, args: tuple[str, ...]) -> None:
    done = gateway.as_agent("approvals", *args)
    assert done.returncode == 3
    assert "is not for the role agent, but for approver or operator" in done.stderr
    assert "AGENT_GATE_TOKEN, or --token, is not the one for this" in done.stderr
    assert "APPROVER_TOKEN (to answer)" in done.stderr
    assert "Traceback" not in done.stderr


def test_pending_shows_what_waits_and_what_nobody_collected(mortal: Served) -> None:
    waiting = mortal.calling("set_light", "room=bedroom", "on=true", "--client-id", "mine")
    left = mortal.calling("set_light", "room=kitchen", "on=true")
    left.kill()
    ended(left)
    (rid,) = (row["id"] for row in mortal.waiting() if row["args"]["room"] == "kitchen")
    mortal.as_owner("approvals", "approve", rid)
    rows = json.loads(mortal.as_agent("pending", "--json").stdout)["requests"]
    assert [(row["args"]["room"], row["phase"]) for row in rows] == [
        ("kitchen", "done"),
        ("bedroom", "waiting"),
    ]
    assert rows[0]["data"] == {"room": "kitchen", "on": True, "brightness": 100}
    one = json.loads(mortal.as_agent("pending", "--id", rows[0]["id"]).stdout)
    assert one == {"requests": rows[:1]}
    none = mortal.as_agent("pending", "--id", "none")
    assert (none.returncode, "no request with this id" in none.stderr) == (4, True)
    lines = [line.split("\t") for line in mortal.as_agent("pending").stdout.splitlines()]
    assert lines[0][2:] == [
        "set_light",
        '{"brightness":100,"on":true,"room":"kitchen"}',
        "executed; not collected",
    ]
    assert lines[1][1] == "mine"
    assert lines[1][4].startswith("waits for a person until ")
    waiting.terminate()
    ended(waiting)
    everybody = run("pending", AGENT_GATE_URL=mortal.url, AGENT_GATE_TOKEN=OPERATOR_TOKEN)
    assert len(everybody.stdout.splitlines()) == 1
    everything = mortal.as_agent("pending", "--all")
    assert "cancelled: " in everything.stdout
    assert len(mortal.as_agent("pending", "--all", "--limit", "1").stdout.splitlines()) == 1


def test_tools_come_with_the_decision_to_expect(gateway: Served) -> None:
    rows = json.loads(gateway.as_agent("tools", "--json").stdout)["tools"]
    assert rows[2]["name"] == "set_light"
    assert rows[2]["args"]["required"] == ["room", "on"]
    lines = [line.split("\t") for line in gateway.as_agent("tools").stdout.splitlines()]
    assert [line[:3] for line in lines] == [
        ["get_temperature", "allow", "read"],
        ["list_lights", "allow", "read"],
        ["set_light", "ask", "write"],
        ["unlock_door", "depends", "write"],
        ["set_thermostat", "ask", "write"],
    ]
    assert lines[2][3:] == ["room on [brightness]", "Switch the light of a room."]


@pytest.mark.parametrize(
    ("args", "token", "shown"),
    [
        (("tools",), AGENT_TOKEN, ["tool", "expect", "set_light", "room on", "Switch the light"]),
        (("pending",), AGENT_TOKEN, ["nothing is pending"]),
        (("approvals", "list"), OWNER_TOKEN, ["nothing waits for an answer"]),
    ],
)
def test_on_a_terminal_lists_are_tables(
    mortal: Served, args: tuple[str, ...], token: str, shown: list[str]
) -> None:
    variables = {"AGENT_GATE_URL": mortal.url, "AGENT_GATE_TOKEN": token}
    with at_terminal(*args, **variables) as terminal:
        for text in shown:
            terminal.see(text)
        assert terminal.end() == 0


def test_a_table_takes_no_markup_from_its_cells(mortal: Served) -> None:
    call = mortal.calling("set_thermostat", "celsius=21", "--client-id", "[red]boss[/red]")
    variables = {"AGENT_GATE_URL": mortal.url, "AGENT_GATE_TOKEN": AGENT_TOKEN}
    with at_terminal("pending", **variables) as terminal:
        terminal.see("[red]boss[/red]")
        assert terminal.end() == 0
    call.kill()


LONG_ROW = {
    "created_at": "2026-11-20T10:00:00Z",
    "client_id": "c",
    "tool": "send",
    "args": '{"text":"aaa…',
    "phase": "running",
    "shortened": ["args"],
}


def test_of_long_arguments_the_beginning_is_shown() -> None:
    assert cells(LONG_ROW)[3] == printable('{"text":"aaa…')
    assert cells(LONG_ROW | {"args": {"text": "a"}, "shortened": []})[3] == '{"text":"a"}'


def test_a_withdrawn_call_knows_its_request_by_the_beginning_of_its_arguments() -> None:
    request = Request(
        tool="send",
        args={"text": "aaa" * 9_000},
        timeout_s=None,
        client_id="c",
        idempotency_key="",
    )
    assert is_for(LONG_ROW, request)
    assert not is_for(LONG_ROW | {"client_id": "d"}, request)
    assert not is_for(LONG_ROW | {"args": {"text": "b"}, "shortened": []}, request)


def test_a_yes_to_other_arguments_is_shown_confirmed_and_told(gateway: Served) -> None:
    why = ("--why", "it is dark")
    call = gateway.calling("set_light", "room=bedroom", "on=true", "--json", *why)
    (row,) = gateway.waiting()
    assert row["why"] == "it is dark"
    shown = gateway.as_owner("approvals", "show", row["id"]).stdout
    assert "says    “it is dark” (the agent's own words)" in shown
    edit = ("--set", "brightness=30", "--word", "softly")
    asked = gateway.as_owner("approvals", "approve", row["id"], *edit)
    assert asked.returncode == 4
    assert "this would mean: brightness: 100 → 30; add --yes to mean it" in asked.stderr
    done = gateway.as_owner("approvals", "approve", row["id"], *edit, "--yes")
    assert done.returncode == 0
    assert ", edited: brightness: 100 → 30, saying “softly”" in done.stdout
    code, out, err = ended(call)
    told = json.loads(out)
    assert (code, told["word"], told["edited"]["brightness"]) == (0, "softly", 30)
    assert "a person has changed the arguments: it ran with" in err
    assert "a person says: softly" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--set", "brightness"), "write KEY=VALUE"),
        (("--set", "on=1", "--unset", "on"), "either sets 'on' or leaves it out"),
        (("--set", "on=1", "--edit"), "--edit stands alone"),
        (("--word", "x" * 501), "it has 501 characters"),
    ],
)
def test_options_of_an_edit_that_can_not_be_right_are_refused(
    gateway: Served, options: tuple[str, ...], words: str
) -> None:
    found = gateway.as_owner("approvals", "approve", "1", *options)
    assert found.returncode == 4
    assert words in found.stderr


def test_an_edit_in_the_editor_changes_what_was_saved_differently(
    gateway: Served, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/100/40/' \"$1\"\n")
    editor.chmod(0o700)
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    (row,) = gateway.waiting()
    done = gateway.as_owner(
        *("approvals", "approve", row["id"], "--edit", "--yes"), EDITOR=str(editor), VISUAL=""
    )
    assert "brightness: 100 → 40" in done.stdout, done.stderr
    assert ended(call)[0] == 0


def test_only_what_differs_is_an_edit() -> None:
    edit = difference({"a": 1, "b": "•••", "c": 2}, {"a": 1.0, "b": "•••", "d": None})
    assert (edit.set, edit.unset) == ({"a": 1.0, "d": None}, ("c",))
    with pytest.raises(Failure, match="nothing was answered"):
        difference({"a": 1}, {"a": 1})
