"""Withdrawals: who withdraws all that it asks is not let to ask on and on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.quotas.denials import HOUR_S
from agentgate_proto.quotas.withdrawals import Withdrawals

NOON = 1_800_000_000.0


def test_who_has_withdrawn_so_many_asks_nobody_until_there_is_room_and_others_may() -> None:
    withdrawals = Withdrawals(per_hour=2)
    assert withdrawals.objection("a", NOON) is None
    withdrawals.count("a", NOON)
    assert withdrawals.objection("a", NOON) is None
    withdrawals.count("a", NOON)
    told = withdrawals.objection("a", NOON)
    assert told is not None
    text, pause_s = told
    assert text.startswith("more than 2 of your asks an hour were withdrawn")
    assert pause_s == HOUR_S / 2
    assert withdrawals.objection("b", NOON) is None
    assert withdrawals.objection("a", NOON + HOUR_S / 2) is None


@given(st.lists(st.floats(0, 900), max_size=60), st.integers(1, 9))
def test_in_no_time_are_more_withdrawn_than_the_budget_by_who_asks_when_it_may(
    pauses: list[float], per_hour: int
) -> None:
    withdrawals = Withdrawals(per_hour)
    now, withdrawn = NOON, 0
    for pause in pauses:
        now += pause
        if withdrawals.objection("a", now) is None:
            withdrawals.count("a", now)
            withdrawn += 1
    assert withdrawn <= per_hour * (1 + (now - NOON) / HOUR_S) + 1e-6
