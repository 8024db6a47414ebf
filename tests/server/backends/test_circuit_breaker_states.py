"""The circuit of a backend: every state with every input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from agentgate_server.backends.circuit_breaker import FAILURES_MAX, CircuitBreaker, Permit
from agentgate_server.errors import NotStarted

NOW = 1_000.0
LATER = NOW + 3_600.0


@dataclass
class Scene:
    """A circuit, a permit of before it opened, and its newest permit."""

    circuit: CircuitBreaker
    old: Permit
    newest: Permit


def failing(failures: int) -> Scene:
    circuit = CircuitBreaker("house")
    old = circuit.admit(NOW)
    newest = circuit.admit(NOW)
    for _ in range(failures):
        circuit.failed(circuit.admit(NOW), NOW, "refused")
    return Scene(circuit, old, newest)


def half_open() -> Scene:
    scene = failing(FAILURES_MAX)
    scene.newest = scene.circuit.admit(LATER)
    return scene


def reopened() -> Scene:
    scene = half_open()
    scene.circuit.failed(scene.newest, LATER, "again")
    return scene


SCENES: dict[str, Callable[[], Scene]] = {
    "CLOSED": lambda: failing(0),
    "FAILING": lambda: failing(FAILURES_MAX - 1),
    "OPEN": lambda: failing(FAILURES_MAX),
    "HALF_OPEN": half_open,
    "REOPENED": reopened,
}

INPUTS: dict[str, Callable[[Scene], object]] = {
    "admit": lambda scene: scene.circuit.admit(NOW),
    "admit later": lambda scene: scene.circuit.admit(LATER),
    "succeeded": lambda scene: scene.circuit.succeeded(scene.newest),
    "succeeded, old": lambda scene: scene.circuit.succeeded(scene.old),
    "failed": lambda scene: scene.circuit.failed(scene.newest, LATER, "no"),
    "failed, old": lambda scene: scene.circuit.failed(scene.old, LATER, "no"),
    "dropped": lambda scene: scene.circuit.dropped(scene.newest),
    "dropped, old": lambda scene: scene.circuit.dropped(scene.old),
}

# In the order of SCENES: the state and the failures in a row afterwards.
EXPECTED: dict[str, list[str]] = {
    "admit": ["CLOSED 0", "CLOSED 4", "refused OPEN 5", "refused HALF_OPEN 5", "refused OPEN 6"],
    "admit later": ["CLOSED 0", "CLOSED 4", "HALF_OPEN 5", "refused HALF_OPEN 5", "refused OPEN 6"],
    "succeeded": ["CLOSED 0", "CLOSED 0", "CLOSED 0", "CLOSED 0", "CLOSED 0"],
    "succeeded, old": ["CLOSED 0", "CLOSED 0", "CLOSED 0", "CLOSED 0", "CLOSED 0"],
    "failed": ["CLOSED 1", "OPEN 5", "OPEN 5", "OPEN 6", "OPEN 6"],
    "failed, old": ["CLOSED 1", "OPEN 5", "OPEN 5", "HALF_OPEN 5", "OPEN 6"],
    "dropped": ["CLOSED 0", "CLOSED 4", "OPEN 5", "OPEN 5", "OPEN 6"],
    "dropped, old": ["CLOSED 0", "CLOSED 4", "OPEN 5", "HALF_OPEN 5", "OPEN 6"],
}


@pytest.mark.parametrize("place", range(len(SCENES)), ids=SCENES)
@pytest.mark.parametrize("name", INPUTS)
def test_each_input_does_in_each_state_what_the_table_says(name: str, place: int) -> None:
    scene = list(SCENES.values())[place]()
    said = ""
    try:
        INPUTS[name](scene)
    except NotStarted:
        said = "refused "
    circuit = scene.circuit
    assert f"{said}{circuit.state.name} {circuit.failures}" == EXPECTED[name][place]


def test_the_table_has_a_row_for_every_input() -> None:
    assert EXPECTED.keys() == INPUTS.keys()
