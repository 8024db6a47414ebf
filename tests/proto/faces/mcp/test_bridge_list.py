"""The list of tools on a pipe: pages, caps, and who hears of changes."""

from __future__ import annotations

import msgspec
from tests.proto.faces.mcp.bridged import TOOLS, tool

from agentgate_proto.faces.mcp.bridge_list import WAITING_MAX, ToolShelf
from agentgate_proto.faces.mcp.eras import MODERN
from agentgate_proto.faces.mcp.messages import NO_META, Wanted
from agentgate_proto.faces.mcp.wishes import ListenFor, ListTools


def test_an_odd_cursor_is_refused() -> None:
    shelf = ToolShelf(600.0)
    shelf.listed(TOOLS)
    answer = shelf.want(ListTools(1, "odd"), MODERN[0], 0.0)
    assert answer is not None
    assert msgspec.json.decode(answer)["error"]["code"] == -32602


def test_no_more_lists_wait_than_there_is_room_for() -> None:
    shelf = ToolShelf(600.0)
    for number in range(WAITING_MAX):
        assert shelf.want(ListTools(number, ""), MODERN[0], 0.0) is None
    assert shelf.want(ListTools("more", ""), MODERN[0], 0.0) is not None
    assert len(shelf.give_up("trouble", 1.0)) == 0
    assert len(shelf.give_up("trouble", 99.0)) == WAITING_MAX
    assert shelf.next_deadline() is None


def test_no_more_subscriptions_are_held_than_there_is_room_for() -> None:
    shelf = ToolShelf(600.0)
    for number in range(WAITING_MAX + 1):
        said = shelf.listen(ListenFor(number, Wanted(), NO_META))
        assert (b"error" in said) == (number == WAITING_MAX)
    shelf.listed(TOOLS)
    assert shelf.news("") == [], "nobody wanted to hear of tools"


def test_a_tool_is_known_by_its_name_in_the_catalogue() -> None:
    shelf = ToolShelf(600.0)
    assert shelf.tool_named("light.set") == ("light.set", None)
    shelf.listed(TOOLS)
    assert shelf.tool_named("light.set") == ("light_set", TOOLS[0])
    assert shelf.tool_named("odd") == ("odd", None)


def test_what_decides_is_no_change_and_what_is_there_is_one() -> None:
    shelf = ToolShelf(600.0)
    assert not shelf.listed(TOOLS)
    assert not shelf.listed([*reversed(TOOLS)])
    assert shelf.listed([tool("light.set", title="Light")])
    assert not shelf.permits
    assert shelf.listed([*TOOLS, tool("permit.Bash")])
    assert shelf.permits
