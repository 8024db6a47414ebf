"""The worst attacks, for a few seconds each, and what of them no busy machine excuses."""

from __future__ import annotations

import pytest
from tests.pressure.attacks.catalogue import attacks
from tests.pressure.play import play
from tests.pressure.short import LOGINS_MIN, MIDDLE_S_MAX, SECONDS, WORST
from tests.pressure.verdict import Bounds

BOUNDS = Bounds()


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
def test_an_attack_takes_nothing_that_lasts_and_no_more_memory_than_there_is(name: str) -> None:
    row = play(attacks()[name], SECONDS)
    assert row.lost == []
    assert row.peak_bytes <= BOUNDS.peak_bytes
    assert row.files_bytes <= BOUNDS.files_bytes
    assert len(row.logins.seconds) >= LOGINS_MIN * row.logins.tried > 0
    assert row.loud.share(0.5) <= MIDDLE_S_MAX
