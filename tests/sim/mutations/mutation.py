"""A mutation: one small bug, as exact texts of a source file."""

from __future__ import annotations

from dataclasses import dataclass

PROTO, SERVER = "agentgate_proto", "agentgate_server"
LIFECYCLE = f"{PROTO}/ledger/lifecycle.py"
DECIDING = f"{PROTO}/ledger/deciding.py"
DELIVERY = f"{PROTO}/ledger/delivery.py"
COLLECTING = f"{PROTO}/ledger/collecting.py"
ADMISSION = f"{PROTO}/ledger/admission.py"
BOOK = f"{PROTO}/client/call_book.py"


@dataclass(frozen=True)
class Mutation:
    """One bug.

    Attributes:
        name: what it does.
        file: below ``src``.
        old, new: exact texts; ``old`` stands in the file once.
        seeds: within how many worlds the simulator must find it; 0: it cannot.
        relays: within how many worlds of two gateways it must be found; 0: it cannot.
        tests: the tests that must find it where no world can.
    """

    name: str
    file: str
    old: str
    new: str
    seeds: int = 150
    relays: int = 0
    tests: tuple[str, ...] = ()
