"""What the talk says is plain data."""

from __future__ import annotations

from agentgate_proto.faces.mcp_backend.events import NO_RESULT, End, Ended, Kind, Send


def test_the_kinds_are_the_members_that_have_the_lists() -> None:
    assert [kind.value for kind in Kind] == ["tools", "resources", "resourceTemplates", "prompts"]


def test_what_is_not_said_is_nothing() -> None:
    assert Ended(call=1, end=End.LOST).result == NO_RESULT
    assert Send(body=b"{}").request is None
