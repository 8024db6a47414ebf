"""``agent-gate explain``: the decision, the rule with its place, and why not the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.support import (
    AGENT_TOKEN,
    OPERATOR_TOKEN,
    OWNER_TOKEN,
    Served,
    run,
    write_files,
)

from agentgate_proto.records.tool_pin import definition_of
from agentgate_server.tools.mcp.pins_file import PinsFile

KEYS = [
    "decision",
    "rule",
    "file",
    "line",
    "gets",
    "doubts",
    "approvers",
    "code",
    "clock",
    "reasons",
]

HOUSE = """\
defaults:
  - pattern: "ha_get_*"
    action: allow
rules:
  - pattern: "ha_call_service(light.*)"
    action: ask
    description: "Lights are asked about"
  - pattern: "ha_call_service(lock.*)"
    action: deny
  - tool: pay
    agents: garden
    args: {amount: {max: 20}}
    action: allow
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE)
    return path


def explained(policy: Path, *args: str) -> dict[str, Any]:
    done = run("explain", *args, "--permissions", str(policy), "--json", cwd=policy.parent)
    assert (done.returncode, done.stderr) == (0, "")
    row: dict[str, Any] = json.loads(done.stdout)
    assert list(row) == KEYS
    return row


def test_the_rule_is_named_with_file_and_line(policy: Path) -> None:
    row = explained(
        policy, "ha_call_service", "domain=lock", "service=unlock", "entity_id=lock.front"
    )
    assert row == {
        "decision": "deny",
        "rule": "house.yaml:8",
        "file": str(policy),
        "line": 8,
        "gets": None,
        "doubts": [],
        "approvers": 1,
        "code": False,
        "clock": None,
        "reasons": [
            (
                "house.yaml:5 (ask): its pattern does not match "
                "ha_call_service(lock.unlock, lock.front)"
            ),
            "house.yaml:10 (allow): is about other tools than ha_call_service",
            "house.yaml:2 (allow): is about other tools than ha_call_service",
        ],
    }


def test_values_are_json_as_for_call(policy: Path) -> None:
    garden = ("pay", "--agent", "garden")
    assert explained(policy, *garden, "amount=12.5")["decision"] == "allow"
    assert explained(policy, *garden, 'amount="12.5"')["decision"] == "ask"
    assert explained(policy, *garden, "--args", '{"amount": 3}')["line"] == 10


def test_the_agent_matters(policy: Path) -> None:
    row = explained(policy, "pay", "amount=1")
    assert (row["decision"], row["rule"], row["file"], row["line"]) == (
        "ask",
        "built-in",
        None,
        None,
    )
    assert "house.yaml:10 (allow): is about other agents than agent" in row["reasons"]


def test_a_person_reads_it_in_lines(policy: Path) -> None:
    done = run("explain", "ha_get_states", "--permissions", str(policy))
    assert done.returncode == 0
    first, *others = done.stdout.splitlines()
    assert first == f"allow  {policy}:2"
    assert len(others) == 3
    light = ("domain=light", "service=turn_on", "entity_id=light.hall")
    asked = run("explain", "ha_call_service", *light, "--permissions", str(policy))
    assert asked.stdout.startswith(f"ask  {policy}:5: Lights are asked about\n")
    assert run("explain", "f", "--permissions", str(policy)).stdout.startswith(
        "ask  no rule matches"
    )


def test_the_configuration_says_what_tools_do_and_which_agents_there_are(tmp_path: Path) -> None:
    reads = {"rules": [{"effects": "read", "agents": "agent", "action": "allow"}]}
    write_files(tmp_path, reads)
    done = run("explain", "list_lights", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("allow  permissions.yaml:2")
    assert run("explain", "set_light", cwd=tmp_path).stdout.startswith("ask  no rule matches")
    as_read = run("explain", "set_light", "--effects", "read", cwd=tmp_path)
    assert as_read.stdout.startswith("allow ")


def test_what_is_accepted_of_mcp_servers_is_known(tmp_path: Path) -> None:
    reads = {"rules": [{"effects": "read", "action": "allow"}]}
    git = {"command": ["never-started"], "effects": {"git_log": "read"}}
    write_files(tmp_path, reads, tools={"mcp": {"git": git}})
    seen = [definition_of(b'{"name":"%b","inputSchema":{}}' % name) for name in (b"git_log", b"rm")]
    PinsFile.beside(tmp_path / "gate.db").saw({"git": seen}, ("git",), "2026-11-20T10:00:00.000Z")
    log, other = (run("explain", f"git.{name}", cwd=tmp_path) for name in ("git_log", "rm"))
    assert (log.stdout.split()[0], log.stderr) == ("allow", "")
    assert (other.stdout.split()[0], other.stderr) == ("ask", "")


def test_a_tool_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = run("explain", "set_lihgt", "room=hall", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == (
        "warning: this gateway has no tool set_lihgt; did you mean 'set_light'?\n"
    )


@pytest.mark.parametrize("also", [[], ["--config", "config.yaml"]])
def test_a_policy_that_cannot_be_used_is_named(tmp_path: Path, also: list[str]) -> None:
    if also:
        write_files(tmp_path)
    (tmp_path / "broken.yaml").write_text("rules:\n  - {tool: x, action: permit}\n")
    done = run("explain", "x", "--permissions", "broken.yaml", *also, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: broken.yaml:2: rules[0].action: 'permit' is not one of")


def test_without_any_file_it_says_what_to_do(tmp_path: Path) -> None:
    done = run("explain", "x", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is no config.yaml here: name one with --config")


TYPED = """
from dataclasses import dataclass
from uuid import UUID

from agentgate_server import tool


@dataclass
class Options:
    where: str = "prod"


@tool
def deploy(opts: Options, ident: UUID) -> str:
    return opts.where
"""


def test_what_the_tool_gets_decides_and_is_shown(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED)
    denied = {"rules": [{"tool": "deploy", "args": {"opts.where": "prod"}, "action": "deny"}]}
    write_files(tmp_path, denied, tools={"python": ["typed.py"]})
    ident = "12345678123412341234123456789ABC"
    done = run("explain", "deploy", f"ident={ident}", "opts={}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "deny  permissions.yaml:2",
        '  the tool gets deploy(12345678-1234-1234-1234-123456789abc, {"where":"prod"})',
    ]
    refused = run("explain", "deploy", "ident=5", "opts={}", "--json", cwd=tmp_path)
    assert refused.stderr == (
        "warning: the gateway refuses these arguments before it asks the policy: argument 'ident': "
        "expected uuid, got int\n"
    )
    assert json.loads(refused.stdout)["gets"] is None


def test_what_a_request_has_under_a_secrets_name_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(
        "from agentgate_server import tool\n\n\n"
        "@tool\n"
        "def arm(code: int, zone: str = 'house') -> str:\n"
        '    """Arm the alarm."""\n'
        "    return zone\n"
    )
    denied = {
        "rules": [
            {"pattern": "arm(1, *)", "action": "deny"},
            {"tool": "arm", "action": "allow"},
        ]
    }
    write_files(tmp_path, denied, tools={"python": ["tools.py"]})
    done = run("explain", "arm", "code=73519", "--json", cwd=tmp_path)
    row = json.loads(done.stdout)
    assert row["gets"] == "arm(•••, house)"
    assert "its pattern does not match arm(•••)" in row["reasons"][0]
    assert "73519" not in run("explain", "arm", "code=73519", cwd=tmp_path).stdout


def test_a_doubt_is_told_and_what_is_demanded_and_by_which_time(tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "rules:\n"
        '  - {pattern: "ha_call_service(lock.*)", action: ask, approval: {approvers: 2},\n'
        '     hours: {between: "00:00-24:00", tz: Asia/Tokyo}}\n'
        "  - {tool: ha_call_service, action: ask, approval: {code: true}}\n"
    )
    words = ("ha_call_service", "domain=script", "service=open_up")
    row = explained(policy, *words)
    assert row["doubts"] == ["what script.open_up reaches is not known"]
    assert (row["approvers"], row["code"]) == (2, True)
    assert row["clock"].endswith(" in Asia/Tokyo")
    shown = run("explain", *words, "--permissions", str(policy), cwd=tmp_path).stdout
    assert "  because what script.open_up reaches is not known\n" in shown
    place = "p.yaml:2, and for the code p.yaml:4"
    assert f"  takes 2 people, each with a one-time code ({place})\n" in shown
    assert f"  its hours were judged at {row['clock'][:4]}" in shown


def test_the_gateway_that_runs_explains_it_by_itself(gateway: Served) -> None:
    asked = ("explain", "unlock_door", "door=back", "--url", gateway.url, "--token")
    done = run(*asked, OWNER_TOKEN)
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert first.startswith("deny  permissions.yaml:")
    assert first.endswith(": The back door stays shut  (for agent)")
    assert any("(allow): door is not what it asks for" in line for line in others)
    row = json.loads(run(*asked, OPERATOR_TOKEN, "--json", "--agent", "garden").stdout)
    assert (row["decision"], row["agent"]) == ("deny", "garden")
    refused = run(*asked, AGENT_TOKEN)
    assert refused.returncode != 0
    assert "explain_request is not for the role agent" in refused.stderr
