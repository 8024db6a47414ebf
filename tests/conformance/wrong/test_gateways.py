"""The proof that ``conformance URL`` finds wrong gateways: some at each run, all by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.chance import fresh_base, is_fixed
from tests.change import why_stale
from tests.conformance.wrong.gateway_trial import played, try_gateway
from tests.conformance.wrong.gateways import WRONG_GATEWAYS
from tests.conformance.wrong.mutation import Mutation

from agentgate_cli.conformance.vectors import load

PARTS = max(1, len(WRONG_GATEWAYS) // 6)
"""All take minutes: each run tries one of so many parts, and ``make wrong-gateways`` all."""

QUICK = [each for each in WRONG_GATEWAYS if not each.is_slow]
PART = QUICK[0 if is_fixed() else fresh_base() % PARTS :: PARTS]

RULES = {vector.name: vector.rules for vector in load("server")}


@pytest.mark.parametrize("mutation", WRONG_GATEWAYS, ids=lambda mutation: mutation.name)
def test_every_mistake_can_still_be_made(mutation: Mutation) -> None:
    assert not why_stale(mutation)
    assert mutation.found_by
    assert [name for name in mutation.found_by if mutation.rule not in RULES[name]] == []


def test_no_name_is_there_twice() -> None:
    assert len({each.name for each in WRONG_GATEWAYS}) == len(WRONG_GATEWAYS)


@pytest.mark.slow
def test_where_there_is_no_mistake_none_is_found() -> None:
    names = tuple(dict.fromkeys(name for each in PART for name in each.found_by))
    told = played(replace(PART[0], found_by=names), changed=False)
    assert {name: told[name].why for name in names if told[name].verdict != "passed"} == {}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", PART, ids=lambda mutation: mutation.name)
def test_every_mistake_is_found(mutation: Mutation) -> None:
    assert not try_gateway(mutation).lacks
