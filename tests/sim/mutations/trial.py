"""A trial: the sources with one bug in them, and whether anything notices."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.sim.mutations.mutation import Mutation

ROOT = Path(__file__).parents[3]
BASE = 700_000
"""The first seed of each trial: always the same, so that a list that is complete stays so."""

TRIAL_S = 900.0
"""How long one command of a trial may take; a busy machine must not look like a bug found."""

NO_END = 124


@dataclass(frozen=True)
class Verdict:
    """What came of a trial.

    Attributes:
        found_by: "simulator", a test file, or "" if nobody noticed.
        words: how it showed.
        seconds: how long that took.
    """

    mutation: Mutation
    found_by: str
    words: str
    seconds: float


def run_trial(mutation: Mutation, *, soon: bool = False) -> Verdict:
    """Make the bug in a copy of the sources, and see who notices.

    Args:
        mutation: the bug.
        soon: ask its tests first, and not the simulator: they say it sooner.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("*.pyc.*"))
        file = source / mutation.file
        file.write_text(mutation.made_in(file.read_text()))
        searches = [search_worlds, search_tests]
        for search in reversed(searches) if soon else searches:
            found_by, words = search(mutation, source)
            if found_by:
                break
    return Verdict(mutation, found_by, words, time.monotonic() - began)


def search_worlds(mutation: Mutation, source: Path) -> tuple[str, str]:
    """Run the simulator; say who has noticed something, and how it showed."""
    for module, seeds in (
        ("tests.sim", mutation.seeds),
        ("tests.sim.relays", mutation.relays),
        ("tests.sim.crowds", mutation.crowds),
    ):
        if not seeds:
            continue
        command = ["-m", module, "--brief", "--base", str(BASE)]
        code, text = run([*command, "--seeds", str(seeds)], source)
        if code and code != NO_END:
            return "simulator", (text.strip().splitlines() or ["without a word"])[-1][:160]
    return "", ""


def search_tests(mutation: Mutation, source: Path) -> tuple[str, str]:
    """Run the tests that are named, until one fails."""
    for test in mutation.tests:
        code, text = run(["-m", "pytest", "-q", "-x", "-p", "no:randomly", test], source)
        if code == 1:
            failed = [line for line in text.splitlines() if line.startswith("FAILED")]
            return test, (failed or ["failed"])[0][:160]
    return "", ""


def run(command: list[str], source: Path) -> tuple[int, str]:
    """Run Python on the sources of a trial; return its exit code and what it said."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(source), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TRIAL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return NO_END, f"no end within {TRIAL_S:g} s"
    return done.returncode, done.stdout or done.stderr
