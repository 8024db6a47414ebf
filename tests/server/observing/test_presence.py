"""Who is there, and when somebody was there last."""

from __future__ import annotations

from agentgate_proto.principal import Principal, Role
from agentgate_server.observing.presence import Presence

ANNA = Principal(name="anna", role=Role.APPROVER)


def test_whoever_is_there_is_seen_now_and_then_until_they_left() -> None:
    now = [100.0]
    presence = Presence(lambda: now[0])
    assert (presence.since, presence.last_seen("anna")) == (100.0, 0.0)
    presence.connected(ANNA, "::1")
    now[0] = 200.0
    assert presence.last_seen("anna") == 200.0
    presence.disconnected(ANNA, 1000)
    now[0] = 300.0
    assert (presence.last_seen("anna"), presence.connections["anna"]) == (200.0, 0)
    presence.noted("anna")
    assert presence.last_seen("anna") == 300.0


def test_who_may_not_come_any_more_is_forgotten_when_they_are_gone() -> None:
    presence = Presence(lambda: 1.0)
    presence.connected(ANNA, "::1")
    presence.keep_only(set())
    assert presence.connections["anna"] == 1
    presence.disconnected(ANNA, 1000)
    presence.keep_only(set())
    assert presence.last_seen("anna") == 0.0
