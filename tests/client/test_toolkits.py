"""Kits of tools: what vendors are offered, what is read of their answers, what models are told."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from langchain_core.tools import BaseTool
from tests.client.gateway import Peer, gateway
from tests.client.helpers import BOUND_S

from agent_gate.langchain import langchain_tools
from agentgate_client import AgentGateClient, CallResult, Disconnected, sync
from agentgate_client.toolkits.forms import Completions, Form, Messages, Responses
from agentgate_client.toolkits.kit import IT_ASKS, NO_OBJECT, Kit, words_for
from agentgate_proto.errors import exception_for

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {"room": {"type": "string"}},
    "required": ["room"],
    "additionalProperties": False,
}

ROWS = [
    {"name": "house.measure", "description": "Measure.", "args": SCHEMA, "decision": "allow"},
    {"name": "lights", "description": "", "args": {}, "decision": "ask"},
]

FORMS = [Completions(), Responses(), Messages()]


def wanted(form: Form, *calls: tuple[str, str, Any]) -> Any:
    """An answer of a vendor with these calls: id, name, arguments as the vendor has them."""
    match form:
        case Completions():
            made = [{"id": i, "function": {"name": n, "arguments": a}} for i, n, a in calls]
            return {"role": "assistant", "tool_calls": made}
        case Responses():
            kind = {"type": "function_call"}
            made = [{**kind, "call_id": i, "name": n, "arguments": a} for i, n, a in calls]
            return {"output": [{"type": "reasoning"}, *made]}
        case _:
            kind = {"type": "tool_use"}
            made = [{**kind, "id": i, "name": n, "input": a} for i, n, a in calls]
            return {"content": [{"type": "text", "text": "Let me see."}, *made]}


def written(form: Form, args: str) -> Any:
    """Arguments as a vendor has them: a text, or Anthropic's object."""
    return {"room": "hall"} if isinstance(form, Messages) and "hall" in args else args


async def echo(tool: str, args: dict[str, Any]) -> CallResult:
    return CallResult(data={"tool": tool, **args})


@pytest.mark.parametrize("form", FORMS)
async def test_a_name_that_vendors_do_not_take_is_spelled_anew_and_back(form: Form) -> None:
    kit = Kit(form, ROWS)
    assert "house_measure" in str(kit.offered)
    answer = wanted(form, ("c1", "house_measure", written(form, '{"room":"hall"}')))
    (result,) = await kit.run_with(echo, answer)
    assert '{"tool":"house.measure","room":"hall"}' in str(result)


@pytest.mark.parametrize("form", FORMS)
async def test_what_is_offered_says_what_it_takes_and_that_a_person_is_asked(form: Form) -> None:
    measure, lights = Kit(form, ROWS).offered
    assert str(SCHEMA) in str(measure)
    assert IT_ASKS not in str(measure)
    assert IT_ASKS in str(lights)
    assert "'type': 'object', 'properties': {}" in str(lights)


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_that_wants_nothing_is_followed_by_nothing(form: Form) -> None:
    for answer in (wanted(form), {}, {"content": "words"}, None):
        assert await Kit(form, ROWS).run_with(echo, answer) == []


@pytest.mark.parametrize("form", [Completions(), Responses()])
@pytest.mark.parametrize("args", ["{", "[1]", '"x"', 7])
async def test_arguments_that_are_none_are_told_to_the_model(form: Form, args: Any) -> None:
    (result,) = await Kit(form, ROWS).run_with(echo, wanted(form, ("c1", "lights", args)))
    assert NO_OBJECT in result.values()


@pytest.mark.parametrize("args", ["", None, "{}"])
async def test_no_arguments_at_all_are_none(args: Any) -> None:
    answer = wanted(Completions(), ("c1", "lights", args))
    (result,) = await Kit(Completions(), ROWS).run_with(echo, answer)
    assert result["content"] == '{"tool":"lights"}'


async def test_all_calls_of_an_answer_are_made_at_once_and_told_in_their_order() -> None:
    both = anyio.Event()
    asked: list[str] = []

    async def last_first(tool: str, args: dict[str, Any]) -> CallResult:
        asked.append(tool)
        if len(asked) < 2:
            await both.wait()
        both.set()
        return CallResult(data=tool)

    answer = wanted(Messages(), ("c1", "lights", {}), ("c2", "house_measure", {}))
    with anyio.fail_after(BOUND_S):
        (message,) = await Kit(Messages(), ROWS).run_with(last_first, answer)
    assert [block["content"] for block in message["content"]] == ["lights", "house.measure"]


@pytest.mark.parametrize("form", FORMS)
async def test_what_people_made_of_a_call_is_told_below_its_result(form: Form) -> None:
    async def edited(tool: str, args: dict[str, Any]) -> CallResult:
        return CallResult(data="lit", word="softer at night", edited={"level": 3})

    answer = wanted(form, ("c1", "lights", written(form, '{"room":"hall"}')))
    (result,) = await Kit(form, ROWS).run_with(edited, answer)
    text = next(each for each in texts_in(result) if each.startswith("lit"))
    assert text == (
        'lit\n\nA person has changed the arguments before it ran; these were: {"level":3}. '
        "The person who was asked says: softer at night"
    )


def texts_in(value: Any) -> list[str]:
    """All texts within what a vendor is told."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in texts_in(each)]
        case list():
            return [text for each in value for text in texts_in(each)]
        case _:
            return []


async def test_what_failed_as_a_person_had_made_it_says_so() -> None:
    data = {"word": "try this", "edited": {"level": 3}}
    said = words_for(exception_for(-32004, "the lamp is broken", data))
    assert said.startswith("the lamp is broken\n\nA person has changed the arguments")
    assert said.endswith("says: try this")


async def test_a_call_that_fails_is_an_answer_to_the_model() -> None:
    async def denied(tool: str, args: dict[str, Any]) -> CallResult:
        raise exception_for(-32001, "Denied by user: later")

    (message,) = await Kit(Messages(), ROWS).run_with(
        denied, wanted(Messages(), ("c1", "lights", {}))
    )
    assert message["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "c1",
            "content": "Denied by user: later (it did not run)",
            "is_error": True,
        }
    ]


async def test_that_the_gate_is_gone_is_raised_whatever_else_is_under_way() -> None:
    async def gone(tool: str, args: dict[str, Any]) -> CallResult:
        if tool == "lights":
            raise exception_for(-32000, "the client was closed")
        await anyio.sleep_forever()
        raise AssertionError

    answer = wanted(Messages(), ("c1", "lights", {}), ("c2", "house_measure", {}))
    with anyio.fail_after(BOUND_S), pytest.raises(Disconnected, match="the client was closed"):
        await Kit(Messages(), ROWS).run_with(gone, answer)


def test_a_model_is_told_what_an_end_means_for_asking_again() -> None:
    assert words_for(exception_for(-32007, "Outcome unknown")).endswith("before you ask again)")
    assert words_for(exception_for(-32006, "full", {"retry_after_s": 2})).endswith("in 2 s)")
    assert words_for(exception_for(-32004, "no lamp")) == "no lamp"


# Tools of LangChain


async def offering(peer: Peer) -> None:
    """Lists ``ROWS``; what is asked of the lights fails."""
    await peer.authenticate()
    while True:
        request = await peer.receive()
        if request["method"] == "list_tools":
            await peer.answer(request, {"tools": ROWS})
        elif request.get("params", {}).get("tool") == "lights":
            await peer.fail(request, -32003, "Denied by policy: shut")
        elif request["method"] == "tool_request":
            await peer.executed(request, {"asked": request["params"]})


CALL = {"type": "tool_call", "id": "c1"}


def by_name(tools: list[BaseTool]) -> dict[str, BaseTool]:
    return {each.name: each for each in tools}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # LangChain knows no other
async def test_tools_of_langchain_are_awaited() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(offering) as gate, AgentGateClient(gate.url, "t") as gw:
            tools = by_name(langchain_tools(gw, await gw.list_tools()))
            done = await tools["house_measure"].ainvoke(
                {**CALL, "name": "house_measure", "args": {"room": "hall"}}
            )
            failed = await tools["lights"].ainvoke({**CALL, "name": "lights", "args": {}})
    assert '"args":{"room":"hall"}' in done.content
    assert '"tool":"house.measure"' in done.content
    assert (failed.status, failed.content) == ("error", "Denied by policy: shut (it did not run)")


async def test_tools_of_langchain_are_waited_for() -> None:
    def play(url: str) -> tuple[Any, Any]:
        with sync.AgentGateClient(url, "t") as gw:
            tools = by_name(langchain_tools(gw, gw.list_tools()))
            done = tools["house_measure"].invoke(
                {**CALL, "name": "house_measure", "args": {"room": "hall"}}
            )
            gw.close()
            with pytest.raises(Disconnected):
                tools["lights"].invoke({**CALL, "name": "lights", "args": {}})
            return done, tools["house_measure"].tool_call_schema

    with anyio.fail_after(BOUND_S):
        async with gateway(offering) as gate:
            done, schema = await anyio.to_thread.run_sync(play, gate.url)
    assert '"args":{"room":"hall"}' in done.content
    assert schema["required"] == ["room"]


async def test_a_kit_without_await_does_the_same() -> None:
    def play(url: str) -> list[dict[str, Any]]:
        with sync.AgentGateClient(url, "t") as gw:
            kit = sync.AnthropicTools(gw, gw.list_tools(), timeout_s=BOUND_S)
            return kit.run(wanted(Messages(), ("c1", "house_measure", {"room": "hall"})))

    with anyio.fail_after(BOUND_S):
        async with gateway(offering) as gate:
            (message,) = await anyio.to_thread.run_sync(play, gate.url)
    assert '"room":"hall"' in message["content"][0]["content"]
