"""Why Telegram is not reached, in words for everybody."""

from __future__ import annotations

import pytest

from agentgate_server.approvals.telegram.api import reason


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "httpx.ConnectError: All connection attempts failed",
            "no answer from Telegram (All connection attempts failed)",
        ),
        ("httpx.ReadError: ", "no answer from Telegram"),
        (
            "Unknown error in HTTP implementation: ReadError('broken')",
            "no answer from Telegram (broken)",
        ),
        ("Timed out", "no answer from Telegram (Timed out)"),
    ],
)
def test_nobody_is_shown_what_a_library_calls_an_outage(message: str, shown: str) -> None:
    assert reason(message) == shown
