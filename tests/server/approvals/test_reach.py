"""An approval that nobody can see is told to the operator; one that somebody saw is not."""

from __future__ import annotations

import pytest

from agentgate_server.approvals.reach import UNREACHED_S, Reach


class Now:
    """A clock that stands where the test puts it."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def test_what_nobody_sees_is_told_once_when_it_is_late(caplog: pytest.LogCaptureFixture) -> None:
    now = Now()
    reach = Reach(now)
    reach.opened("r1")
    reach.look()
    assert (reach.overdue, caplog.text) == (0, "")
    now.time += UNREACHED_S
    reach.opened("r2")
    for _ in range(3):
        reach.look()
    assert reach.overdue == 1
    assert caplog.text.count("have reached nobody") == 1
    assert "r1" in caplog.text


def test_what_somebody_saw_is_not_overdue(caplog: pytest.LogCaptureFixture) -> None:
    now = Now()
    reach = Reach(now)
    for rid in ("r1", "r2"):
        reach.opened(rid)
    reach.reached("r1")
    now.time += UNREACHED_S
    reach.look()
    assert reach.overdue == 1
    reach.reached("r2")
    assert reach.overdue == 0
    assert "r2" in caplog.text
