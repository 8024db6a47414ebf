"""Providers: offers that come and go, and what becomes of calls meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import NESTING_MAX, PROVIDER_BACK_S
from agentgate_proto.providing import providers as module
from agentgate_proto.providing.effects import Ask, Check, Drop, Effect, End, Over, Refusal
from agentgate_proto.providing.providers import Providers
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.jsonrpc import NULL, ErrorObject
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool

DEEP = NESTING_MAX + 1
READ, WRITE = Effects.READ, Effects.WRITE


def anything(args: Mapping[str, Any]) -> str:
    return ""


def only_rooms(args: Mapping[str, Any]) -> str:
    return "" if set(args) == {"room"} else "missing argument 'room'"


def tool(
    name: str = "temp", effects: Effects = READ, check: Check = anything, **more: Any
) -> tuple[OfferedTool, Check]:
    return OfferedTool(name=name, effects=effects, **more), check


class Kitchen:
    """A machine, and what comes out of it."""

    def __init__(self) -> None:
        self.machine = Providers()
        self.now = 100.0

    def offer(
        self,
        *tools: tuple[OfferedTool, Check],
        link: int = 1,
        client: str = "pi",
        principal: str = "kitchen",
    ) -> Refusal | None:
        return self.machine.offer(link, principal, client, tools or [tool()], self.now)

    def ask(self, name: str = "kitchen.temp", effects: Effects = READ, **args: Any) -> str:
        """Make a call; return its id."""
        self.calls = getattr(self, "calls", 0) + 1
        call = f"c{self.calls}"
        self.machine.call(call, name, effects, args, self.now)
        return call

    def asked(self) -> Ask:
        """The one effect that there is: that a provider is asked."""
        (effect,) = self.effects()
        assert isinstance(effect, Ask)
        return effect

    def answer(self, ask: Ask, data: Any = None, *, link: int | None = None) -> None:
        raw = msgspec.Raw(msgspec.json.encode({"data": data}))
        self.machine.answered(ask.link if link is None else link, ask.request, raw, None)

    def fail(self, ask: Ask, code: int, text: str) -> None:
        self.machine.answered(ask.link, ask.request, NULL, ErrorObject(code, text))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.machine.handle_timer(self.now)
        deadline = self.machine.next_deadline()
        assert deadline is None or deadline > self.now, "a timer that does not advance"

    def effects(self) -> list[Effect]:
        found = []
        while (effect := self.machine.next_effect()) is not None:
            found.append(effect)
        return found

    def over(self) -> Over:
        """The one effect that there is: that a call is over."""
        (effect,) = self.effects()
        assert isinstance(effect, Over)
        return effect

    def names(self) -> list[str]:
        return [offer.name for offer in self.machine]

    def at_rest(self) -> bool:
        """Whether nothing of any call is left."""
        machine = self.machine
        return not (machine._calls or machine._loads or machine._deadlines) and not any(
            each.asked for each in machine._providers.values()
        )


def code_of(refusal: Refusal | None) -> ErrorCode | None:
    return refusal.code if refusal is not None else None


# Offers


def test_how_many_provide_how_much_is_known() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(), tool("light"))
    kitchen.offer(tool("door"), link=2, principal="hall")
    assert (kitchen.machine.connections, kitchen.machine.offered) == (2, 3)
    kitchen.machine.leave(2, kitchen.now)
    assert (kitchen.machine.connections, kitchen.machine.offered) == (1, 2)


def test_tools_are_offered_under_their_principal_s_name_until_the_connection_leaves() -> None:
    kitchen = Kitchen()
    assert kitchen.offer(tool("temp"), tool("light", WRITE)) is None
    assert kitchen.names() == ["kitchen.temp", "kitchen.light"]
    offer = kitchen.machine.get("kitchen.light")
    assert offer is not None
    assert (offer.link, offer.tool.effects) == (1, WRITE)
    kitchen.machine.leave(1, kitchen.now)
    kitchen.machine.leave(1, kitchen.now)
    assert kitchen.names() == []
    assert kitchen.machine.get("kitchen.light") is None


def test_an_offer_replaces_what_the_connection_has_offered_before() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool("temp"), tool("light"))
    assert kitchen.offer(tool("light"), tool("door")) is None
    assert kitchen.names() == ["kitchen.light", "kitchen.door"]
    assert kitchen.machine.offer(1, "kitchen", "pi", [], kitchen.now) is None
    assert kitchen.names() == []


def test_a_newer_connection_of_the_same_client_takes_over() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool("temp"), tool("light"))
    assert kitchen.offer(tool("temp"), link=2) is None
    assert kitchen.names() == ["kitchen.temp"]
    kitchen.machine.leave(1, kitchen.now)
    assert kitchen.names() == ["kitchen.temp"]


def test_another_client_that_is_connected_keeps_its_names_and_all_is_as_it_was() -> None:
    kitchen = Kitchen()
    kitchen.offer()
    refusal = kitchen.offer(tool("door"), tool("temp"), link=2, client="other pi")
    assert refusal is not None
    assert refusal.code == ErrorCode.ALREADY_SETTLED
    assert "a token of its own" in refusal.message
    assert kitchen.names() == ["kitchen.temp"]
    assert kitchen.offer(tool("door"), link=2, client="other pi") is None
    assert kitchen.names() == ["kitchen.temp", "kitchen.door"]
    kitchen.machine.leave(1, kitchen.now)
    assert kitchen.offer(tool("temp"), link=2, client="other pi") is None


def test_principals_do_not_share_names() -> None:
    kitchen = Kitchen()
    kitchen.offer()
    assert kitchen.offer(link=2, principal="hall") is None
    assert kitchen.names() == ["kitchen.temp", "hall.temp"]


def test_a_name_given_twice_is_refused() -> None:
    kitchen = Kitchen()
    assert code_of(kitchen.offer(tool(), tool())) == ErrorCode.INVALID_PARAMS
    assert kitchen.names() == []


@pytest.mark.parametrize("cap", ["PROVIDED_OF_PRINCIPAL_MAX", "PROVIDED_ALL_MAX"])
def test_too_many_tools_are_refused(cap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, cap, 2)
    kitchen = Kitchen()
    assert kitchen.offer(tool("a"), tool("b")) is None
    assert kitchen.offer(tool("c"), tool("d")) is None, "those before do not count"
    assert kitchen.offer(tool("c"), tool("d"), link=2) is None, "nor those of the one replaced"
    assert code_of(kitchen.offer(tool("e"), link=3, client="x")) == ErrorCode.LIMIT_EXCEEDED
    assert kitchen.names() == ["kitchen.c", "kitchen.d"]
    kitchen.machine.leave(2, kitchen.now)
    assert kitchen.offer(tool("e"), link=3, client="x") is None


def test_one_principal_does_not_use_up_what_another_may_offer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PROVIDED_OF_PRINCIPAL_MAX", 1)
    kitchen = Kitchen()
    kitchen.offer()
    assert code_of(kitchen.offer(tool("x"), link=2, client="y")) == ErrorCode.LIMIT_EXCEEDED
    assert kitchen.offer(link=3, principal="hall") is None


def test_too_much_said_of_tools_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROVIDED_BYTES_MAX", 200)
    kitchen = Kitchen()
    assert kitchen.offer(tool(description="x" * 80)) is None
    assert kitchen.offer(tool(description="x" * 80)) is None
    refusal = kitchen.offer(tool("b", description="x" * 80), link=2, client="other")
    assert code_of(refusal) == ErrorCode.LIMIT_EXCEEDED


# Calls


def test_a_call_goes_to_who_offers_the_tool_and_its_answer_comes_back() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(timeout_s=7.0))
    call = kitchen.ask(room="hall")
    ask = kitchen.asked()
    params = CallTool(call=call, tool="temp", args={"room": "hall"}, timeout_s=7.0)
    assert (ask.link, ask.params) == (1, params)
    assert kitchen.machine.deadline_of(call) == kitchen.now + 7.0
    assert kitchen.machine.may_have_run(call)
    kitchen.answer(ask, {"temp": 21})
    assert kitchen.over() == Over(call, End.DONE, {"temp": 21})
    assert kitchen.machine.deadline_of(call) is None
    assert not kitchen.machine.may_have_run(call)
    assert kitchen.at_rest()


@pytest.mark.parametrize("effects", Effects)
@pytest.mark.parametrize(
    ("code", "end"),
    [
        (ErrorCode.TOOL_FAILED, End.FAILED),
        (ErrorCode.INTERNAL_ERROR, End.FAILED),
        (1, End.FAILED),
        (ErrorCode.INVALID_PARAMS, End.NOT_STARTED),
        (ErrorCode.METHOD_NOT_FOUND, End.NOT_STARTED),
        (ErrorCode.LIMIT_EXCEEDED, End.NOT_STARTED),
        (ErrorCode.OUTCOME_UNKNOWN, End.UNKNOWN),
    ],
)
def test_an_error_says_how_it_ended(code: int, end: End, effects: Effects) -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(effects=effects))
    call = kitchen.ask(effects=effects)
    kitchen.fail(kitchen.asked(), code, "because")
    if end is End.UNKNOWN and effects is READ:
        end = End.FAILED
    assert kitchen.over() == Over(call, end, text="because")
    assert kitchen.at_rest()


@pytest.mark.parametrize(("effects", "end"), [(READ, End.FAILED), (WRITE, End.UNKNOWN)])
@pytest.mark.parametrize("raw", ["7", '{"data":' + "[" * DEEP + "]" * DEEP + "}"])
def test_an_answer_that_makes_no_sense_is_no_result(raw: str, effects: Effects, end: End) -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(effects=effects))
    kitchen.ask(effects=effects)
    ask = kitchen.asked()
    kitchen.machine.answered(1, ask.request, msgspec.Raw(raw.encode()), None)
    over = kitchen.over()
    assert over.end is end
    assert "odd answer" in over.text


def test_an_answer_from_anybody_else_counts_for_nothing() -> None:
    kitchen = Kitchen()
    kitchen.offer()
    kitchen.offer(tool("door"), link=2, client="other pi")
    kitchen.ask()
    ask = kitchen.asked()
    for link in (2, 3):
        kitchen.answer(ask, "forged", link=link)
    assert kitchen.effects() == []
    kitchen.answer(ask, 21)
    kitchen.answer(ask, 22)
    assert kitchen.over().data == 21


def test_a_write_under_way_is_unknown_when_its_provider_leaves() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(effects=WRITE))
    call = kitchen.ask(effects=WRITE)
    ask = kitchen.asked()
    kitchen.machine.leave(1, kitchen.now)
    over = kitchen.over()
    assert (over.call, over.end) == (call, End.UNKNOWN)
    assert "kitchen left while kitchen.temp ran" in over.text
    kitchen.offer(tool(effects=WRITE), link=2)
    kitchen.answer(ask, 1)
    kitchen.answer(ask, 1, link=2)
    assert kitchen.effects() == []
    assert kitchen.at_rest()


def test_a_read_under_way_is_asked_again_under_its_id_when_the_provider_is_back() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(timeout_s=20.0))
    call = kitchen.ask()
    stale = kitchen.asked()
    kitchen.machine.leave(1, kitchen.now)
    kitchen.wait(15.0)
    assert kitchen.effects() == []
    kitchen.offer(tool(timeout_s=20.0), link=2)
    ask = kitchen.asked()
    assert (ask.link, ask.params.call, ask.params.timeout_s) == (2, call, 5.0)
    assert ask.request != stale.request
    kitchen.answer(stale, "stale")
    kitchen.answer(stale, "stale", link=2)
    assert kitchen.effects() == []
    kitchen.answer(ask, 21)
    assert kitchen.over() == Over(call, End.DONE, 21)
    assert kitchen.at_rest()


def test_a_read_whose_provider_stays_away_fails_when_its_time_is_over() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(timeout_s=20.0))
    kitchen.ask()
    kitchen.asked()
    kitchen.machine.leave(1, kitchen.now)
    kitchen.wait(20.0)
    over = kitchen.over()
    assert over.end is End.FAILED
    assert "did not come back in time" in over.text
    assert kitchen.at_rest()


def test_taking_over_is_leaving_for_what_is_under_way() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(), tool("light", WRITE))
    read, write = kitchen.ask(), kitchen.ask("kitchen.light", WRITE)
    kitchen.effects()
    kitchen.offer(tool(), tool("light", WRITE), link=2)
    over, ask = kitchen.effects()
    assert isinstance(over, Over)
    assert (over.call, over.end) == (write, End.UNKNOWN)
    assert isinstance(ask, Ask)
    assert (ask.link, ask.params.call) == (2, read)


def test_a_call_for_a_tool_that_is_away_waits_for_it_a_while() -> None:
    kitchen = Kitchen()
    call = kitchen.ask(effects=WRITE)
    assert kitchen.effects() == []
    assert not kitchen.machine.may_have_run(call)
    kitchen.wait(PROVIDER_BACK_S - 1.0)
    kitchen.offer(tool("other"))
    assert kitchen.effects() == []
    kitchen.offer(tool(effects=WRITE, timeout_s=30.0))
    assert kitchen.asked().params == CallTool(call=call, tool="temp", timeout_s=30.0)
    kitchen.wait(PROVIDER_BACK_S)
    assert kitchen.effects() == []
    kitchen.wait(30.0)
    assert [type(effect) for effect in kitchen.effects()] == [Drop, Over]


def test_a_call_for_a_tool_that_stays_away_has_not_been_started() -> None:
    kitchen = Kitchen()
    call = kitchen.ask(effects=WRITE)
    kitchen.wait(PROVIDER_BACK_S)
    over = kitchen.over()
    assert (over.call, over.end) == (call, End.NOT_STARTED)
    assert "kitchen is not connected" in over.text
    assert kitchen.at_rest()


@pytest.mark.parametrize(("effects", "end"), [(READ, End.FAILED), (WRITE, End.UNKNOWN)])
def test_a_call_that_is_not_answered_in_time_is_stopped(effects: Effects, end: End) -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(effects=effects, timeout_s=5.0))
    call = kitchen.ask(effects=effects)
    ask = kitchen.asked()
    kitchen.wait(4.9)
    assert kitchen.effects() == []
    kitchen.wait(0.1)
    drop, over = kitchen.effects()
    assert drop == Drop(1, ask.request, call)
    assert isinstance(over, Over)
    assert over.end is end
    kitchen.answer(ask, "late")
    assert kitchen.effects() == []
    assert kitchen.at_rest()


def test_what_could_not_be_sent_waits_for_another_connection() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(effects=WRITE))
    call = kitchen.ask(effects=WRITE)
    ask = kitchen.asked()
    kitchen.machine.not_sent(1, ask.request)
    kitchen.machine.not_sent(1, ask.request)
    kitchen.machine.not_sent(9, ask.request)
    assert not kitchen.machine.may_have_run(call)
    kitchen.machine.leave(1, kitchen.now)
    assert kitchen.effects() == []
    kitchen.offer(tool(effects=WRITE), link=2)
    assert kitchen.asked().params.call == call


def test_a_tool_that_has_become_another_is_not_what_was_allowed() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(effects=WRITE))
    kitchen.ask(effects=READ)
    over = kitchen.over()
    assert over.end is End.NOT_STARTED
    assert "it writes" in over.text
    assert kitchen.at_rest()


def test_arguments_are_looked_at_again_by_what_the_tool_says_now() -> None:
    kitchen = Kitchen()
    kitchen.ask(room="hall")
    kitchen.ask(house="mine")
    kitchen.offer(tool(check=only_rooms))
    ask, over = kitchen.effects()
    assert isinstance(ask, Ask)
    assert ask.params.args == {"room": "hall"}
    assert isinstance(over, Over)
    assert (over.end, over.text) == (End.NOT_STARTED, "missing argument 'room'")


def test_a_call_that_nobody_wants_any_more_is_dropped_without_a_word() -> None:
    kitchen = Kitchen()
    kitchen.offer()
    call, waiting = kitchen.ask(), kitchen.ask("kitchen.other")
    ask = kitchen.asked()
    for each in (call, call, waiting):
        kitchen.machine.cancel(each)
    assert kitchen.effects() == [Drop(1, ask.request, call)]
    kitchen.answer(ask, 21)
    assert kitchen.effects() == []
    assert kitchen.at_rest()


@pytest.mark.parametrize("cap", ["PROVIDED_CALLS_MAX", "PROVIDED_CALLS_BYTES_MAX"])
def test_too_many_calls_for_one_principal_s_tools_are_refused(
    cap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, cap, {"PROVIDED_CALLS_MAX": 1}.get(cap, 30))
    kitchen = Kitchen()
    kitchen.offer()
    kitchen.offer(link=2, principal="hall")
    kitchen.ask(text="x" * 15)
    first = kitchen.asked()
    kitchen.ask(text="x" * 15)
    over = kitchen.over()
    assert over.end is End.NOT_STARTED
    assert "kitchen is busy" in over.text
    kitchen.ask("hall.temp", text="x" * 15)
    assert kitchen.asked().link == 2
    kitchen.answer(first)
    kitchen.effects()
    kitchen.ask(text="x" * 15)
    assert kitchen.asked().link == 1


def test_deadlines_of_calls_that_are_over_do_not_pile_up() -> None:
    kitchen = Kitchen()
    kitchen.offer(tool(timeout_s=600.0))
    for _ in range(100):
        kitchen.ask()
        kitchen.answer(kitchen.asked())
        kitchen.effects()
    assert len(kitchen.machine._deadlines) <= 2
