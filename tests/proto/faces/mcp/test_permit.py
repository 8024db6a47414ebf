"""The permission prompt: what is asked for, and what the client is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.eras import LEGACY, MODERN
from agentgate_proto.faces.mcp.permit import (
    SUBJECTS,
    allowed,
    arguments_of,
    denied,
    input_of,
    permit_result,
    question_of,
    waiting_answer,
)
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.outcome import Status, ended, executed, failed, unknown


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def answer_in(result: bytes) -> dict[str, Any]:
    """The answer that a client reads."""
    found = msgspec.json.decode(result)
    assert not found["isError"]
    assert "structuredContent" not in found
    (block,) = found["content"]
    answer: dict[str, Any] = msgspec.json.decode(block["text"])
    return answer


def test_a_command_is_asked_for_by_itself_first() -> None:
    asked = {
        "tool_name": "Bash",
        "input": {"command": "git status", "description": "look"},
        "tool_use_id": "toolu_1",
    }
    question = question_of(raw(asked))
    assert question.tool == "permit.Bash"
    assert question.args == {
        "command": "git status",
        "input": {"description": "look"},
        "use": "toolu_1",
    }
    assert question.joins


def test_a_file_is_asked_for_by_its_path_and_how_much_is_written() -> None:
    given_ = {"file_path": "/home/me/a.py", "content": "one\ntwo\nthree"}
    question = question_of(raw({"tool_name": "Write", "input": given_}))
    assert question.args == {
        "file": "/home/me/a.py",
        "size": "3 lines and 13 bytes",
        "input": {"content": "one\ntwo\nthree"},
    }
    assert not question.joins


def test_without_an_id_of_the_use_no_other_question_is_the_same() -> None:
    assert not question_of(raw({"tool_name": "Bash", "input": {"command": "ls"}})).joins


@pytest.mark.parametrize(
    ("edit", "size"),
    [
        ({"new_string": "x"}, "1 line and 1 bytes"),
        ({"new_string": ""}, "0 lines and 0 bytes"),
        ({"new_source": "é\n"}, "1 line and 3 bytes"),
        (
            {"edits": [{"new_string": "a\n"}, {"new_string": "b\n"}, {"old": 1}, 5]},
            "2 lines and 4 bytes",
        ),
        ({"edits": "all"}, ""),
        ({"content": 5}, ""),
    ],
)
def test_what_is_written_is_counted(edit: dict[str, Any], size: str) -> None:
    assert arguments_of("Edit", edit, "").get("size", "") == size


def test_a_path_is_shown_without_detours_and_passed_on_as_it_was() -> None:
    given_ = {"file_path": "/home/me/../../etc/passwd"}
    args = arguments_of("Read", given_, "")
    assert args == {"file": "/etc/passwd", "input": given_}
    assert input_of("Read", args) == given_


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/a/./b//c/", "/a/b/c"),
        ("/../a", "/a"),
        ("a/../../b", "../b"),
        ("../../a", "../../a"),
        ("/", "/"),
        (".", ""),
    ],
)
def test_detours_of_all_kinds_are_left_out(path: str, plain: str) -> None:
    assert arguments_of("Read", {"file_path": path}, "")["file"] == plain


def test_an_empty_path_stays_one() -> None:
    assert arguments_of("Read", {"file_path": ""}, "") == {"file": ""}


@pytest.mark.parametrize(
    "asked",
    [
        {"input": {}},
        {"tool_name": "Bash"},
        {"tool_name": "Bash", "input": []},
        {"tool_name": "", "input": {}},
        {"tool_name": "a b", "input": {}},
        {"tool_name": "x" * NAME_CHARS_MAX, "input": {}},
        {"tool_name": "Bash", "input": {}, "tool_use_id": "x" * (NAME_CHARS_MAX + 1)},
        [],
    ],
)
def test_what_is_no_question_is_refused_with_words(asked: Any) -> None:
    with pytest.raises(ValueError, match="permit: "):
        question_of(raw(asked))


@pytest.mark.parametrize(
    "args",
    [
        {"command": "ls", "input": {"command": "rm -rf /"}},
        {"command": "ls", "size": "1 line and 1 bytes"},
        {"command": "ls", "use": 5},
        {"command": "ls", "input": "x"},
        {"command": "ls", "input": {}},
        {"command": "ls", "other": 1},
    ],
)
def test_arguments_that_show_what_is_not_so_are_none(args: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="input"):
        input_of("Bash", args)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from(
    ["command", "file_path", "notebook_path", "content", "edits", "new_string", "use", "input"]
)
inputs = st.dictionaries(names, json_values | st.text("ab./\n", max_size=9), max_size=5)


@given(tool=st.sampled_from([*SUBJECTS, "mcp__fs__write"]), given_=inputs, use=st.text(max_size=3))
def test_what_is_allowed_is_the_input_that_was_asked_about(
    tool: str, given_: dict[str, Any], use: str
) -> None:
    args = arguments_of(tool, given_, use)
    assert input_of(tool, args) == given_
    assert args.get("use", "") == use


@pytest.mark.parametrize("version", [MODERN[0], *LEGACY])
def test_what_was_let_through_is_allowed_with_its_input(version: str) -> None:
    data = msgspec.json.encode(allowed({"command": "ls"}))
    result = permit_result(executed(data), version)
    assert answer_in(result) == {"behavior": "allow", "updatedInput": {"command": "ls"}}
    assert (b'"resultType":"complete"' in result) == (version in MODERN)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON, "not on a Friday"), "not on a Friday"),
        (ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, "no shell"), "no shell"),
        (ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED), "Ask again"),
        (unknown("it stopped"), "can't tell"),
        (failed("broken"), "broken"),
    ],
)
def test_everything_else_is_denied_and_says_why(outcome: Any, word: str) -> None:
    answer = answer_in(permit_result(outcome, MODERN[0]))
    assert answer["behavior"] == "deny"
    assert word in answer["message"]


def test_who_can_not_be_held_any_longer_is_denied_for_now() -> None:
    assert "not answered yet" in answer_in(waiting_answer(LEGACY[0]))["message"]
    assert answer_in(denied("no", LEGACY[0])) == {"behavior": "deny", "message": "no"}
