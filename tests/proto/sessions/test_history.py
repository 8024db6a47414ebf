"""The history: groups that nothing cuts, the same from memory and from the store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.models.request import (
    AssistantTurn,
    ToolReturn,
    ToolTurn,
    ToolUse,
    UserTurn,
)
from agentgate_proto.records.session import EventKind, LogRow
from agentgate_proto.sessions.history import TURN_BYTES, History, bytes_of, cut


class Fed(History):
    """A history that is fed with what tests say."""

    def __init__(self, bytes_max: int = 10**6, result_chars_max: int = 1_000) -> None:
        super().__init__(bytes_max, result_chars_max)
        self.offset = 0

    def row(self, kind: EventKind, blocks: bytes = b"", **data: Any) -> None:
        body = msgspec.Raw(msgspec.json.encode({"run": "r"} | data))
        self.feed(LogRow(first=self.offset, count=1, kind=kind, at=1.0, data=body, blocks=blocks))
        self.offset += 1

    def message(self, text: str, name: str = "") -> None:
        offset = self.offset
        self.row(EventKind.MESSAGE, message_id=name or f"m{offset}", text=text)
        self.offset = offset  # its beginning is left out of the counting
        self.row(EventKind.RUN_STARTED)

    def reply(self, text: str, blocks: bytes = b"") -> None:
        self.row(EventKind.REPLY, blocks, text=text, backend="openai" if blocks else "")

    def called(self, call: str, args: Any = None) -> None:
        self.row(EventKind.TOOL_CALL, call=call, tool="t", args=args or {})

    def returned(self, call: str, **data: Any) -> None:
        members = {"status": "executed"} | data
        self.row(EventKind.TOOL_RESULT, call=call, tool="t", **members)


def use(call: str) -> ToolUse:
    return ToolUse(id=call, name="t", args=msgspec.Raw(b"{}"))


def test_a_message_and_all_that_it_led_to_are_one_group() -> None:
    history = Fed()
    history.message("one")
    history.reply("let me look")
    history.called("c1")
    history.returned("c1", result="fine")
    history.reply("done")
    history.row(EventKind.RUN_ENDED)
    history.message("two")
    first, second = history.groups
    assert first.turns == [
        UserTurn("one"),
        AssistantTurn(text="let me look", calls=(use("c1"),)),
        ToolTurn((ToolReturn(id="c1", text="fine"),)),
        AssistantTurn(text="done"),
    ]
    assert (second.turns, second.first) == ([UserTurn("two")], 6)
    assert history.messages == {"m0": ("r", 0), "m6": ("r", 6)}
    assert history.call_ids == {"c1": 2}


def test_results_stand_in_the_order_of_their_calls_whatever_came_first() -> None:
    history = Fed()
    history.message("one")
    history.called("c1")
    history.called("c2")
    history.returned("c2", status="failed", error="no")
    assert list(history.open) == ["c1"]
    history.returned("c1", result=[1])
    assert history.groups[0].turns[1:] == [
        AssistantTurn(text="", calls=(use("c1"), use("c2"))),
        ToolTurn((ToolReturn(id="c1", text="[1]"), ToolReturn(id="c2", text="no", is_error=True))),
    ]


def test_an_answer_of_nothing_is_not_shown_but_one_in_a_vendors_form_is() -> None:
    history = Fed()
    history.message("one")
    history.reply("")
    assert history.groups[0].turns == [UserTurn("one")]
    history.reply("", b"{}")
    assert history.groups[0].turns[1:] == [AssistantTurn(text="", backend="openai", blocks=b"{}")]


def test_what_a_tool_came_to_after_its_call_was_closed_is_told_with_the_next_message() -> None:
    history = Fed()
    history.message("one")
    history.called("c1")
    history.returned("c1", status="unknown", error="cut short", still_running=True)
    assert history.unsettled == {"c1": "t"}
    history.returned("c1", result="written", late=True)
    assert history.unsettled == {}
    told = "[t, call c1, has ended meanwhile: written]"
    assert history.worded("two") == f"{told}\n\ntwo"
    history.message("two")
    history.message("three")
    assert [group.turns[0] for group in history.groups[1:]] == [
        UserTurn(f"{told}\n\ntwo"),
        UserTurn("three"),
    ]


@pytest.mark.parametrize("late", [False, True])
def test_of_a_long_result_the_model_is_shown_the_beginning(late: bool) -> None:
    history = Fed(result_chars_max=5)
    history.message("one")
    history.called("c1")
    if late:
        history.returned("c1", status="unknown", error="?", still_running=True)
    history.returned("c1", result="123456789", late=late)
    text = "12345\n[4 further characters are not shown]"
    if late:
        assert text in history.worded("")
    else:
        assert history.groups[0].turns[-1] == ToolTurn((ToolReturn(id="c1", text=text),))


def test_of_a_long_result_what_people_said_is_shown_all_the_same_and_so_much_of_what_ran() -> None:
    history = Fed(result_chars_max=5)
    history.message("one")
    history.called("c1")
    history.returned("c1", result="123456789", word="not so many", edited={"n": 12})
    text = (
        "12345\n[4 further characters are not shown]\n\n"
        'A person has changed the arguments before it ran; these were: {"n":\n'
        "[3 further characters are not shown]. The person who was asked says: not so many"
    )
    assert history.groups[0].turns[-1] == ToolTurn((ToolReturn(id="c1", text=text),))


def test_what_people_said_of_a_call_that_ends_late_is_told_with_it() -> None:
    history = Fed()
    history.message("one")
    history.called("c1")
    history.returned("c1", status="unknown", error="cut short", still_running=True)
    history.returned("c1", result="written", late=True, word="once")
    told = "written\n\nThe person who was asked says: once"
    assert history.worded("") == f"[t, call c1, has ended meanwhile: {told}]\n\n"


def test_the_word_of_a_no_stands_in_its_error_and_is_shown_once() -> None:
    history = Fed()
    history.message("one")
    history.called("c1")
    history.returned("c1", status="denied", error="Denied by user: not now", word="not now")
    back = ToolReturn(id="c1", text="Denied by user: not now", is_error=True)
    assert history.groups[0].turns[-1] == ToolTurn((back,))


def test_cutting_leaves_short_texts_alone() -> None:
    assert cut("12345", 5) == "12345"


def test_the_oldest_groups_go_when_there_is_too_much_but_never_the_newest() -> None:
    history = Fed(bytes_max=2 * TURN_BYTES)
    for text in ("one", "two", "three"):
        history.message(text)
    assert [group.turns[0] for group in history.groups] == [UserTurn("three")]
    assert (history.dropped, history.dropped_bytes) == (2, 6)
    history.reply("x" * 10_000)
    assert len(history.groups) == 1
    assert history.memory == 2 * TURN_BYTES + 5 + 10_000
    assert history.size == 10_005


def test_blocks_take_memory_but_what_is_shown_is_no_larger_for_it() -> None:
    history = Fed()
    history.message("one")
    history.reply("abc", b"x" * 100)
    assert (history.size, history.memory) == (6, 2 * TURN_BYTES + 106)


def test_what_the_log_has_no_more_is_forgotten() -> None:
    history = Fed()
    for text in ("one", "two", "three"):
        history.message(text)
        history.called(f"c{history.offset}")
        history.returned(f"c{history.offset - 1}", result=1)
    history.forget(4)
    assert [group.first for group in history.groups] == [6]
    assert list(history.messages) == ["m6"]
    assert list(history.call_ids) == ["c4", "c7"]
    history.forget(100)
    assert len(history.groups) == 1
    assert (history.dropped, history.oldest) == (2, 100)


def test_what_begins_in_the_midst_of_a_group_has_none_of_it() -> None:
    history = Fed()
    history.reply("the end of something")
    history.called("c1")
    history.returned("c1", result=1)
    history.returned("c0", result=1)
    history.returned("cx", status="unknown", error="?", late=True)
    assert (history.groups, history.open) == ([], {})
    assert list(history.call_ids) == ["c1"]
    history.message("one")
    history.returned("c2", result=1)
    assert len(history.groups[0].turns) == 1


def test_bytes_are_counted_as_they_are_sent() -> None:
    assert bytes_of("abc") == 3
    assert bytes_of("größe") == 7
    assert bytes_of("😀") == 4


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"result": "plain"}, "plain"),
        ({"result": {"a": 1}}, '{"a":1}'),
        ({}, "(nothing)"),
        ({"status": "failed", "error": "no"}, "no"),
        (
            {"status": "unknown", "error": "cut"},
            "cut; it may have taken effect: do not repeat it without looking first",
        ),
    ],
)
def test_a_model_reads_a_result_as_text(data: dict[str, Any], text: str) -> None:
    history = Fed()
    history.message("one")
    history.called("c1")
    history.returned("c1", **data)
    assert history.groups[0].turns[-1] == ToolTurn(
        (ToolReturn(id="c1", text=text, is_error="error" in data),)
    )
