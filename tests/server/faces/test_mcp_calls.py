"""Calls of MCP clients that take time: who waits, hangs up, comes back, is asked something."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import msgspec
import pytest
from tests.server.embedded import until
from tests.server.faces.mcp_client import LEGACY, TASKS, Events, text_of, whole
from tests.server.faces.mcp_stage import BOTH, OTHER, client_of, offering

from agentgate_proto.faces.mcp import call, holds
from agentgate_proto.records.outcome import executed, failed
from agentgate_server.faces import mcp_calls
from agentgate_server.tools.dialogue import NotAnswered

pytestmark = pytest.mark.anyio


# Waiting for a person


@BOTH
async def test_a_call_is_held_until_a_person_has_answered(tmp_path: Path, version: str) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, version) as client:
        async with client.streaming(client.calling("ask_it", progressToken="t")) as response:
            assert response.headers["content-type"] == "text/event-stream"
            events = Events(response)
            progress = await events.next()
            assert progress["method"] == "notifications/progress"
            assert progress["params"]["progressToken"] == "t"
            assert bool(events.last_id) is (version == LEGACY)
            desk.settle(desk.requests[0], executed(b'{"done":true}'))
            answer = await events.next()
            assert answer["result"]["structuredContent"] == {"done": True}
            assert await events.next() is None
        assert (await client.call("echo_it"))["isError"] is False


@BOTH
async def test_a_hold_ends_with_words_and_the_outcome_can_be_asked_for(
    tmp_path: Path, version: str
) -> None:
    async with (
        offering(tmp_path, hold_s=0.05) as (gateway, desk),
        client_of(gateway, version) as client,
    ):
        result = await client.call("ask_it", {"a": 1})
        assert result["isError"] is True
        assert "structuredContent" not in result
        assert result["_meta"]["agentgate/status"] == "pending"
        rid = result["_meta"]["agentgate/request_id"]
        again = await client.call("gate_result", {"request_id": rid})
        assert again["_meta"]["agentgate/request_id"] == rid
        desk.settle(desk.requests[0], executed(b'{"done":true}'))
        done = await client.call("gate_result", {"request_id": rid})
        assert done["structuredContent"] == {"done": True}
        assert len(desk.requests) == 1
        assert desk.calls[0].left


@BOTH
async def test_a_call_that_can_not_be_held_ends_with_an_error_and_goes_on(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    async with (
        offering(tmp_path, hold_s=0.05) as (gateway, desk),
        client_of(gateway, version) as client,
    ):
        monkeypatch.setattr(call.McpCall, "handle_timer", broken)
        message = client.calling("hang_it")
        async with client.streaming(message) as response:
            answer = await whole(response)
        assert answer["id"] == message["id"]
        assert answer["error"]["code"] == -32603
        assert "gate_result has the outcome" in answer["error"]["message"]
        await until(lambda: desk.calls[0].left, "that the call is left")
        assert not desk.requests[0].outcome
    assert "a timer failed" in caplog.text


async def test_who_knows_no_request_of_that_id_is_told(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway) as client:
        result = await client.call("gate_result", {"request_id": "rid-9"})
        assert result["isError"] is True
        assert "Nothing was run" in text_of(result)


async def test_a_failed_tool_is_said_to_have_failed(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        async with client.streaming(client.calling("hang_it")) as response:
            await until(lambda: desk.requests, "the request")
            desk.settle(desk.requests[0], failed("it broke"))
            answer = await whole(response)
        assert answer["result"]["isError"] is True
        assert text_of(answer["result"]) == "it broke"


# Who hangs up, and who comes back


async def test_a_legacy_client_comes_back_to_the_stream_of_its_call(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, LEGACY) as client:
        message = client.calling("ask_it", progressToken=3)
        async with client.streaming(message) as response:
            events = Events(response)
            await events.next()
            assert events.retry == "10000"
        await until(lambda: desk.calls[0].left, "the hang-up")
        async with client.listening(events.last_id) as response:
            again = Events(response)
            await again.next()
            assert again.last_id
            desk.settle(desk.requests[0], executed(b"1"))
            answer = await again.answer()
        assert answer["id"] == message["id"]
        assert text_of(answer["result"]) == "1"
        assert len(desk.requests) == 1


async def test_an_event_of_somebody_else_is_none(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, LEGACY) as client,
        client_of(gateway, LEGACY, OTHER) as other,
    ):
        async with client.streaming(client.calling("ask_it", progressToken=3)) as response:
            events = Events(response)
            await events.next()
        for event_id in (events.last_id, events.last_id[:-1] + "!", "x"):
            async with other.listening(event_id) as response:
                assert response.status == 404
        assert desk.calls[1:] == []


async def test_a_cancelled_call_is_withdrawn(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, LEGACY) as client:
        message = client.calling("ask_it", progressToken=3)
        async with client.streaming(message) as response:
            events = Events(response)
            await events.next()
            params = {"requestId": message["id"], "reason": "Escape"}
            done = await client.send(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
            )
            assert done.status == 202
            answer = await events.answer()
        assert "withdrawn" in text_of(answer["result"])
        assert desk.requests[0].outcome is not None
        again = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        assert (await client.send(again)).status == 202


async def test_who_hung_up_and_asks_again_is_not_withdrawn(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        async with client.streaming(client.calling("ask_it", progressToken=3)) as response:
            await Events(response).next()
        async with client.streaming(client.calling("ask_it", progressToken=3)) as response:
            events = Events(response)
            await events.next()
            await until(lambda: desk.calls[0].left, "that it is left, and not withdrawn")
            desk.settle(desk.requests[0], executed(b"1"))
            assert text_of((await events.answer())["result"]) == "1"
        assert len(desk.requests) == 1


# Questions


async def test_a_legacy_client_is_asked_on_the_stream_of_its_call(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, LEGACY, elicitation={}) as client,
    ):
        message = client.calling("hang_it")
        async with client.streaming(message) as response:
            await until(lambda: desk.requests, "the request")
            asker = desk.requests[0].views[0].asker
            assert asker is not None
            answers: list[bytes] = []

            async def ask() -> None:
                params = b'{"message":"who?"}'
                answers.append(bytes(await asker.ask("elicitation/create", params, 5.0)))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                events = Events(response)
                asked = await events.next()
                assert asked["method"] == "elicitation/create"
                reply = {"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}}
                assert (await client.send(reply)).status == 202
            assert json.loads(answers[0]) == {"action": "accept"}
            desk.settle(desk.requests[0], executed(b"1"))
            assert text_of((await events.answer())["result"]) == "1"


async def test_a_modern_client_is_asked_by_the_answer_and_calls_again(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, elicitation={"form": {}}) as client,
        client_of(gateway, token=OTHER, elicitation={"form": {}}) as other,
    ):
        answers: list[bytes] = []

        async def ask() -> None:
            await until(lambda: desk.requests, "the request")
            asker = desk.requests[0].views[0].asker
            assert asker is not None
            params = b'{"message":"who?"}'
            answers.append(bytes(await asker.ask("elicitation/create", params, 5.0)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            asked = await client.call("hang_it", {"a": 1})
            assert asked["resultType"] == "input_required"
            (name,) = asked["inputRequests"]
            again = {
                "name": "hang_it",
                "arguments": {"a": 1},
                "inputResponses": {name: {"action": "accept"}},
                "requestState": asked["requestState"],
            }
            for wrong in (
                again | {"arguments": {"a": 2}},
                again | {"requestState": asked["requestState"][:-2] + "AA"},
            ):
                response = await client.send(client.request("tools/call", wrong))
                assert response.json()["error"]["code"] == -32602
            response = await other.send(other.request("tools/call", again))
            assert response.json()["error"]["code"] == -32602
            async with client.streaming(client.request("tools/call", again)) as response:
                await until(lambda: answers, "the answer")
                desk.settle(desk.requests[0], executed(b"1"))
                assert text_of((await whole(response))["result"]) == "1"
        assert json.loads(answers[0]) == {"action": "accept"}
        response = await client.send(client.request("tools/call", again))
        assert response.json()["error"]["code"] == -32602
        assert len(desk.requests) == 1


async def test_who_calls_the_same_again_is_asked_what_was_not_answered(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, elicitation={"form": {}}) as client,
    ):
        answers: list[bytes] = []

        async def ask() -> None:
            await until(lambda: desk.requests, "the request")
            asker = desk.requests[0].views[0].asker
            assert asker is not None
            params = msgspec.Raw(b'{"message":"who?"}')
            answers.append(bytes(await asker.ask("elicitation/create", params, 5.0, "user_name")))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            first = await client.call("hang_it")
            again = await client.call("hang_it")
            assert list(first["inputRequests"]) == list(again["inputRequests"]) == ["user_name"]
            assert first["requestState"] != again["requestState"]
            message = client.calling("hang_it")
            message["params"] |= {
                "inputResponses": {"user_name": {"action": "accept"}},
                "requestState": again["requestState"],
            }
            async with client.streaming(message) as response:
                await until(lambda: answers, "the answer")
                desk.settle(desk.requests[0], executed(b"1"))
                assert text_of((await whole(response))["result"]) == "1"
        assert json.loads(answers[0]) == {"action": "accept"}
        assert len(desk.requests) == 1


async def test_what_nobody_asks_for_again_is_withdrawn_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "GRACE_S", 0.01)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        async with client.streaming(client.calling("ask_it", progressToken=3)) as response:
            await Events(response).next()
        await until(lambda: desk.requests[0].outcome, "the withdrawal")
        assert desk.calls[0].was_received


async def test_what_a_person_has_said_yes_to_goes_on_without_its_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "GRACE_S", 0.01)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        async with client.streaming(client.calling("ask_it", progressToken=3)) as response:
            await Events(response).next()
            desk.approve(desk.requests[0])
        await until(lambda: desk.calls[0].left, "that it is left")
        assert desk.requests[0].outcome is None


async def test_a_client_that_hung_up_is_answered_earlier_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "HOLD_MIN_S", 0.0)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, LEGACY) as client:
        message = client.calling("ask_it", {"a": 1}, progressToken=3)
        async with client.streaming(message) as response:
            events = Events(response)
            await events.next()
            params = {"requestId": message["id"], "reason": "Request timed out"}
            await client.send(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
            )
            await events.answer()
        with anyio.fail_after(5):
            result = await client.call("ask_it", {"a": 2}, meta={"progressToken": 3})
        assert result["_meta"]["agentgate/status"] == "pending"
        assert desk.requests[1].outcome is None


async def test_who_calls_again_without_an_answer_is_asked_again(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, elicitation={"form": {}}) as client,
    ):
        answers: list[bytes] = []

        async def ask() -> None:
            await until(lambda: desk.requests, "the request")
            asker = desk.requests[0].views[0].asker
            assert asker is not None
            params = msgspec.Raw(b'{"message":"who?"}')
            answers.append(bytes(await asker.ask("elicitation/create", params, 5.0)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            first = await client.call("hang_it", {"a": 1})
            second = await client.call("hang_it", {"a": 1})
            assert second["resultType"] == "input_required"
            assert second["inputRequests"] == first["inputRequests"]
            (name,) = second["inputRequests"]
            again = {
                "name": "hang_it",
                "arguments": {"a": 1},
                "inputResponses": {name: {"action": "accept"}},
                "requestState": second["requestState"],
            }
            async with client.streaming(client.request("tools/call", again)) as response:
                await until(lambda: answers, "the answer")
                desk.settle(desk.requests[0], executed(b"1"))
                assert text_of((await whole(response))["result"]) == "1"
        assert len(desk.requests) == 1


async def test_a_question_that_nobody_answers_is_over_some_time(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, LEGACY, elicitation={}) as client,
    ):
        message = client.calling("ask_it", progressToken=1)
        async with client.streaming(message) as response:
            events = Events(response)
            await events.next()
            asker = desk.requests[0].views[0].asker
            assert asker is not None
            with pytest.raises(NotAnswered):
                await asker.ask("elicitation/create", msgspec.Raw(b'{"message":"?"}'), 0.01)
            asked = await events.next()
            refusal = {"code": -1, "message": "no"}
            reply = {"jsonrpc": "2.0", "id": asked["id"], "error": refusal}
            assert (await client.send(reply)).status == 202  # too late, and no harm
            assert asker.can == {"elicitation.form"}
            asker.tell("notifications/progress", msgspec.Raw(b'{"progress":7}'))
            assert (await events.next())["params"] == {"progressToken": 1, "progress": 7.0}


async def test_a_client_may_refuse_to_answer(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, LEGACY, elicitation={}) as client,
    ):
        message = client.calling("ask_it", progressToken=1)
        async with client.streaming(message) as response:
            events = Events(response)
            await events.next()
            asker = desk.requests[0].views[0].asker
            assert asker is not None

            async def refuse() -> None:
                asked = await events.next()
                refusal = {"code": -1, "message": "nobody is here"}
                await client.send({"jsonrpc": "2.0", "id": asked["id"], "error": refusal})

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(refuse)
                with pytest.raises(NotAnswered, match="nobody is here"):
                    await asker.ask("elicitation/create", msgspec.Raw(b'{"message":"?"}'), 5.0)


# Caps


@BOTH
async def test_a_principal_has_so_many_calls_at_once_and_no_more(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_calls, "CALLS_MAX", 1)
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, version) as client,
        client_of(gateway, version, OTHER) as other,
    ):
        async with client.streaming(client.calling("ask_it", progressToken=1)) as response:
            events = Events(response)
            await events.next()
            refused = await client.call("echo_it")
            assert refused["isError"] is True
            assert "at once" in text_of(refused)
            assert (await other.call("echo_it"))["isError"] is False
            desk.settle(desk.requests[0], executed(b"1"))
            await events.answer()
        assert (await client.call("echo_it"))["isError"] is False


# The same twice


async def test_the_key_of_the_model_alone_says_what_is_the_same(tmp_path: Path) -> None:
    async with offering(tmp_path, hold_s=0.01) as (gateway, desk), client_of(gateway) as client:
        await client.call("ask_it", {"a": 1, "idempotency_key": "k"})
        (request,) = (each.request for each in desk.requests)
        assert (request.args, request.idempotency_key, request.join_s) == ({"a": 1}, "k", 0.0)


async def test_else_the_content_says_what_is_the_same_whatever_the_client_calls_it(
    tmp_path: Path,
) -> None:
    async with offering(tmp_path, hold_s=0.01) as (gateway, desk), client_of(gateway) as client:
        for name in ("1", "2"):
            await client.call("ask_it", {"a": 1}, meta={"claudecode/toolUseId": name})
        (request,) = (each.request for each in desk.requests)
        assert (request.idempotency_key, request.join_s) == ("", 600.0)


# Permission prompts


async def test_a_client_asks_for_the_use_of_its_own_tools(tmp_path: Path) -> None:
    async with (
        offering(tmp_path, hold_s=0.01, permit=True) as (gateway, desk),
        client_of(gateway, **TASKS) as client,
    ):
        arguments = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_1"}
        answer = json.loads(text_of(await client.call("permit", arguments)))
        assert answer["behavior"] == "deny"
        (request,) = desk.requests
        assert request.request.tool == "permit.Bash"
        assert request.request.join_s == 600.0
        desk.settle(request, executed(b'{"behavior":"allow","updatedInput":{"command":"ls"}}'))
        wrong = await client.send(client.calling("permit", {"tool_name": "Bash"}))
        assert wrong.json()["error"]["code"] == -32602
        await client.call("permit", arguments | {"tool_use_id": ""})
        assert desk.requests[-1].request.join_s == 0.0


async def test_without_permit_there_is_no_such_tool(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway) as client:
        answer = await client.send(client.calling("permit", {}))
        assert answer.json()["error"]["message"] == "Unknown tool: permit"
