"""Blinds: what keeps people from seeing, or from answering, what the honest ask."""

from __future__ import annotations

import time

from tests.pressure.attacks.attack import Attack, drained, many
from tests.pressure.attacks.floods import ZERO_WIDTH
from tests.pressure.gateway import EVIL, GUESTS

SEVERAL = (EVIL, *GUESTS)


class LargeAsks(Attack):
    """As many asks as may wait, each of 900 kB that nobody sees."""

    def run(self) -> None:
        def one() -> None:
            wire = drained(self.wire())
            for number in range(10):
                wire.later("door", key=f"n{number}", text=ZERO_WIDTH * 300_000)
            time.sleep(5)

        many(1, one)


class LargeAsksWithinTheCap(Attack):
    """As many asks as may wait, of four agents, each of 60 kB that nobody sees."""

    def run(self) -> None:
        tokens = iter(SEVERAL)

        def one() -> None:
            wire = drained(self.wire(next(tokens)))
            for number in range(10):
                wire.later("free", **{f"{n}": ZERO_WIDTH * 200 for n in range(90)}, n=number)
            time.sleep(60)

        many(len(SEVERAL), one)


class LargeDenied(Attack):
    """Denied requests of 900 kB that nobody sees: what an operator lists."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire()
            for _ in range(10):
                wire.call("denied", x=ZERO_WIDTH * 300_000)

        many(2, one)


class Ringing(Attack):
    """Asks that are withdrawn at once, and asked anew: the phone rings all the time."""

    def run(self) -> None:
        def one() -> None:
            wire, number = self.wire(), 0
            while True:
                number += 1
                asked = wire.later("door", key=f"ring-{number}")
                wire.ask("cancel_request", request_id=asked)

        many(4, one)


class AskedAgain(Attack):
    """The same ask again and again, on 16 connections: a hundred may join it."""

    def run(self) -> None:
        def one() -> None:
            wire = drained(self.wire())
            while True:
                for _ in range(50):
                    wire.later("door", key="again")
                time.sleep(0.01)

        many(16, one)


class HomeAssistantAsks(Attack):
    """Calls of a house that is not there, to ever new entities."""

    def run(self) -> None:
        def one() -> None:
            wire, number = self.wire(), 0
            while True:
                number += 1
                entities = [f"light.l{number}_{n}" for n in range(500)]
                asked = wire.later(
                    "ha_call_service", domain="light", service="turn_on", entity_id=entities
                )
                wire.ask("cancel_request", request_id=asked)

        many(4, one)
