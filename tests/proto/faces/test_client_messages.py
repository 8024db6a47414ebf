"""Messages of clients that keep the conversation, as turns."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.client_messages import (
    BODY_BYTES_MAX,
    NO_OBJECT,
    TOOLS_MAX,
    CalledFunction,
    CalledTool,
    ContentPart,
    Misfit,
    Spoken,
    answer_of,
    arguments_of,
    check_size,
    checked_tools,
    results_of,
    spoken,
    text_of,
    tool_of,
)
from agentgate_proto.limits import MESSAGE_CHARS_MAX
from agentgate_proto.models.request import AssistantTurn, ToolReturn, ToolTurn, UserTurn

HI, HELLO, BYE = UserTurn("hi"), AssistantTurn(text="hello"), UserTurn("bye")


def test_what_is_said_last_is_said_now_and_the_rest_before() -> None:
    assert spoken([HI, HELLO, BYE]) == Spoken(system="", past=(HI, HELLO), text="bye")


def test_all_that_the_system_says_goes_together() -> None:
    found = spoken(["Be good.", HI, HELLO, " ", "Be brief.", BYE])
    assert found == Spoken(system="Be good.\n\nBe brief.", past=(HI, HELLO), text="bye")


def test_results_that_follow_one_another_are_one_turn_and_may_be_the_last() -> None:
    found = spoken([HI, HELLO, results_of("a", "1"), results_of("b", "2", is_error=True)])
    returns = (ToolReturn(id="a", text="1"), ToolReturn(id="b", text="2", is_error=True))
    assert (found.text, found.past[-1]) == ("", ToolTurn(returns))


def test_words_with_which_the_model_begins_are_told_by_the_system() -> None:
    found = spoken([HELLO, HI])
    assert (found.past, found.text) == ((), "hi")
    assert found.system == "You have begun the conversation with these words: hello"


def test_a_system_that_speaks_alone_is_answered() -> None:
    assert spoken(["Make a title."]) == Spoken(system="", past=(), text="Make a title.")


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "role user or tool"),
        ([""], "role user or tool"),
        ([HI, HELLO], "role user or tool"),
        ([HI, UserTurn(" ")], "says nothing"),
        ([UserTurn("x" * (MESSAGE_CHARS_MAX + 1))], "at most"),
    ],
)
def test_what_can_not_be_answered_is_refused(messages: list[Any], words: str) -> None:
    with pytest.raises(Misfit, match=words) as caught:
        spoken(messages)
    assert caught.value.is_large == (words == "at most")


def test_a_conversation_has_an_end() -> None:
    check_size(b" " * BODY_BYTES_MAX)
    with pytest.raises(Misfit, match="begin a new conversation") as caught:
        check_size(b" " * (BODY_BYTES_MAX + 1))
    assert caught.value.is_large


def test_content_is_a_text_or_parts_of_text() -> None:
    assert (text_of("a"), text_of(None)) == ("a", "")
    parts = [ContentPart(text="a"), ContentPart(type="refusal", refusal="b")]
    assert text_of(parts) == "a\n\nb"
    with pytest.raises(Misfit, match="'image_url' are not taken"):
        text_of([ContentPart(type="image_url")])


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ('{"a": 1}', b'{"a":1}'),
        ("[1]", bytes(NO_OBJECT)),
        ("", bytes(NO_OBJECT)),
        ('{"a": ' * 100 + "1" + "}" * 100, bytes(NO_OBJECT)),
        ("\ud800", bytes(NO_OBJECT)),
    ],
)
def test_arguments_that_are_no_object_are_an_empty_one(text: str, args: bytes) -> None:
    assert bytes(arguments_of(text)) == args


def test_an_answer_has_the_calls_that_its_client_tells() -> None:
    call = CalledTool(id="c1", function=CalledFunction(name="look", arguments='{"a":1}'))
    turn = answer_of("hm", [call])
    assert (turn.text, turn.calls[0].id, turn.calls[0].name) == ("hm", "c1", "look")
    assert turn.calls[0].args == msgspec.Raw(b'{"a":1}')
    assert answer_of("hm", None) == AssistantTurn(text="hm")


def test_a_tool_must_have_a_name_and_a_schema_that_models_take() -> None:
    assert tool_of("look", "", None).schema == {}
    with pytest.raises(Misfit, match="letters, digits"):
        tool_of("look there", "", None)
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(Misfit, match="the parameters of look"):
        tool_of("look", "", deep)


def test_tools_are_not_too_many_and_of_different_names() -> None:
    one = tool_of("look", "", None)
    assert checked_tools([one]) == (one,)
    with pytest.raises(Misfit, match="the same name"):
        checked_tools([one, one])
    with pytest.raises(Misfit, match="at most"):
        checked_tools([one] * (TOOLS_MAX + 1))
