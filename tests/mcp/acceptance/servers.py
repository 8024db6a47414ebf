"""Servers of others behind the gate, called by the official SDK's client in both modes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from tests.e2e.process import AGENT_TOKEN, OWNER_TOKEN, GatewayProcess
from tests.mcp.acceptance.programs import (
    EVERYTHING,
    FILESYSTEM,
    SERVERS,
    npm_program,
    python_program,
)
from tests.mcp.acceptance.world import gate as gate_of
from tests.mcp.acceptance.world import wait_for_tools
from tests.server.faces.mcp_client import LEGACY, MODERN, Events, McpClient

MODES: Final = ("legacy", "auto")
NOTE: Final = "a note of the test"
SILENCE_S: Final = 65.0
"""Longer than a client may take to answer a question."""

ENV_NAME: Final = "E2E_JOURNAL"
"""A variable of the gateway's own that no server may see."""


class Progress:
    """What a client is told of a call."""

    def __init__(self) -> None:
        self.told: list[float] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.told.append(progress)


def run() -> list[str]:
    """Run it, and return what went wrong."""
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, gate_folder = folder / "files", folder / "gate"
        files.mkdir()
        gate_folder.mkdir()
        (files / "note.txt").write_text(NOTE, "utf-8")
        subprocess.run(["git", "init", "--quiet", str(files)], check=True)
        servers: dict[str, Any] = {
            "every": [*npm_program(EVERYTHING), "stdio"],
            "fs": [*npm_program(FILESYSTEM), str(files)],
            "git": [python_program(SERVERS, "mcp-server-git"), "--repository", str(files)],
            "time": [python_program(SERVERS, "mcp-server-time")],
        }
        config = {
            alias: {"command": command, "effects": {"*": "read"}, "pins": "first-use"}
            for alias, command in servers.items()
        }
        with gate_of(gate_folder, config) as gate:
            for tool in ("every_echo", "fs_read_text_file", "git_git_status", "time_convert_time"):
                wait_for_tools(gate, tool, AGENT_TOKEN)
            for mode in MODES:
                for check in CHECKS:
                    problem = played(gate, mode, check, files)
                    print(f"  {mode:7} {check.__name__:34} {problem or 'ok'}", flush=True)
                    if problem:
                        problems.append(f"{mode} {check.__name__}: {problem}")
    return problems


Check = Callable[[GatewayProcess, str, Path], Awaitable[None]]


def played(gate: GatewayProcess, mode: str, check: Check, files: Path) -> str:
    """Play one check; return what was wrong, or ""."""
    try:
        anyio.run(check, gate, mode, files)
    except BaseException as error:  # a group of them, as often as not
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}"
    return ""


@asynccontextmanager
async def client_of(gate: GatewayProcess, mode: str, **more: Any) -> AsyncIterator[Client]:
    """A client that is connected to the gate."""
    headers = {"Authorization": f"Bearer {AGENT_TOKEN}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{gate.port}/mcp", http_client=http)
        async with Client(transport, mode=mode, **more) as client:  # type: ignore[arg-type]
            yield client


async def text_of(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool; return its text."""
    result = await client.call_tool(tool, arguments)
    text = "\n".join(getattr(each, "text", "") for each in result.content)
    assert not result.is_error, text
    return text


async def each_server_answers(gate: GatewayProcess, mode: str, files: Path) -> None:
    async with client_of(gate, mode) as client:
        assert NOTE in await text_of(client, "every_echo", message=NOTE)
        assert NOTE in await text_of(client, "fs_read_text_file", path=str(files / "note.txt"))
        assert "note.txt" in await text_of(client, "git_git_status", repo_path=str(files))
        assert "timezone" in await text_of(client, "time_get_current_time", timezone="Etc/UTC")


async def no_server_sees_our_environment(gate: GatewayProcess, mode: str, files: Path) -> None:
    async with client_of(gate, mode) as client:
        seen = await text_of(client, "every_get_env")
        for secret in (ENV_NAME, AGENT_TOKEN, OWNER_TOKEN):
            assert secret not in seen, seen


async def progress_reaches_its_own_client(gate: GatewayProcess, mode: str, files: Path) -> None:
    told = [Progress(), Progress()]

    async def call(progress: Progress) -> None:
        async with client_of(gate, mode) as client:
            await client.call_tool(
                "every_trigger_long_running_operation",
                {"duration": 1, "steps": 3},
                progress_callback=progress,
            )

    async with anyio.create_task_group() as group:
        for each in told:
            group.start_soon(call, each)
    for each in told:
        assert len(each.told) >= 2, f"heard of {each.told}"
        assert each.told == sorted(set(each.told)), f"not increasing: {each.told}"


async def a_question_reaches_the_client(gate: GatewayProcess, mode: str, files: Path) -> None:
    asked = []

    async def answer(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="decline")

    async with client_of(gate, mode, elicitation_callback=answer) as client:
        said = await text_of(
            client, "every_trigger_elicitation_request", idempotency_key=f"asked {mode}"
        )
    assert len(asked) == 1, f"{asked}: {said}"
    assert "decline" in said, said


async def who_can_not_be_asked_is_told(gate: GatewayProcess, mode: str, files: Path) -> None:
    async with client_of(gate, mode) as client:
        with anyio.fail_after(30):
            key = {"idempotency_key": f"not asked {mode}"}
            result = await client.call_tool("every_trigger_elicitation_request", key)
    assert result.content, "nothing was said"


async def who_never_answers_is_not_waited_for(gate: GatewayProcess, mode: str, files: Path) -> None:
    version = LEGACY if mode == "legacy" else MODERN
    client = McpClient(gate.port, AGENT_TOKEN, version, {"elicitation": {"form": {}}})
    arguments = {"idempotency_key": f"silent {mode}"}
    tool = "every_trigger_elicitation_request"
    with anyio.fail_after(2 * SILENCE_S):
        if version == LEGACY:
            await client.begin()
            async with client.streaming(client.calling(tool, arguments)) as response:
                events = Events(response)
                question = await events.next()
                assert question["method"] == "elicitation/create", question
                result = (await events.answer())["result"]
        else:
            asked = await client.call(tool, arguments)
            assert asked["resultType"] == "input_required", asked
            await client.close()  # nobody keeps a connection for so long
            await anyio.sleep(SILENCE_S)
            result = await client.call(tool, arguments)
    await client.close()
    assert result["content"], result


async def results_come_through_whole(gate: GatewayProcess, mode: str, files: Path) -> None:
    async with client_of(gate, mode) as client:
        image = await client.call_tool("every_get_tiny_image", {})
        assert "image" in {each.type for each in image.content}
        shaped = await client.call_tool("every_get_structured_content", {"location": "New York"})
        assert shaped.structured_content, shaped
        failed = await client.call_tool("fs_read_text_file", {"path": "/etc/hostname"})
        assert failed.is_error
        assert "denied" in failed.content[0].text.lower(), failed  # type: ignore[union-attr]


CHECKS: Final[tuple[Check, ...]] = (
    each_server_answers,
    no_server_sees_our_environment,
    progress_reaches_its_own_client,
    a_question_reaches_the_client,
    who_can_not_be_asked_is_told,
    who_never_answers_is_not_waited_for,
    results_come_through_whole,
)
