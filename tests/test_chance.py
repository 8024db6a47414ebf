"""Where CI is set, each run draws what the last one drew; no test takes chance from elsewhere."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.chance import EXAMPLES_MIN, FIXED_BASE, examples, is_fixed, seeds

ROOT = Path(__file__).parent.parent
BOUND_S = 120.0

PROBE = """
import os
from pathlib import Path
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.chance import examples, seeds
from tests.e2e.worlds.fit import fitted
from tests.sim.plan import draw

def note(what):
    with Path(os.environ["DRAWN"]).open("a") as file:
        print(what, file=file)

@given(st.lists(st.text()))
def test_property(texts):
    note(texts)

class Machine(RuleBasedStateMachine):
    @rule(number=st.integers())
    def step(self, number):
        note(number)

TestMachine = Machine.TestCase

def test_worlds():
    for seed in seeds(3):
        note(draw(seed))
    note(fitted(seeds(1)[0], requests=10))
"""


def drawn(folder: Path, name: str, *options: str, **variables: str) -> list[str]:
    """What a run of properties and worlds draws, in a process of its own with our ``conftest``."""
    probe = folder / "test_probe.py"
    probe.write_text(PROBE)
    inherited = {key: value for key, value in os.environ.items() if key != "CI"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest"),
            *("-c", str(ROOT / "pyproject.toml"), *options, str(probe)),
        ],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), "DRAWN": str(folder / name), **variables},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / name).read_text().splitlines()


def test_two_runs_draw_the_same_where_ci_is_set(tmp_path: Path) -> None:
    first = drawn(tmp_path, "first", CI="true", PYTHONHASHSEED="1")
    assert len(first) > 80
    assert first == drawn(tmp_path, "second", CI="true", PYTHONHASHSEED="2")


def test_two_runs_draw_different_examples_by_hand(tmp_path: Path) -> None:
    first, second = (drawn(tmp_path, name, "-k", "property") for name in ("first", "second"))
    assert first != second


def test_the_inner_loop_draws_few_examples(tmp_path: Path) -> None:
    assert len(drawn(tmp_path, "few", "--hypothesis-profile=quick", "-k", "property")) < 50


@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_worlds_have_fixed_seeds_where_ci_is_set(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", value)
    assert seeds(3) == range(FIXED_BASE, FIXED_BASE + 3)


@pytest.mark.parametrize("value", [None, "", "0", "false", "False", "no"])
def test_worlds_have_seeds_of_the_time_by_hand(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.5)
    assert not is_fixed()
    assert seeds(3) == range(1_700_000_000, 1_700_000_003)


@pytest.fixture
def _profile() -> Iterator[None]:
    kept = settings.get_current_profile_name()
    yield
    settings.load_profile(kept)


@pytest.mark.usefixtures("_profile")
@pytest.mark.parametrize(("profile", "count"), [("fresh", 150), ("fixed", 60), ("quick", 15)])
def test_a_profile_says_how_many_examples_are_played(profile: str, count: int) -> None:
    settings.load_profile(profile)
    assert examples(150) == count
    assert examples(1) == EXAMPLES_MIN
    assert settings().deadline is None, "no property measures time"


SYSTEM = {
    "tests/held_ports.py": "two runs on one machine must not choose the same ports",
    "tests/cli/conformance/driver.py": "each run is a client of its own, as a program's would be",
    "tests/cli/conformance/test_strangers.py": "clients name themselves as strangers' clients do",
    "tests/conformance/autobahn/echo.py": "masks as a real end has them; none is drawn in a test",
}
"""Who takes the system's chance, and why that may be."""


def chance_in(tree: ast.AST) -> Iterator[str]:
    """Where a file takes chance that no seed repeats."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="random", names=names):
                yield from (each.name for each in names if each.name != "Random")
            case ast.ImportFrom(module="secrets"):
                yield "secrets"
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name in ("random", "secrets"))
            case ast.Call(func=ast.Name(id="Random"), args=[]):
                yield "Random() without a seed"
            case ast.Call(func=ast.Name(id=("uuid1" | "uuid4") as name)):
                yield name
            case ast.Attribute(attr=("urandom" | "uuid1" | "uuid4" | "time_ns") as name):
                yield name


@pytest.mark.parametrize(
    "line",
    ["from random import choice", "import random", "Random()", "os.urandom(3)", "uuid4()"],
)
def test_chance_without_a_seed_is_seen(line: str) -> None:
    assert list(chance_in(ast.parse(line)))


def test_no_test_takes_chance_that_no_seed_repeats() -> None:
    found = {
        str(path.relative_to(ROOT)): list(chance_in(ast.parse(path.read_text("utf-8"))))
        for path in (ROOT / "tests").rglob("*.py")
    }
    assert {name for name, where in found.items() if where} == set(SYSTEM), found
