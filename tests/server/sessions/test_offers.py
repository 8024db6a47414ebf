"""Offers: a model is told of what its principal may ask for, in the same bytes each time."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from agentgate_proto.ledger.relaying import Approvals, Behind
from agentgate_proto.records.decision import Action
from agentgate_proto.records.session_views import SectionName
from agentgate_proto.rpc.session_methods import LeftOut
from agentgate_proto.sessions.material import Material, spelled_anew
from agentgate_server import tool
from agentgate_server.sessions import offers
from agentgate_server.sessions.offers import material_of, tool_specs
from agentgate_server.sessions.sources import Found
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.provided.tool import BACKEND
from agentgate_server.tools.tool import Tool


@tool
def open_door(door: str, wide: bool = False) -> str:
    """Open a door."""
    return door


@tool(effects="read")
def ask_time() -> str:
    return "now"


@tool
def launch() -> None: ...


CATALOGUE = Catalogue.of(open_door, launch, ask_time)


def depends(_agent: str, _tool: Tool) -> str | None:
    return None


def renamed(name: str, **changes: Any) -> Tool:
    return dataclasses.replace(next(iter(CATALOGUE)), name=name, **changes)


def test_tools_are_sorted_and_say_what_they_take() -> None:
    specs, names, left_out = tool_specs(reversed([*CATALOGUE]), depends, "agent")
    assert [spec.name for spec in specs] == ["ask_time", "launch", "open_door"]
    assert names == {name: name for name in ("ask_time", "launch", "open_door")}
    assert left_out == []
    assert (specs[0].description, specs[2].description) == ("", "Open a door.")
    assert specs[2].schema["required"] == ["door"]
    assert all(spec.schema["type"] == "object" for spec in specs)
    again, _, _ = tool_specs(CATALOGUE, depends, "agent")
    assert msgspec.json.encode(again) == msgspec.json.encode(specs)


def test_what_is_denied_anyway_does_not_exist() -> None:
    def expect(agent: str, item: Tool) -> Action | None:
        assert agent == "house"
        return {"launch": Action.DENY, "ask_time": Action.ALLOW, "open_door": Action.ASK}[item.name]

    specs, names, left_out = tool_specs(CATALOGUE, expect, "house")
    assert [spec.name for spec in specs] == ["ask_time", "open_door"]
    assert "launch" not in names
    assert left_out == []


def test_a_name_that_vendors_do_not_take_leads_back() -> None:
    squatter = spelled_anew("a.b")
    tools = [renamed(name) for name in ("light.turn_on", "a.b", "a_b", squatter)]
    specs, names, left_out = tool_specs(tools, depends, "agent")
    assert names == {"light_turn_on": "light.turn_on", "a_b": "a_b", squatter: squatter}
    assert [spec.name for spec in specs] == sorted(names)
    (row,) = left_out
    assert (row.what, row.section) == ("a.b", SectionName.TOOLS)


def test_what_is_denied_changes_no_names() -> None:
    def expect(_agent: str, item: Tool) -> str | None:
        return "deny" if item.name == "a_b" else None

    _, names, _ = tool_specs([renamed("a.b"), renamed("a_b")], expect, "agent")
    assert names == {spelled_anew("a.b"): "a.b"}


def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "TOOLS_MAX", 2)
    specs, names, (row,) = tool_specs(CATALOGUE, depends, "agent")
    assert [spec.name for spec in specs] == list(names) == ["ask_time", "launch"]
    assert (row.what, row.why) == ("open_door", "there are more than 2 tools")
    assert row.bytes > 0


def test_those_who_offer_many_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Behind(gateway="attic", approvals=Approvals.THERE, expects=None)
    many = [renamed(f"attic.{number}", behind=behind) for number in range(9)]
    many += [renamed(f"a.pi.{number}", backend=BACKEND) for number in range(9)]
    few = [renamed("zoo.lion", backend=BACKEND), renamed("zoo.monkey", backend=BACKEND)]
    monkeypatch.setattr(offers, "TOOLS_MAX", 3 + 5)
    _, names, left_out = tool_specs([*many, *few, *CATALOGUE], depends, "agent")
    theirs = ["a.pi.0", "a.pi.1", "attic.0", "attic.1", "zoo.lion"]
    assert sorted(names.values()) == sorted([*theirs, "ask_time", "launch", "open_door"])
    assert list(names) == sorted(names)
    assert len(left_out) == len(many) + len(few) - len(theirs)


def test_all_together_have_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "TOOLS_BYTES_MAX", 500)
    tools = [*CATALOGUE, renamed("chatty", description="x" * 500)]
    specs, names, (row,) = tool_specs(tools, depends, "agent")
    assert [spec.name for spec in specs] == list(names) == ["ask_time", "launch", "open_door"]
    assert (row.what, row.why) == ("chatty", "all tools together would have more than 500 bytes")


def test_material_is_all_of_it() -> None:
    row = LeftOut(section=SectionName.SKILLS, what="skills/x.md", bytes=1, why="is no file")
    found = Found(memory="m", skills="s", left_out=[row])
    specs, names, _ = tool_specs(CATALOGUE, depends, "agent")
    assert material_of(found, CATALOGUE, depends, "agent") == Material(
        memory="m", skills="s", tools=specs, names=names, left_out=(row,)
    )
