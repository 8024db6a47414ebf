"""Permission prompts as tools: any client's tool can be asked about, and nothing misleading."""

from __future__ import annotations

import pytest

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.request import Effects
from agentgate_server.errors import ArgumentError
from agentgate_server.policy import display_of, signature_of
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.permit import Permits, PermitTool


def permit_tool(name: str) -> PermitTool:
    tool = Permits().get(name)
    assert isinstance(tool, PermitTool)
    return tool


def test_the_known_ones_are_listed_for_rules_and_not_for_clients() -> None:
    tools = list(Permits())
    assert {"permit.Bash", "permit.Write", "permit.Read"} <= {tool.name for tool in tools}
    assert not any(tool.listed for tool in tools)
    assert {tool.effects for tool in tools} == {Effects.WRITE}
    assert Permits().get("permit.Bash") is next(t for t in tools if t.name == "permit.Bash")


@pytest.mark.parametrize("name", ["permit.Bash", "permit.mcp__fs__write_file", "permit.a.b:c/d-e"])
def test_any_tool_of_a_client_can_be_asked_about(name: str) -> None:
    catalogue = Catalogue(live=[Permits()])
    assert name in catalogue
    assert catalogue.is_taken(name)
    assert catalogue.to_run(name, Effects.WRITE, "call") is not None


@pytest.mark.parametrize(
    "name",
    ["permit", "permit.", "permit.1", "permit.a b", "permits.Bash", "permit.".ljust(300, "x")],
)
def test_what_can_be_no_tool_of_a_client_is_not_there(name: str) -> None:
    assert Permits().get(name) is None
    assert Permits().to_run(name, Effects.WRITE, "call") is None


def test_the_longest_name_is_one() -> None:
    name = "permit.".ljust(NAME_CHARS_MAX, "x")
    assert permit_tool(name).name == name


def test_it_returns_the_input_that_was_asked_about() -> None:
    tool = permit_tool("permit.Bash")
    args = {"command": "git status", "input": {"timeout": 5}, "use": "toolu_1"}
    tool.check(args)
    assert tool.inline
    assert tool.call(args) == {
        "behavior": "allow",
        "updatedInput": {"command": "git status", "timeout": 5},
    }


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("permit.Bash", {"command": "ls", "input": {"command": "rm -rf /"}}),
        ("permit.Bash", {"command": "ls", "more": 1}),
        ("permit.Bash", {"command": "ls", "input": []}),
        (
            "permit.Write",
            {"file": "/tmp/a", "size": "1 line and 1 bytes", "input": {"content": "xy"}},
        ),
        ("permit.Write", {"file": "/tmp/../etc/passwd"}),
        ("permit.Odd", {"command": "ls"}),
    ],
)
def test_what_shows_something_else_than_the_input_says_is_refused(
    name: str, args: dict[str, object]
) -> None:
    with pytest.raises(ArgumentError):
        permit_tool(name).check(args)


def test_a_person_sees_the_command_first_and_how_much_of_a_file_changes() -> None:
    assert signature_of("permit.Bash", {"command": "git status", "use": "t1"}) == (
        "permit.Bash(git status, t1)"
    )
    args = {
        "file": "/a/b.py",
        "size": "900 lines and 9000 bytes",
        "input": {"content": "x\n" * 900},
    }
    shown = display_of("permit.Write", args)
    assert shown.startswith("permit.Write(/a/b.py, ")
    assert "900 lines and 9000 bytes" in shown
    assert len(shown) < 400


def test_the_schema_names_what_rules_may_look_at() -> None:
    assert next(iter(permit_tool("permit.Write").schema["properties"])) == "file"
    assert "command" not in permit_tool("permit.Odd").schema["properties"]
