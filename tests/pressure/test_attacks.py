"""The list of attacks, and that one of each file does something."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pressure.attacks.catalogue import KINDS, attacks, kind_of
from tests.pressure.gateway import PressedGateway, merged
from tests.pressure.keepsakes import until
from tests.pressure.play import attacker
from tests.pressure.short import WORST
from tests.pressure.surroundings import cpu_s

ATTACKS_MIN = 60


def test_the_list_is_long_and_each_attack_says_what_it_does() -> None:
    found = attacks()
    assert len(found) >= ATTACKS_MIN
    assert {kind_of(each) for each in found.values()} == {
        kind.__name__.rpartition(".")[2] for kind in KINDS
    }
    assert all(each.__doc__ for each in found.values())


def test_the_short_form_has_ten_of_them_of_every_kind() -> None:
    kinds = {kind_of(attacks()[name]) for name in WORST}
    assert len(set(WORST)) == len(WORST) == 10
    assert kinds == {kind_of(each) for each in attacks().values()}


def test_configurations_are_laid_over_each_other_key_by_key() -> None:
    under = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(under, {"a": {"b": 4}, "e": 5}) == {"a": {"b": 4, "c": 2}, "d": 3, "e": 5}
    assert under == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize("name", ["come-and-go", "logins", "unread-small-calls", "ringing"])
def test_an_attack_reaches_the_gateway(name: str, tmp_path: Path) -> None:
    """It is seen in what the gateway says, or by the processor that it takes."""
    attack = attacks()[name]
    with PressedGateway(tmp_path) as gate, attacker(attack, gate) as process:
        rest = cpu_s(gate.pid)
        try:
            until(lambda: cpu_s(gate.pid) > rest + 0.1, "the gateway to notice")
        finally:
            process.kill()
