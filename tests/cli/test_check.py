"""``agent-gate check``: everything that is wrong, at once, and nothing that is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.support import CONFIG, run, write_files


def check(folder: Path, *args: str) -> tuple[int, list[str]]:
    done = run("check", *args, cwd=folder)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def rules(*each: dict[str, Any]) -> dict[str, Any]:
    return {"rules": list(each)}


def test_what_serves_well_passes(tmp_path: Path) -> None:
    write_files(tmp_path)
    assert check(tmp_path) == (0, ["nothing to object to"])
    assert check(tmp_path, "--strict", "--json") == (0, ['{"ok":true,"findings":[]}'])


def test_what_init_writes_passes(tmp_path: Path) -> None:
    run("init", cwd=tmp_path)
    assert check(tmp_path, "--strict") == (0, ["nothing to object to"])


def test_a_warning_passes_unless_one_is_strict(tmp_path: Path) -> None:
    write_files(tmp_path, rules({"tool": "set_light", "action": "allow"}))
    text = (
        "permissions.yaml:2: warning: allows set_light, which can change things, with any "
        "arguments: say in args which, or ask"
    )
    assert check(tmp_path) == (0, [text, "0 errors, 1 warning"])
    assert check(tmp_path, "--strict") == (1, [text, "0 errors, 1 warning"])


def test_a_pattern_that_matches_no_tool_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, rules({"pattern": "unlok_door*", "action": "deny"}))
    code, lines = check(tmp_path, "--json")
    assert code == 1
    assert json.loads(lines[0]) == {
        "ok": False,
        "findings": [
            {
                "level": "error",
                "file": "permissions.yaml",
                "line": 2,
                "message": '"unlok_door*" is about no known tool; did you mean unlock_door?',
            }
        ],
    }


def test_asking_where_nobody_can_answer_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, principals=[])
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[0].startswith("config.yaml: error: the policy lets a person decide, and there is")
    denied = rules({"pattern": "*", "action": "deny"})
    write_files(tmp_path, denied, principals=[])
    code, lines = check(tmp_path)
    assert (code, lines[-1]) == (0, "0 errors, 1 warning")
    assert "nobody can answer approvals" in lines[0]


def test_errors_of_all_files_are_shown_at_once(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {"rules": [{"tool": "x", "action": "dney"}, {"action": "ask"}]},
        tools={"python": ["nowhere.py"]},
        gateway={"host": "0.0.0.0"},
    )
    code, lines = check(tmp_path)
    assert code == 1
    places = [line.partition(": error: ")[0] for line in lines[:-1]]
    assert places[0] == "config.yaml"  # exposed without TLS
    assert "there is no file" in lines[1]
    assert places[2].startswith("permissions.yaml:")
    assert lines[-1].endswith("errors, 0 warnings")


def test_a_configuration_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    write_files(tmp_path, aproval_timeout=3)
    code, lines = check(tmp_path)
    assert code == 1
    assert "unknown key 'aproval_timeout'; did you mean 'approval_timeout'?" in lines[0]
    done = run("check", cwd=tmp_path.parent)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is no config.yaml here")


def test_another_policy_is_checked_before_it_goes_live(tmp_path: Path) -> None:
    write_files(tmp_path)
    new = tmp_path / "new.yaml"
    new.write_text("rules:\n  - {tool: set_light, agents: gardn, action: deny}\n")
    code, lines = check(tmp_path, "--permissions", "new.yaml")
    assert code == 0
    assert lines[0].startswith('new.yaml:2: warning: there is no agent "gardn"')


TWO = {"tool": "set_light", "action": "ask", "approval": {"approvers": 3}}
CODE = {"tool": "set_light", "action": "ask", "approval": {"code": True}}


def test_more_people_than_there_are_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, rules(TWO))
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[0].startswith("permissions.yaml:2: error: needs 3 people to say yes and has 2")
    phone = {"token": "1:" + "a" * 35, "chat_id": 5, "allowed_users": [{"id": 5, "name": "cleo"}]}
    write_files(tmp_path, rules(TWO), messenger={"type": "telegram", "telegram": phone})
    assert check(tmp_path)[0] == 0


def test_who_has_no_name_on_telegram_is_not_one_of_several(tmp_path: Path) -> None:
    two = {**TWO, "approval": {"approvers": 2}}
    phone = {"token": "1:" + "a" * 35, "chat_id": 5, "allowed_users": [5]}
    write_files(tmp_path, rules(two), messenger={"type": "telegram", "telegram": phone})
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[0].startswith("permissions.yaml:2: error: needs 2 people, and telegram:5 may be")
    assert lines[1].startswith("1 error")


def test_what_two_rules_demand_together_is_warned_of(tmp_path: Path) -> None:
    two = {**TWO, "args": {"on": True}, "approval": {"approvers": 2}}
    owner = {**CONFIG["principals"][0], "totp": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
    write_files(tmp_path, rules(two, CODE), principals=[owner, *CONFIG["principals"][1:]])
    code, lines = check(tmp_path)
    assert code == 0
    assert any("together with permissions.yaml:" in line for line in lines)
    assert any("it needs 2 people with one-time codes for set_light and has 1" in a for a in lines)


def test_a_time_zone_that_there_is_not_is_warned_of_where_hours_go_by_it(tmp_path: Path) -> None:
    night = {"tool": "set_light", "action": "deny", "hours": "22:00-06:00"}
    write_files(tmp_path, rules(night))
    for zone, is_warned in (("Europe/Berln", True), ("TZ=UTC", True), ("UTC", False)):
        done = run("check", cwd=tmp_path, TZ=zone)
        assert (f"TZ={zone!r} names no time zone" in done.stdout) is is_warned
    there = {"between": "22:00-06:00", "tz": "Europe/Berlin"}
    write_files(tmp_path, rules({**night, "hours": there}))
    assert run("check", cwd=tmp_path, TZ="nowhere").stdout == "nothing to object to\n"


def test_a_code_that_nobody_can_give_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, rules(CODE))
    code, lines = check(tmp_path)
    assert code == 1
    assert "needs 1 with one-time codes and has 0: set totp of principals" in lines[0]
    owner = {**CONFIG["principals"][0], "totp": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
    write_files(tmp_path, rules(CODE), principals=[owner])
    assert check(tmp_path) == (0, ["nothing to object to"])


def test_a_rate_that_is_never_used_up_is_warned_of(tmp_path: Path) -> None:
    rule = {"tool": "set_light", "args": {"room": "kitchen"}, "action": "allow", "other_args": True}
    slow = {"max_requests_per_minute": 60}
    for rate, ends in (("120/min", True), ("121/min", False), ("62/s", False)):
        write_files(tmp_path, rules({**rule, "rate": rate}), rate_limit=slow)
        code, lines = check(tmp_path)
        assert (code, lines == ["nothing to object to"]) == (0, ends)
    assert lines[0].startswith("permissions.yaml:2: warning: its rate never ends")


def test_a_pattern_that_could_hold_up_the_gateway_is_an_error(tmp_path: Path) -> None:
    argument = {"pattern": "([a-zA-Z0-9]+)*@example.com", "max": 200}
    tool = {
        "description": "Send a mail.",
        "backend": "mail",
        "args": {"to": argument},
        "request": {"method": "POST", "path": "/", "json": "{to}"},
    }
    backends = {"mail": {"url": "https://mail.example.org"}}
    (tmp_path / "mail.yaml").write_text(
        yaml.safe_dump({"backends": backends, "tools": {"send": tool}})
    )
    write_files(tmp_path, tools={"http": ["mail.yaml"]})
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[0].startswith("mail.yaml:")
    assert "tools.send.args.to: pattern can read texts like 'aaaaaaa" in lines[0]
    assert "in so many ways that one could hold up the gateway" in lines[0]


def test_what_is_wrong_with_sessions_is_said_with_the_rest(tmp_path: Path) -> None:
    budget = {"name": "daily", "principal": "robt", "per": "day", "usd": 1}
    models = {"own": {"backend": "process", "command": ["./none"]}}
    sessions = {"workspaces": "config.yaml/x", "models": models, "budgets": [budget]}
    write_files(tmp_path, sessions=sessions)
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[-1] == "3 errors, 1 warning"
    places = [
        "error: sessions.workspaces",
        "error: sessions.models.own.command",
        "warning: sessions.models.own",
        "error: sessions.budgets",
    ]
    for line, place in zip(lines, places, strict=False):
        assert line.startswith(f"config.yaml: {place}: ")


@pytest.mark.parametrize("is_open", [True, False])
def test_a_console_that_is_none_is_named(tmp_path: Path, is_open: bool) -> None:
    house = {"url": "wss://house.example", "token": "t" * 20, "consoles": ["anna", "console"]}
    anna = {"name": "anna", "role": "console", "token": "c" * 20}
    write_files(
        tmp_path,
        upstreams={"house": house},
        principals=[anna],
        faces={"socketio": {"role": "controller", "open": is_open}},
    )
    _, lines = check(tmp_path)
    text = 'upstreams.house.consoles: "console" is no console: see principals and tokens'
    assert (f"config.yaml: warning: {text}" in lines) is not is_open


def test_a_script_that_cannot_be_played_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "scenes.yaml").write_text("scenes:\n- sya: Hello.\n")
    model = {"backend": "rehearsal", "script": "scenes.yaml"}
    write_files(tmp_path, sessions={"models": {"played": model}})
    code, lines = check(tmp_path)
    assert code == 1
    assert "scenes.yaml:2: error: " in lines[0]
    assert "did you mean 'say'" in lines[0]


def test_only_a_budget_that_asks_needs_somebody_to_be_asked_about_it(tmp_path: Path) -> None:
    names = ["get_temperature", "list_lights", "set_light", "unlock_door", "set_thermostat"]
    allowed = rules({"tool": names, "action": "deny"})
    budget: dict[str, Any] = {"name": "daily", "per": "day", "usd": 1}
    write_files(tmp_path, allowed, principals=[], sessions={"budgets": [budget]})
    assert check(tmp_path)[0] == 0
    budget["over"] = "ask"
    write_files(tmp_path, allowed, principals=[], sessions={"budgets": [budget]})
    code, lines = check(tmp_path)
    assert code == 1
    assert "the policy lets a person decide, and there is none" in lines[0]


def test_tools_that_come_with_a_principal_or_an_upstream_are_not_unknown(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        rules(
            {"tool": "agent.temperature", "action": "deny"},
            {"tool": "garage.*", "action": "deny"},
            {"tool": "attic.lamp", "action": "deny"},
        ),
    )
    config = {
        **CONFIG,
        "upstreams": {"garage": {"url": "wss://garage.example", "token": "t" * 32}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    code, lines = check(tmp_path)
    unknown = [line for line in lines if "no known tool" in line]
    assert unknown == ['permissions.yaml:6: error: "attic.lamp" is about no known tool']
    assert code == 1


def test_the_commands_of_mcp_servers_are_notes(tmp_path: Path) -> None:
    servers = {"s": {"command": ["sh", "-c", "x"], "resources": True}}
    names = ("s.anything", "s_read_resource")
    policy = rules(*({"tool": name, "action": "ask"} for name in names))
    write_files(tmp_path, policy, tools={**CONFIG["tools"], "mcp": servers})
    code, lines = check(tmp_path, "--strict")
    assert (code, lines[1:]) == (0, ["nothing to object to"])
    line = lines[0]
    assert "note: tools.mcp.s starts ['sh', '-c', 'x'] in " in line


def test_a_program_of_an_mcp_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    servers = {"s": {"command": ["no-such-program"]}}
    write_files(tmp_path, tools={**CONFIG["tools"], "mcp": servers})
    code, lines = check(tmp_path)
    assert code == 1
    assert "there is no program no-such-program that can be run" in lines[0]


def test_who_may_list_a_house_of_which_they_may_read_nothing_is_warned_of(tmp_path: Path) -> None:
    services = {"homeassistant": {"url": "http://127.0.0.1:1", "token": "abcdefghijklmnop"}}
    listing = {"tool": "ha_get_states", "action": "allow"}
    none = {**rules(listing), "defaults": [{"pattern": "*", "action": "deny"}]}
    write_files(tmp_path, none, services=services)
    code, lines = check(tmp_path)
    assert code == 0
    assert any("ha_get_states shows agent nothing" in line for line in lines), lines


def test_colours_can_be_wanted_where_there_is_no_terminal(tmp_path: Path) -> None:
    run("init", cwd=tmp_path)
    (tmp_path / "permissions.yaml").write_text("rules:\n  - {pattern: zzz, action: deny}\n")
    assert "\x1b[" not in run("check", cwd=tmp_path).stdout
    assert "\x1b[" in run("check", cwd=tmp_path, FORCE_COLOR="1").stdout
    assert "\x1b[" not in run("check", cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1").stdout
