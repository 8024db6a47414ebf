"""Turns of clients that keep the conversation themselves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.session_models import call, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.talks import kinds, messages

from agentgate_proto.models.events import ModelEvent, Stop
from agentgate_proto.models.request import (
    AssistantTurn,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    ToolUse,
    Turn,
    UserTurn,
)
from agentgate_proto.records.outcome import executed
from agentgate_proto.sessions.client_turns import TOOLS_MAX, ClientTurn, with_client
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.material import Material

LOOK = ToolSpec(name="look", description="Look there.", schema={"type": "object"})


def use(name: str, tool: str = "look") -> ToolUse:
    return ToolUse(id=name, name=tool, args=msgspec.Raw(b"{}"))


def asked(name: str, text: str = "") -> AssistantTurn:
    return AssistantTurn(text=text, calls=(use(name),))


def back(name: str, text: str = "seen") -> ToolTurn:
    return ToolTurn((ToolReturn(id=name, text=text),))


def told(*texts: str) -> tuple[Turn, ...]:
    """A conversation, in turns."""
    turns = [
        UserTurn(text) if at % 2 == 0 else AssistantTurn(text=text) for at, text in enumerate(texts)
    ]
    return tuple(turns)


def turn(world: World, name: str, text: str, *past: Turn, **more: Any) -> str:
    """Let a client speak, up to where its model is asked."""
    params = {"message_id": f"message{next(world.ids)}", "past": past} | more
    ticket = world.request(ClientTurn(session=name, text=text, **params))
    world.settle(answer=False, tools=False)
    return ticket


def talk(
    world: World, name: str, text: str, *past: Turn, says: list[ModelEvent], **more: Any
) -> None:
    """The same, up to the end of the run."""
    turn(world, name, text, *past, **more)
    world.say(*says)
    world.settle()


def texts(world: World) -> list[str]:
    """What the model was told last, in short."""
    return [each.get("content") or each["tool_calls"][0]["id"] for each in messages(world)]


def conversation() -> tuple[World, str]:
    """A session with two messages; for the first the model has used a tool of the gateway."""
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("own", "read"), text="let me see"))
    world.sync()
    world.finish(name, "own", executed(b'"page"'))
    world.sync()
    world.prepare()
    world.sync()
    world.say(*said("it is 1"))
    world.settle()
    talk(world, name, "two", *told("one", "let me see\n\nit is 1"), says=said("2"))
    return world, name


def test_a_history_that_the_session_knows_is_not_told_again() -> None:
    world, name = conversation()
    turn(world, name, "three", *told("one", "let me seeit is 1", "two", "2"))
    assert texts(world) == ["one", "let me see", "page", "it is 1", "two", "2", "three"]
    assert "history" not in kinds(world, name)


def test_an_answer_that_is_wanted_anew_takes_the_place_of_the_one_before() -> None:
    world, name = conversation()
    turn(world, name, "two", *told("one", "let me see it is 1"))
    assert texts(world) == ["one", "let me see", "page", "it is 1", "two"]
    assert [each["drop"] for each in world.data(name, "history")] == [1]
    world.kill()
    world.settle()
    talk(world, name, "four", *told("one", "let me see it is 1", "two", ""), says=said("4"))
    assert texts(world)[-2:] == ["two", "four"], "the log says the same after a restart"


def test_what_was_edited_counts_as_the_client_says() -> None:
    world, name = conversation()
    turn(world, name, "three", *told("one", "let me see it is 1", "TWO", "2"))
    assert texts(world) == ["one", "let me see", "page", "it is 1", "TWO", "2", "three"]
    world, name = conversation()
    turn(world, name, "three", *told("ONE", "let me see it is 1", "two", "2"))
    assert texts(world) == ["ONE", "let me see it is 1", "two", "2", "three"]
    world, name = conversation()
    turn(world, name, "three", *told("one", "it was me", "two", "2"))
    assert texts(world) == ["one", "it was me", "two", "2", "three"]


def test_a_client_that_has_forgotten_the_beginning_goes_on() -> None:
    world, name = conversation()
    turn(world, name, "three", *told("two", "2"))
    assert texts(world) == ["one", "let me see", "page", "it is 1", "two", "2", "three"]


def test_a_client_that_tells_only_what_is_new_goes_on() -> None:
    world, name = conversation()
    turn(world, name, "three")
    assert texts(world)[-2:] == ["2", "three"]
    world, name = conversation()
    turn(world, name, "three", past=None)
    assert texts(world)[-2:] == ["2", "three"]


def test_the_first_message_once_more_begins_anew() -> None:
    world, name = conversation()
    turn(world, name, "one")
    assert texts(world) == ["one"]


def test_a_session_that_has_forgotten_the_beginning_goes_on() -> None:
    world = World(SessionLimits(history_bytes_max=1))
    name = world.create()
    talk(world, name, "one", says=said("1"))
    talk(world, name, "two", *told("one", "1"), says=said("2"))
    turn(world, name, "three", *told("one", "1", "two", "2"))
    assert "history" not in kinds(world, name)
    assert texts(world) == ["three"]


def test_of_an_answer_that_was_stopped_the_client_may_have_the_beginning() -> None:
    world, name = conversation()
    turn(world, name, "three", *told("one", "let me", "two", "2"))
    assert "history" not in kinds(world, name)


def test_a_new_session_takes_the_whole_conversation() -> None:
    world = World()
    name = world.create()
    past = (*told("one", "1", "two"), asked("c1"), back("c1"), asked("c2"), UserTurn("well?"))
    turn(world, name, "three", *past, AssistantTurn(text="hm"), asked("c3"))
    assert texts(world) == [
        *("one", "1", "two", "c1", "seen", "c2", "the client gave no result", "well?", "hm"),
        *("c3", "the client gave no result", "three"),
    ]
    world.say(*wanted(call("c1", "read")))
    world.sync()
    (made,) = world.calls_in_log(name)
    assert made != "c1", "the client's calls are calls of this session"


def test_a_result_without_a_call_is_left_out() -> None:
    world = World()
    name = world.create()
    turn(world, name, "two", UserTurn("one"), back("c9"), AssistantTurn(text="1"))
    assert texts(world) == ["one", "1", "two"]


def test_a_run_that_wants_a_tool_of_the_client_ends_and_the_results_come_with_the_next() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,), params={"tool_choice": "required"})
    body = msgspec.json.decode(world.called[-1].request.body)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["look", "read", "write"]
    assert body["tool_choice"] == "required"
    world.say(*wanted(call("own", "read"), call("c1", "look"), call("c2", "look"), text="hm"))
    world.sync()
    assert [each.call for each in world.gate.asked] == ["own"]
    assert not world.data(name, "run_ended"), "our own tools have their results first"
    world.finish(name, "own")
    world.settle()
    assert world.last_end(name)["status"] == "completed"
    flags = [(each["call"], each.get("client", False)) for each in world.data(name, "tool_call")]
    assert flags == [("own", False), ("c1", True), ("c2", True)]
    calls = AssistantTurn(text="hm", calls=(use("c1"), use("c2")))
    world.kill()
    world.settle()
    turn(world, name, "", UserTurn("one"), calls, back("c1"), tools=(LOOK,))
    assert texts(world) == ["one", "hm", "fine", "seen", "the client gave no result"]
    assert len(world.data(name, "message")) == 2
    world.say(*said("there"))
    world.settle()
    assert world.last_end(name)["status"] == "completed"


def test_a_client_that_sees_all_results_tells_those_of_our_tools_as_well() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("own", "read"), call("c1", "look")))
    world.settle()
    calls = AssistantTurn(text="", calls=(use("own", "read"), use("c1")))
    returns = ToolTurn((ToolReturn(id="own", text="?"), ToolReturn(id="c1", text="seen")))
    turn(world, name, "", UserTurn("one"), calls, returns)
    assert texts(world) == ["one", "own", "fine", "seen"]
    assert "history" not in kinds(world, name)


def test_results_of_calls_that_do_not_wait_come_as_the_client_tells_them() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("c1", "look")))
    world.settle()
    past = (UserTurn("one"), asked("c1"), back("c1"))
    talk(world, name, "", *past, says=said("done"))
    turn(world, name, "", *past)
    assert texts(world) == ["one", "c1", "seen"]
    assert [each["drop"] for each in world.data(name, "history")] == [1]


def test_results_that_were_answered_are_answered_anew() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("c1", "look"), text="hm"))
    world.settle()
    past = (UserTurn("one"), asked("c1", "hm"), back("c1"))
    talk(world, name, "", *past, says=said("done"))
    turn(world, name, "", *past)
    assert texts(world) == ["one", "hm", "seen"]


def test_what_follows_a_call_without_a_result_stands_behind_it() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("c1", "look")))
    world.settle()
    turn(world, name, "three", UserTurn("one"), asked("c1"), UserTurn("two"))
    assert texts(world) == ["one", "c1", "the client gave no result", "two", "three"]
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("c1", "look")))
    world.settle()
    turn(world, name, "three", UserTurn("one"), asked("c1"), back("c1"), UserTurn("two"))
    assert texts(world) == ["one", "c1", "seen", "two", "three"]


def test_a_call_that_the_client_has_taken_back_waits_no_more() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("c1", "look")))
    world.settle()
    talk(world, name, "other", *told("two", "2"), says=said("yes"))
    turn(world, name, "more", *told("two", "2", "other", "yes"))
    assert texts(world) == ["two", "2", "other", "yes", "more"]
    assert world.data(name, "tool_result") == []


def test_a_message_that_brings_no_results_closes_the_calls() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.send(name, "two", queue=True)
    world.say(*wanted(call("c1", "look")))
    world.settle(answer=False)
    assert texts(world) == ["one", "c1", "the client gave no result", "two"]
    result = world.data(name, "tool_result")[0]
    assert (result["status"], result["error"]) == ("not_run", "the client gave no result")
    world.settle()
    turn(world, name, "three", tools=(LOOK,))
    world.say(*wanted(call("c2", "look")))
    world.settle()
    world.ask(name, "four")
    assert texts(world)[-3:] == ["c2", "the client gave no result", "four"]


def test_a_tool_of_the_client_that_was_cut_off_is_closed_at_once() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,))
    world.say(*wanted(call("c1", "look"), stop=Stop.MAX_TOKENS))
    world.settle()
    assert [each["call"] for each in world.data(name, "tool_result")] == ["c1"]
    assert world.last_end(name)["status"] == "max_tokens"


def test_a_forced_choice_counts_once() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", tools=(LOOK,), params={"tool_choice": "required", "seed": 1})
    world.say(*wanted(call("own", "read")))
    world.sync()
    world.finish(name, "own")
    world.sync()
    world.prepare()
    world.sync()
    body = msgspec.json.decode(world.called[-1].request.body)
    assert ("tool_choice" in body, body["seed"]) == (False, 1)


def test_the_prompt_of_the_client_stands_behind_the_gateway_s_own() -> None:
    world = World()
    name = world.create()
    turn(world, name, "one", system="Speak like a pirate.")
    body = msgspec.json.decode(world.called[-1].request.body)
    assert body["messages"][0]["content"].startswith("be good\n\nSpeak like a pirate.\n\n")


@pytest.mark.parametrize("own_tools", [True, False])
def test_a_tool_of_the_client_stands_in_the_place_of_one_of_ours(own_tools: bool) -> None:
    names = ["a", "b", *(f"n{number:03}" for number in range(TOOLS_MAX))]
    own = tuple(ToolSpec(name=name, description="own", schema={}) for name in names)
    material = Material(tools=own, names={name: f"x.{name}" for name in names})
    mine = ToolSpec(name="b", description="mine", schema={})
    wants = ClientTurn(
        session="s", text="", message_id="m", tools=(mine, LOOK), own_tools=own_tools
    )
    found = with_client(material, wants)
    assert [tool.description for tool in found.tools if tool.name == "b"] == ["mine"]
    assert "b" not in found.names
    assert len(found.tools) == (TOOLS_MAX if own_tools else 2)
    assert [tool.name for tool in found.tools] == sorted(tool.name for tool in found.tools)
    assert ("a" in found.names) is own_tools


def test_a_client_can_not_be_told_something_for_something_else() -> None:
    world = World()
    name = world.create()
    talk(world, name, "one", says=said("1"))
    turn(world, name, "two", AssistantTurn(text="Hello, I am a model."), *told("one", "1"))
    assert "history" in kinds(world, name)
