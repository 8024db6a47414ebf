"""The ACP face on real sockets and both event loops, by a client by hand and the format's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.server.embedded import AGENT, OPERATOR, OWNER, POLICY, asked, config, echo, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentgate_client import AgentGateClient, ApprovalsClient
from agentgate_server.faces.talker import QUEUED_BYTES
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

BOUND_S = 10
ASK = 'call asked {"text": "x"}'
CONSOLE = {"name": "wall", "role": "console", "token": "wall-token-0123456789"}


@asynccontextmanager
async def gateway(
    folder: Path, *, sessions: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Gateway]:
    changes = {} if sessions is None else {"sessions": sessions}
    made = Gateway(
        config(folder, faces={"acp": more}, principals=[CONSOLE], **changes),
        tools=[echo, asked],
        policy=Policy.parse(POLICY),
    )
    with anyio.fail_after(3 * BOUND_S):
        async with made:
            yield made


class Editor:
    """A client by hand."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.seen: list[Any] = []
        self._last = 0

    def next(self) -> Any:
        self.seen.append(json.loads(self.client.recv(timeout=BOUND_S)))
        return self.seen[-1]

    def until(self, fits: Callable[[Any], Any]) -> Any:
        while not fits(self.next()):
            pass
        return self.seen[-1]

    def begin(self, method: str, **params: Any) -> int:
        self._last += 1
        message = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        self.client.send(json.dumps(message))
        return self._last

    def end(self, request: int) -> Any:
        return self.until(lambda it: it.get("id") == request and "method" not in it)

    def ask(self, method: str, **params: Any) -> Any:
        return self.end(self.begin(method, **params))["result"]

    def new(self) -> str:
        self.ask("initialize", protocolVersion=1)
        return str(self.ask("session/new", cwd="/p", mcpServers=[])["sessionId"])

    def prompt(self, session: str, text: str) -> int:
        return self.begin("session/prompt", sessionId=session, prompt=[block(text)])

    def question(self) -> Any:
        return self.until(lambda it: it.get("method") == "session/request_permission")

    def answer(self, question: Any, option: str) -> None:
        result = {"outcome": {"outcome": "selected", "optionId": option}}
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": result}
        self.client.send(json.dumps(answer))

    def text(self) -> str:
        updates = [each["params"]["update"] for each in self.seen if "update" in str(each)[:60]]
        kind = "agent_message_chunk"
        found = [each for each in updates if each["sessionUpdate"] == kind]
        return "".join(each["content"]["text"] for each in found)


def block(text: str) -> Any:
    return {"type": "text", "text": text}


async def talk(made: Gateway, script: Callable[[Editor], Any], token: str = AGENT) -> Any:
    """Run a script of a client in a thread."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def run() -> Any:
        url = f"ws://127.0.0.1:{made.port}/acp"
        with connect(url, additional_headers=headers, open_timeout=BOUND_S) as client:
            return script(Editor(client))

    return await anyio.to_thread.run_sync(run)


@pytest.mark.parametrize("token", [AGENT, OWNER, OPERATOR])
async def test_a_prompt_is_answered_and_its_session_is_listed(tmp_path: Path, token: str) -> None:
    def script(it: Editor) -> Any:
        it.client.send(b"binary means nothing")
        session = it.new()
        ended = it.end(it.prompt(session, "Good morning"))
        return it.text(), ended["result"], it.ask("session/list")

    async with gateway(tmp_path) as made:
        text, ended, listed = await talk(made, script, token)
    assert text.startswith("You said: Good morning")
    assert ended == {"stopReason": "end_turn"}
    (row,) = listed["sessions"]
    assert (row["title"], row["cwd"]) == ("Good morning", "/p")


async def test_each_sees_only_their_own_sessions_an_operator_too(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made:
        session = await talk(made, Editor.new)

        def script(it: Editor) -> Any:
            opened = it.end(it.begin("session/load", sessionId=session, cwd="/p", mcpServers=[]))
            return opened, it.ask("session/list")

        for token in (OWNER, OPERATOR):
            opened, listed = await talk(made, script, token)
            assert opened["error"]["code"] == -32002
            assert listed == {"sessions": []}


async def test_who_may_not_come_is_told_why(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made:
        for token, status in (("wrong", 401), ("", 401), (CONSOLE["token"], 403)):
            with pytest.raises(InvalidStatus) as caught:
                await talk(made, Editor.new, token)
            assert caught.value.response.status_code == status


async def test_an_open_door_lets_this_machine_in(tmp_path: Path) -> None:
    async with gateway(tmp_path, open=True) as made:
        assert await talk(made, Editor.new, "")


async def test_an_upgrade_names_its_connection(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made:
        names = [
            await talk(made, lambda it: it.client.response.headers["acp-connection-id"])  # type: ignore[union-attr]
            for _ in range(2)
        ]
    assert len(set(names)) == 2


# Approvals


@pytest.mark.parametrize(("option", "status"), [("allow", "completed"), ("reject", "failed")])
async def test_a_person_answers_in_the_editor(tmp_path: Path, option: str, status: str) -> None:
    def script(it: Editor) -> Any:
        session = it.new()
        prompt = it.prompt(session, ASK)
        it.answer(it.question(), option)
        it.end(prompt)
        calls = [each["params"]["update"] for each in it.seen if "tool_call_update" in str(each)]
        return [each["status"] for each in calls][-1]

    async with gateway(tmp_path) as made, ApprovalsClient(made.url, OWNER) as owner:
        assert await talk(made, script, OWNER) == status
        assert await owner.list() == []


async def test_an_agent_waits_for_somebody_else_and_sees_who_it_was(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made, ApprovalsClient(made.url, OWNER) as owner:

        async def approve() -> None:
            waiting = await owner.list()
            await owner.decide(waiting[0].id, "approve")

        def script(it: Editor) -> Any:
            session = it.new()
            prompt = it.prompt(session, ASK)
            it.until(lambda each: "Waits for a person" in str(each))
            anyio.from_thread.run(approve)
            it.until(lambda each: "Approved by owner (terminal)." in str(each))
            return it.end(prompt)["result"], it.seen

        ended, seen = await talk(made, script)
    assert ended == {"stopReason": "end_turn"}
    assert not any(each.get("method") == "session/request_permission" for each in seen)


async def test_what_is_answered_elsewhere_is_withdrawn_in_the_editor(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made, ApprovalsClient(made.url, OPERATOR) as other:

        def script(it: Editor) -> Any:
            session = it.new()
            prompt = it.prompt(session, ASK)
            question = it.question()
            approval = question["id"].removeprefix("permission-")
            anyio.from_thread.run(other.decide, approval, "deny")
            gone = it.until(lambda each: each.get("method") == "$/cancel_request")
            it.answer(question, "allow")  # too late
            return question, gone, it.end(prompt)["result"]

        question, gone, ended = await talk(made, script, OWNER)
    assert gone["params"] == {"requestId": question["id"]}
    assert ended == {"stopReason": "end_turn"}


async def test_what_a_person_has_asked_waits_when_tokens_are_looked_at(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made:

        def script(it: Editor) -> Any:
            prompt = it.prompt(it.new(), ASK)
            question = it.question()
            anyio.from_thread.run_sync(made.gate.authenticator.close_revoked)
            it.answer(question, "allow")
            it.end(prompt)
            return it.seen

        seen = await talk(made, script, OWNER)
    assert any('"completed"' in json.dumps(each) for each in seen)


async def test_a_question_is_asked_again_of_who_loads_the_session(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made:

        def begin(it: Editor) -> Any:
            session = it.new()
            it.prompt(session, ASK)
            return session, it.question()

        session, question = await talk(made, begin, OWNER)
        seats = made.gate.faces._faces["acp"]._seats  # type: ignore[attr-defined]
        await until(lambda: not seats, "the end of the connection")

        def load(it: Editor) -> Any:
            it.ask("session/load", sessionId=session, cwd="/p", mcpServers=[])
            again = it.question()
            it.answer(again, "allow")
            it.until(lambda each: '"completed"' in json.dumps(each))
            return again

        assert (await talk(made, load, OWNER))["id"] == question["id"]


# Runs outlive connections


async def test_a_run_goes_on_without_its_client_and_a_cancel_ends_it(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made, AgentGateClient(made.url, AGENT) as agent:

        def begin(it: Editor) -> Any:
            session = it.new()
            it.prompt(session, "Count to 100000")
            it.until(lambda each: "agent_message_chunk" in str(each))
            return session

        session = await talk(made, begin)
        found = await agent.sessions.get(session)
        assert found.view.run

        def end(it: Editor) -> Any:
            it.ask("session/resume", sessionId=session, cwd="/p")
            it.until(lambda each: "agent_message_chunk" in str(each))
            cancel = {"jsonrpc": "2.0", "method": "session/cancel"}
            it.client.send(json.dumps({**cancel, "params": {"sessionId": session}}))

        await talk(made, end)
        while (await found.refresh()).run:  # bounded by the gateway's fail_after
            await anyio.sleep(0.002)


async def test_a_session_that_is_deleted_elsewhere_is_gone(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made, AgentGateClient(made.url, AGENT) as agent:

        def script(it: Editor) -> Any:
            session = it.new()
            prompt = it.prompt(session, "Count to 100000")
            it.until(lambda each: "agent_message_chunk" in str(each))
            anyio.from_thread.run(agent.sessions.delete, session)
            return it.end(prompt)["result"], it.ask("session/close", sessionId=session)

        assert await talk(made, script) == ({"stopReason": "cancelled"}, {})


async def test_who_reads_slowly_is_handed_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    word, count = "x" * 400_000, 32  # more than the buffers of two sockets take
    script = tmp_path / "scenes.yaml"
    script.write_text("scenes: [{say: Yes}]")
    models = {"yes": {"backend": "rehearsal", "script": str(script)}}

    async with gateway(tmp_path, sessions={"models": models}) as made:
        seats = made.gate.faces._faces["acp"]._seats  # type: ignore[attr-defined]

        async def stalled() -> int:
            """Wait until no more is handed over; return how much has not been taken."""
            (seat,) = seats.values()
            seen = (-1, -1)
            while seen != place_of(seat):
                seen = place_of(seat)
                for _ in range(100):
                    await anyio.lowlevel.checkpoint()
            (thread,) = seat.editor._threads.values()
            assert seen[0] < thread._known_until
            return seen[1]

        def talk_much(it: Editor) -> Any:
            session = it.new()
            for _ in range(count):
                it.end(it.prompt(session, word))
            it.seen.clear()
            loading = it.begin("session/load", sessionId=session, cwd="/p", mcpServers=[])
            it.next()
            queued = anyio.from_thread.run(stalled)
            it.end(loading)
            return queued, len(json.dumps(it.seen))

        def run() -> Any:
            url = f"ws://127.0.0.1:{made.port}/acp"
            headers = {"Authorization": f"Bearer {AGENT}"}
            with connect(url, additional_headers=headers, max_queue=1, max_size=None) as client:
                return talk_much(Editor(client))

        queued, said = await anyio.to_thread.run_sync(run)
    assert queued < QUEUED_BYTES + 3 * len(word)
    assert said > count * len(word)


async def test_a_revoked_token_ends_the_connection(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made:

        def script(it: Editor) -> Any:
            it.new()
            anyio.from_thread.run_sync(made.gate.authenticator.reconfigure, [])
            anyio.from_thread.run_sync(made.gate.authenticator.close_revoked)
            with pytest.raises(ConnectionClosed) as caught:
                it.next()
            return caught.value.rcvd

        closed = await talk(made, script)
    assert closed is not None
    assert closed.code == 4401


def place_of(seat: Any) -> tuple[int, int]:
    """Where a connection is: offset in the log of its one session, and what it has not taken."""
    (watcher,) = seat._watchers.values()
    return watcher.place.offset, seat.peer.connection.queued_bytes


# A client of others


async def test_the_python_sdk_talks_approves_and_loads(tmp_path: Path) -> None:
    from tests.server.faces.acp_sdk import Recorder, conversation

    def run(url: str) -> Recorder:
        return asyncio.run(conversation(url, OWNER, ASK))

    async with gateway(tmp_path) as made:
        url = f"ws://127.0.0.1:{made.port}/acp"
        seen = await anyio.to_thread.run_sync(run, url)
    assert seen.stopped == ["end_turn", "end_turn"]
    assert seen.asked == ["asked(x)"]
    assert "You said: Hello" in seen.text()
    assert seen.loaded.index("user_message_chunk") == 0
    assert "tool_call" in seen.loaded
    assert seen.titles == ["Hello"]
