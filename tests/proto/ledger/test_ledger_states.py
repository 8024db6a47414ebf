"""The ledger: every state of a request with every input, and with every two in a row.

The checker of the world looks at each step (I1 to I9). What is asserted here is the end: whatever
came in between, the request ends once, the end is on the disk, and the client hears it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, product

import pytest
from tests.proto.ledger_world import World

from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.request import Phase

LIMITS = LedgerLimits(approval_s=10.0)
SET_BACK_S = 3_600.0


class Scene:
    """One request of one client, somewhere on its way."""

    def __init__(self, tool: str) -> None:
        self.world = World(LIMITS)
        self.tool = tool
        self.calls = count()
        self.client = self.world.client()
        self.rid = self.world.receive(self.client, 1, tool, n=1)

    def again(self, request_id: int = 1, n: int = 1) -> None:
        """The request comes again, over a new connection if the old one is gone."""
        self.back()
        self.world.receive(self.client, request_id, self.tool, n=n)

    def back(self) -> None:
        if not self.client.open:
            self.client = self.world.client()

    def finish(self) -> None:
        for rid in list(self.world.running):
            self.world.finish(rid)

    def cancel(self) -> None:
        self.back()
        self.world.cancel(self.client, f"cancel {next(self.calls)}", 1)

    def collect(self) -> None:
        self.back()
        self.world.collect(self.client, f"collect {next(self.calls)}")

    def approve(self, *, approve: bool) -> None:
        self.world.decide(self.rid, approve=approve)

    def settle(self) -> None:
        """Faults have stopped: the store works, tools end, people answer no more."""
        world = self.world
        for _ in range(5):
            world.sync()
            self.finish()
            world.sync()
            world.wait(2 * SET_BACK_S + LIMITS.approval_s)
        self.collect()
        world.sync()


def scene(tool: str, *steps: Callable[[Scene], object]) -> Callable[[], Scene]:
    def make() -> Scene:
        made = Scene(tool)
        for step in steps:
            step(made)
        return made

    return make


def sync(scene: Scene) -> None:
    scene.world.sync()


INPUTS: dict[str, Callable[[Scene], object]] = {
    "approve": lambda scene: scene.approve(approve=True),
    "deny": lambda scene: scene.approve(approve=False),
    "the tool ends": Scene.finish,
    "the same again": Scene.again,
    "the same id for something else": lambda scene: scene.again(n=2),
    "the same under another id": lambda scene: scene.again(request_id=2),
    "cancel": Scene.cancel,
    "collect": Scene.collect,
    "receipts": lambda scene: (scene.back(), scene.world.ack(scene.client)),
    "the connection is lost": lambda scene: scene.world.lose(scene.client),
    "another connection": lambda scene: setattr(scene, "client", scene.world.client()),
    "the deadline": lambda scene: scene.world.wait(11.0),
    "the clock is set back": lambda scene: scene.world.wait(-SET_BACK_S),
    "the store works": sync,
    "the store fails": lambda scene: scene.world.fail(),
    "the process is killed": lambda scene: scene.world.kill(),
}

STATES: dict[str, Callable[[], Scene]] = {
    "the question is not durable": scene("ask_write"),
    "waiting": scene("ask_write", sync),
    "the yes is not durable": scene("ask_write", sync, INPUTS["approve"]),
    "the no is not durable": scene("ask_write", sync, INPUTS["deny"]),
    "the intention is not durable": scene("write"),
    "running": scene("write", sync),
    "running, approved": scene("ask_write", sync, INPUTS["approve"], sync),
    "running, only reading": scene("read", sync),
    "the outcome is not durable": scene("write", sync, Scene.finish),
    "executed": scene("write", sync, Scene.finish, sync),
    "denied by a person": scene("ask_write", sync, INPUTS["deny"], sync),
    "denied by policy": scene("forbidden_write", sync),
    "expired": scene("ask_write", sync, INPUTS["the deadline"], sync),
    "unknown": scene("write", sync, INPUTS["the process is killed"]),
    "executed, and nobody there": scene(
        "write", sync, INPUTS["the connection is lost"], Scene.finish, sync
    ),
}


def check_the_end(scene: Scene) -> None:
    """All is at rest, and the client knows the end of what the store knows."""
    scene.settle()
    world = scene.world
    world.checker.check()
    assert not world.running
    assert world.ledger.active == 0
    assert all(row.phase is Phase.DONE for row in world.store.rows.values())
    heard = scene.client.outcomes.keys() | {row.request_id for row in scene.client.collected}
    mine = [row for row in world.store.rows.values() if not row.delivered]
    assert {row.request_id for row in mine} <= heard


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", INPUTS)
def test_every_state_takes_every_input(name: str, state: str) -> None:
    made = STATES[state]()
    INPUTS[name](made)
    check_the_end(made)


@pytest.mark.parametrize("state", STATES)
def test_every_state_takes_every_two_inputs(state: str) -> None:
    for first, second in product(INPUTS.values(), repeat=2):
        made = STATES[state]()
        first(made)
        second(made)
        check_the_end(made)
