"""Servers over HTTP: headers, sessions, streams that break, and addresses that are refused."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from tests.server.tools.mcp.behind import (
    STUB,
    All,
    called,
    lines,
    read,
    serving,
    starts,
    stub_over_http,
    until,
    up,
)

from agentgate_proto.records.outcome import Status
from agentgate_server.errors import NotStarted
from agentgate_server.tools.mcp.form import (
    HeaderValue,
    McpAlias,
    McpHeader,
    McpServerConfig,
    McpUrl,
)
from agentgate_server.tools.mcp.servers import McpServers

pytestmark = pytest.mark.anyio


async def test_messages_say_what_they_are_and_nothing_of_the_agent(tmp_path: Path) -> None:
    log = tmp_path / "log"
    headers = {McpHeader("X-Key"): HeaderValue("sesame")}
    async with (
        stub_over_http("modern", f"log={log}", headers=headers) as config,
        serving(s=config) as servers,
    ):
        await up(servers)
        await called(servers, "s.echo", {"text": "a"})
    posts = [each for each in lines(log) if each.get("http") == "POST"]
    (call,) = [each for each in posts if each["message"]["method"] == "tools/call"]
    sent = {name.lower(): value for name, value in call["headers"].items()}
    assert sent["mcp-protocol-version"] == "2026-07-28"
    assert (sent["mcp-method"], sent["mcp-name"]) == ("tools/call", "echo")
    assert sent["x-key"] == "sesame"
    assert set(sent["accept"].split(", ")) == {"application/json", "text/event-stream"}
    assert "cookie" not in sent
    assert "authorization" not in sent
    meta = call["message"]["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientInfo"]["name"] == "agent-gate"


async def test_a_session_that_the_server_forgets_is_begun_again_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with stub_over_http("legacy", "sessions", f"log={log}") as config:
        async with serving(s=config) as servers:
            await up(servers)
            assert (await called(servers, "s.echo", {"text": "a"})).status is Status.EXECUTED
            port = config.url
            assert port is not None
            await forget(port, log)
            outcome = await called(servers, "s.echo", {"text": "b"})
            assert read(outcome)["structuredContent"] == {"text": "b"}
        assert starts(log, "echo") == 2
        messages = [each["message"] for each in lines(log) if each.get("http") == "POST"]
        assert sum(each.get("method") == "initialize" for each in messages) == 2
        assert lines(log)[-1]["http"] == "DELETE"


async def forget(url: str, log: Path) -> None:
    """End the session that a stub has, behind the back of its client."""
    (session,) = {
        value
        for each in lines(log)
        for name, value in each.get("headers", {}).items()
        if name.lower() == "mcp-session-id"
    }
    async with httpx2.AsyncClient() as client:
        await client.delete(url, headers={"Mcp-Session-Id": session})


async def test_a_stream_that_breaks_is_taken_up_again_where_it_can_be(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with (
        stub_over_http("legacy", "cut", f"log={log}") as config,
        serving(s=config) as servers,
    ):
        await up(servers)
        outcome = await called(servers, "s.steps")
        assert read(outcome)["content"][0]["text"] == "done"
        assert starts(log, "steps") == 1
    gets = [each for each in lines(log) if each.get("http") == "GET"]
    assert any(
        "Last-Event-Id" in each["headers"] or "Last-Event-ID" in each["headers"] for each in gets
    )


async def test_one_that_is_not_there_has_run_nothing() -> None:
    config = McpServerConfig(url=McpUrl("http://127.0.0.1:9/mcp"), private=True, wait_s=0)
    async with serving(s=config) as servers:
        server = servers.servers["s"]
        await until(lambda: server.problem)
        assert "it could not be reached" in server.problem
        with pytest.raises(NotStarted):
            await server.wait_up(0)


async def test_one_that_goes_away_has_run_nothing_of_what_comes_then() -> None:
    async with serving_stub() as (servers, kill):
        kill()
        outcome = await until_not_sent(servers)
        assert outcome.status is Status.FAILED
        assert "it was not started" in outcome.message


async def until_not_sent(servers: McpServers):  # type: ignore[no-untyped-def]
    """What a call comes to when nobody listens any more: a connection that was kept may still be
    taken for a good one, once."""
    for _ in range(3):
        outcome = await called(servers, "s.echo", {"text": "a"})
        if outcome.status is Status.FAILED:
            break
    return outcome


class serving_stub:  # noqa: N801 - a context manager
    """A stub whose process can be killed."""

    async def __aenter__(self):  # type: ignore[no-untyped-def]
        command = [sys.executable, "-I", "-S", str(STUB), "http", "modern"]
        self.process = await anyio.open_process(command, stderr=None)
        assert self.process.stdout is not None
        port = int(await self.process.stdout.receive())
        url = McpUrl(f"http://127.0.0.1:{port}/mcp")
        self.serving = serving(s=McpServerConfig(url=url, private=True))
        servers = await self.serving.__aenter__()
        await up(servers)
        return servers, self.process.kill

    async def __aexit__(self, *exc_info: object) -> None:
        await self.serving.__aexit__(None, None, None)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.aclose()


async def test_one_that_asks_and_asks_and_takes_no_answers_is_given_up() -> None:
    async with stub_over_http("legacy", "mute") as config, serving(s=config) as servers:
        await up(servers)
        outcome = await called(servers, "s.steps", {"pings": 10_000})
        assert outcome.status is Status.UNKNOWN
        assert "it does not read what it is sent" in outcome.message
        await up(servers)  # and tried again


async def test_an_address_that_it_may_not_have_is_not_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def inside(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if host == "inside.example" else host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    log = tmp_path / "log"
    async with stub_over_http(f"log={log}") as config:
        named = McpUrl(str(config.url).replace("127.0.0.1", "inside.example"))
        async with serving(s=McpServerConfig(url=named)) as servers:
            server = servers.servers["s"]
            await until(lambda: server.problem)
            assert "which it may not reach" in server.problem
        assert [each for each in lines(log) if "http" in each] == []
        for good in (McpServerConfig(url=named, private=True), McpServerConfig(url=config.url)):
            async with serving(s=good) as servers:
                await up(servers)


class Doorman:
    """Lets in with a token; the first is not good any more."""

    def __init__(self) -> None:
        self.tokens = ["old", "new"]
        self.refusals = 0

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.tokens[0]}"}

    async def refused(self) -> bool:
        self.refusals += 1
        del self.tokens[:-1]
        return True


async def test_tokens_of_a_login_go_along(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with stub_over_http("modern", f"log={log}") as config:
        servers = McpServers(
            {McpAlias("s"): config},
            pins=All(),
            authorizers={"s": Doorman()},
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(servers.run)
            await up(servers)
            tasks.cancel_scope.cancel()
    sent = [each["headers"].get("Authorization") for each in lines(log) if "headers" in each]
    assert set(sent) == {"Bearer old"}
