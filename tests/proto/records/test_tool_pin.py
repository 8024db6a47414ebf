"""Pins: what counts as the same tool, and what is said of what does not."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.request import Effects
from agentgate_proto.records.tool_pin import (
    DEFINITION_BYTES_MAX,
    DEFINITION_DEPTH_MAX,
    PINNED,
    TOOL_NAME_CHARS_MAX,
    Change,
    Definition,
    Difference,
    compare,
    definition_of,
    effects_of,
)

TOOL: dict[str, Any] = {
    "name": "set_light",
    "title": "Set a light",
    "description": "Turns a lamp on or off.",
    "inputSchema": {"type": "object", "properties": {"on": {"type": "boolean"}}},
    "outputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": False},
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def tool(**members: Any) -> Definition:
    return definition_of(msgspec.json.encode(TOOL | members))


def other(name: str, text: str) -> Definition:
    return tool(name=name, description=text)


def test_a_pin_is_the_hash_of_the_members_that_matter_in_canonical_form() -> None:
    found = tool(icons=[{"src": "https://x"}], _meta={"a": 1})
    assert found == tool()
    assert found.name == "set_light"
    assert found.members == TOOL
    assert found.hash == sha256(bytes(found.text)).hexdigest()
    text = bytes(msgspec.json.format(msgspec.json.encode(dict(reversed(TOOL.items()))), indent=3))
    assert definition_of(text).hash == found.hash


@pytest.mark.parametrize("member", PINNED)
def test_each_member_that_matters_changes_the_pin(member: str) -> None:
    value = TOOL[member]
    fresh = f"{value}." if isinstance(value, str) else {**value, "$comment": "."}
    assert tool(**{member: fresh}).hash != tool().hash


def test_a_member_that_is_null_is_not_one_that_is_missing() -> None:
    bare = definition_of(b'{"name":"a"}')
    null = definition_of(b'{"name":"a","title":null}')
    assert bare.hash != null.hash
    (found,) = compare([bare], [null])
    assert found.members == ("title",)
    assert compare([null], [bare])[0].members == ("title",)


@given(st.dictionaries(st.sampled_from(PINNED[1:]), JSON), st.sampled_from(PINNED[1:]), JSON)
def test_definitions_have_one_pin_exactly_if_they_say_the_same(
    members: dict[str, Any], member: str, value: Any
) -> None:
    old = definition_of(msgspec.json.encode({"name": "a", **members}))
    new = definition_of(msgspec.json.encode({"name": "a", **members, member: value}))
    same = member in members and msgspec.json.encode(
        members[member], order="sorted"
    ) == msgspec.json.encode(value, order="sorted")
    assert (old.hash == new.hash) is same
    assert [each.members for each in compare([old], [new])] == ([] if same else [(member,)])


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"[]", "no definition of a tool"),
        (b"{", "no definition of a tool"),
        (b'{"name":"\xff"}', "no definition of a tool"),
        (b"{}", "without a name"),
        (b'{"name":7}', "without a name"),
        (b'{"name":""}', "without a name"),
        (b'{"name":"%b"}' % (b"a" * (TOOL_NAME_CHARS_MAX + 1)), "without a name"),
        (b'{"name":"a","title":"%b"}' % (b"a" * DEFINITION_BYTES_MAX), "bytes"),
        (b'{"name":"a","inputSchema":' + b"[" * 60_000 + b"]" * 60_000 + b"}", "deeper"),
        (b'{"name":"a","x":' + b"[" * DEFINITION_DEPTH_MAX + b"]" * DEFINITION_DEPTH_MAX + b"}",
         "deeper"),
    ],
)  # fmt: skip
def test_what_can_be_no_definition_is_refused_and_says_why(raw: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        definition_of(raw)


def test_a_definition_may_be_as_deep_as_any_that_was_written() -> None:
    depth = DEFINITION_DEPTH_MAX - 1
    raw = b'{"name":"a","inputSchema":' + b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1) + b"}"
    assert definition_of(raw).name == "a"


def test_nothing_is_different_if_nothing_is() -> None:
    assert compare([tool(), other("b", "x")], [other("b", "x"), tool()]) == []


def test_one_byte_is_found_and_its_member_named() -> None:
    (found,) = compare([tool()], [tool(description="Turns a lamp on or off!")])
    assert found == Difference(change=Change.CHANGED, name="set_light", members=("description",))


def test_a_tool_that_is_new_and_one_that_is_gone_are_found() -> None:
    old, new = [tool(), other("b", "x")], [tool(), other("c", "y")]
    assert compare(old, new) == [
        Difference(change=Change.NEW, name="c"),
        Difference(change=Change.GONE, name="b"),
    ]


def test_a_tool_with_the_same_words_under_another_name_is_renamed() -> None:
    (found,) = compare([tool()], [tool(name="set_lights")])
    assert found == Difference(change=Change.RENAMED, name="set_lights", other="set_light")


def test_a_tool_with_the_words_of_one_that_is_still_there_is_new_and_says_whose_they_are() -> None:
    (found,) = compare([tool()], [tool(), tool(name="set_lights")])
    assert found == Difference(change=Change.NEW, name="set_lights", other="set_light")


def test_two_that_changed_places_are_swapped() -> None:
    found = compare([other("a", "x"), other("b", "y")], [other("a", "y"), other("b", "x")])
    words = ("description",)
    assert found == [
        Difference(change=Change.SWAPPED, name="a", other="b", members=words),
        Difference(change=Change.SWAPPED, name="b", other="a", members=words),
    ]


def test_one_that_took_the_words_of_another_is_changed_and_says_whose_they_are() -> None:
    old = [other("a", "x"), other("b", "y"), other("c", "z")]
    found = compare(old, [other("a", "y"), other("b", "z"), other("c", "x")])
    assert [(each.change, each.name, each.other) for each in found] == [
        (Change.CHANGED, "a", "b"),
        (Change.CHANGED, "b", "c"),
        (Change.CHANGED, "c", "a"),
    ]
    (moved, gone) = compare(old[:2], [other("a", "y")])
    assert (moved.change, moved.name, moved.other) == (Change.CHANGED, "a", "b")
    assert gone == Difference(change=Change.GONE, name="b")


@pytest.mark.parametrize(
    ("annotations", "effects"),
    [
        (None, Effects.READ),
        ({}, Effects.READ),
        ("readOnly", Effects.READ),
        ({"readOnlyHint": True}, Effects.READ),
        ({"readOnlyHint": None}, Effects.READ),
        ({"destructiveHint": False}, Effects.READ),
        ({"readOnlyHint": False}, Effects.WRITE),
        ({"readOnlyHint": "no"}, Effects.WRITE),
        ({"destructiveHint": True}, Effects.WRITE),
        ({"readOnlyHint": True, "destructiveHint": True}, Effects.WRITE),
    ],
)
def test_a_hint_can_only_tighten(annotations: object, effects: Effects) -> None:
    assert effects_of(Effects.READ, annotations) is effects
    assert effects_of(Effects.WRITE, annotations) is Effects.WRITE
