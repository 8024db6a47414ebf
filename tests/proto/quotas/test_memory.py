"""Memory: short above the bound, until it is well below it. Pure."""

from __future__ import annotations

from agentgate_proto.quotas.memory import ENOUGH, Memory

MIB = 1 << 20


def test_it_is_short_from_the_bound_until_it_is_well_below_it() -> None:
    memory = Memory(100 * MIB)
    assert not memory.measured(100 * MIB - 1)
    assert memory.measured(100 * MIB)
    assert memory.measured(int(100 * MIB * ENOUGH) + 1)
    assert not memory.measured(int(100 * MIB * ENOUGH) - 1)
    assert not memory.measured(100 * MIB - 1)


def test_it_says_how_much_there_is_of_what() -> None:
    memory = Memory(100 * MIB)
    assert memory.problem == ""
    memory.measured(120 * MIB)
    assert memory.problem == "the gateway is short of memory: 120 MiB of 100 (gateway.memory_max)"


def test_without_a_bound_it_is_never_short() -> None:
    memory = Memory(0)
    assert not memory.measured(1 << 60)
    assert memory.used == 1 << 60
