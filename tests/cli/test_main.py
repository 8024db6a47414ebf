"""The first word of a command line: what is completed, what is near, what other programs have."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.support import (
    AGENT_GATE,
    AGENT_TOKEN,
    BOUND_S,
    OWNER_TOKEN,
    Served,
    ended,
    environment,
    run,
    write_files,
)
from tests.held_ports import held_port

from agentgate_cli.main import COMMANDS
from agentgate_cli.text import short_id

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def completed(*words: str, **more: str) -> list[str]:
    """What bash is offered for the last of the words."""
    variables = {
        "_AGENT_GATE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["agent-gate", *words]),
        "COMP_CWORD": str(len(words)),
        **more,
    }
    done = subprocess.run(
        [AGENT_GATE], env=environment(variables), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_can_read(shell: str, tmp_path: Path) -> None:
    lines = [
        line for line in DOCS.read_text("utf-8").splitlines() if line.startswith(f"| {shell} ")
    ]
    assert len(lines) == 1
    assert f"_AGENT_GATE_COMPLETE={shell}_source agent-gate" in lines[0]
    variables = {"_AGENT_GATE_COMPLETE": f"{shell}_source"}
    done = subprocess.run(
        [AGENT_GATE], env=environment(variables), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_AGENT_GATE_COMPLETE={shell}_complete" in done.stdout
    if found := shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(done.stdout)
        subprocess.run([found, "-n", str(script)], check=True, timeout=BOUND_S)


@pytest.mark.parametrize(
    ("shell", "words", "offered"),
    [
        ("zsh", {"COMP_WORDS": "agent-gate appr", "COMP_CWORD": "1"}, "plain\napprovals\n"),
        ("fish", {"COMP_WORDS": "agent-gate appr", "COMP_CWORD": "appr"}, "plain,approvals\t"),
    ],
)
def test_other_shells_are_offered_commands_with_what_they_do(
    shell: str, words: dict[str, str], offered: str
) -> None:
    variables = {"_AGENT_GATE_COMPLETE": f"{shell}_complete", **words}
    done = subprocess.run(
        [AGENT_GATE], env=environment(variables), capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(offered)
    assert "See and answer what waits" in done.stdout


def test_the_first_word_is_completed_to_a_command() -> None:
    assert completed("appr") == ["approvals"]
    assert completed("") == list(COMMANDS)
    assert completed("approvals", "de") == ["deny"]


def test_an_option_without_a_command_is_completed_to_those_of_serve() -> None:
    assert completed("--ver") == ["--version"]
    assert "--config" in completed("--")
    assert completed("--help") == ["--help"]
    assert completed("--port", "8443", "--insec") == ["--insecure"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["serv"], "there is no command 'serv'; did you mean 'serve'?"),
        (["aprovals", "list"], "did you mean 'approvals'?"),
        (["approvals", "aprove"], "'approve'"),
        (["mcp", "setpu"], "did you mean 'setup'?"),
        (["mcp", "zzz"], "there is no command 'zzz'; see 'agent-gate mcp --help'"),
        (["zz\x1b[2J"], "there is no command 'zz\\u001b[2J'"),
        (["help", "serv"], "did you mean 'serve'?"),
    ],
)
def test_a_word_that_is_none_is_told_with_what_is_near(args: list[str], words: str) -> None:
    done = run(*args)
    assert done.returncode == 4
    assert words in done.stderr
    assert "\x1b" not in done.stderr


def test_help_and_version_are_words_too() -> None:
    assert run("help").stdout == run("--help").stdout
    assert run("help", "call").stdout == run("call", "-h").stdout
    assert run("help", "approvals", "deny").stdout == run("approvals", "deny", "--help").stdout
    assert run("version").stdout == run("-V").stdout == run("--version").stdout != ""


@pytest.mark.parametrize(
    "command",
    [
        ("approvals", "approve"),
        ("approvals", "deny"),
        ("approvals", "show"),
        ("grants", "revoke"),
        ("sessions", "show"),
        ("sessions", "cancel"),
        ("inspect",),
    ],
)
def test_commands_that_take_ids_have_the_short_option_for_help(command: tuple[str, ...]) -> None:
    done = run(*command, "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run(*command, "--help").stdout
    assert "  --help" in done.stdout


def test_where_no_gateway_answers_nothing_is_offered_and_nothing_said() -> None:
    with held_port() as port:
        where = {"AGENT_GATE_URL": f"ws://127.0.0.1:{port}", "AGENT_GATE_TOKEN": "x" * 20}
        assert completed("call", "", **where) == []
        assert completed("approvals", "approve", "", **where) == []
    assert completed("call", "", AGENT_GATE_TOKEN="") == []
    assert completed("grants", "revoke", "", **{**where, "AGENT_GATE_URL": "http://["}) == []


def test_tools_and_what_waits_are_offered_by_the_gateway(tmp_path: Path) -> None:
    served = Served(tmp_path)
    write_files(tmp_path)
    served.start()
    agent = {"AGENT_GATE_URL": served.url, "AGENT_GATE_TOKEN": AGENT_TOKEN}
    owner = {"AGENT_GATE_URL": served.url, "AGENT_GATE_TOKEN": OWNER_TOKEN}
    assert completed("call", "get_t", **agent) == ["get_temperature"]
    assert "set_light" in completed("call", "", **agent)
    assert completed("approvals", "approve", "", **owner) == []
    call = served.calling("set_light", "room=bedroom", "on=true")
    (rid,) = served.waiting_ids()
    end = short_id(rid)
    assert completed("approvals", "approve", "", **owner) == [end]
    assert completed("approvals", "deny", f"x{end}", **owner) == []
    assert completed("approvals", "approve", "", **agent) == []
    assert served.as_owner("approvals", "approve", end, "--for", "5m", "--yes").returncode == 0
    assert ended(call)[0] == 0
    (grant,) = completed("grants", "revoke", "", **owner)
    assert served.as_owner("grants", "revoke", grant).returncode == 0
    assert completed("grants", "revoke", "", **owner) == []
    served.stop()
