"""A login is shown without its password: effects may come into logs."""

from __future__ import annotations

from agentgate_proto.faces.consoles.effects import LogIn


def test_a_password_is_not_shown() -> None:
    assert repr(LogIn(1, "a1", "hunter2")) == "LogIn(1, 'a1')"
