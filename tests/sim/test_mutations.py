"""The proof that the simulator can fail: small bugs, and whether it finds them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.chance import fresh_base, is_fixed
from tests.change import why_stale
from tests.sim.mutations.catalogue import MUTATIONS, NONE
from tests.sim.mutations.mutation import Mutation
from tests.sim.mutations.trial import run_trial

MUTATIONS_MIN = 25

PARTS = 24
"""All bugs take longer than a test run may: each run tries one of so many parts of them, and ``make
mutations`` all."""

AS_IT_IS = replace(NONE, seeds=40, relays=10, crowds=3)
"""Nothing may be found where there is no bug: ``make mutations`` plays as many worlds as any bug
has."""

PART = MUTATIONS[0 if is_fixed() else fresh_base() % PARTS :: PARTS]


def test_the_list_of_bugs_is_long_enough_and_has_no_name_twice() -> None:
    assert len({bug.name for bug in MUTATIONS}) == len(MUTATIONS) >= MUTATIONS_MIN


@pytest.mark.parametrize("bug", MUTATIONS, ids=lambda bug: bug.name)
def test_every_bug_can_still_be_made(bug: Mutation) -> None:
    assert not why_stale(bug)


@pytest.mark.slow
def test_where_there_is_no_bug_none_is_noticed() -> None:
    verdict = run_trial(AS_IT_IS)
    assert not verdict.found_by, verdict.words


@pytest.mark.slow
@pytest.mark.parametrize("bug", PART, ids=lambda bug: bug.name)
def test_every_bug_is_noticed(bug: Mutation) -> None:
    verdict = run_trial(bug, soon=True)
    assert verdict.found_by, "nobody notices"
