"""A tool that a client provides, as the gate knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agentgate_proto.providing.effects import End, Offer, Over
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.tool_methods import OfferedTool
from agentgate_server.errors import ArgumentError, EffectUnknown, NotStarted, ToolFailed
from agentgate_server.tools.provided.tool import ProvidedTool, result_of


async def never(tool: ProvidedTool, args: dict[str, Any]) -> Over:
    raise AssertionError("not asked here")


def rooms(args: Mapping[str, Any]) -> str:
    return "" if "room" in args else "missing argument 'room'"


def test_it_says_of_itself_what_its_provider_says() -> None:
    offered = OfferedTool(name="temp", description="how warm", effects=Effects.READ, args={"a": 1})
    offer = Offer(name="kitchen.temp", link=1, tool=offered, check=rooms)
    tool = ProvidedTool.of(offer, never)
    assert (tool.name, tool.description, tool.effects) == ("kitchen.temp", "how warm", Effects.READ)
    assert (tool.schema, tool.backend, tool.timeout_s) == ({"a": 1}, "provided", None)
    assert tool.may_have_run
    tool.check({"room": "hall"})
    with pytest.raises(ArgumentError, match="missing argument 'room'"):
        tool.check({})


def test_one_that_is_made_for_a_call_takes_all_arguments() -> None:
    tool = ProvidedTool.for_call("kitchen.temp", Effects.WRITE, "c1", never)
    tool.check({"any": 1})
    assert tool.call == "c1"


@pytest.mark.parametrize(
    ("end", "kind"),
    [(End.NOT_STARTED, NotStarted), (End.UNKNOWN, EffectUnknown), (End.FAILED, ToolFailed)],
)
def test_an_end_that_is_no_result_is_raised(end: End, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="because"):
        result_of(Over("c1", end, text="because"))
    assert result_of(Over("c1", End.DONE, 7)) == 7
