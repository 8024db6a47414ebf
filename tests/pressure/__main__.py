"""Attacks on a real gateway, beside honest users: ``python -m tests.pressure`` (``make pressure``).

Each attack has a gateway of its own. The honest ones use it first undisturbed, then under the
attack; then it is restarted, and what they had there is looked for. Exit code 1: a bound failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from fnmatch import fnmatch
from typing import Any, TypeVar

from tests.pressure.attacks.attack import Attack
from tests.pressure.attacks.catalogue import attacks, kind_of, tricks
from tests.pressure.play import play, tried
from tests.pressure.short import WORST
from tests.pressure.verdict import HEADINGS, UNITS, Bounds, Row, as_json, line

Kind = TypeVar("Kind", bound=type)

AGAIN = 2
"""How often a row is played again whose times alone are too long, while others use the machine."""

OTHERS_MAX = 0.15
"""Of the machine: with more of it used by others, times say little."""


def chosen(names: list[str], every: dict[str, Kind]) -> dict[str, Kind]:
    """Those that these names mean: whole ones, patterns, kinds; none: all."""
    return {
        name: each
        for name, each in every.items()
        if not names or any(fnmatch(name, word) or kind_of(each) == word for word in names)
    }


def measured(attack: type[Attack], seconds: float, bounds: Bounds) -> Row:
    """Play it; if only its times are too long, and the machine is busy with others, again."""
    row = play(attack, seconds)
    for _ in range(AGAIN):
        if not row.too_slow(bounds) or row.wrong(bounds) or row.others < OTHERS_MAX:
            break
        again = play(attack, seconds)
        if again.wrong(bounds) or len(again.too_slow(bounds)) <= len(row.too_slow(bounds)):
            row = again
    return row


def main() -> int:
    """Play what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.pressure", description=__doc__)
    parser.add_argument("attack", nargs="*", help="names, patterns as unread-*, or kinds as hoards")
    parser.add_argument("--seconds", type=float, default=10.0, help="undisturbed, and under attack")
    parser.add_argument("--short", action="store_true", help="the worst ten, three seconds each")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--list", action="store_true", help="name the attacks, and play none")
    options = parser.parse_args()
    if options.list:
        for name, each in {**attacks(), **tricks()}.items():
            print(f"{name:34} {kind_of(each):10} {(each.__doc__ or '').splitlines()[0]}")
        return 0
    seconds = min(options.seconds, 3.0) if options.short else options.seconds
    names = options.attack or (list(WORST) if options.short else [])
    every, deceits = chosen(names, attacks()), chosen(names, tricks())
    if not every and not deceits:
        parser.error(f"no such attack: {' '.join(names)}; --list names all")
    tell = in_json if options.json else in_words
    bounds, failed = Bounds(), 0
    if every and not options.json:
        print(HEADINGS, UNITS, sep="\n", flush=True)
    for attack in every.values():
        row = measured(attack, seconds, bounds)
        failed += bool(row.failures(bounds))
        tell(line(row), as_json(row, bounds))
    for name, trick in deceits.items():
        got = tried(trick)
        failed += bool(got)
        tell(f"{name:32} {'' if got else 'in vain'}", {"attack": name, "failures": got})
    if not options.json:
        print(f"{failed} of {len(every) + len(deceits)} failed" if failed else "all as it must be")
    return int(failed > 0)


def in_json(words: str, row: dict[str, Any]) -> None:
    """Print a row for programs."""
    print(json.dumps(row, ensure_ascii=False), flush=True)


def in_words(words: str, row: dict[str, Any]) -> None:
    """Print a row for people, and below it what fails."""
    print(words, flush=True)
    for failure in row["failures"]:
        print(f"    FAILS: {failure[:400]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
