"""The AG-UI face on real sockets, sessions and a model's server, by the format's own client; each
event is one that the format's own types take."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from ag_ui.core import Event as AgUiEvent
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import TypeAdapter
from tests.npm import installed
from tests.ports.node import node
from tests.server.embedded import AGENT, OWNER, all_bytes, http, serving, until

from agentgate_cli.standins.models import ModelServer, Reply, Say, Stall, Think, Use
from agentgate_server.faces.agui import AgUiFace
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

CLIENT = Path(__file__).parent / "agui_client.mjs"
PACKAGE = "@ag-ui/client@1.0.0"
LINE_BYTES_MAX = 1_000_000
HI: Any = {"id": "u1", "role": "user", "content": "hi"}

check = TypeAdapter(AgUiEvent).validate_python


@asynccontextmanager
async def offering(
    folder: Path, *replies: Reply, is_open: bool = False
) -> AsyncIterator[tuple[Gateway, ModelServer]]:
    """A gateway whose model answers so."""
    async with ModelServer() as server:
        server.replies.extend(replies)
        async with beside(server, folder, is_open=is_open) as gateway:
            yield gateway, server


@asynccontextmanager
async def beside(
    server: ModelServer, folder: Path, *, is_open: bool = False
) -> AsyncIterator[Gateway]:
    """A gateway on the data in this folder."""
    model = {"backend": "openai", "model": "gpt-test", "base_url": server.openai_url}
    sessions = {"models": {"m": {**model, "price": {"input": 1, "output": 1}}}}
    face = partial(AgUiFace, path="/agui", is_open=is_open)
    async with serving(folder, faces=[face], sessions=sessions) as gateway:
        yield gateway


class Page:
    """The foreign client in a process of its own."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to = process.stdin
        self._from = BufferedByteReceiveStream(process.stdout)
        self.last: Any = {}

    async def run(self, say: Any = None, **parameters: Any) -> list[Any]:
        """Let it run the agent once; return the events that came."""
        line = {**({"say": say} if say else {}), **parameters}
        await self._to.send(json.dumps(line).encode() + b"\n")
        answer = await self._from.receive_until(b"\n", LINE_BYTES_MAX)
        self.last = json.loads(answer)
        for event in self.last["events"]:
            check(event)
        found: list[Any] = self.last["events"]
        return found


@asynccontextmanager
async def page(gateway: Gateway, token: str) -> AsyncIterator[Page]:
    folder = await anyio.to_thread.run_sync(installed, PACKAGE)
    url = f"http://127.0.0.1:{gateway.port}/agui"
    command = [node(), str(CLIENT), str(folder), url, token]
    async with await anyio.open_process(command, stderr=None) as process:
        yield Page(process)
        process.kill()


def kinds(events: list[Any]) -> list[str]:
    """The types of events; how many pieces a text comes in is chance."""
    return [kind for kind, _ in groupby(event["type"] for event in events)]


def text_of(events: list[Any]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "TEXT_MESSAGE_CONTENT")


async def ask(gateway: Gateway, token: str = AGENT, **body: Any) -> list[Any]:
    """The same by a plain request."""
    input_ = {"threadId": "t1", "runId": "r1", "messages": [HI], **body}
    status, _, text = await http(gateway, "POST", "/agui", token=token, body=input_)
    assert status == 200
    return events_in(text)


def events_in(text: str) -> list[Any]:
    """The events in a chunked body of server-sent events."""
    lines = [line for line in text.replace("\r", "").split("\n") if line.startswith("data: ")]
    found = [json.loads(line[6:]) for line in lines]
    for event in found:
        check(event)
    return found


async def test_a_run_is_told_to_the_format_s_own_client(tmp_path: Path) -> None:
    replies = [
        Reply(Think("hm"), Say("Let me "), Say("see."), Use("echo", {"text": "page"}, id="c1")),
        Reply(Say("It is 1.")),
        Reply(Say("You said hi.")),
    ]
    async with offering(tmp_path, *replies) as (gateway, server), page(gateway, AGENT) as client:
        events = await client.run(HI)
        assert client.last["error"] is None
        assert kinds(events) == [
            "RUN_STARTED",
            *("REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT"),
            *("REASONING_MESSAGE_END", "REASONING_END"),
            *("TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"),
            *("TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT"),
            *("TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"),
            "RUN_FINISHED",
        ]
        assert events[-1]["outcome"] == {"type": "success"}
        assert events[-1]["usage"][0]["model"] == "m"
        roles = [each["role"] for each in client.last["messages"]]
        assert roles == ["user", "reasoning", "assistant", "tool", "assistant"]
        await client.run({"id": "u2", "role": "user", "content": "what did I say?"})
        told = [
            (each["role"], each["content"])
            for each in json.loads(server.bodies[-1])["messages"]
            if each["role"] != "system"
        ]
        assert told == [
            *(("user", "hi"), ("assistant", "Let me see."), ("tool", "page")),
            *(("assistant", "It is 1."), ("user", "what did I say?")),
        ]


async def test_an_interrupt_is_an_approval_and_resume_answers_it(tmp_path: Path) -> None:
    replies = [
        Reply(Say("I ask."), Use("asked", {"text": "a"}, id="c1")),
        Reply(Say("Done."), Use("asked", {"text": "b"}, id="c2")),
        Reply(Say("Not done.")),
    ]
    async with offering(tmp_path, *replies) as (gateway, server), page(gateway, OWNER) as client:
        events = await client.run(HI)
        assert events[-2]["name"] == "agentgate.approval"
        outcome = events[-1]["outcome"]
        assert outcome["type"] == "interrupt"
        (interrupt,) = client.last["interrupts"]
        assert (interrupt["toolCallId"], interrupt["reason"]) == ("c1", "tool_call")
        assert interrupt["message"].startswith("asked(")
        yes = {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}
        events = await client.run(resume=[yes])
        assert client.last["error"] is None
        assert kinds(events)[:2] == ["RUN_STARTED", "TOOL_CALL_RESULT"]
        assert events[1]["content"] == "a"
        assert text_of(events) == "Done."
        (interrupt,) = client.last["interrupts"]
        assert interrupt["toolCallId"] == "c2"
        no = {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": False}}
        events = await client.run(resume=[no])
        assert kinds(events)[1] == "TOOL_CALL_RESULT"
        assert "denied" in events[1]["content"].lower()
        assert text_of(events) == "Not done."
        assert events[-1]["outcome"] == {"type": "success"}
        assert len(server.bodies) == 3
        again = await ask(gateway, OWNER, runId="again", resume=[no])
        assert text_of(again) == "Not done.", "an answer that comes again changes nothing"


async def test_an_interrupt_that_is_answered_elsewhere_goes_on_all_the_same(
    tmp_path: Path,
) -> None:
    replies = [Reply(Use("asked", {"text": "a"}, id="c1")), Reply(Say("Done."))]
    async with offering(tmp_path, *replies) as (gateway, server):
        events = await ask(gateway, OWNER)
        (interrupt,) = events[-1]["outcome"]["interrupts"]
        path = f"/api/approvals/{interrupt['id']}"
        await http(gateway, "POST", path, token=OWNER, body={"decision": "approve"})
        await until(lambda: len(server.bodies) == 2, "the model to be asked again")
        no = {"interruptId": interrupt["id"], "status": "cancelled"}
        events = await ask(gateway, OWNER, runId="r2", resume=[no])
        assert text_of(events) == "Done."


async def test_a_gateway_that_was_stopped_says_what_became_of_an_interrupt(tmp_path: Path) -> None:
    async with ModelServer() as server:
        server.replies.extend([Reply(Use("asked", {"text": "a"}, id="c1")), Reply(Say("Yes."))])
        async with beside(server, tmp_path) as gateway:
            events = await ask(gateway, OWNER)
            (interrupt,) = events[-1]["outcome"]["interrupts"]
        yes = {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}
        async with beside(server, tmp_path) as gateway:
            events = await ask(gateway, OWNER, runId="r2", resume=[yes])
            assert kinds(events) == ["RUN_STARTED", "CUSTOM", "TOOL_CALL_RESULT", "RUN_ERROR"]
            assert events[1]["name"] == "agentgate.gap"
            assert events[-1]["code"] == "interrupted"
            events = await ask(gateway, OWNER, runId="r3", messages=[HI, {**HI, "id": "u2"}])
            assert text_of(events) == "Yes.", "the thread goes on"


async def test_who_may_not_answer_sees_that_a_call_waits(tmp_path: Path) -> None:
    replies = [Reply(Use("asked", {"text": "a"}, id="c1")), Reply(Say("Done."))]
    async with offering(tmp_path, *replies) as (gateway, _):
        found: list[Any] = []

        async def run() -> None:
            found.extend(await ask(gateway))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            while True:
                _, _, listed = await http(gateway, "GET", "/api/approvals", token=OWNER)
                if listed["approvals"]:
                    break
                await anyio.sleep(0.01)
            approval = listed["approvals"][0]["id"]
            yes = {"interruptId": approval, "status": "resolved", "payload": {"approved": True}}
            refused = await ask(gateway, runId="r2", resume=[yes])
            assert (refused[-1]["type"], refused[-1]["code"]) == ("RUN_ERROR", "forbidden")
            body = {"decision": "approve"}
            await http(gateway, "POST", f"/api/approvals/{approval}", token=OWNER, body=body)
        (asked,) = [event for event in found if event["type"] == "CUSTOM"]
        assert asked["value"]["approvalId"] == approval
        assert found[-1]["outcome"] == {"type": "success"}
        assert text_of(found) == "Done."


async def test_tools_of_the_page_are_the_page_s_to_run(tmp_path: Path) -> None:
    tool = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
    replies = [
        Reply(Use("echo", {"text": "x"}, id="own"), Use("look", {"where": "there"}, id="c1")),
        Reply(Say("It is dark.")),
    ]
    async with offering(tmp_path, *replies) as (gateway, server), page(gateway, AGENT) as client:
        events = await client.run(HI, tools=[tool])
        assert events[-1]["outcome"] == {"type": "success", "pendingToolCallIds": ["c1"]}
        result = {"id": "x1", "role": "tool", "toolCallId": "c1", "content": "dark"}
        events = await client.run(result, tools=[tool])
        assert text_of(events) == "It is dark."
        said = json.loads(server.bodies[-1])["messages"]
        assert [each["content"] for each in said if each["role"] == "tool"] == ["x", "dark"]


async def test_the_same_request_joins_its_run_and_another_answer_takes_its_place(
    tmp_path: Path,
) -> None:
    replies = [Reply(Say("one")), Reply(Say("two"))]
    async with offering(tmp_path, *replies) as (gateway, server):
        assert text_of(await ask(gateway)) == "one"
        assert text_of(await ask(gateway)) == "one"
        assert text_of(await ask(gateway, runId="r2")) == "two"
        said = json.loads(server.bodies[-1])["messages"]
        assert [each["content"] for each in said if each["role"] != "system"] == ["hi"]


async def test_what_can_not_be_answered_is_said(tmp_path: Path) -> None:
    async with offering(tmp_path, Reply(status=400)) as (gateway, _):
        send = partial(http, gateway, "POST", "/agui")
        assert (await send(body={}))[0] == 401
        status, _, body = await send(token=AGENT, body={"threadId": "t"})
        assert (status, "no RunAgentInput" in body["error"]) == (400, True)
        text = {**HI, "content": "x" * 500_001}
        large = {"threadId": "t", "runId": "r", "messages": [text]}
        assert (await send(token=AGENT, body=large))[0] == 413
        events = await ask(gateway, messages=[])
        assert (events[-1]["type"], events[-1]["code"]) == ("RUN_ERROR", "nothing_new")
        events = await ask(gateway)
        assert (events[-1]["type"], events[-1]["code"]) == ("RUN_ERROR", "failed")


async def test_a_page_that_is_loaded_anew_sees_the_run_that_is_under_way(tmp_path: Path) -> None:
    replies = [Reply(Use("asked", {"text": "a"}, id="c1")), Reply(Say("Done."))]
    async with offering(tmp_path, *replies) as (gateway, _):
        await ask(gateway, OWNER)
        events = await ask(gateway, OWNER, runId="r2", messages=[])
        (interrupt,) = events[-1]["outcome"]["interrupts"]
        busy = await ask(gateway, OWNER, runId="r3", messages=[{**HI, "id": "u2"}])
        assert busy[-1]["code"] == "run_in_progress"
        assert interrupt["id"] in busy[-1]["message"]


async def test_a_page_that_goes_ends_a_run_that_has_done_nothing(tmp_path: Path) -> None:
    async with offering(tmp_path, Reply(Say("well"), Stall()), is_open=True) as (gateway, server):
        body = json.dumps({"threadId": "t1", "runId": "r1", "messages": [HI]}).encode()
        head = f"POST /agui HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(head.encode() + body)
            while b"well" not in await stream.receive():
                pass
        await server.until(lambda: not server.streaming)
        desk: Any = gateway.gate.sessions
        await until(lambda: not desk.active, "the run to end")


async def test_a_token_that_counts_no_more_ends_the_stream(tmp_path: Path) -> None:
    async with offering(tmp_path, Reply(Say("well"), Stall())) as (gateway, server):
        body = json.dumps({"threadId": "t1", "runId": "r1", "messages": [HI]}).encode()
        head = f"POST /agui HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += f"Connection: close\r\nAuthorization: Bearer {AGENT}\r\n\r\n"
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(head.encode() + body)
            await server.until(lambda: server.streaming == 1)
            gateway.gate.authenticator.reconfigure(())
            gateway.gate.authenticator.close_revoked()
            answer = await all_bytes(stream)
        assert b"RUN_FINISHED" not in answer
        await server.until(lambda: not server.streaming)
