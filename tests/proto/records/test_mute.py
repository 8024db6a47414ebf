"""Mutes as people see them."""

from __future__ import annotations

from agentgate_proto.records.mute import Mute, MuteView, mute_view


def test_one_in_force_says_until_when_and_one_that_was_ended_does_not() -> None:
    mute = Mute(agent="evil", until=1_700_000_300.0, by="ann", channel="http", at=1_700_000_000.0)
    until = "2023-11-14T22:18:20.000Z"
    assert mute_view(mute) == MuteView(agent="evil", until=until, by="ann", channel="http")
    over = Mute(agent="evil", until=mute.at, by="bob", channel="http", at=mute.at)
    assert mute_view(over).until == ""
