"""Tools of servers: results as they were written, and ends that say what is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.tools.mcp.behind import (
    called,
    lines,
    read,
    serving,
    starts,
    stub,
    stub_over_http,
    until,
    up,
)

from agentgate_proto.faces.mcp_backend.events import Asked, Event
from agentgate_proto.ledger.abandoning import CHANGED
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects
from agentgate_server.errors import ArgumentError, EndedElsewhere, NotStarted
from agentgate_server.tools.dialogue import Dialogues, NotAnswered
from agentgate_server.tools.mcp import server as server_module
from agentgate_server.tools.mcp.calling import Running
from agentgate_server.tools.mcp.servers import McpServers
from agentgate_server.tools.runner import Runner
from agentgate_server.tools.tool import AsyncTool

pytestmark = pytest.mark.anyio

WAYS = ["stdio modern", "stdio legacy", "http modern", "http legacy"]


@asynccontextmanager
async def behind(way: str, *words: str, **more: Any) -> AsyncIterator[McpServers]:
    """A stub of one era behind one transport, which is up."""
    transport, era = way.split()
    dialogues = more.pop("dialogues", None)
    if transport == "stdio":
        async with serving(dialogues, s=stub(era, *words, **more)) as servers:
            await up(servers)
            yield servers
        return
    async with (
        stub_over_http(era, *words, **more) as config,
        serving(dialogues, s=config) as servers,
    ):
        await up(servers)
        yield servers


@pytest.mark.parametrize("way", WAYS)
async def test_results_pass_as_they_were_written(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with behind(way) as servers:
        echo = await called(servers, "s.echo", {"text": "hi"})
        assert echo.status is Status.EXECUTED
        assert read(echo)["structuredContent"] == {"text": "hi"}
        odd = await called(servers, "s.odd")
        assert odd.status is Status.EXECUTED
        assert read(odd)["content"] == [{"type": "hologram", "data": "x"}]
        assert read(odd)["odd"] == [1, 2]
        assert "its structured result is not as its server says" in caplog.text


@pytest.mark.parametrize("way", WAYS)
async def test_a_tool_that_fails_says_so_in_its_own_words(way: str) -> None:
    async with behind(way) as servers:
        boom = await called(servers, "s.boom")
        assert (boom.status, boom.message) == (Status.FAILED, "it went boom")
        assert read(boom)["more"] == {"a": 1}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("effects", "status"), [("write", Status.UNKNOWN), ("read", Status.FAILED)]
)
async def test_a_connection_that_breaks_after_the_start_leaves_it_unknown(
    way: str, effects: str, status: Status, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with behind(way, f"log={log}", effects={"*": Effects(effects)}) as servers:
        outcome = await called(servers, "s.drop")
        assert outcome.status is status
        assert "no answer came" in outcome.message
        assert starts(log, "drop") == 1


@pytest.mark.parametrize("way", ["http modern", "http legacy"])
async def test_a_status_that_says_that_it_did_not_work_is_a_failure(way: str) -> None:
    async with behind(way) as servers:
        outcome = await called(servers, "s.status")
        assert (outcome.status, outcome.message) == (Status.FAILED, "status 503")


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_that_takes_too_long_is_cancelled_under_our_own_id(
    way: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with behind(way, f"log={log}", timeout_s=0.3) as servers:
        outcome = await called(servers, "s.slow")
        assert outcome.status is Status.UNKNOWN
        assert "did not answer within 0.3 s" in outcome.message
        if way != "http modern":  # there the closing of the stream says so
            await until(lambda: any(each.get("event") == "CANCELLED" for each in lines(log)))


async def test_an_answer_that_comes_with_the_very_end_of_the_time_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class AtTheEnd(Running):
        def heard(self, event: Event) -> Asked | None:
            self.scope.cancel()
            return super().heard(event)

    monkeypatch.setattr(server_module, "Running", AtTheEnd)
    async with behind("stdio legacy") as servers:
        echo = await called(servers, "s.echo", {"text": "hi"})
        assert echo.status is Status.EXECUTED
        assert read(echo)["structuredContent"] == {"text": "hi"}


async def test_a_call_that_is_stopped_may_have_taken_effect() -> None:
    async with behind("stdio legacy") as servers:
        tool = servers.to_run("s.slow", Effects.WRITE, "r1")
        assert isinstance(tool, AsyncTool)
        assert not tool.may_have_run
        with anyio.move_on_after(0.3):
            await tool.run({})
        assert tool.may_have_run


@pytest.mark.parametrize("way", WAYS)
async def test_too_large_a_result_is_not_passed_on(way: str) -> None:
    reads = {"big": Effects.READ}
    async with behind(way, output_bytes_max=2_000) as servers:
        big = await called(servers, "s.big")
        assert big.status is Status.EXECUTED
        assert "it ran, but its result is too large" in read(big)["content"][0]["text"]
    async with behind(way, output_bytes_max=2_000, effects=reads) as servers:
        assert (await called(servers, "s.big")).status is Status.FAILED


class Client:
    """Whoever called."""

    def __init__(self, *can: str, answer: bytes = b'{"action":"accept"}') -> None:
        self.can = frozenset(can)
        self.answer = answer
        self.told: list[tuple[str, Any]] = []
        self.asked: list[Any] = []

    async def ask(
        self, method: str, params: msgspec.Raw, timeout_s: float, key: str = ""
    ) -> msgspec.Raw:
        self.asked.append((method, msgspec.json.decode(params)))
        if not self.answer:
            raise NotAnswered("nobody is there")
        return msgspec.Raw(self.answer)

    def tell(self, method: str, params: msgspec.Raw) -> None:
        self.told.append((method, msgspec.json.decode(params)))


@pytest.mark.parametrize("way", WAYS)
async def test_progress_reaches_whoever_called_and_nobody_else(way: str) -> None:
    clients = {"r1": Client(), "r2": Client()}
    dialogues = Dialogues()
    dialogues.find = lambda rid: [clients[rid]]
    async with behind(way, dialogues=dialogues) as servers:
        await called(servers, "s.steps", rid="r1")
    progress = [params for method, params in clients["r1"].told if method.endswith("progress")]
    assert [each["progress"] for each in progress] == [1, 2, 3]
    assert all("progressToken" not in each for each in progress)
    assert any(method == "notifications/message" for method, _ in clients["r1"].told)
    assert clients["r2"].told == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("client", "action"),
    [
        (Client("elicitation.form"), "accept"),
        (Client("elicitation.form", answer=b""), "cancel"),
        (Client("elicitation.url"), "cancel"),
        (None, "cancel"),
    ],
)
async def test_a_question_goes_to_whoever_called_and_can_be_asked(
    way: str, client: Client | None, action: str
) -> None:
    dialogues = Dialogues()
    dialogues.find = lambda rid: [] if client is None else [client]
    async with behind(way, dialogues=dialogues, timeout_s=5) as servers:
        outcome = await called(servers, "s.ask")
    assert outcome.status is Status.EXECUTED
    assert f'"action": "{action}"' in read(outcome)["content"][0]["text"]


async def test_arguments_are_checked_before_anybody_is_asked() -> None:
    async with behind("stdio modern") as servers:
        tool = servers.get("s.echo")
        assert tool is not None
        tool.check({"text": "a"})
        with pytest.raises(ArgumentError, match="missing argument 'text'"):
            tool.check({})


async def test_what_has_changed_since_it_was_asked_for_does_not_run(tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    state.write_text("a=one\nmutate\n")
    words = f"state={state}", f"log={log}"
    async with behind("stdio legacy", *words) as servers:
        tool = servers.to_run("s.a", Effects.WRITE, "r1")
        gone = servers.to_run("s.mutate", Effects.WRITE, "r2")
        assert isinstance(tool, AsyncTool)
        assert isinstance(gone, AsyncTool)
        before = servers.get("s.a")
        assert before is not None
        await called(servers, "s.mutate", {"tools": "a=two\n"})
        await until(lambda: servers.get("s.mutate") is None)
        now = servers.get("s.a")
        assert now is not None
        assert now.definition != before.definition
        assert servers.current() == {"s.a": now.definition, "s.mutate": ""}
        assert now.as_asked(before.definition) is None
        with pytest.raises(EndedElsewhere) as ended:
            await tool.run({})
        assert ended.value.outcome == CHANGED
        with pytest.raises(NotStarted, match="not offered any more"):
            await gone.run({})
        assert starts(log, "a") == 0


async def test_one_that_is_let_through_to_read_does_not_write() -> None:
    async with behind("stdio legacy") as servers:
        tool = servers.to_run("s.echo", Effects.READ, "r1")
        assert isinstance(tool, AsyncTool)
        runner = Runner()
        outcome = await runner.run(tool, {"text": "x"})
        runner.close()
        assert outcome.status is Status.FAILED
        assert "now it says that it writes" in outcome.message
