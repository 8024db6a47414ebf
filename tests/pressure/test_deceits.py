"""Deceits on one gateway, each of which leaves it as it was.

Those that need a gateway of their own, or take long, are played by ``make pressure`` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pressure.attacks.catalogue import tricks
from tests.pressure.gateway import PressedGateway
from tests.pressure.play import tried_on

SHARED = [name for name, trick in tricks().items() if not trick.alone]
QUICK = [name for name in SHARED if not tricks()[name].slow]
BY_POLICY = ("left-out-default", "other-spelling", "other-text", "below-the-entities")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PressedGateway]:
    with PressedGateway(tmp_path_factory.mktemp("deceived")) as gate:
        yield gate


def test_each_deceit_says_what_it_wants_and_most_share_a_gateway() -> None:
    assert all(trick.__doc__ for trick in tricks().values())
    assert len(SHARED) > len(tricks()) / 2
    assert not any(trick.config for trick in tricks().values() if not trick.alone)


@pytest.mark.parametrize("name", QUICK)
def test_a_deceit_is_in_vain(gate: PressedGateway, name: str) -> None:
    assert tried_on(gate, tricks()[name]) == []


def test_where_a_policy_lets_everything_pass_they_say_so(tmp_path: Path) -> None:
    open_gate = PressedGateway(tmp_path)
    (tmp_path / "permissions.yaml").write_text('defaults: [{pattern: "*", action: allow}]\n')
    with open_gate as gate:
        for name in BY_POLICY:
            assert tried_on(gate, tricks()[name]) != [], name
