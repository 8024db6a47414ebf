"""The proof that ``conformance --listen`` finds wrong clients: some at each run, all by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.chance import fresh_base, is_fixed
from tests.change import why_stale
from tests.conformance.wrong.client_trial import FRAMING, try_client
from tests.conformance.wrong.clients import WRONG_CLIENTS
from tests.conformance.wrong.clients_allowed import ALLOWED
from tests.conformance.wrong.mutation import Mutation
from tests.conformance.wrong.trial import HOW_TO_TEST, Trial
from tests.spec.rules import rules

from agentgate_cli.conformance.listen.cases import ALL
from agentgate_cli.conformance.listen.levels import LEVELS

TRIED = 8
"""So many at each run, others each time; ``make wrong-clients`` tries all, which takes minutes."""

JOBS = 4

QUICK = [each for each in WRONG_CLIENTS if not each.is_slow]
FIRST = 0 if is_fixed() else fresh_base()
PART = [QUICK[(FIRST + n * len(QUICK) // TRIED) % len(QUICK)] for n in range(TRIED)]
"""Some of each level: the list has them one after the other."""

MISTAKES_MIN = 78

BINDING = {rule.id: rule for rule in rules() if "client" in rule.sides}
CASES = {case.name: case for case in ALL}


@pytest.mark.parametrize("mutation", WRONG_CLIENTS, ids=lambda mutation: mutation.name)
def test_every_mistake_can_still_be_made(mutation: Mutation) -> None:
    assert not why_stale(mutation)


@pytest.mark.parametrize("mutation", WRONG_CLIENTS, ids=lambda mutation: mutation.name)
def test_every_mistake_breaks_a_rule_and_is_looked_for_by_cases(mutation: Mutation) -> None:
    assert mutation.rule in BINDING or mutation.rule == HOW_TO_TEST
    assert mutation.found_by
    assert set(mutation.found_by) <= {*FRAMING, *CASES}
    slow = [name for name in mutation.found_by if name in CASES and CASES[name].is_slow]
    assert bool(slow) == mutation.is_slow, "or its case is not played at all"


def test_no_name_is_there_twice() -> None:
    assert len({each.name for each in WRONG_CLIENTS}) == len(WRONG_CLIENTS)


def test_there_are_many_of_them_at_each_level() -> None:
    mistakes = [each for each in WRONG_CLIENTS if not each.is_allowed]
    assert len(mistakes) >= MISTAKES_MIN
    levels = {CASES[each.found_by[0]].level for each in mistakes if each.found_by[0] in CASES}
    assert levels == set(LEVELS)
    assert WRONG_CLIENTS[-len(ALLOWED) :] == ALLOWED


@pytest.fixture(scope="module")
def trials() -> dict[str, Trial]:
    """What came of those of this run, by name: several at a time, because they mostly wait."""
    with ThreadPoolExecutor(JOBS) as pool:
        return {trial.mutation.name: trial for trial in pool.map(try_client, PART)}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", PART, ids=lambda mutation: mutation.name)
def test_every_mistake_is_found(mutation: Mutation, trials: dict[str, Trial]) -> None:
    assert not trials[mutation.name].lacks
