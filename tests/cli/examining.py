"""Lets ``agent-gate conformance --listen`` examine a client that is driven by a command."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.cli.support import ended, environment, started
from tests.nursery import Born

from agentgate_cli.conformance.listen.cases import ALL

ALL_S = 480.0
"""For the longest of all; under a minute where nothing else runs."""

ENDED_S = 10.0

PARTS = 3
"""Of the cases, each with a client of its own, side by side: they mostly wait."""

Rows = dict[str, dict[str, Any]]
"""Of an examination, by name."""


def listening(*options: str) -> tuple[Born, str]:
    """Start the scripted gateway; return it and its URL."""
    process = started("conformance", "--listen", "--port", "0", "--json", *options)
    assert process.stderr is not None
    line = process.stderr.readline()
    url = next(word for word in line.split() if word.startswith("ws://")).rstrip(",")
    return process, url


def examine(command: Sequence[str], *options: str, driver: Sequence[str] = ()) -> Rows:
    """Let a client be examined.

    Args:
        command: of the program that drives it; the URL comes behind it.
        options: of ``conformance --listen``.
        driver: those of the program, which must have ended by itself in the end.
    """
    process, url = listening(*options)
    client = subprocess.Popen([*command, url, *driver], env=environment())
    try:
        code, out, _ = ended_within(process, ALL_S)
        assert client.wait(ENDED_S) == 0
    finally:
        client.kill()
        client.wait()
    *rows, told = [json.loads(line) for line in out.splitlines()]
    assert code == (0 if told["ok"] else 1)
    return {row["name"]: row for row in rows}


def examine_whole(command: Sequence[str], *, slow: bool, driver: Sequence[str] = ()) -> Rows:
    """Let a client be examined by all cases, in parts that are played at the same time.

    With ``CONFORMANCE_SLOW`` set it is one examination from the first to the last, as people play
    it, with what takes long.
    """
    if os.environ.get("CONFORMANCE_SLOW"):
        return examine(command, "--slow", driver=driver)
    names = [case.name for case in ALL if not case.is_slow and not case.alone]
    parts = [names[number::PARTS] for number in range(PARTS)]
    if slow:
        parts += [[case.name] for case in ALL if case.is_slow]

    def play(part: list[str]) -> Rows:
        options = [word for name in part for word in ("--only", name)]
        return examine(command, "--slow", *options, driver=driver)

    rows: Rows = {}
    with ThreadPoolExecutor(len(parts)) as pool:
        for each in pool.map(play, parts):
            rows |= each
    return rows


def ended_within(process: Born, seconds: float) -> tuple[int, str, str]:
    """Wait for the end of a process; return its exit code and what it printed."""
    process.wait(seconds)
    return ended(process)


def troubles(rows: Rows) -> dict[str, str]:
    """Why those did not pass that did not, save what takes long and was not asked for."""
    return {
        name: row["why"]
        for name, row in rows.items()
        if row["verdict"] != "passed" and "--slow" not in row["why"]
    }
