"""``agent-gate approvals approve --for …`` and ``agent-gate grants``; codes and several people."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from pyotp import TOTP
from tests.cli.support import (
    CONFIG,
    OWNER_TOKEN,
    PERMISSIONS,
    Served,
    at_terminal,
    ended,
    write_files,
)

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
OTHER = SECRET[::-1]
ROOM = ("set_light", "room=bedroom")


def as_owner(gateway: Served) -> dict[str, str]:
    return {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": OWNER_TOKEN}


def listed(gateway: Served, *options: str) -> list[dict[str, Any]]:
    grants: list[dict[str, Any]] = json.loads(
        gateway.as_owner("grants", "list", "--json", *options).stdout
    )["grants"]
    return grants


def test_a_yes_can_cover_what_follows_and_be_taken_back(gateway: Served) -> None:
    call = gateway.calling(*ROOM, "on=true")
    (rid,) = gateway.waiting_ids()
    terms = ("--for", "10m", "--uses", "3", "--any", "on")
    refused = gateway.as_owner("approvals", "approve", rid, *terms)
    assert refused.returncode == 4
    words = (
        "agent may call set_light with brightness=100, room=bedroom, any on, until .* UTC,"
        " at most 3 times"
    )
    assert re.search(f"this would mean: {words}; add --yes", refused.stderr.replace("\n", " "))
    done = gateway.as_owner("approvals", "approve", rid, *terms, "--yes")
    assert done.returncode == 0, done.stderr
    assert "end it with: agent-gate grants revoke g" in done.stdout
    assert ended(call)[0] == 0
    assert gateway.as_agent("call", *ROOM, "on=false").returncode == 0
    (grant,) = listed(gateway)
    assert (grant["uses_left"], grant["status"]) == (1, "active")
    cells = gateway.as_owner("grants", "list").stdout.rstrip("\n").split("\t")
    assert (cells[0], cells[3], cells[4]) == (grant["id"], "owner (terminal)", "1")
    wrong = gateway.as_owner("grants", "revoke", "no-such")
    assert (wrong.returncode, "ends with no-such" in wrong.stderr) == (4, True)
    ended_now = gateway.as_owner("grants", "revoke", grant["id"][-8:])
    assert (ended_now.returncode, ended_now.stdout[:9]) == (0, "revoked: ")
    assert gateway.as_owner("grants", "list").stdout == ""
    assert listed(gateway, "--all")[0]["status"] == "revoked"
    again = json.loads(gateway.as_owner("grants", "revoke", grant["id"], "--json").stdout)
    assert (again["status"], again["revoked_by"]) == ("revoked", "owner")
    asked = gateway.calling(*ROOM, "on=true")
    asked.kill()


def test_at_a_terminal_the_words_are_confirmed(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=kitchen", "on=true")
    (rid,) = gateway.waiting_ids()
    command = ("approvals", "approve", rid, "--uses", "1")
    with at_terminal(*command, **as_owner(gateway)) as terminal:
        terminal.see("agent may call set_light with brightness=100, on=true, room=kitchen, until")
        terminal.see("Do you mean that? [y/N]:")
        terminal.type("n\n")
        terminal.see("the approval still waits")
        assert terminal.end() == 1
    with at_terminal(*command, **as_owner(gateway)) as terminal:
        terminal.see("[y/N]:")
        terminal.type("y\n")
        terminal.see("approved")
        assert terminal.end() == 0
    assert ended(call)[0] == 0


def test_terms_that_cannot_be_right_are_explained(gateway: Served) -> None:
    for options, words in (
        (("--for", "soon"), "'soon' is no duration: write it as in 90s"),
        (("--for", "2d"), "minutes must be above 0 and at most 1440"),
        (("--uses", "0"), "uses must be 1 to 1000"),
        (("--any", "room"), "a grant needs minutes, uses or both"),
    ):
        done = gateway.as_owner("approvals", "approve", "x", *options)
        assert done.returncode == 4
        assert words in done.stderr


def test_a_code_is_asked_for_and_the_second_person_decides(tmp_path: Path) -> None:
    rule = {"tool": "set_light", "action": "ask", "approval": {"approvers": 2, "code": True}}
    owner, watcher = CONFIG["principals"]
    principals = [owner | {"totp": SECRET}, watcher | {"totp": OTHER}]
    write_files(tmp_path, PERMISSIONS | {"rules": [rule]}, principals=principals)
    served = Served(tmp_path)
    served.start()
    call = served.calling(*ROOM, "on=true")
    (rid,) = served.waiting_ids()
    without = served.as_owner("approvals", "approve", rid)
    assert (without.returncode, "takes a one-time code" in without.stderr) == (1, True)
    with at_terminal("approvals", "watch", **as_owner(served)) as terminal:
        terminal.see("2 people, so far nobody; a one-time code")
        terminal.see("[s]kip: ")
        terminal.type("y\n")
        terminal.see("one-time code: ")
        terminal.type("000000\n")
        terminal.see("the one-time code is wrong")
        terminal.see("[s]kip: ")
        terminal.type("y\n")
        terminal.see("one-time code: ")
        terminal.type(TOTP(SECRET).now() + "\n")
        terminal.see("yes")
        terminal.see("from owner; 1 more must say so")
    cells = served.as_owner("approvals", "list").stdout
    assert "2 people, so far owner; a one-time code" in cells
    code = TOTP(OTHER).at(int(time.time()))
    done = served.as_owner("approvals", "approve", rid, "--code", code)
    assert done.returncode == 1, "it is the code of somebody else"
    served.decide(rid, "approve", code=code)
    assert ended(call)[0] == 0
    served.stop()
