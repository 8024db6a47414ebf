"""``agent-gate chat`` with a prompt: pipes, exit codes, what goes where."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.rehearsed import EVIL, LONG, MARKDOWN, agent_of
from tests.cli.support import (
    AGENT_GATE,
    AGENT_TOKEN,
    BOUND_S,
    OPERATOR_TOKEN,
    Served,
    ended,
    environment,
    run,
    started,
    write_files,
)

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]")
"""What steers a terminal: everything that does not print but tabs and new lines."""


def chatted(gateway: Served, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return run("chat", *args, **agent_of(gateway), **more)


def events_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_answer_is_the_output_and_all_of_it(stage: Served) -> None:
    done = chatted(stage, "markdown")
    assert (done.returncode, done.stdout, done.stderr) == (0, MARKDOWN, "")
    done = chatted(stage, "long")
    assert (done.returncode, done.stdout) == (0, LONG + "\n")


@pytest.mark.parametrize("args", [(), ("-",)])
def test_the_prompt_may_come_from_standard_input(stage: Served, args: tuple[str, ...]) -> None:
    done = chatted(stage, *args, stdin="repeat\nthis")
    assert done.returncode == 0
    assert done.stdout.startswith("You said: repeat\nthis\n")


def test_as_json_each_event_is_a_line_and_the_last_is_the_end(stage: Served) -> None:
    done = chatted(stage, "--json", "evil")
    assert (done.returncode, done.stderr) == (0, "")
    events = events_of(done)
    assert [row["kind"] for row in events[:3]] == ["message", "run_started", "model_started"]
    assert (events[-1]["kind"], events[-1]["data"]["status"]) == ("run_ended", "completed")
    said = "".join(row["data"]["text"] for row in events if row["kind"] == "text")
    assert said == EVIL
    assert len({row["session"] for row in events}) == 1
    assert [row["offset"] for row in events] == sorted({row["offset"] for row in events})


def test_nothing_that_a_model_says_steers_a_terminal_not_even_later(stage: Served) -> None:
    for done in (chatted(stage, "evil"), chatted(stage, "fatal"), chatted(stage, "nope\x1b[2J")):
        assert STEERING.search(done.stdout + done.stderr) is None
    assert "before \\u001b[31mred\\u001b[0m \\u001b]0;title\\u0007" in chatted(stage, "evil").stdout


def test_an_attempt_that_failed_leaves_nothing_in_the_output(stage: Served) -> None:
    done = chatted(stage, "break once, into a pipe")
    assert (done.returncode, done.stdout) == (0, "alpha beta gamma delta\n")
    assert "the model's answer broke off, what it said is withdrawn: too busy" in done.stderr


@pytest.mark.parametrize(
    ("prompt", "code", "out", "err"),
    [
        ("cut", 5, "alpha beta\n", "the model's answer broke off"),
        ("fatal", 5, "", "the model could not be asked: wrong\\u001b[2J key"),
    ],
)
def test_the_exit_code_says_whether_there_is_a_whole_answer(
    stage: Served, prompt: str, code: int, out: str, err: str
) -> None:
    done = chatted(stage, prompt)
    assert (done.returncode, done.stdout) == (code, out)
    assert err in done.stderr


def test_a_spent_budget_ends_with_1_and_says_which(stage: Served) -> None:
    done = chatted(stage, "--model", "dear", stdin="word " * 30_000)
    assert (done.returncode, done.stdout) == (1, "")
    assert "over budget" in done.stderr
    assert "daily" in done.stderr


def test_a_limit_of_tokens_leaves_no_whole_answer(stage: Served) -> None:
    done = chatted(stage, "--model", "brief", "count to 5000")
    assert done.returncode == 5
    assert done.stdout.startswith("1, 2, 3, 4")
    assert "reached its limit of tokens" in done.stderr


def test_tool_calls_are_told_beside_the_answer(stage: Served) -> None:
    done = chatted(stage, 'call get_temperature {"room": "kitchen"}')
    assert (done.returncode, done.stdout) == (0, "get_temperature answered: 21.0\n")
    assert '→ get_temperature {"room":"kitchen"}' in done.stderr
    assert "← get_temperature: executed 21.0" in done.stderr


def test_who_may_not_answer_is_told_who_did(stage: Served) -> None:
    chat = started("chat", "light", **agent_of(stage))
    assert chat.stderr is not None
    lines = [chat.stderr.readline() for _ in range(3)]
    assert lines[1].startswith("waiting for a person: set_light(100, true, bedroom)")
    (rid,) = stage.waiting_ids()
    assert f"agent-gate approvals approve {rid}" in lines[2]
    stage.decide(rid, "approve")
    code, out, err = ended(chat)
    assert (code, out) == (0, "The light is on.\n")
    assert "answered by watcher (http)" in err
    assert "← set_light: executed" in err


def test_a_denial_reaches_the_model_and_the_run_goes_on(stage: Served) -> None:
    chat = started("chat", "light", **agent_of(stage))
    assert chat.stderr is not None
    for _ in range(3):
        chat.stderr.readline()
    stage.decide(stage.waiting_ids()[0], "deny")
    code, out, err = ended(chat)
    assert (code, out) == (0, "No light: Denied by user\n")
    assert "← set_light: denied" in err


def test_ctrl_c_cancels_the_run_and_says_so(stage: Served) -> None:
    chat = started("chat", "--json", "slowly", **agent_of(stage))
    assert chat.stdout is not None
    while '"kind":"text"' not in (line := chat.stdout.readline()):
        assert line
    chat.send_signal(signal.SIGINT)
    code, out, err = ended(chat)
    assert code == 130
    last = json.loads(out.splitlines()[-1])
    assert (last["kind"], last["data"]["status"]) == ("run_ended", "cancelled")
    assert "Traceback" not in err


def test_sigterm_leaves_and_the_run_goes_on(stage: Served) -> None:
    chat = started("chat", "--json", "light", **agent_of(stage))
    assert chat.stdout is not None
    while '"kind":"approval"' not in (line := chat.stdout.readline()):
        assert line
    chat.terminate()
    assert ended(chat)[0] == 130
    session = json.loads(line)["session"]
    done = run("sessions", "list", "--json", **agent_of(stage))
    rows = {row["id"]: row for row in json.loads(done.stdout)["sessions"]}
    assert rows[session]["run"]


def test_a_session_is_gone_on_with_by_its_id_or_as_the_newest(stage: Served) -> None:
    first = events_of(chatted(stage, "--json", "my name is Ann"))[0]["session"]
    chatted(stage, "something else")
    done = chatted(stage, "--session", first, "What was my previous question?")
    assert '"my name is Ann"' in done.stdout
    done = chatted(stage, "--continue", "What was my previous question?")
    assert '"something else"' in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("--session", "nope", "hi"), 4, "session not found; see 'agent-gate sessions list'"),
        (("--model", "nope", "hi"), 4, "there is no model 'nope'"),
        (("--workspace", "/etc", "hi"), 4, "workspace"),
        (("",), 4, "the prompt is empty"),
        (("--continue", "--session", "x", "hi"), 4, "--continue is the newest"),
        (("--token", "wrong-token-0123456789", "hi"), 3, "AGENT_GATE_TOKEN"),
        (("--url", "ws://127.0.0.1:1", "hi"), 3, "Error: "),
        (("--url", "nonsense", "hi"), 4, "bad gateway URL"),
        (("--token", OPERATOR_TOKEN, "hi"), 3, "Error: "),
    ],
)
def test_a_mistake_is_one_line_and_a_code(
    stage: Served, args: tuple[str, ...], code: int, text: str
) -> None:
    done = chatted(stage, *args)
    assert text.lower() in done.stderr.lower()
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr


def test_without_a_token_a_gateway_is_not_asked(stage: Served) -> None:
    done = run("chat", "hi", AGENT_GATE_URL=stage.url)
    assert done.returncode == 4
    assert "no token: set AGENT_GATE_TOKEN" in done.stderr


def test_without_a_url_it_needs_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    done = run("chat", "What is 17 * 3?", cwd=tmp_path, TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "17 * 3 = 51.\n", "")
    assert list(tmp_path.iterdir()) == []


def test_with_a_configuration_it_runs_on_that_and_keeps_the_conversation(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = run("chat", "call list_lights", cwd=tmp_path)
    assert done.returncode == 0
    assert "← list_lights: executed" in done.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    args = ("--config", str(tmp_path / "config.yaml"), "--continue")
    done = run("chat", *args, "What was my previous question?", cwd=elsewhere)
    assert 'Your previous message was: "call list_lights"' in done.stdout


def test_a_workspace_of_a_gateway_in_this_process_is_named_from_where_one_is(
    tmp_path: Path,
) -> None:
    write_files(tmp_path, sessions={"workspace_roots": ["."]})
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "memory.md").write_text("Tea at five.")
    done = run("chat", "--workspace", "project", "tell the memory", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "Tea at five.")


def test_without_a_terminal_nobody_is_asked_in_this_process_and_ctrl_c_ends_it(
    tmp_path: Path,
) -> None:
    write_files(tmp_path)
    chat = started("chat", 'call set_light {"room": "bedroom", "on": true}', cwd=tmp_path)
    assert chat.stderr is not None
    while "only the configuration's messenger" not in (line := chat.stderr.readline()):
        assert line
    chat.send_signal(signal.SIGINT)
    code, out, err = ended(chat)
    assert (code, out) == (130, "")
    assert "← set_light: cancelled" in err


def test_a_configuration_that_a_gateway_serves_is_not_served_twice(stage: Served) -> None:
    done = run("chat", "hi", cwd=stage.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "locked by another gateway process" in done.stderr
    assert "or talk to it, with --gateway-url" in done.stderr
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_a_configuration_with_a_mistake_says_where(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("gatewy: {}\n")
    done = run("chat", "hi", cwd=tmp_path)
    assert done.returncode == 1
    assert "config.yaml:1" in done.stderr


def test_a_url_and_a_configuration_do_not_go_together(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = run("chat", "--url", "ws://127.0.0.1:1", "--config", "config.yaml", "hi", cwd=tmp_path)
    assert done.returncode == 4
    done = run(
        *("chat", "--config", "config.yaml", "hi"),
        cwd=tmp_path,
        AGENT_GATE_URL="ws://127.0.0.1:1",
        AGENT_GATE_TOKEN=AGENT_TOKEN,
    )
    assert done.returncode == 0, done.stderr


def test_a_line_of_a_hundred_thousand_of_characters_comes_whole(stage: Served) -> None:
    done = chatted(stage, "one line")
    assert done.returncode == 0
    assert done.stdout == "x" * 150_000 + " end\n"


def test_what_is_no_utf_8_is_said_with_marks(stage: Served) -> None:
    done = subprocess.run(
        [AGENT_GATE, "chat"],
        check=False,
        env=environment(agent_of(stage)),
        input=b"a\xffb",
        capture_output=True,
        timeout=BOUND_S,
    )
    assert done.returncode == 0
    assert "You said: a\ufffdb" in done.stdout.decode()


def test_a_second_message_meanwhile_is_refused(stage: Served) -> None:
    chat = started("chat", "--json", "light", **agent_of(stage))
    assert chat.stdout is not None
    while '"kind":"approval"' not in (line := chat.stdout.readline()):
        assert line
    done = chatted(stage, "--session", json.loads(line)["session"], "hello?")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    stage.decide(stage.waiting_ids()[0], "deny")
    assert ended(chat)[0] == 0


@pytest.mark.parametrize("args", [("--json", "long"), ("long",)])
def test_whoever_reads_no_more_ends_it_without_a_word(stage: Served, args: tuple[str, ...]) -> None:
    process = started("chat", *args, **agent_of(stage))
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(BOUND_S) == 1
    assert process.stderr.read() == ""


@pytest.mark.parametrize("way", ["option", "variable"])
def test_the_gateway_may_be_named_by_the_url_of_its_pages(stage: Served, way: str) -> None:
    url = stage.url.replace("ws://", "http://")
    agent = agent_of(stage)
    if way == "option":
        del agent["AGENT_GATE_URL"]
        done = run("chat", "--gateway-url", url, "markdown", **agent)
    else:
        done = run("chat", "markdown", **{**agent, "AGENT_GATE_URL": url})
    assert (done.returncode, done.stdout) == (0, MARKDOWN)
