"""The edge client on real sockets: seed 000's criteria, and what its reviews found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.client.gateway import gateway as scripted
from tests.client.helpers import Impatient
from tests.e2e.cutting import CuttingProxy, cutting_proxy
from tests.server.embedded import AGENT, serving, until

from agentgate_client import AgentGateClient, AgentGateError, ClientState, ErrorCode
from agentgate_client.edge import (
    Answered,
    AnswerEvent,
    EdgeClient,
    HandlerFailed,
    SpoolError,
    Tool,
)
from agentgate_proto.limits import Limits
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

SCRIPT = """
scenes:
  - {when: "fail", fail: {kind: fatal, message: "no such model", times: always}}
  - {when: "slowly", say: "one two three four", pause_ms: 60}
  - {when: "say {word}", say: "It says {word}"}
  - {when: "*", say: "It rains"}
"""


class Home:
    """A gateway, and a bad network before it."""

    def __init__(self, gateway: Gateway, proxy: CuttingProxy, folder: Path) -> None:
        self.gateway = gateway
        self.proxy = proxy
        self.folder = folder

    @property
    def spool(self) -> Path:
        return self.folder / "prompts.spool"

    def edge(self, **options: Any) -> EdgeClient:
        options.setdefault("backoff", Impatient())
        return EdgeClient(self.proxy.url, AGENT, **options)

    def has(self, tool: str) -> bool:
        return tool in self.gateway.gate.calls.catalogue

    @property
    def messages(self) -> int:
        """How many runs there were."""
        desk = self.gateway.gate.sessions
        assert desk is not None
        loaded = desk.sessions._book._loaded.values()
        return sum(len(session.history.messages) for session in loaded)


@asynccontextmanager
async def home(folder: Path, policy: Policy | None = None) -> AsyncIterator[Home]:
    (folder / "script.yaml").write_text(SCRIPT)
    script = str(folder / "script.yaml")
    sessions = {"models": {"actor": {"backend": "rehearsal", "script": script}}}
    async with (
        serving(folder, sessions=sessions, policy=policy) as gateway,
        cutting_proxy(gateway.port) as proxy,
    ):
        yield Home(gateway, proxy, folder)


async def test_an_answer_streams(tmp_path: Path) -> None:
    async with home(tmp_path) as place, place.edge() as edge:
        asked = edge.prompt("slowly")
        events = [event async for event in asked]
        text = "".join(event.data["text"] for event in events if event.kind == "text")
        assert text.strip() == "one two three four"
        assert events[-1].kind == "run_ended"
        assert await asked.text() == text.strip()
        assert await edge.prompt("say hello").text() == "It says hello"
        assert place.messages == 2


async def test_answers_raise_local_events_and_a_bad_handler_harms_nothing(tmp_path: Path) -> None:
    told: list[Answered] = []
    seen: list[AnswerEvent] = []
    failed: list[HandlerFailed] = []

    def bad(_: Any) -> None:
        raise ValueError("no screen")

    async with home(tmp_path) as place, place.edge() as edge:
        edge.on("answer", bad)
        edge.on("answer", told.append)
        edge.on("event", seen.append)
        edge.on("error", failed.append)
        name = await edge.send("say 1")
        await edge.send("say 2", prompt_id="second")
        await edge.send("fail", prompt_id="third")
        await edge.idle()
    assert [one.answer.id for one in told] == [name, "second", "third"]
    assert [one.answer.text for one in told[:2]] == ["It says 1", "It says 2"]
    assert (told[0].prompt, told[0].again) == ("say 1", False)
    assert "no such model" in told[2].answer.error
    assert [str(one.error) for one in failed] == ["no screen"] * 3
    assert {one.prompt for one in seen} == {name, "second", "third"}


async def test_what_is_asked_offline_is_kept_and_answered_once(tmp_path: Path) -> None:
    states: list[ClientState] = []
    async with home(tmp_path) as place:
        nowhere = EdgeClient("ws://127.0.0.1:9", AGENT, spool=place.spool, backoff=Impatient())
        async with nowhere as edge:
            for number in range(3):
                await edge.send(f"say {number}", prompt_id=str(number))
            await edge.send("say 0", prompt_id="0")
            assert edge.health.prompts_waiting == 3
            assert edge.health.state is not ClientState.CONNECTED
            await until(lambda: edge.health.last_error is not None, "an attempt")
        told: list[Answered] = []
        async with place.edge(spool=place.spool) as edge:
            edge.on("answer", told.append)
            edge.on("state", lambda change: states.append(change.state))
            await edge.idle()
            assert edge.health.prompts_waiting == edge.health.answers_waiting == 0
            assert edge.health.state is ClientState.CONNECTED
        assert [one.answer.text for one in told] == [f"It says {number}" for number in range(3)]
        assert place.messages == 3
        async with place.edge(spool=place.spool) as edge:
            again = edge.prompt("say 0", prompt_id="0")
            with pytest.raises(AgentGateError, match="answered before"):
                await again.text()
            await edge.connected()
            await edge.idle()
        assert place.messages == 3


async def test_each_prompt_is_answered_once_however_often_the_line_breaks(tmp_path: Path) -> None:
    told: list[str] = []
    async with home(tmp_path) as place, place.edge(spool=place.spool) as edge:
        edge.on("answer", lambda one: told.append(one.answer.text.strip()))
        edge.on("event", lambda _: place.proxy.cut() if place.proxy.cuts < 12 else None)
        asked = edge.prompt("slowly")
        events = [event async for event in asked]
        offsets = [event.offset for event in events]
        assert offsets == sorted(set(offsets))
        await edge.send("slowly")
        await edge.send("say 5")
        await edge.idle()
        assert place.proxy.cuts >= 5
        assert place.messages == 3
    assert told == ["one two three four", "one two three four", "It says 5"]


async def test_a_process_that_ends_in_the_midst_leaves_the_rest_to_the_next(
    tmp_path: Path,
) -> None:
    told: list[Answered] = []
    async with home(tmp_path) as place:
        begun = anyio.Event()
        async with place.edge(spool=place.spool) as edge:
            edge.on("event", lambda _: begun.set())
            name = edge.client_id
            await edge.send("slowly", prompt_id="a")
            await edge.send("say 1", prompt_id="b")
            await begun.wait()
        async with place.edge(spool=place.spool) as edge:
            assert edge.client_id == name
            edge.on("answer", told.append)
            await edge.idle()
        assert place.messages == 2
    assert [(one.answer.id, one.answer.text.strip()) for one in told] == [
        ("a", "one two three four"),
        ("b", "It says 1"),
    ]


async def test_without_room_the_newest_is_refused_or_the_oldest_dropped(tmp_path: Path) -> None:
    def offline(when_full: str) -> EdgeClient:
        return EdgeClient("ws://127.0.0.1:9", AGENT, when_full=when_full, prompts_max=2)

    with anyio.fail_after(10):
        async with offline("refuse") as edge:
            await edge.send("1")
            await edge.send("2")
            with pytest.raises(AgentGateError) as refused:
                await edge.send("3")
            assert refused.value.code == ErrorCode.LIMIT_EXCEEDED
        told: list[Answered] = []
        async with offline("drop_oldest") as edge:
            edge.on("answer", told.append)
            first = await edge.prompt("1").kept()
            await edge.send("2")
            await edge.send("3")
            with pytest.raises(AgentGateError, match="no room for it any more"):
                await first.text()
            with pytest.raises(AgentGateError, match="no room for it any more"):
                [event async for event in first]
            assert edge.health.prompts_waiting == 2
            await until(lambda: bool(told), "the local event")
            assert [(one.prompt, one.answer.status) for one in told] == [("1", "dropped")]
    with pytest.raises(ValueError, match="oldest"):
        EdgeClient("ws://127.0.0.1:9", AGENT, when_full="oldest")
    with pytest.raises(ValueError, match="client_id has more than 251 characters"):
        EdgeClient("ws://127.0.0.1:9", AGENT, client_id="x" * 252)


async def test_pings_that_are_missed_are_counted_until_there_is_life_again() -> None:
    limits = Limits(silence_s=0.02, pong_s=0.02)
    with anyio.fail_after(10):
        async with (
            scripted() as gate,
            EdgeClient(gate.url, AGENT, backoff=Impatient(), limits=limits) as edge,
        ):
            dead = await gate.accept_authenticated()
            await until(lambda: edge.health.missed_pings == 1, "a ping without an answer")
            error = edge.health.last_error
            assert error is None or "no sign of life" in error.message
            again = await gate.accept_authenticated()
            await until(lambda: edge.health.missed_pings in (0, 2), "the next connection")
            dead.over.set()
            again.over.set()


async def test_tools_that_the_gateway_does_not_take_are_seen_in_the_health() -> None:
    def refused(edge: EdgeClient) -> bool:
        return [each.method for each in edge.health.refused] == ["tools.provide"]

    async with scripted() as gate, EdgeClient(gate.url, "t", backoff=Impatient()) as edge:
        edge.provide(Tool(name="one", run=lambda: 1))
        peer = await gate.accept_authenticated()
        await peer.fail(await peer.receive(), ErrorCode.FORBIDDEN, "not for you")
        await until(lambda: refused(edge), "what was refused at first")
        edge.provide(Tool(name="two", run=lambda: 1))
        asked = await peer.receive()
        await peer.answer(asked, {"names": ["robot.two"]})
        await until(lambda: not edge.health.refused, "what was taken")
        peer.cut()
        peer = await gate.accept_authenticated()
        await peer.reconcile([])
        await peer.fail(await peer.receive(), ErrorCode.FORBIDDEN, "not any more")
        await until(lambda: refused(edge), "what was refused again")


async def test_a_prompt_is_withdrawn(tmp_path: Path) -> None:
    with anyio.fail_after(10):
        async with EdgeClient("ws://127.0.0.1:9", AGENT) as edge:
            asked = await edge.prompt("hi").kept()
            assert await edge.cancel(asked.id)
            with pytest.raises(AgentGateError, match="withdrawn before it was sent"):
                await asked.text()
            assert not await edge.cancel(asked.id)
    async with home(tmp_path) as place, place.edge() as edge:
        asked = edge.prompt("slowly")
        await anext(asked)
        assert await edge.cancel(asked.id)
        with pytest.raises(AgentGateError, match="cancelled"):
            await asked.text()


async def test_a_send_either_happened_or_raised(tmp_path: Path) -> None:
    edge = EdgeClient("ws://127.0.0.1:9", AGENT, spool=tmp_path / "a.spool")
    with pytest.raises(AgentGateError, match="not kept: the edge client is not open"):
        await edge.send("hi")
    with anyio.fail_after(10):
        async with edge:
            with pytest.raises(AgentGateError):
                await edge.send("")
            with anyio.CancelScope() as scope:
                scope.cancel()
                await edge.send("half", prompt_id="x")
            kept = edge.health.prompts_waiting
            await edge.send("whole", prompt_id="y")
            assert edge.health.prompts_waiting == kept + 1
            with pytest.raises(SpoolError):
                async with EdgeClient("ws://127.0.0.1:9", AGENT, spool=tmp_path / "a.spool"):
                    pass
        with pytest.raises(AgentGateError):
            await edge.send("hi")


async def test_a_wrong_token_is_told_and_tried_again_later(tmp_path: Path) -> None:
    async with (
        home(tmp_path) as place,
        EdgeClient(place.proxy.url, "wrong-token-0123456789", backoff=Impatient()) as edge,
    ):
        with pytest.raises(AgentGateError) as refused:
            await edge.connected()
        assert refused.value.code == ErrorCode.AUTHENTICATION
        assert edge.health.last_error is not None
        asked = await edge.prompt("it is kept all the same").kept()
        with anyio.move_on_after(0.1):
            await asked.text()
        assert asked.answer is None
        assert edge.health.prompts_waiting == 1


async def test_another_device_with_this_ones_name_takes_its_place_for_good(tmp_path: Path) -> None:
    async with home(tmp_path) as place, place.edge(client_id="pi") as old:
        await old.connected()
        async with place.edge(client_id="pi") as new:
            await new.connected()
            await until(lambda: old.health.state is ClientState.CLOSED, "the takeover")
            assert await new.prompt("say hi").text() == "It says hi"
            with pytest.raises(AgentGateError, match="4409"):
                await old.connected()


async def test_a_conversation_that_was_deleted_is_replaced(tmp_path: Path) -> None:
    async with home(tmp_path) as place, place.edge() as edge:
        assert await edge.prompt("say 1").text() == "It says 1"
        (view,) = await edge.client.sessions.list()
        await edge.client.sessions.delete(view.id)
        assert await edge.prompt("say 2").text() == "It says 2"
        asked = edge.prompt("slowly")
        await anext(asked)
        (view,) = await edge.client.sessions.list()
        await edge.client.sessions.delete(view.id)
        with pytest.raises(AgentGateError, match="deleted"):
            await asked.text()
        assert await edge.prompt("say 3").text() == "It says 3"


async def test_what_the_block_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with EdgeClient("ws://127.0.0.1:9", AGENT):
            raise KeyError("mine")


async def test_data_are_shown_as_they_are_now(tmp_path: Path) -> None:
    edge = EdgeClient("ws://127.0.0.1:9", AGENT)
    edge.channel("hall", lambda: {"celsius": 21})
    found = await edge.data_snapshot()
    assert bytes(found["hall"]["data"]) == b'{"celsius":21}'


POLICY = (
    "rules:\n- {tool: agent.data_snapshot, action: allow}\n- {tool: agent.lamp, action: allow}\n"
)


async def test_data_and_tools_of_a_device_are_there_while_it_is(tmp_path: Path) -> None:
    failed: list[HandlerFailed] = []
    states: list[ClientState] = []
    async with home(tmp_path, policy=Policy.parse(POLICY)) as place, place.edge() as edge:
        edge.on("error", failed.append)
        edge.on("state", lambda change: states.append(change.state))
        edge.channel("hall", lambda: {"celsius": 21})
        edge.channel("door", lambda: 1 / 0)
        async with AgentGateClient(place.gateway.url, AGENT) as other:
            await until(lambda: place.has("agent.data_snapshot"), "the offer")
            found = await other.tool_request("agent.data_snapshot")
            assert found["hall"]["data"] == {"celsius": 21}
            assert "ZeroDivisionError" in found["door"]["error"]
            found = await other.tool_request("agent.data_snapshot", channels=["hall"])
            assert list(found) == ["hall"]
            edge.provide(Tool(name="lamp", run=lambda on: f"lamp {on}"))
            await until(lambda: place.has("agent.lamp"), "the offer")
            states.clear()
            place.proxy.cut()
            await until(lambda: ClientState.CONNECTED in states, "the next connection")
            await until(lambda: place.has("agent.lamp"), "the offer made again")
            assert await other.tool_request("agent.lamp", on=True) == "lamp True"
            edge.provide(Tool(name="bad", run=lambda: 1, args={"type": "no such type"}))
            await until(lambda: bool(failed), "the refusal")
            assert failed[0].kind == "provide"
            assert place.has("agent.lamp")
