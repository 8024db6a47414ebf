"""One attack on a fresh gateway: calm, then the attack, then a look at what is left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.pressure.attacks.attack import Attack, name_of
from tests.pressure.attacks.catalogue import kind_of
from tests.pressure.attacks.deceit import Deceit
from tests.pressure.gateway import PressedGateway
from tests.pressure.honest import Book, Household, Took
from tests.pressure.keepsakes import Keepsakes
from tests.pressure.surroundings import between, look
from tests.pressure.verdict import Crowd, Row

BEGIN_S = 0.5
"""From the start of the attack's process to where measuring begins: it has to be there."""

OVERHEAD_S = 3.0
"""What an attack takes besides the two times that are measured, while the honest call."""

CALLS = ("read", "write")
"""What counts as an honest call."""

SHOWN = ("health",)
"""Kinds whose troubles are counted by their crowd alone."""


def play(attack: type[Attack], seconds: float) -> Row:
    """Measure for so long without the attack, and for so long under it."""
    cores = sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix="pressure-") as folder,
        PressedGateway(
            Path(folder), attack.config, tls=attack.tls, cores=set(cores[:-1]) or None
        ) as gate,
    ):
        keepsakes = Keepsakes(gate)
        house = Household(gate.target, 2 * seconds + OVERHEAD_S)
        house.start()
        began = time.perf_counter()
        time.sleep(seconds)
        calm_until = time.perf_counter()
        with attacker(attack, gate) as process:
            time.sleep(BEGIN_S)
            before = look(gate.pid, os.getpid(), process.pid)
            loud_from = time.perf_counter()
            time.sleep(seconds)
            loud_until = time.perf_counter()
            after = look(gate.pid, os.getpid(), process.pid)
            died = process.poll()
            process.kill()
        house.stop()
        ended = time.perf_counter()
        peak, kept = gate.peak_bytes(), gate.files_bytes()
        lost = left(keepsakes, house.book)
        if "Traceback" in gate.log():
            lost.append(f"the log has a traceback: {gate.log().partition('Traceback')[2][-600:]}")
        words = (gate.folder / "attack").read_text("utf-8", "replace")
        if died is not None or words:
            lost.append(f"the attack itself broke: {words[-600:]}")
    book, busy = house.book, between(before, after)
    return Row(
        attack=name_of(attack),
        kind=kind_of(attack),
        calm=crowd([row for what in CALLS for row in book.of(what, began, calm_until)]),
        loud=crowd([row for what in CALLS for row in book.of(what, loud_from, loud_until)]),
        logins=crowd(book.of("login", calm_until, loud_until)),
        views=crowd(book.of("view", calm_until, loud_until)),
        asks=crowd(book.of("ask", calm_until, loud_until)),
        health=crowd(health(book, attack, calm_until, loud_until)),
        peak_bytes=peak,
        files_bytes=kept,
        troubles=dict(most(book.troubles(began, ended, *SHOWN))),
        lost=lost,
        others=busy.others,
        waited=busy.gateway_waited,
    )


def tried(trick: type[Deceit]) -> list[str]:
    """Try a deceit on a gateway of its own; return what it got, or that it could not be tried."""
    with (
        tempfile.TemporaryDirectory(prefix="pressure-") as folder,
        PressedGateway(Path(folder), trick.config) as gate,
    ):
        try:
            return tried_on(gate, trick)
        except (OSError, AssertionError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
            return [f"it broke: {type(error).__name__}: {error}"]


def tried_on(gate: PressedGateway, trick: type[Deceit]) -> list[str]:
    """Try a deceit on this gateway; return what it got."""
    with closing(trick(gate)) as deceit:
        return list(deceit.got())


def attacker(attack: type[Attack], gate: PressedGateway) -> subprocess.Popen[bytes]:
    """Start the attack's process."""
    target = gate.target
    command = ["-m", "tests.pressure.attacks", name_of(attack), str(target.port)]
    with (gate.folder / "attack").open("w") as log:
        return subprocess.Popen(
            [sys.executable, *command, *([target.cert] if target.cert else [])], stderr=log
        )


def left(keepsakes: Keepsakes, book: Book) -> list[str]:
    """What is lost, and that it can't even be looked for."""
    try:
        return keepsakes.lost(book)
    except (OSError, AssertionError, KeyError, subprocess.TimeoutExpired) as error:
        return [f"after the attack: {type(error).__name__}: {error}"]


def crowd(rows: list[Took]) -> Crowd:
    """Those that went well, by their times."""
    return Crowd(sorted(row.seconds for row in rows if not row.trouble), len(rows))


def health(book: Book, attack: type[Attack], since: float, until: float) -> list[Took]:
    """Who asked for health; 429 is an answer where the attack shares the address."""
    rows = book.of("health", since, until)
    if not attack.shares_address:
        return rows
    return [
        row if row.trouble != "HTTP 429" else Took(row.what, row.at, row.seconds) for row in rows
    ]


def most(troubles: Counter[str]) -> list[tuple[str, int]]:
    return troubles.most_common(8)
