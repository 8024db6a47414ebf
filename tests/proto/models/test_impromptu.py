"""Without a script: answers that only who was sent the right things could give."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.models.impromptu import HELP, LINES_MAX, improvise
from agentgate_proto.models.plain import (
    PlainAssistant,
    PlainCall,
    PlainRequest,
    PlainReturn,
    PlainTool,
    PlainTurn,
    PlainUser,
)
from agentgate_proto.models.request import ToolSpec
from agentgate_proto.models.scenes import COMPARED_CHARS_MAX, ToolToCall

SUM = "What is 2+2? Reply in one sentence."


def asked(*turns: str | PlainTurn, **members: object) -> PlainRequest:
    said = tuple(PlainUser(text=turn) if isinstance(turn, str) else turn for turn in turns)
    return msgspec.structs.replace(PlainRequest(model="m", max_tokens=9, turns=said), **members)


def answer(*turns: str | PlainTurn, **members: object) -> str:
    beat = improvise(asked(*turns, **members))
    assert beat.calls == ()
    return beat.say


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (SUM, "2 + 2 = 4."),
        ("what is 17*3", "17 * 3 = 51."),
        ("10 - 4 - 3", "10 - 4 - 3 = 3."),
        ("compute 2 + 3 * 4 - 6 / 3", "2 + 3 * 4 - 6 / 3 = 12."),
        ("How much is 1/4?", "1 / 4 = 0.25."),
        ("7 / 2 * 2 = ?", "7 / 2 * 2 = 7."),
        ("what is 0.5 * 3", "0.5 * 3 = 1.5."),
        ("what is 1 / 0", "1 / 0 has no value: nothing can be divided by zero."),
        ("what is 999999999999999 * 999999999999999", None),
    ],
)
def test_it_calculates(text: str, result: str | None) -> None:
    wanted = result or f"999999999999999 * 999999999999999 = {999999999999999**2}."
    assert answer(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Today is 2026-11-29",
        "what is 2",
        "what is 1.2.3-4",
        "see page 3-4 of it",
        "what is " + "+".join(["1"] * 30),
        "what is v2+2",
    ],
)
def test_what_only_looks_like_a_sum_is_said_back(text: str) -> None:
    assert answer("x", text) == f"You said: {text}"


def test_it_knows_its_history_and_nothing_else() -> None:
    reply = PlainAssistant(text="2 + 2 = 4.")
    question = "What was my previous question?"
    assert answer(SUM, reply, question) == f'Your previous message was: "{SUM}"'
    assert "2+2" not in answer("Hello")
    assert answer(question) == "This is the first message that I was sent."
    third = answer("one", "two", "three", "What did I say?")
    assert third == 'Your previous message was: "three"\nBefore that you said:\n- two\n- one'


def test_it_tells_its_memory_its_skills_and_its_tools() -> None:
    tools = (ToolSpec(name="lamp", description="Turns it.", schema={}),)
    sections = {"memory": "Likes tea.", "skills": "## Cooking", "tools": tools}
    assert answer("What is in your memory?", **sections) == "Likes tea."
    assert answer("Which skills have you?", **sections) == "## Cooking"
    assert answer("Which tools have you?", **sections) == "My tools are:\n- lamp: Turns it."
    assert answer("what do you remember?") == "My memory is empty."
    assert answer("list your skills") == "I was given no skills."
    assert answer("list the tools") == "I was given no tools."


def test_it_calls_the_tools_that_it_is_told_to_call() -> None:
    beat = improvise(asked('Please:\ncall lamp {"on": true}\n  CALL clock\nand call me later'))
    assert beat.calls == (ToolToCall(tool="lamp", args={"on": True}), ToolToCall(tool="clock"))
    assert beat.say == ""
    assert len(improvise(asked("call a\n" * 200)).calls) == 100


@pytest.mark.parametrize("args", ["{", "{]", '{"a": 1} {', "{" * 100_000])
def test_arguments_that_are_no_object_are_not_called(args: str) -> None:
    wanted = "I can't call lamp: what stands after its name is no JSON object."
    assert answer(f"call lamp {args}") == wanted


def test_it_says_what_each_tool_answered() -> None:
    calls = tuple(PlainCall(id=name, name=name, args=msgspec.Raw(b"{}")) for name in ("a", "b"))
    returns = (
        PlainReturn(id="a", text="21 °C"),
        PlainReturn(id="b", text="denied", is_error=True),
        PlainReturn(id="c", text="who?"),
    )
    turns = ("go", PlainAssistant(text="", calls=calls), PlainTool(returns=returns))
    assert answer(*turns) == "a answered: 21 °C\nb has no result: denied\nA tool answered: who?"
    assert answer(PlainTool(returns=returns[:1])) == "A tool answered: 21 °C"


def test_it_counts_but_not_for_ever() -> None:
    assert answer("Count to 5!") == "1, 2, 3, 4, 5."
    assert answer("count up to 999999999").endswith(", 10000.")


def test_it_thinks_where_it_is_told_to() -> None:
    beat = improvise(asked("Think about tea."))
    assert (beat.think, beat.say) == (
        "What do I know of this? Only what was said: tea.",
        "I have thought about tea.",
    )


def test_it_says_what_it_can_do_and_says_back_all_else() -> None:
    assert answer("help!") == answer("What can you do?") == HELP
    assert answer("Hello").startswith("You said: Hello\n\n(A rehearsal: no model was asked.")
    assert answer("Hello", "Hello again") == "You said: Hello again"
    assert answer("").startswith("You said nothing.")
    assert answer().startswith("You said nothing.")


def test_what_it_offers_it_can_do() -> None:
    *_, offers = (line for line in HELP.splitlines() if "Count to 100" in line)
    for offer in offers.removeprefix("- ").split(" · "):
        assert not answer(offer).startswith("You said")


@quick
@given(st.lists(st.text(), max_size=3))
def test_it_has_an_answer_to_anything(said: list[str]) -> None:
    beat = improvise(asked(*said))
    assert not beat.is_empty


@pytest.mark.parametrize(
    "text", ["What is 2+2?", "what was my last message?", "count to 3", "your memory", "help"]
)
def test_only_the_beginning_of_a_long_message_is_looked_at(text: str) -> None:
    long = "x" * COMPARED_CHARS_MAX + "\n" + text
    assert answer("before", long) == f"You said: {long}"
    assert answer("before", text) != f"You said: {text}"


def test_a_tool_is_called_with_long_arguments_and_among_the_first_lines() -> None:
    line = 'call write {"text": "%s"}' % ("x" * 2 * COMPARED_CHARS_MAX)
    before = "look:\n" * (LINES_MAX - 1)
    (call,) = improvise(asked(before + line)).calls
    assert (call.tool, len(call.args["text"])) == ("write", 2 * COMPARED_CHARS_MAX)
    assert improvise(asked("look:\n" + before + line)).calls == ()
