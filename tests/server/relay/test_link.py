from __future__ import annotations

import pytest

from agentgate_server.relay.link import LinkState, LinkStatus


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (LinkState(status=LinkStatus.CONNECTED), "connected"),
        (
            LinkState(status=LinkStatus.RECONNECTING, attempt=1, error="nothing listens there"),
            "reconnecting (1 attempt failed): nothing listens there",
        ),
        (LinkState(status=LinkStatus.CONNECTING, attempt=3), "connecting (3 attempts failed)"),
        (LinkState(status=LinkStatus.CLOSED, error="Invalid token"), "closed: Invalid token"),
    ],
)
def test_a_state_says_in_a_line_how_the_link_is(state: LinkState, text: str) -> None:
    assert str(state) == text


@pytest.mark.parametrize("status", LinkStatus)
def test_only_a_link_that_is_connected_is_up(status: LinkStatus) -> None:
    assert LinkState(status=status).is_up == (status == "connected")
