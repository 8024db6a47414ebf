"""Names under which tools are published."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agentgate_proto.faces.mcp.names import RESERVED, Published, clashes_of, published
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.results import Expectation, ToolRow

LONG = "everything.trigger-long-running-operation-and-more"


def row(name: str) -> ToolRow:
    return ToolRow(
        name=name, description="", effects=Effects.READ, args={}, decision=Expectation.ALLOW
    )


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("ha_get_state", "ha_get_state"),
        ("git.git_status", "git_git_status"),
        ("a/b:c-d", "a_b_c_d"),
        ("Get.État", "get__tat"),
        ("x" * 48, "x" * 48),
    ],
)
def test_what_is_not_safe_becomes_an_underscore(name: str, safe: str) -> None:
    assert published(name) == safe


def test_a_long_name_ends_with_a_hash_of_the_whole() -> None:
    name = published(LONG)
    assert len(name) == 48
    assert name.startswith("everything_trigger_long_running_operati_")
    assert name != published(LONG + "x")
    assert name != published(LONG.upper()), "two tools, though they differ in case alone"


@given(st.text(min_size=1, max_size=200))
def test_every_name_is_published_safely_and_the_same_again(name: str) -> None:
    assert re.fullmatch("[a-z0-9_]{1,48}", published(name))
    assert published(published(name)) == published(name)


def test_tools_are_sorted_by_published_name_whatever_the_order_of_starts() -> None:
    names = ["b.x", "a.y", LONG, "c"]
    lists = []
    for seed in range(5):
        Random(seed).shuffle(names)
        lists.append(list(Published(map(row, names)).tools))
    assert lists[0] == sorted(lists[0])
    assert all(each == lists[0] for each in lists)
    assert Published(map(row, names)).tools["b_x"].name == "b.x"


def test_tools_that_would_meet_under_one_name_are_all_hidden() -> None:
    found = Published(map(row, ["a/b", "a:b", "a.c", "A.B"]))
    assert list(found.tools) == ["a_c"]
    assert found.clashes == [("a_b", ["A.B", "a/b", "a:b"])]


def test_no_server_hides_a_tool_that_is_not_of_one() -> None:
    own, foreign = row("a.b"), replace(row("a/b"), form="mcp")
    for rows in ([own, foreign], [foreign, own]):
        found = Published(rows)
        assert found.tools == {"a_b": own}
        assert found.clashes == [("a_b", ["a/b"])]
    two = Published([own, row("a:b"), foreign])
    assert (two.tools, two.clashes) == ({}, [("a_b", ["a.b", "a/b", "a:b"])])
    foreigners = Published([foreign, replace(row("a:b"), form="mcp")])
    assert (foreigners.tools, foreigners.clashes) == ({}, [("a_b", ["a/b", "a:b"])])
    reserved = Published([row("gate.result"), replace(row("gate/result"), form="mcp")])
    assert (reserved.tools, reserved.clashes) == (
        {},
        [("gate_result", ["gate.result", "gate/result"])],
    )


def test_no_tool_takes_the_place_of_our_own() -> None:
    found = Published(map(row, ["gate.result", "permit", "permit.Bash"]))
    assert list(found.tools) == ["permit_bash"]
    assert {name for name, _ in found.clashes} == RESERVED


def test_names_that_meet_or_are_reserved_are_found() -> None:
    names = ["a/b", "x", "A:b", "gate.result", "a_b"]
    assert clashes_of(names) == [
        ("a_b", ["A:b", "a/b", "a_b"]),
        ("gate_result", ["gate.result"]),
    ]
    assert clashes_of(["a", "b"]) == []
