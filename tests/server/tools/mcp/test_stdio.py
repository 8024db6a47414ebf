"""Servers that are processes of ours: what they get, what they may do, how they end."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import anyio
import pytest
from tests.server.tools.mcp.behind import STUB, called, lines, read, serving, stub, until, up

from agentgate_proto.records.outcome import Status
from agentgate_server.documents.environment import VariableName
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.mcp import stdio
from agentgate_server.tools.mcp.form import McpServerConfig

pytestmark = pytest.mark.anyio


def is_there(pid: int) -> bool:
    """Whether a process is there, dead or alive: a zombie is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_server_gets_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_TOKEN", "sesame-open")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sesame-open")
    env = {VariableName("LEVEL"): Secret("info"), VariableName("GIT_TOKEN"): Secret("own")}
    async with serving(s=stub(env=env)) as servers:
        await up(servers)
        said = read(await called(servers, "s.env"))["content"][0]["text"]
    found = json.loads(said)
    assert "sesame-open" not in said
    assert set(found) <= {*stdio.PASSED_ON, "LEVEL", "GIT_TOKEN"}
    assert (found["LEVEL"], found["GIT_TOKEN"]) == ("info", "own")


async def test_what_it_writes_to_its_standard_error_is_logged_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(masker=Masker([Secret("sesame-open")]), s=stub()) as servers:
            await up(servers)
            await until(lambda: f"MCP server s: the stub runs, my token is {MASK}" in caplog.text)
    assert "sesame-open" not in caplog.text


async def test_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    words = ["; touch owned", "$(touch owned)", "a\nb", "`x`", "*"]
    log = tmp_path / "log"
    script = f"import json,sys; open({str(log)!r},'w').write(json.dumps(sys.argv[1:]))"
    command = (sys.executable, "-I", "-S", "-c", script, *words)
    async with serving(s=McpServerConfig(command=command, cwd=tmp_path)):
        await until(lambda: log.exists() and log.read_text())
    assert json.loads(log.read_text()) == words
    assert not (tmp_path / "owned").exists()


async def test_what_is_no_message_is_skipped_and_told_of_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(s=stub("junk")) as servers:
        await up(servers)
        assert read(await called(servers, "s.echo", {"text": "a"}))["structuredContent"]
    assert "MCP server s has said 1 times what is no message" in caplog.text
    assert "Welcome" not in caplog.text


async def test_one_that_can_not_be_started_says_why() -> None:
    config = McpServerConfig(command=("/nowhere/at-all",), wait_s=0)
    async with serving(s=config) as servers:
        server = servers.servers["s"]
        await until(lambda: server.problem)
        assert server.problem == "it can't be started: /nowhere/at-all: No such file or directory"
        assert server.starts == 1


async def test_one_that_does_not_end_by_itself_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "INPUT_END_S", 0.1)
    monkeypatch.setattr(stdio, "GRACE_S", 0.1)
    file = tmp_path / "pids"
    script = textwrap.dedent(f"""
        import os, signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"])
        open({str(file)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}\\n")
        signal.pause()
    """)
    async with serving(s=McpServerConfig(command=(sys.executable, "-c", script))):
        await until(lambda: file.exists() and file.read_text().endswith("\n"))
    leader, child = map(int, file.read_text().split())
    assert not is_there(leader)
    await until(lambda: not is_there(child) or is_zombie(child))


def is_zombie(pid: int) -> bool:
    """Whether a process is dead, and only not reaped by whoever has inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_one_that_reads_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "WRITE_S", 0.2)
    monkeypatch.setattr(stdio, "INPUT_END_S", 0.05)
    script = textwrap.dedent("""
        import json, sys, time
        def answer(**result):
            number = json.loads(sys.stdin.readline())["id"]
            print(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}), flush=True)
        answer(supportedVersions=["2026-07-28"], capabilities={"tools": {}})
        answer(tools=[{"name": "a", "inputSchema": {"type": "object"}}])
        time.sleep(600)
    """)
    async with serving(s=McpServerConfig(command=(sys.executable, "-c", script))) as servers:
        await up(servers)
        outcome = await called(servers, "s.a", {"x": "x" * 1_000_000})
        assert "it has read nothing for 0.2 s" in outcome.message
        server = servers.servers["s"]
        await until(lambda: "has read nothing" in server.problem)


def started(script: str, folder: Path) -> subprocess.Popen[str]:
    """A gateway that one can kill."""
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)


async def test_none_is_left_when_the_gateway_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = textwrap.dedent(f"""
        import anyio, sys
        from tests.server.tools.mcp.behind import serving, stub, up
        async def main():
            async with serving(a=stub("log={log}"), b=stub("deaf", "hang", "log={log}")) as servers:
                await up(servers, "a")
                print("up", flush=True)
                await anyio.sleep_forever()
        anyio.run(main)
    """)
    root = STUB.parents[4]
    gateway = started(script, root)
    assert gateway.stdout is not None
    try:
        line = await anyio.to_thread.run_sync(gateway.stdout.readline)
        assert line == "up\n"
        await until(lambda: len({each["pid"] for each in lines(log)}) == 2)
    finally:
        gateway.kill()
        gateway.wait()
        gateway.stdout.close()
    pids = {each["pid"] for each in lines(log)}
    await until(lambda: all(is_zombie(pid) for pid in pids))


async def test_a_hundred_restarts_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_server.tools.mcp.server.PAUSE_S", 0.0)
    monkeypatch.setattr("agentgate_server.tools.mcp.server.PAUSE_S_MAX", 0.0)
    before = children()
    async with serving(s=McpServerConfig(command=("true",), wait_s=0)) as servers:
        server = servers.servers["s"]
        await until(lambda: server.starts > 100)
        assert len(children() - before) <= 2  # the one that runs, and the guardian
    assert children() <= before


def children() -> set[int]:
    """All children of ours, dead ones among them."""
    command = ["ps", "--ppid", str(os.getpid()), "-o", "pid=,comm="]
    listed = subprocess.run(command, check=False, capture_output=True, text=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(pid) for pid, name in rows if name != "ps"}


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_an_answer_that_nobody_can_read_ends_its_call_at_once(
    tmp_path: Path, era: str
) -> None:
    state = tmp_path / "tools"
    state.write_text("deep=x\necho=x\n")
    async with serving(s=stub(era, f"state={state}", timeout_s=600)) as servers:
        await up(servers)
        outcome = await called(servers, "s.deep")
        assert outcome.status is Status.UNKNOWN
        assert "can't be read" in outcome.message
        assert (await called(servers, "s.echo", {"text": "on"}, rid="r2")).status is Status.EXECUTED
