"""Routes: each path has one owner, found as by trying all patterns letter by letter."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.wire.routes import SEGMENTS_MAX, Route, Routes, fits, overlap, parts_of


def route(path: str, *methods: str, face: str = "face", websocket: bool = False) -> Route:
    return Route(face=face, path=path, methods=frozenset(methods), websocket=websocket)


HOUSE = Routes(
    [
        route("/", "GET"),
        route("/a", "GET", "POST"),
        route("/a/{id}", "GET"),
        route("/a/{id}", "DELETE"),
        route("/a/new", "POST"),
        route("/a/{id}/log/{line}", "GET"),
        route("/files/{path*}", "GET"),
        route("/files/{path*}", websocket=True),
        route("/ws", websocket=True, face="console"),
    ]
)


def led(target: str) -> tuple[str, dict[str, str]] | None:
    found = HOUSE.find(target)
    return None if found is None else ("/" + "/".join(found.place.parts), dict(found.values))


@pytest.mark.parametrize(
    ("target", "pattern", "values"),
    [
        ("/", "/", {}),
        ("/?a=/a", "/", {}),
        ("/a", "/a", {}),
        ("/a?b", "/a", {}),
        ("/a/7", "/a/{id}", {"id": "7"}),
        ("/a/7?x=/y", "/a/{id}", {"id": "7"}),
        ("/a/new", "/a/new", {}),
        ("/a/..", "/a/{id}", {"id": ".."}),
        ("/a/%2e%2E", "/a/{id}", {"id": "%2e%2E"}),
        ("/a/b%2Fc", "/a/{id}", {"id": "b%2Fc"}),
        ("/a/7;v=1", "/a/{id}", {"id": "7;v=1"}),
        ("/a/{id}", "/a/{id}", {"id": "{id}"}),
        ("/a/x/log/9", "/a/{id}/log/{line}", {"id": "x", "line": "9"}),
        ("/files", "/files/{path*}", {"path": ""}),
        ("/files/", "/files/{path*}", {"path": ""}),
        ("/files/a/b.css", "/files/{path*}", {"path": "a/b.css"}),
        ("/files//a/", "/files/{path*}", {"path": "/a/"}),
        ("/files/../a", "/files/{path*}", {"path": "../a"}),
        ("/ws", "/ws", {}),
    ],
)
def test_a_target_leads_to_its_pattern_with_the_values_as_they_were_written(
    target: str, pattern: str, values: dict[str, str]
) -> None:
    assert led(target) == (pattern, values)


@pytest.mark.parametrize(
    "target",
    [
        "*",
        "",
        "a",
        "//",
        "//a",
        "/a/",
        "/a//",
        "/A",
        "/%61",
        "/a;x",
        "/./a",
        "/x/../a",
        "/a/7/",
        "/a/7/log",
        "/a/7/log/",
        "/a//log/9",
        "/a/7/log/9/",
        "/filesystem",
        "/ws/",
        "/ws/x",
        "/" + "x" * 10_000,
        "/a/7/" + "log/" * 500,
    ],
)
def test_a_target_that_looks_like_a_pattern_is_not_taken_for_it(target: str) -> None:
    assert led(target) is None


def test_a_path_of_very_many_parts_is_nobodys() -> None:
    assert led("/files" + "/x" * (SEGMENTS_MAX - 1)) is not None
    assert led("/files" + "/x" * SEGMENTS_MAX) is None
    assert led("/files" + "/" * 100_000) is None


def test_a_target_that_is_no_path_is_not_even_of_who_takes_all_paths() -> None:
    everything = Routes([route("/{rest*}", "GET")])
    assert everything.find("*") is None
    assert everything.find("/") is not None


def test_without_routes_every_path_is_nobodys() -> None:
    assert Routes().find("/") is None


# The methods of a place


def test_head_goes_with_get_and_nothing_else_with_anything() -> None:
    found = HOUSE.find("/a")
    assert found is not None
    assert sorted(found.place.by_method) == ["GET", "HEAD", "POST"]
    assert found.place.by_method["HEAD"] is found.place.by_method["GET"]
    assert found.place.allow == "GET, HEAD, POST, OPTIONS"


def test_routes_of_one_pattern_share_a_place_but_are_concerned_by_themselves() -> None:
    found = HOUSE.find("/a/7")
    assert found is not None
    place = found.place
    (got,), (deleted,) = place.concerned("GET", False), place.concerned("DELETE", False)
    assert (got.methods, deleted.methods) == ({"GET"}, {"DELETE"})
    assert place.concerned("HEAD", False) == [got]
    assert place.concerned("PUT", False) == []
    assert place.concerned("get", False) == []
    assert place.concerned("OPTIONS", False) == [got, got, deleted]
    assert place.concerned("GET", True) == []


def test_an_upgrade_concerns_the_route_for_websockets_alone() -> None:
    found = HOUSE.find("/files/a")
    assert found is not None
    (asked,) = found.place.concerned("GET", True)
    (got,) = found.place.concerned("GET", False)
    assert (asked.websocket, got.websocket) == (True, False)


# What can't be routes


@pytest.mark.parametrize(
    ("routes", "reason"),
    [
        ([route("/a", "GET"), route("/a", "GET")], "GET /a is there twice"),
        ([route("/a", "GET"), route("/a", "HEAD")], "HEAD /a is there twice"),
        ([route("/a", "OPTIONS")], "answered for all faces"),
        ([route("/a", websocket=True)] * 2, "a WebSocket at /a is there twice"),
        ([route("/a/{x}", "GET"), route("/a/{y}", "POST")], "differ in their names alone"),
        ([route("/{x*}", "GET"), route("/{y*}", "POST")], "differ in their names alone"),
        ([route("/a", "GET"), route("/a", "POST", face="b")], "/a of b and /a of face are the"),
        ([route("/a/{x}"), route("/{y}/b", face="b")], "same path"),
        ([route("/a/{x*}"), route("/a", face="b")], "same path"),
        ([route("/a"), route("/a/{x*}", face="b")], "same path"),
        ([route("/a/b/c/d"), route("/a/{x*}", face="b")], "same path"),
        ([route("/{x*}"), route("/", face="b")], "same path"),
    ],
)
def test_routes_that_contradict_each_other_are_refused(routes: list[Route], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Routes(routes)


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "a/b", "*", "/a*", "/*", "/{}", "/{*}", "/{a", "/a}", "/x{a}", "/{a}x"),
        *("/{A}", "/{a-b}", "/{a**}", "/{a*}/b", "/{a}/{a}", "/{a}/{a*}", "/a?b", "/a#b"),
        "/a" * (SEGMENTS_MAX + 1),
    ],
)
def test_what_is_no_pattern_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no path of parts"):
        Routes([route(path, "GET")])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("/a", "/b"),
        ("/a", "/a/"),
        ("/a/", "/a/{x}"),
        ("/", "/{x}"),
        ("/a/{x}", "/a/{x}/b"),
        ("/a/{x}", "/b/{x*}"),
        ("/a/{x}/c", "/{y}/b/d"),
        ("/a/b", "/a"),
    ],
)
def test_neighbours_may_be_of_two_faces(one: str, two: str) -> None:
    for first, second in ((one, two), (two, one)):
        both = Routes([route(first, "GET", face="b"), route(second, "GET")])
        assert both.find("/nowhere/to/go") is None


# Against a plain oracle

PARTS = ["a", "b", "", "{x}", "{y}"]
PATTERNS = [
    "/" + "/".join([*middle, last])
    for length in range(3)
    for middle in product(PARTS, repeat=length)
    for last in [*PARTS, "{z*}"]
    if len({part for part in [*middle, last] if part.startswith("{")})
    == sum(part.startswith("{") for part in [*middle, last])
]
TARGETS = [
    "/" + "/".join(parts)
    for length in range(1, 5)
    for parts in product(["a", "b", "", ".."], repeat=length)
]


def says(pattern: str, target: str) -> dict[str, str] | None:
    """What a pattern makes of a target, part by part from the left."""
    wanted, given = pattern.split("/")[1:], target.split("/")[1:]
    values: dict[str, str] = {}
    while wanted:
        part = wanted.pop(0)
        if part.endswith("*}"):
            return values | {part.strip("{*}"): "/".join(given)}
        if not given:
            return None
        there = given.pop(0)
        if part.startswith("{") and there:
            values[part.strip("{}")] = there
        elif part != there:
            return None
    return None if given else values


def nearness(pattern: str) -> list[int]:
    """The first part that is said in full decides, then the first name."""
    return [2 if "*" in part else 1 if "{" in part else 0 for part in pattern.split("/")[1:]]


@quick
@given(patterns=st.lists(st.sampled_from(PATTERNS), unique=True, max_size=6))
def test_a_target_is_found_as_by_trying_every_pattern(patterns: list[str]) -> None:
    shapes = {pattern.replace("{y}", "{x}") for pattern in patterns}
    assume(len(shapes) == len(patterns))
    routes = Routes([route(pattern, "GET") for pattern in patterns])
    for target in TARGETS:
        fitting = sorted(
            (pattern for pattern in patterns if says(pattern, target) is not None), key=nearness
        )
        in_full = [pattern for pattern in fitting if pattern == target]
        expected = (in_full or fitting or [None])[0]
        found = routes.find(target)
        if expected is None:
            assert found is None
        else:
            assert found is not None
            assert "/" + "/".join(found.place.parts) == expected
            assert dict(found.values) == says(expected, target)


@quick
@given(one=st.sampled_from(PATTERNS), two=st.sampled_from(PATTERNS))
def test_two_patterns_overlap_exactly_if_some_path_fits_both(one: str, two: str) -> None:
    both = any(
        says(one, target) is not None and says(two, target) is not None for target in TARGETS
    )
    assert overlap(parts_of(one), parts_of(two)) == both == overlap(parts_of(two), parts_of(one))


def test_a_name_stands_for_a_part_that_is_not_empty() -> None:
    assert fits("{x}", "a")
    assert fits("{x}", "{y}")
    assert not fits("{x}", "")
    assert not fits("a", "a")
