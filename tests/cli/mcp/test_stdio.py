"""``agent-gate mcp`` as a real process in front of a real gateway, which comes and goes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from tests.cli.mcp.piped import Piped
from tests.cli.support import (
    AGENT_GATE,
    AGENT_TOKEN,
    BOUND_S,
    Served,
    environment,
    run,
    write_files,
)

T = TypeVar("T")
TOKEN = {"progressToken": "t"}
LIGHT = {"room": "kitchen", "on": True}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway of the test's own, which it may kill."""
    write_files(tmp_path)
    gateway = Served(tmp_path)
    gateway.start()
    yield gateway
    gateway.kill()


def until(look: Callable[[], T]) -> T:
    """Wait until a look finds something."""
    end = time.monotonic() + BOUND_S
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def waiting(gateway: Served) -> str:
    """The one request that waits for a person."""
    (rid,) = until(gateway.waiting_ids)
    return rid


def text_of(result: dict[str, object]) -> str:
    """The first text of a result."""
    return str(result["content"][0]["text"])  # type: ignore[index]


def test_tools_are_listed_called_denied_and_wrongly_called(shared_gateway: Served) -> None:
    with Piped("--url", shared_gateway.url) as pipe:
        assert pipe.tools() == [
            "gate_result",
            "get_temperature",
            "list_lights",
            "set_light",
            "set_thermostat",
            "unlock_door",
        ]
        good = pipe.answer(pipe.call("get_temperature", room="kitchen"))
        assert (good["isError"], text_of(good)) == (False, "21.0")
        denied = pipe.answer(pipe.call("unlock_door", door="back"))
        assert denied["isError"]
        assert "The back door stays shut" in text_of(denied)
        wrong = pipe.answer(pipe.call("get_temperature", room="cellar"))
        assert wrong["isError"]
        assert "Unknown tool" in pipe.error(pipe.call("fly"))
        assert pipe.end() == (0, "")


def test_a_restart_of_the_gateway_in_the_midst_of_a_call_goes_unnoticed(served: Served) -> None:
    with Piped("--url", served.url) as pipe:
        call = pipe.call("set_light", TOKEN, **LIGHT)
        assert "Lights are asked about" in pipe.told("person")
        rid = waiting(served)
        served.kill()
        pipe.told("away")
        served.start()
        served.decide(rid, "approve")
        assert pipe.answer(call)["isError"] is False
        assert served.starts("set_light") == 1
        assert pipe.answer(pipe.call("get_temperature", room="kitchen"))["isError"] is False
        assert pipe.end()[0] == 0


def test_a_call_that_its_client_left_is_had_by_the_next_one(served: Served) -> None:
    with Piped("--url", served.url) as pipe:
        pipe.call("set_light", **LIGHT)
        rid = waiting(served)
        assert pipe.end()[0] == 0
    assert served.waiting_ids() == [rid], "the person is still asked"
    served.decide(rid, "approve")
    until(lambda: served.starts("set_light"))
    with Piped("--url", served.url) as pipe:
        result = pipe.answer(pipe.call("gate_result", request_id=rid))
        assert result.get("structuredContent"), result
        assert served.starts("set_light") == 1


def test_to_look_at_what_waits_asks_for_nothing(served: Served) -> None:
    with Piped("--url", served.url) as pipe, Piped("--url", served.url) as other:
        call = pipe.call("set_light", **LIGHT)
        rid = waiting(served)
        look = other.call("gate_result", request_id=rid, meta=TOKEN)
        other.told("waiting for a person")
        pipe.send(method="notifications/cancelled", params={"requestId": call})
        result = other.answer(look)
        assert result["isError"]
        assert "withdrawn" in text_of(result)
        assert not served.waiting_ids(), "a person is asked for who only looks"
    assert served.starts("set_light") == 0


def test_the_same_again_is_not_run_again_unless_that_is_said(served: Served) -> None:
    with Piped("--url", served.url) as pipe:
        call = pipe.call("set_light", **LIGHT)
        served.decide(waiting(served), "approve")
        assert pipe.answer(call)["isError"] is False
    with Piped("--url", served.url) as pipe:
        again = pipe.answer(pipe.call("set_light", **LIGHT))
        assert again["_meta"]["agentgate/joined"] is True
        assert "Nothing was run again" in again["content"][1]["text"]
        assert served.starts("set_light") == 1
        keyed = pipe.call("set_light", **LIGHT, idempotency_key="once more")
        served.decide(waiting(served), "approve")
        assert "_meta" not in pipe.answer(keyed)
        assert served.starts("set_light") == 2
        assert pipe.end() == (0, "")


def test_why_is_shown_and_what_people_made_of_it_is_told(served: Served) -> None:
    with Piped("--url", served.url) as pipe:
        call = pipe.call("set_light", **LIGHT, meta={"agentgate/why": "it is getting dark"})
        rid = waiting(served)
        shown = served.as_owner("approvals", "show", rid, "--json")
        assert json.loads(shown.stdout)["why"] == "it is getting dark"
        edit = ("--set", "brightness=30", "--word", "softer at night", "--yes")
        done = served.as_owner("approvals", "approve", rid, *edit)
        assert done.returncode == 0, done.stderr
        told = pipe.answer(call)["content"][1]["text"]
        assert "A person has changed the arguments before it ran" in told
        assert '"brightness":30' in told
        assert told.endswith("The person who was asked says: softer at night")


def test_a_cancelled_call_is_withdrawn(served: Served) -> None:
    with Piped("--url", served.url) as pipe:
        call = pipe.call("set_light", **LIGHT)
        waiting(served)
        pipe.send(method="notifications/cancelled", params={"requestId": call})
        until(lambda: not served.waiting_ids())
        assert pipe.answer(pipe.call("get_temperature", room="kitchen"))["isError"] is False
        assert pipe.end() == (0, "")
    assert served.starts("set_light") == 0


def test_a_cancellation_right_before_the_end_still_gets_through(served: Served) -> None:
    with Piped("--url", served.url) as pipe:
        call = pipe.call("set_light", **LIGHT)
        waiting(served)
        pipe.send(method="notifications/cancelled", params={"requestId": call})
        assert pipe.end()[0] == 0
    until(lambda: not served.waiting_ids())


def test_a_hold_ends_with_the_id_of_the_request(served: Served) -> None:
    with Piped("--url", served.url, "--hold", "0.5") as pipe:
        assert "set_light" in pipe.tools()
        pending = pipe.answer(pipe.call("set_light", **LIGHT))
        rid = waiting(served)
        assert pending["isError"]
        assert "structuredContent" not in pending
        assert pending["_meta"]["agentgate/request_id"] == rid
        again = pipe.answer(pipe.call("set_light", **LIGHT))
        assert again["_meta"]["agentgate/request_id"] == rid
        assert served.waiting_ids() == [rid]
        served.decide(rid, "approve")
        result = pipe.answer(pipe.call("gate_result", request_id=rid))
        assert result.get("structuredContent"), result
        assert served.starts("set_light") == 1
        odd = pipe.answer(pipe.call("gate_result", request_id="odd"))
        assert "Nothing was run" in text_of(odd)


def test_a_client_may_start_before_its_gateway(tmp_path: Path) -> None:
    write_files(tmp_path)
    gateway = Served(tmp_path)
    with Piped("--url", gateway.url) as pipe:
        assert "2026-07-28" in pipe.answer(pipe.request("server/discover"))["supportedVersions"]
        early_list = pipe.request("tools/list")
        early_call = pipe.call("get_temperature", room="kitchen")
        pipe.see_logged("nothing listens there")
        gateway.start()
        try:
            assert len(pipe.answer(early_list)["tools"]) == 6
            assert text_of(pipe.answer(early_call)) == "21.0"
        finally:
            gateway.kill()
        assert pipe.end()[0] == 0


@pytest.mark.parametrize(
    ("args", "token", "word"),
    [
        ((), "wrong-token-0123456789abcdef", "token"),
        ((), None, "AGENT_GATE_TOKEN"),
        (("--token-file", "/nowhere/gate.token"), None, "/nowhere/gate.token"),
        (("--ca-file", "/nowhere/ca.pem"), AGENT_TOKEN, "ca.pem"),
    ],
)
def test_what_keeps_the_gateway_from_taking_us_is_said_to_the_client(
    shared_gateway: Served, args: tuple[str, ...], token: str | None, word: str
) -> None:
    url = shared_gateway.url.replace("ws:", "wss:") if "--ca-file" in args else shared_gateway.url
    with Piped("--url", url, *args, token=token) as pipe:
        assert pipe.answer(pipe.request("server/discover"))["capabilities"]["tools"]
        error = pipe.error(pipe.request("tools/list"))
        assert word in error
        assert "agent-gate mcp setup" in error
        result = pipe.answer(pipe.call("get_temperature", room="kitchen"))
        assert word in text_of(result)
        code, logged = pipe.end()
        assert code == 0
        assert word in logged
        assert "Traceback" not in logged
        assert "wrong-token" not in logged + error


def test_a_token_in_a_file_counts_and_nobody_else_may_read_it(
    shared_gateway: Served, tmp_path: Path
) -> None:
    file = tmp_path / "gate.token"
    file.write_text(f"{AGENT_TOKEN}\n")
    file.chmod(0o600)
    args = ("--url", shared_gateway.url, "--token-file", str(file))
    with Piped(*args, token=None) as pipe:
        assert "set_light" in pipe.tools()
    file.chmod(0o644)
    with Piped(*args, token=None) as pipe:
        assert "chmod 600" in pipe.error(pipe.request("tools/list"))


def test_changes_of_the_list_are_told(served: Served) -> None:
    with Piped("--url", served.url) as pipe:
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c"}}
        pipe.send(id="i", method="initialize", params=params)
        pipe.next(lambda each: each.get("id") == "i")
        assert "unlock_door" in pipe.tools()
        served.kill()
        rules = {"rules": [{"tool": "unlock_door", "action": "deny"}]}
        write_files(served.folder, permissions=rules)
        served.start()
        pipe.next(lambda each: each.get("method") == "notifications/tools/list_changed")
        assert "unlock_door" not in pipe.tools()


@pytest.mark.parametrize("first", [b"", b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'])
def test_it_ends_when_its_client_does_within_a_second(shared_gateway: Served, first: bytes) -> None:
    with Piped("--url", shared_gateway.url) as pipe:
        if first:
            pipe.tools()
        began = time.monotonic()
        assert pipe.end()[0] == 0
        if first:
            assert time.monotonic() - began < 1.0


def test_it_ends_when_nobody_reads(shared_gateway: Served) -> None:
    with Piped("--url", shared_gateway.url) as pipe:
        pipe.tools()
    process = subprocess.Popen(
        [AGENT_GATE, "mcp", "--url", shared_gateway.url],
        env=environment({"AGENT_GATE_TOKEN": AGENT_TOKEN}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    process.stdin.flush()
    assert b'"id":1' in process.stdout.readline()
    process.stdout.close()
    process.stdin.write(b'{"jsonrpc":"2.0","id":2,"method":"ping"}\n')
    process.stdin.flush()
    assert process.wait(BOUND_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


def test_it_ends_at_a_signal_without_a_trace(shared_gateway: Served) -> None:
    with Piped("--url", shared_gateway.url) as pipe:
        pipe.tools()
        pipe.process.send_signal(signal.SIGTERM)
        assert pipe.process.wait(BOUND_S) == 0
        assert pipe.process.stderr is not None
        assert pipe.process.stderr.read() == b""


def test_junk_on_its_input_harms_nothing(shared_gateway: Served) -> None:
    with Piped("--url", shared_gateway.url) as pipe:
        pipe.write(b"hello?\n\xff\xfe\n")
        pipe.write(b'{"jsonrpc":"2.0","id":1,')
        pipe.write(b'"method":"ping"}\n')
        assert pipe.answer(1) == {}


def test_lines_may_come_from_a_file(shared_gateway: Served, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + "\n")
    with lines.open("rb") as file:
        done = subprocess.run(
            [AGENT_GATE, "mcp", "--url", shared_gateway.url],
            env=environment({"AGENT_GATE_TOKEN": AGENT_TOKEN}),
            stdin=file,
            capture_output=True,
            check=True,
            timeout=BOUND_S,
        )
    assert json.loads(done.stdout) == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_the_first_answer_needs_neither_the_gateway_nor_what_talks_to_it() -> None:
    """What would make clients wait is not imported before it."""
    script = (
        "import sys, agentgate_cli.main, agentgate_cli.mcp.command, agentgate_cli.mcp.stdio\n"
        "heavy = {'anyio', 'asyncio', 'ssl', 'rich', 'agentgate_server', 'agentgate_client'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        text=True,
        timeout=BOUND_S,
    )
    assert done.stdout == "[]\n"


def test_what_it_is_told_wrongly_is_usage(tmp_path: Path) -> None:
    assert run("mcp", "--hold", "0", cwd=tmp_path).returncode == 4
    assert run("mcp", "--port", "5", cwd=tmp_path).returncode == 4
