"""``agent-gate call``: exit codes, results, and what is said meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from tests.cli.support import (
    AGENT_GATE,
    AGENT_TOKEN,
    BOUND_S,
    Served,
    at_terminal,
    ended,
    environment,
    run,
    write_files,
)
from tests.held_ports import held_port

from agentgate_cli.arguments import read_args
from agentgate_cli.call import failure_row
from agentgate_cli.exits import Exit
from agentgate_cli.main import run as run_here
from agentgate_cli.remote import exit_of
from agentgate_client import AgentGateError, ErrorCode

ASKED = ("set_light", "room=bedroom", "on=true")


def answer(gateway: Served, decision: str) -> None:
    """Answer the one approval that waits."""
    (rid,) = gateway.waiting_ids()
    gateway.decide(rid, decision)


def test_an_allowed_call_prints_its_result_as_json_and_nothing_else(gateway: Served) -> None:
    done = gateway.as_agent("call", "get_temperature", "room=kitchen")
    assert (done.returncode, done.stdout, done.stderr) == (0, "21.0\n", "")


def test_an_approved_call_says_that_it_waits_and_then_prints_its_result(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=kitchen", "on=true", "brightness=30")
    answer(gateway, "approve")
    code, out, _ = ended(call)
    assert code == 0
    assert json.loads(out) == {"room": "kitchen", "on": True, "brightness": 30}


def test_the_rule_and_the_deadline_of_a_waiting_call_are_told(gateway: Served) -> None:
    done = gateway.as_agent("call", *ASKED, "--timeout", "0.1")
    waiting = done.stderr.splitlines()[0]
    assert waiting.startswith("waiting for a person (rule: Lights are asked about, until ")


def test_a_call_that_a_person_denies_exits_with_1(gateway: Served) -> None:
    call = gateway.calling(*ASKED)
    answer(gateway, "deny")
    assert ended(call) == (1, "", "Error: Denied by user\n")


def test_a_call_that_policy_denies_exits_with_1_and_the_rule_s_words(gateway: Served) -> None:
    done = gateway.as_agent("call", "unlock_door", "door=back")
    assert done.returncode == 1
    assert done.stderr == "Error: Denied by policy: The back door stays shut\n"


def test_a_call_that_nobody_answers_in_time_exits_with_2_and_is_withdrawn(gateway: Served) -> None:
    done = gateway.as_agent("call", *ASKED, "--timeout", "0.2")
    assert done.returncode == 2
    assert done.stderr.endswith("Error: no answer in 0.2 s: it was withdrawn and did not run\n")
    assert gateway.waiting_ids() == []


def test_an_approval_that_expires_exits_with_2(tmp_path: Path) -> None:
    write_files(tmp_path, approval_timeout=0.2)
    served = Served(tmp_path)
    served.start()
    done = served.as_agent("call", *ASKED)
    served.stop()
    assert done.returncode == 2
    assert done.stderr.endswith("Error: Approval timed out\n")


def test_no_gateway_exits_with_3_at_once_and_says_what_to_look_at() -> None:
    with held_port() as port:
        done = run("call", "x", "--url", f"ws://127.0.0.1:{port}", AGENT_GATE_TOKEN="some-token")
    assert done.returncode == 3
    assert done.stderr.startswith(f"Error: cannot reach gateway ws://127.0.0.1:{port}/: nothing")
    assert "is the gateway running?" in done.stderr


def test_a_wrong_token_exits_with_3_and_says_where_tokens_come_from(gateway: Served) -> None:
    done = run("call", "x", "--url", gateway.url, "--token", "not-the-token")
    assert done.returncode == 3
    assert done.stderr.startswith("Error: Invalid token: the gateway does not know it")
    assert "AGENT_GATE_TOKEN" in done.stderr


def test_a_token_of_the_wrong_role_exits_with_3(gateway: Served) -> None:
    done = gateway.as_owner("call", "get_temperature", "room=kitchen")
    assert done.returncode == 3
    assert "tool_request is not for the role approver" in done.stderr


def test_arguments_that_do_not_fit_exit_with_4_before_anybody_is_asked(gateway: Served) -> None:
    done = gateway.as_agent("call", "set_light", "room=attic", "on=1")
    assert done.returncode == 4
    assert "'attic'" in done.stderr
    assert "argument 'on': expected bool" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("call",), "Missing argument 'TOOL'"),
        (("call", "x", "oops"), "'oops' is no argument: write KEY=VALUE"),
        (("call", "x", "=5"), "'=5' is no argument: write KEY=VALUE"),
        (("call", "x", "a=1", "a=2"), "'a' is given twice"),
        (("call", "x", "--args", "[1]"), "--args needs a JSON object"),
        (("call", "x", "--args", "{"), "--args needs a JSON object"),
        (("call", "x", "--timeout", "0"), "Invalid value for '--timeout'"),
        (("call", "x", "--timeout", "inf"), "--timeout"),
        (("call", "x" * 300), "tool must have 1 to 256 characters"),
        (("call", "x", "--url", "127.0.0.1:8443"), "bad gateway URL"),
        (("call", "x", "--url", "ftp://h"), "begin with wss://"),
        (("call", "x", "--ca-file", "no.pem", "--url", "wss://h"), "ca_file: cannot use no.pem"),
    ],
)
def test_a_wrong_command_line_exits_with_4(
    gateway: Served,
    args: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGENT_GATE_TOKEN", AGENT_TOKEN)
    monkeypatch.setenv("AGENT_GATE_URL", gateway.url)
    assert run_here(list(args)) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Usage: agent-gate call [OPTIONS] TOOL [KEY=VALUE]...")
    assert said in shown.err


def test_without_a_token_it_says_how_to_give_one(tmp_path: Path) -> None:
    done = run("call", "x", cwd=tmp_path)
    assert done.returncode == 4
    assert "no token: set AGENT_GATE_TOKEN, or give --token; in the folder of" in done.stderr
    assert "AGENT_TOKEN (to ask) and APPROVER_TOKEN (to answer) into .env" in done.stderr


@pytest.mark.parametrize("command", [("call", "x"), ("approvals", "list")])
def test_a_token_goes_to_another_machine_in_clear_text_only_if_that_is_meant(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AGENT_GATE_INSECURE", raising=False)
    with held_port() as port:
        # There is such a machine for nobody, and this proxy leads to none: it goes no further.
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        there = (*command, "--url", "ws://gate.example", "--token", "a-secret-token")
        assert run_here([*there]) == Exit.USAGE
        said = capsys.readouterr().err
        assert "in clear text: write wss://, or, " in said
        assert "--insecure" in said
        assert "a-secret-token" not in said
        assert run_here([*there, "--insecure"]) == Exit.UNREACHABLE
    said = capsys.readouterr().err
    assert "in clear text" not in said
    assert f"127.0.0.1:{port}" in said


def test_a_tool_that_fails_exits_with_5_and_its_own_words(gateway: Served) -> None:
    done = gateway.as_agent("call", "unlock_door", "door=garage")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == "Error: RuntimeError: the battery of the garage lock is empty\n"


def test_an_unknown_tool_exits_with_5(gateway: Served) -> None:
    done = gateway.as_agent("call", "get_temprature", "room=kitchen")
    assert done.returncode == 5
    assert "there is no tool 'get_temprature'; did you mean 'get_temperature'?" in done.stderr


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (ErrorCode.DENIED_BY_PERSON, 1),
        (ErrorCode.DENIED_BY_POLICY, 1),
        (ErrorCode.ALREADY_SETTLED, 1),
        (ErrorCode.APPROVAL_EXPIRED, 2),
        (ErrorCode.CANCELLED, 2),
        (ErrorCode.CONNECTION_LOST, 3),
        (ErrorCode.AUTHENTICATION, 3),
        (ErrorCode.LIMIT_EXCEEDED, 3),
        (ErrorCode.INTERNAL_ERROR, 3),
        (ErrorCode.FORBIDDEN, 3),
        (ErrorCode.INVALID_PARAMS, 4),
        (ErrorCode.NOT_FOUND, 4),
        (ErrorCode.TOOL_FAILED, 5),
        (ErrorCode.OUTCOME_UNKNOWN, 5),
        (-31999, 3),
    ],
)
def test_every_error_code_has_its_exit_code(code: int, exit_code: int) -> None:
    assert exit_of(code) == exit_code


def test_with_json_status_and_error_are_on_standard_output(gateway: Served) -> None:
    done = gateway.as_agent("call", "get_temperature", "room=kitchen", "--json")
    assert json.loads(done.stdout) == {"status": "executed", "data": 21.0}
    denied = gateway.as_agent("call", "unlock_door", "door=back", "--json")
    assert denied.returncode == 1
    assert json.loads(denied.stdout) == {
        "status": "denied",
        "error": {"code": -32003, "message": "Denied by policy: The back door stays shut"},
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.OUTCOME_UNKNOWN, "unknown"),
        (ErrorCode.CANCELLED, "cancelled"),
        (ErrorCode.APPROVAL_EXPIRED, "expired"),
        (ErrorCode.DENIED_BY_PERSON, "denied"),
        (ErrorCode.LIMIT_EXCEEDED, "failed"),
    ],
)
def test_the_status_of_a_failure_says_what_kind_it_is(code: int, status: str) -> None:
    error = AgentGateError(code, "words", {"retry_after_s": 2})
    row = failure_row(error)
    assert row["status"] == status
    assert row["error"] == {"code": code, "message": "words", "data": {"retry_after_s": 2}}


@pytest.mark.parametrize(
    ("pairs", "args"),
    [
        (("on=true", "n=1.5", "nothing=null"), {"on": True, "n": 1.5, "nothing": None}),
        (("door=front", "empty=", "eq=a=b"), {"door": "front", "empty": "", "eq": "a=b"}),
        (('code="007"', "bare=007", "list=[1, 2]"), {"code": "007", "bare": "007", "list": [1, 2]}),
        (("broken=[1", "nan=NaN", "big=1e999"), {"broken": "[1", "nan": "NaN", "big": "1e999"}),
    ],
)
def test_values_are_json_or_else_texts(pairs: tuple[str, ...], args: dict[str, Any]) -> None:
    assert read_args(None, pairs) == args


def test_pairs_win_over_the_object(gateway: Served) -> None:
    assert read_args('{"a": 1, "b": 2}', ("b=3",)) == {"a": 1, "b": 3}
    done = gateway.as_agent("call", "get_temperature", "--args", "-", stdin='{"room": "bedroom"}')
    assert done.stdout == "18.5\n"
    marked = '\ufeff{"room": "bedroom"}'  # as editors of Windows write it
    done = gateway.as_agent("call", "get_temperature", "--args", "-", stdin=marked)
    assert done.stdout == "18.5\n"
    with pytest.raises(click.UsageError):
        read_args("null", ())


def test_the_same_idempotency_key_runs_nothing_twice(gateway: Served) -> None:
    before = gateway.starts("set_light")
    args = ("room=living_room", "on=true", "brightness=77", "--idempotency-key", "evening")
    call = gateway.calling("set_light", *args)
    answer(gateway, "approve")
    first = ended(call)
    again = gateway.as_agent("call", "set_light", *args)
    assert first[0] == again.returncode == 0
    assert again.stdout == first[1]
    assert gateway.starts("set_light") == before + 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_withdraws_the_request_and_says_so(gateway: Served, number: signal.Signals) -> None:
    call = gateway.calling(*ASKED, "brightness=11")
    call.send_signal(number)
    code, out, err = ended(call)
    assert (code, out) == (Exit.INTERRUPTED, "")
    assert err == "withdrawn; it did not run\n"
    assert gateway.waiting_ids() == []


def test_ctrl_c_without_a_gateway_says_that_the_request_may_still_wait(mortal: Served) -> None:
    call = mortal.calling(*ASKED)
    assert call.stderr is not None
    mortal.kill()
    assert "trying again" in call.stderr.readline()
    call.send_signal(signal.SIGINT)
    code, _, err = ended(call)
    assert code == Exit.INTERRUPTED
    assert "the gateway can't be reached" in err


def test_a_call_waits_through_a_kill_and_a_restart_of_the_gateway(mortal: Served) -> None:
    call = mortal.calling(*ASKED)
    assert call.stderr is not None
    mortal.kill()
    assert "trying again" in call.stderr.readline()
    mortal.start()
    answer(mortal, "approve")
    code, out, err = ended(call)
    assert code == 0
    assert json.loads(out)["room"] == "bedroom"
    assert "connected again" in err
    assert mortal.starts("set_light") == 1


def test_retries_wait_for_a_gateway_that_is_not_there_yet(tmp_path: Path) -> None:
    write_files(tmp_path)
    served = Served(tmp_path)
    with at_terminal(
        *("call", "get_temperature", "room=kitchen", "--retries", "20"),
        AGENT_GATE_URL=served.url,
        AGENT_GATE_TOKEN=AGENT_TOKEN,
    ) as call:
        call.see("trying again")
        served.start()
        call.see("21.0")
        assert call.end() == 0
    served.stop()


def test_on_a_terminal_results_are_laid_out_and_cannot_steer_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from agentgate_server import tool\n\n"
        "@tool(effects='read')\n"
        "def evil() -> dict[str, str]:\n"
        '    """Return what should not reach a terminal."""\n'
        '    return {"a": "\\x1b[2J", "b": "\\u202e\\x9b31m"}\n\n'
        "@tool(effects='read')\n"
        "def fails() -> None:\n"
        '    """Fail with such a text."""\n'
        '    raise ValueError("\\x1b[2Jgone")\n'
    )
    allow = {"defaults": [{"pattern": "*", "action": "allow"}]}
    write_files(tmp_path, allow, tools={"python": ["mine.py"]})
    served = Served(tmp_path)
    served.start()
    variables = {"AGENT_GATE_URL": served.url, "AGENT_GATE_TOKEN": AGENT_TOKEN}
    with at_terminal("call", "evil", **variables) as call:
        assert call.end() == 0
    assert json.loads(call.shown) == {"a": "\x1b[2J", "b": "\u202e\x9b31m"}
    assert call.shown.startswith('{\r\n  "a": "\\u001b[2J"')
    assert not set(call.shown) & {"\x1b", "\u202e", "\x9b"}
    failed = run("call", "fails", **variables)
    assert "\\u001b[2Jgone" in failed.stderr
    served.stop()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("call", "get_temperature", "room=kitchen"), 5, "the tool ran, but its result can't be"),
        (("tools",), 1, "the output can't be written: No space left on device"),
    ],
)
def test_output_that_cannot_be_written_is_no_success_and_no_denial(
    gateway: Served, args: tuple[str, ...], code: int, said: str
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [AGENT_GATE, *args, "--url", gateway.url],
            check=False,
            env=environment({"AGENT_GATE_TOKEN": AGENT_TOKEN}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=BOUND_S,
        )
    assert done.returncode == code
    assert done.stderr.startswith(f"Error: {said}")
    assert len(done.stderr.splitlines()) == 1
