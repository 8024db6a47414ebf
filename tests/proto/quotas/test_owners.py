"""Owners: equal by name and by what is kept for people."""

from __future__ import annotations

from agentgate_proto.quotas.owners import STRANGER, STRANGERS, Owner


def test_whoever_has_not_said_who_they_are_is_one_owner_and_no_person() -> None:
    assert Owner(STRANGERS) == STRANGER
    assert not STRANGER.is_person
    assert Owner("owner", is_person=True) != Owner("owner")
