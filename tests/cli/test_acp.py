"""``agent-gate acp``: an editor's pipe, whatever becomes of the gateway and of the connection."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError, text_block
from acp.stdio import spawn_agent_process
from tests.e2e.cutting import cutting_proxy
from tests.e2e.process import AGENT_TOKEN, OWNER_TOKEN, GatewayProcess
from tests.npm import installed, program
from tests.server.faces.acp_sdk import Recorder, converse

COMMAND = [sys.executable, "-m", "agentgate_cli", "acp"]
ACPX = "acpx@0.19.1"
ASK = 'call asked_write {"key": "k"}'
BOUND_S = 30.0
LONG = "Count to 400"
NUMBER = re.compile(r"\d+")

CONFIG: dict[str, Any] = {"faces": {"acp": {}}}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, CONFIG) as process:
        yield process


def environment(token: str) -> dict[str, str]:
    return {**os.environ, "AGENT_GATE_TOKEN": token}


def run(url: str, token: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends by itself: its input does not."""
    command = [*COMMAND, "--url", url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(token), text=True, **pipes) as process:  # type: ignore[call-overload]
        process.wait(BOUND_S)
        out, errors = process.stdout.read(), process.stderr.read()
        return subprocess.CompletedProcess(command, process.returncode, out, errors)


@asynccontextmanager
async def editing(url: str, it: Recorder, token: str = OWNER_TOKEN) -> AsyncIterator[Any]:
    """Let the SDK's client start the command, and introduce itself."""
    errors = {"stderr": None}
    command = [*COMMAND, "--url", url]
    async with asyncio.timeout(BOUND_S):
        async with (
            spawn_agent_process(
                it,  # type: ignore[arg-type]
                command[0],
                *command[1:],
                env=environment(token),
                transport_kwargs=errors,
            ) as (agent, process)
        ):
            yield agent, process


def test_the_python_sdk_talks_to_it_and_it_goes_when_its_input_ends(
    gateway: GatewayProcess,
) -> None:
    it = Recorder()

    async def script() -> float:
        async with editing(gateway.url, it) as (agent, process):
            await converse(it, agent, 'call get_state {"entity": "x"}')
            begun = time.monotonic()
            process.stdin.close()
            assert await process.wait() == 0
            return time.monotonic() - begun

    assert asyncio.run(script()) < 1.0
    assert it.stopped == ["end_turn", "end_turn"]
    assert "You said: Hello" in it.text()
    assert it.loaded[0] == "user_message_chunk"


async def seen(it: Recorder, text: str) -> None:
    """Wait until a text was told."""
    while text not in it.text():
        await asyncio.sleep(0.002)


def test_a_prompt_outlives_the_gateway_it_was_sent_to_and_says_what_became_of_it(
    gateway: GatewayProcess,
) -> None:
    it = Recorder()

    async def script() -> Any:
        async with editing(gateway.url, it) as (agent, _):
            await agent.initialize(protocol_version=1)
            session = (await agent.new_session(cwd="/p", mcp_servers=[])).session_id
            prompt = asyncio.create_task(
                agent.prompt(session_id=session, prompt=[text_block(LONG)])
            )
            await seen(it, "5")
            await asyncio.to_thread(gateway.restart)
            with pytest.raises(RequestError) as caught:
                await prompt
            it.updates.clear()
            again = await agent.prompt(session_id=session, prompt=[text_block("Hello again")])
            return caught.value, again

    error, again = asyncio.run(script())
    assert error.data["status"] == "interrupted"
    assert again.stop_reason == "end_turn"
    assert it.text().startswith("You said: Hello again")


def test_a_prompt_waits_for_a_gateway_that_is_not_there_yet(gateway: GatewayProcess) -> None:
    it = Recorder()

    async def script() -> Any:
        async with editing(gateway.url, it) as (agent, _):
            await agent.initialize(protocol_version=1)
            session = (await agent.new_session(cwd="/p", mcp_servers=[])).session_id
            gateway.kill()
            prompt = asyncio.create_task(
                agent.prompt(session_id=session, prompt=[text_block("Hello")])
            )
            await asyncio.to_thread(gateway.start)
            return (await prompt).stop_reason

    assert asyncio.run(script()) == "end_turn"
    assert it.text().count("You said: Hello") == 1


def test_over_a_network_that_breaks_nothing_is_lost_and_nobody_is_asked_twice(
    gateway: GatewayProcess,
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Recorder):
        async def request_permission(self, *args: Any, **more: Any) -> Any:
            asked.set()
            await go_on.wait()
            return await super().request_permission(*args, **more)

    it = Slow()

    async def script() -> Any:
        async with cutting_proxy(gateway.port) as network, editing(network.url, it) as (agent, _):
            await agent.initialize(protocol_version=1)
            session = (await agent.new_session(cwd="/p", mcp_servers=[])).session_id
            counting = asyncio.create_task(
                agent.prompt(session_id=session, prompt=[text_block(LONG)])
            )
            for number in ("5", "100", "250"):
                await seen(it, f" {number}")
                network.cut()
            counted = (await counting).stop_reason
            asking = asyncio.create_task(agent.prompt(session_id=session, prompt=[text_block(ASK)]))
            await asked.wait()
            network.cut()
            go_on.set()
            return counted, (await asking).stop_reason, network.cuts

    counted, done, cuts = asyncio.run(script())
    assert (counted, done, cuts) == ("end_turn", "end_turn", 4)
    assert [int(each) for each in NUMBER.findall(it.text())][:400] == list(range(1, 401))
    assert it.asked == ["asked_write(k)"]
    assert gateway.starts() == {("asked_write", "k"): 1}


# What it says where it can't work


def test_without_a_gateway_it_ends(tmp_path: Path) -> None:
    ended = run("ws://127.0.0.1:1", AGENT_TOKEN)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "ws://127.0.0.1:1/acp" in ended.stderr


def test_a_token_that_is_wrong_is_said_to_be(gateway: GatewayProcess) -> None:
    ended = run(gateway.url, "wrong-token")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "AGENT_GATE_TOKEN" in ended.stderr
    assert "wrong-token" not in ended.stderr


def test_a_path_without_editors_is_said_to_be_one(gateway: GatewayProcess) -> None:
    ended = run(f"{gateway.url}/elsewhere", AGENT_TOKEN)
    assert ended.returncode == 3
    assert "faces: {acp: {}}" in ended.stderr


@pytest.mark.parametrize("url", ["x://y", "ws://"])
def test_what_is_no_url_is_usage(url: str) -> None:
    assert run(url, AGENT_TOKEN).returncode == 4


def test_a_token_is_needed() -> None:
    assert run("ws://127.0.0.1:1", "").returncode == 4


def test_standard_output_has_messages_alone(gateway: GatewayProcess) -> None:
    """A line that is none is skipped, and a last line without an end is read."""
    first = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}
    said = f"hello\n{json.dumps(first)}"
    process = subprocess.Popen(
        [*COMMAND, "--url", gateway.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(AGENT_TOKEN),
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(said + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert answer["result"]["agentInfo"]["name"] == "agentgate"
    rest, errors = process.communicate(timeout=BOUND_S)
    assert rest == ""
    assert "skipped a line" in errors
    assert process.returncode == 0


def test_a_script_whose_input_ends_at_once_gets_its_answers(gateway: GatewayProcess) -> None:
    first = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}
    done = subprocess.run(
        [*COMMAND, "--url", gateway.url],
        input=json.dumps(first),
        capture_output=True,
        env=environment(AGENT_TOKEN),
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["result"]["agentInfo"]["name"] == "agentgate"
    assert done.returncode == 0


# A client of others


def test_acpx_talks_to_it(gateway: GatewayProcess, tmp_path: Path) -> None:
    command = " ".join([*COMMAND, "--url", gateway.url])
    home = tmp_path / "home"
    home.mkdir()
    acpx = program(installed(ACPX), "acpx")
    ended = subprocess.run(
        [*acpx, "--approve-all", "--agent", command, "exec", "Good morning to you"],
        env={**environment(OWNER_TOKEN), "HOME": str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=2 * BOUND_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "You said: Good morning to you" in ended.stdout
