"""The desk of the providers: what is sent on whose link, and who is woken."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import PROVIDER_BACK_S
from agentgate_proto.providing.effects import End, Over, Refusal
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.jsonrpc import NULL, ErrorObject
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool
from agentgate_server.tools.provided.desk import ProviderDesk
from agentgate_server.tools.provided.tool import ProvidedTool

BOUND_S = 10.0
TEMP = OfferedTool(name="temp", effects=Effects.READ)
LIGHT = OfferedTool(name="light", description="on and off")


class Link:
    """A provider's connection."""

    def __init__(self) -> None:
        self.is_open = True
        self.asked: list[tuple[str, CallTool]] = []
        self.dropped: list[tuple[str, str]] = []

    def ask(self, request: str, call: CallTool) -> bool:
        if self.is_open:
            self.asked.append((request, call))
        return self.is_open

    def drop(self, request: str, call: str) -> None:
        self.dropped.append((request, call))


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def make_desk(clock: Clock | None = None) -> ProviderDesk:
    return ProviderDesk(
        clock or Clock(), lambda name: name == "kitchen", lambda name: name == "kitchen.clock"
    )


def refusal(taken: list[str] | Refusal) -> Refusal:
    assert isinstance(taken, Refusal)
    return taken


def call_for(
    desk: ProviderDesk, effects: Effects = Effects.WRITE, call: str = "c1"
) -> ProvidedTool:
    tool = desk.to_run("kitchen.light", effects, call)
    assert isinstance(tool, ProvidedTool)
    return tool


def test_tools_are_there_while_they_are_offered_and_each_is_made_once() -> None:
    desk, link = make_desk(), Link()
    assert desk.offer(1, link, "kitchen", "pi", [TEMP, LIGHT]) == ["kitchen.temp", "kitchen.light"]
    light = desk.get("kitchen.light")
    assert light is desk.get("kitchen.light")
    assert [tool.name for tool in desk] == ["kitchen.temp", "kitchen.light"]
    assert light is not None
    assert (light.description, light.effects) == ("on and off", Effects.WRITE)
    desk.offer(1, link, "kitchen", "pi", [LIGHT])
    assert desk.get("kitchen.light") is not light
    desk.leave(1)
    desk.leave(1)
    assert desk.get("kitchen.light") is None


def test_tools_of_offers_that_are_over_are_let_go_of() -> None:
    desk, link = make_desk(), Link()
    for number in range(50):
        desk.offer(1, link, "kitchen", "pi", [OfferedTool(name=f"t{number}")])
        assert len(list(desk)) == 1
    assert len(desk._tools) <= 3


@pytest.mark.parametrize(
    ("principal", "tool", "code", "text"),
    [
        ("my kitchen", TEMP, ErrorCode.INVALID_PARAMS, "plainer name"),
        ("kitchen", OfferedTool(name="clock"), ErrorCode.ALREADY_SETTLED, "of its own"),
        (
            "kitchen",
            OfferedTool(name="x", args={"not": {}}),
            ErrorCode.INVALID_PARAMS,
            "args.not: this keyword is not understood",
        ),
    ],
)
def test_what_cannot_be_a_tool_is_refused(
    principal: str, tool: OfferedTool, code: ErrorCode, text: str
) -> None:
    desk = make_desk()
    refused = refusal(desk.offer(1, Link(), principal, "pi", [tool]))
    assert refused.code == code
    assert text in refused.message
    assert list(desk) == []


def test_only_tools_of_those_who_may_provide_are_waited_for() -> None:
    desk = make_desk()
    assert desk.to_run("kitchen.light", Effects.WRITE, "c1") is not None
    for name in ("hall.light", "light", "kitchen.", "kitchen.li-ght"):
        assert desk.to_run(name, Effects.WRITE, "c1") is None


def test_one_that_is_offered_is_run_whoever_it_belongs_to() -> None:
    desk = make_desk()
    desk.offer(1, Link(), "guest", "pi", [LIGHT])
    assert desk.to_run("guest.light", Effects.WRITE, "c1") is not None


async def run(tool: ProvidedTool, results: list[Any], **args: Any) -> None:
    try:
        results.append(await tool.run(args))
    except Exception as error:
        results.append(error)


@pytest.mark.anyio
async def test_a_call_is_sent_under_the_request_s_id_and_its_answer_returned() -> None:
    desk, link = make_desk(), Link()
    desk.offer(1, link, "kitchen", "pi", [LIGHT])
    tool, results = call_for(desk), []
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, tool, results)
            await anyio.wait_all_tasks_blocked()
            ((request, call),) = link.asked
            assert (call.call, call.tool) == ("c1", "light")
            desk.answered(1, request, msgspec.Raw(b'{"data":[1]}'), None)
    assert results == [[1]]
    assert link.dropped == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "name"), [(-32004, "ToolFailed"), (-32602, "NotStarted"), (-32007, "EffectUnknown")]
)
async def test_an_error_is_raised_as_what_it_says(code: int, name: str) -> None:
    desk, link = make_desk(), Link()
    desk.offer(1, link, "kitchen", "pi", [LIGHT])
    results: list[Any] = []
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, call_for(desk), results)
            await anyio.wait_all_tasks_blocked()
            desk.answered(1, link.asked[0][0], NULL, ErrorObject(code, "because"))
    assert [type(each).__name__ for each in results] == [name]
    assert str(results[0]) == "because"


@pytest.mark.anyio
async def test_a_link_that_cannot_send_leaves_the_call_waiting_for_another() -> None:
    desk, closing, link = make_desk(), Link(), Link()
    closing.is_open = False
    desk.offer(1, closing, "kitchen", "pi", [LIGHT])
    results: list[Any] = []
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, call_for(desk), results)
            await anyio.wait_all_tasks_blocked()
            desk.leave(1)
            assert results == []
            desk.offer(2, link, "kitchen", "pi", [LIGHT])
            assert link.asked == [], "its offer is answered first"
            desk.drain()
            desk.answered(2, link.asked[0][0], msgspec.Raw(b"{}"), None)
    assert results == [None]


@pytest.mark.anyio
async def test_a_call_that_is_cancelled_is_dropped_and_says_whether_it_was_asked() -> None:
    desk, link = make_desk(), Link()
    waiting = call_for(desk, call="c1")
    with anyio.move_on_after(0.01):
        await waiting.run({})
    assert not waiting.may_have_run
    desk.offer(1, link, "kitchen", "pi", [LIGHT])
    asked = call_for(desk, call="c2")
    with anyio.move_on_after(0.01):
        await asked.run({})
    assert asked.may_have_run
    assert link.dropped == [(link.asked[0][0], "c2")]


@pytest.mark.anyio
async def test_a_call_ends_when_the_machine_says_so_and_not_before() -> None:
    clock = Clock()
    desk = ProviderDesk(clock, lambda name: True)
    results: list[Any] = []
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, call_for(desk), results)
            await anyio.wait_all_tasks_blocked()
            clock.now += PROVIDER_BACK_S - 0.5
            desk.tick()
            assert results == []
            clock.now += 0.5
            desk.tick()
    assert [type(each).__name__ for each in results] == ["NotStarted"]


@pytest.mark.anyio
async def test_a_short_time_of_the_tool_counts_although_the_call_has_waited_for_it() -> None:
    desk, link = ProviderDesk(anyio.current_time, lambda name: True), Link()
    results: list[Any] = []
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, call_for(desk), results)
            await anyio.wait_all_tasks_blocked()
            quick = OfferedTool(name="light", timeout_s=0.01)
            desk.offer(1, link, "kitchen", "pi", [quick])
            desk.drain()
    assert [type(each).__name__ for each in results] == ["EffectUnknown"]
    assert len(link.dropped) == 1


def test_arguments_that_no_json_can_say_leave_nothing_behind() -> None:
    desk = make_desk()
    ends: list[Over] = []
    with pytest.raises(TypeError):
        desk.begin("c1", call_for(desk), {"x": object()}, ends.append)
    assert desk._waiting == {}
    desk.begin("c1", call_for(desk), {}, ends.append)
    assert ends == []


def test_a_call_that_ends_at_once_is_told_at_once() -> None:
    desk = make_desk()
    desk.offer(1, Link(), "kitchen", "pi", [LIGHT])
    ends: list[Over] = []
    desk.begin("c1", call_for(desk, Effects.READ), {}, ends.append)
    assert [over.end for over in ends] == [End.NOT_STARTED]
