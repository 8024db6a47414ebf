"""The caps of sessions: each has a reason, and a default that lets something through."""

from __future__ import annotations

from dataclasses import fields

from tests.proto.documented import documented

from agentgate_proto.sessions import limits
from agentgate_proto.sessions.limits import SessionLimits


def test_every_limit_is_followed_by_its_reason() -> None:
    names = documented(limits)
    assert {"runs_max", "flush_s"} <= set(names)
    assert [name for name, reason in names.items() if not reason] == []


def test_every_default_is_more_than_nothing() -> None:
    defaults = SessionLimits()
    assert all(getattr(defaults, field.name) > 0 for field in fields(SessionLimits))
