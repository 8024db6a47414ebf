"""What a tool gets beside what was written, by its places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.filling import (
    DEPTH_MAX,
    PLACE_CHARS_MAX,
    PLACES_MAX,
    filled_places,
    mark_of,
    without,
)

JSON = st.recursive(
    st.booleans() | st.integers(0, 3) | st.text("a/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("a/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("written", "got", "places"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": "x"}, {"a": "X"}, ()),
        ({}, {"a": 1, "b": [2]}, ("/a", "/b")),
        ({"opts": {}}, {"opts": {"where": "prod"}}, ("/opts/where",)),
        ({"l": [{}, {"x": 1}]}, {"l": [{"x": 0}, {"x": 1}]}, ("/l/0/x",)),
        ({"l": [{}]}, {"l": [{"x": 1}, {"x": 1}]}, ()),
        ({"l": ["x", 1]}, {"l": {"name": "x"}}, ()),
        ({"a": None}, {"a": 5}, ("/a",)),
        ({"a": None}, {"a": None}, ()),
        ({}, {"a": None}, ("/a",)),
        ({"a/b": {}}, {"a/b": {"~": 1}}, ("/a~1b/~0",)),
    ],
)
def test_what_nobody_has_written_is_told_by_its_place(
    written: dict[str, Any], got: dict[str, Any], places: tuple[str, ...]
) -> None:
    assert filled_places(written, got) == places


def test_places_are_as_many_as_long_and_as_deep_as_somebody_reads() -> None:
    many = {f"n{number}": 1 for number in range(PLACES_MAX + 9)}
    assert filled_places({}, many) == tuple(f"/{name}" for name in many)[:PLACES_MAX]
    name = "n" * PLACE_CHARS_MAX
    assert filled_places({}, {name: 1, name[1:]: 1}) == (f"/{name[1:]}",)
    written: dict[str, Any] = {}
    got: dict[str, Any] = {"x": 1}
    for _ in range(DEPTH_MAX):
        written, got = {"a": written}, {"a": got}
    assert filled_places(written, got) == ("/a" * DEPTH_MAX + "/x",)
    assert filled_places({"a": written}, {"a": got}) == ()


@pytest.mark.parametrize(
    ("got", "places", "rest"),
    [
        ({"a": 1, "b": 2}, ("/b",), {"a": 1}),
        ({"opts": {"where": "prod", "n": 1}}, ("/opts/where",), {"opts": {"n": 1}}),
        ({"l": [{"x": 0}, {"x": 1}], "k": [3]}, ("/l/0/x",), {"l": [{}, {"x": 1}], "k": [3]}),
        ({"a": 1}, (), {"a": 1}),
        ({"a": "the begin…"}, ("/a/0/x",), {"a": "the begin…"}),
    ],
)
def test_arguments_are_about_as_they_were_written_without_what_was_filled_in(
    got: dict[str, Any], places: tuple[str, ...], rest: dict[str, Any]
) -> None:
    assert without(got, places) == rest


@given(st.dictionaries(st.text("a/~", max_size=2), JSON, max_size=3), st.data())
def test_what_is_taken_away_is_what_is_told(got: dict[str, Any], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(got)), unique=True)) if got else []
    written = {name: value for name, value in got.items() if name not in names}
    assert without(got, filled_places(written, got)) == written


@pytest.mark.parametrize(
    ("name", "places", "mark"),
    [
        ("a", (), ""),
        ("a", ("/b",), ""),
        ("a", ("/ab", "/ab/c"), ""),
        ("a", ("/a",), "(default)"),
        ("a/b", ("/a~1b",), "(default)"),
        ("a", ("/a/where", "/a/0/where", "/a/n"), "(default: where, n)"),
        ("a", tuple(f"/a/n{number}" for number in range(9)), "(default: n0, n1, n2, n3, …)"),
        ("a", ("/a/where", "/a/(default)"), "(default: where, …)"),
        ("a", ("/a/no name",), "(with defaults)"),
    ],
)
def test_people_are_told_what_of_an_argument_nobody_has_written(
    name: str, places: tuple[str, ...], mark: str
) -> None:
    assert mark_of(name, places) == mark
