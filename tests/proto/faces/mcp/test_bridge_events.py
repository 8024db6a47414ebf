"""What the bridge wants done, in order: plain values."""

from __future__ import annotations

from agentgate_proto.faces.mcp.bridge_events import AskTool, ListTools


def test_events_are_compared_by_what_they_say() -> None:
    import msgspec

    assert ListTools() == ListTools()
    asked = AskTool(number=1, tool="t", args=msgspec.Raw(b"{}"))
    assert (asked.key, asked.join_s) == ("", 0.0)
