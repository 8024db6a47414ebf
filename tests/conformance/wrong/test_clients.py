"""The proof that ``conformance --listen`` finds wrong clients: some at each run, all by hand."""

from __future__ import annotations

import pytest
from tests.chance import fresh_base, is_fixed
from tests.change import why_stale
from tests.conformance.wrong.client_trial import try_client
from tests.conformance.wrong.clients import WRONG_CLIENTS
from tests.conformance.wrong.mutation import Mutation

PARTS = max(1, len(WRONG_CLIENTS) // 8)
"""All take minutes: each run tries one of so many parts, and ``make wrong-clients`` all."""

QUICK = [each for each in WRONG_CLIENTS if not each.is_slow]
PART = QUICK[0 if is_fixed() else fresh_base() % PARTS :: PARTS]


@pytest.mark.parametrize("mutation", WRONG_CLIENTS, ids=lambda mutation: mutation.name)
def test_every_mistake_can_still_be_made(mutation: Mutation) -> None:
    assert not why_stale(mutation)
    assert mutation.found_by
    assert mutation.rule


def test_no_name_is_there_twice() -> None:
    assert len({each.name for each in WRONG_CLIENTS}) == len(WRONG_CLIENTS)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", PART, ids=lambda mutation: mutation.name)
def test_every_mistake_is_found(mutation: Mutation) -> None:
    assert not try_client(mutation).lacks
