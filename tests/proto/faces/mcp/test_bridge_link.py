"""How the gateway is, in words for whoever set it up."""

from __future__ import annotations

from agentgate_proto.faces.mcp.bridge_link import Link, LinkState


def test_a_gateway_that_is_there_is_not_absent() -> None:
    link = Link("ws://gate")
    assert (link.is_up, link.is_refused, link.absence) == (False, False, "no answer yet")
    link.state = LinkState.UP
    assert (link.is_up, link.absence) == (True, "")


def test_trouble_says_where_why_and_what_to_do() -> None:
    link = Link("ws://gate")
    assert link.trouble == (
        "The gateway ws://gate can't be reached: no answer yet. It is tried again all the time"
    )
    link.state, link.why = LinkState.REFUSED, "wrong token"
    assert link.is_refused
    assert "can't be used: wrong token. To do: mend it" in link.trouble
    assert "'agent-gate token new NAME --role agent'" in link.trouble
