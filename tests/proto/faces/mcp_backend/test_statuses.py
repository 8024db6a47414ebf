"""Statuses of HTTP: what each says of a call."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.mcp_backend.events import End
from agentgate_proto.faces.mcp_backend.statuses import end_of, words


@pytest.mark.parametrize(
    ("status", "end", "text"),
    [
        (302, End.NOT_SENT, "status 302"),
        (401, End.NOT_SENT, "status 401: it wants credentials"),
        (404, End.NOT_SENT, "status 404"),
        (499, End.NOT_SENT, "status 499"),
        (500, End.ERROR, "status 500"),
        (502, End.LOST, "status 502"),
        (503, End.ERROR, "status 503"),
        (504, End.LOST, "status 504"),
    ],
)
def test_a_status_says_how_a_call_ended(status: int, end: End, text: str) -> None:
    assert (end_of(status), words(status)) == (end, text)
