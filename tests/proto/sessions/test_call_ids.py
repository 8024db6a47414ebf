"""Ids of tool calls."""

from __future__ import annotations

import pytest
from tests.proto.session_models import call, wanted
from tests.proto.session_world import World
from tests.proto.sessions.talks import talking

from agentgate_proto.sessions.call_ids import CALL_ID_CHARS_MAX


@pytest.mark.parametrize(
    ("made", "logged"),
    [
        (("c1", "c2"), ["c1", "c2"]),
        (("c1", "c1"), ["c1", "c1_6"]),
        (("",), ["call_6"]),
        (("exceed_budget-1",), ["call_6"]),
        (("ü",), ["call_6"]),
        (("x" * 300,), ["x" * CALL_ID_CHARS_MAX]),
    ],
)
def test_a_call_has_an_id_of_its_own(made: tuple[str, ...], logged: list[str]) -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(*(call(each) for each in made)))
    world.sync()
    found = world.calls_in_log(name)
    assert len(set(found)) == len(found) == len(logged)
    for one, other in zip(found, logged, strict=True):
        assert one.rstrip("0123456789") == other.rstrip("0123456789")
