"""What a call asks for."""

from __future__ import annotations

import msgspec
import pytest
from tests.proto.faces.mcp.bridged import TOOLS

from agentgate_proto.faces.mcp.bridge_asking import looked_for, wanted
from agentgate_proto.faces.mcp.bridge_list import ToolShelf
from agentgate_proto.faces.mcp.wishes import Call


def shelf() -> ToolShelf:
    made = ToolShelf(600.0)
    made.listed(TOOLS)
    return made


def test_arguments_go_on_as_they_came_and_are_compared_in_order() -> None:
    raw = b'{"on": true, "a": 1}'
    want = wanted(Call(id=1, name="light_set", arguments=msgspec.Raw(raw)), shelf(), 600.0)
    assert want is not None
    assert (bytes(want.args), want.canonical) == (raw, b'{"a":1,"on":true}')
    assert (want.tool, want.row, want.join_s) == ("light.set", TOOLS[0], 600.0)


def test_arguments_that_can_not_be_read_are_refused() -> None:
    deep = b'{"on":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    with pytest.raises(ValueError, match="deep"):
        wanted(Call(id=1, name="light_set", arguments=msgspec.Raw(deep)), shelf(), 600.0)


def test_a_look_names_a_request() -> None:
    arguments = msgspec.Raw(b'{"request_id":"r1"}')
    assert looked_for(Call(id=1, name="gate_result", arguments=arguments)) == "r1"
    with pytest.raises(ValueError, match="gate_result: "):
        looked_for(Call(id=1, name="gate_result"))
