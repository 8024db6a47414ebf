"""A mutation: one small bug, as exact texts of a source file."""

from __future__ import annotations

from dataclasses import dataclass

from tests.change import Change

PROTO, SERVER = "agentgate_proto", "agentgate_server"
LIFECYCLE = f"{PROTO}/ledger/lifecycle.py"
DECIDING = f"{PROTO}/ledger/deciding.py"
REJUDGING = f"{PROTO}/ledger/rejudging.py"
DELIVERY = f"{PROTO}/ledger/delivery.py"
COLLECTING = f"{PROTO}/ledger/collecting.py"
ADMISSION = f"{PROTO}/ledger/admission.py"
BOOK = f"{PROTO}/client/call_book.py"
RECONCILIATION = f"{PROTO}/client/reconciliation.py"


@dataclass(frozen=True)
class Mutation(Change):
    """One bug.

    Attributes:
        seeds: within how many worlds the simulator must find it; 0: it cannot.
        crowds: within how many crowded worlds it must be found; 0: it cannot.
        relays: within how many worlds of two gateways it must be found; 0: it cannot.
        tests: the tests that must find it where no world can.
    """

    seeds: int = 150
    relays: int = 0
    crowds: int = 0
    tests: tuple[str, ...] = ()
