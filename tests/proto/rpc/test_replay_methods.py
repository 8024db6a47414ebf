"""What may be asked of the calls on record."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.rpc.replay_methods import ReplayCalls

GRANT = {"uses": 3}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "give `grant`, or `policy`"),
        ({"id": "a"}, "`grant` and the `id`"),
        ({"grant": GRANT}, "`grant` and the `id`"),
        ({"id": "a", "grant": GRANT, "policy": "rules: []"}, "give `grant`, or `policy`"),
        ({"policy": "rules: []", "edit": {"unset": ["n"]}}, "an edit goes with a grant"),
        ({"policy": "x" * 131_073}, "length"),
        ({"policy": "x", "days": 0}, "> 0"),
        ({"policy": "x", "limit": 501}, "<= 500"),
    ],
)
def test_a_replay_is_about_one_thing_within_bounds(params: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(params, ReplayCalls)


def test_a_grant_or_a_policy_is_replayed() -> None:
    for params in ({"id": "a", "grant": GRANT, "edit": {"unset": ["n"]}}, {"policy": "rules: []"}):
        found = msgspec.convert(params, ReplayCalls)
        assert (found.days, found.before, found.limit) == (30.0, "", 100)
