"""The doctor starts MCP servers for a moment, or connects to them: real processes, real HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.doctor.ward import CONFIG, diagnose, found, write_well
from tests.server.tools.mcp.behind import STUB, stub_over_http

from agentgate_cli.standins.http_server import HttpResponse, HttpServer
from agentgate_server.tools.mcp.login_file import Login, LoginFile

pytestmark = pytest.mark.anyio

STDIO = [sys.executable, "-I", "-S", str(STUB), "stdio"]


def write(folder: Path, **servers: dict[str, Any]) -> None:
    write_well(folder, tools={**CONFIG["tools"], "mcp": servers})


async def test_a_server_that_starts_is_well_and_no_tool_of_it_is_called(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(tmp_path, notes={"command": [*STDIO, f"log={log}"]})
    assert await diagnose(tmp_path) == []
    told = log.read_text()
    assert "tools/list" in told
    assert "tools/call" not in told


async def test_a_server_that_ends_at_once_and_its_last_words(tmp_path: Path) -> None:
    code = "import sys; sys.exit('no module named notes')"
    write(tmp_path, notes={"command": [sys.executable, "-I", "-S", "-c", code]})
    said = await diagnose(tmp_path)
    text = "notes does not start: it exited with code 1; it said last: no module named notes"
    found(said, "mcp_servers", text, "variables but those of tools.mcp.notes.env")


async def test_a_program_that_is_none_is_told_of_once_and_the_others_are_tried(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    write(
        tmp_path,
        gone={"command": ["no-such-program-here"]},
        notes={"command": [*STDIO, f"log={log}"], "tools": ["no_such_*"]},
    )
    said = await diagnose(tmp_path)
    found(said, "tools", "there is no program no-such-program-here", "agent-gate check")
    text = "notes offers no tool that is named in tools.mcp.notes.tools"
    found(said, "mcp_servers", text, "leave it out for all of them", "warning")
    assert len(said) == 2


async def test_a_server_over_http_that_is_there(tmp_path: Path) -> None:
    async with stub_over_http() as server:
        write(tmp_path, notes={"url": str(server.url), "private": True})
        assert await diagnose(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (401, "'agent-gate mcp login notes'"),
        (403, "see what the token in tools.mcp.notes.headers may do"),
        (404, "correct the path in tools.mcp.notes.url"),
        (500, "see its own log, and whether tools.mcp.notes.url is that of an MCP server"),
    ],
)
async def test_a_server_over_http_that_refuses(tmp_path: Path, status: int, step: str) -> None:
    async def answer(_request: object) -> HttpResponse:
        return HttpResponse(status=status, body=b"no")

    async with HttpServer(answer) as server:
        write(tmp_path, notes={"url": f"{server.url}/mcp", "private": True})
        found(await diagnose(tmp_path), "mcp_servers", str(status), step)


async def test_a_server_over_http_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, notes={"url": "http://127.0.0.1:9/mcp", "private": True})
    step = "correct the port in tools.mcp.notes.url"
    found(await diagnose(tmp_path), "mcp_servers", "the connection was refused", step)


async def test_a_login_that_is_missing_and_one_that_is_not_used(tmp_path: Path) -> None:
    asked = []

    async def answer(request: Any) -> None:
        asked.append(request)

    async with HttpServer(answer) as server:
        url = f"{server.url}/mcp"
        write(tmp_path, notes={"url": url, "private": True, "oauth": True})
        said = await diagnose(tmp_path)
        step = "'agent-gate mcp login notes'"
        found(said, "mcp_servers", "notes needs a login, and there is none", step, "warning")
        login = Login(
            url=url, token_endpoint=f"{server.url}/token", client_id="we", access_token="a"
        )
        LoginFile.beside(tmp_path / "gate.db").put("notes", login)
        assert await diagnose(tmp_path) == []
        assert (server.connections, asked) == (1, [])
    found(await diagnose(tmp_path), "mcp_servers", "was refused", "tools.mcp.notes.url")
