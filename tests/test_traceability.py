"""Every acceptance criterion of seed 001 is named by a test.

A test names a criterion by ``@pytest.mark.seed001("FR1-AC1")``.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COUNTS = {
    "FR1": 3,
    "FR2": 6,
    "FR3": 3,
    "FR4": 6,
    "FR5": 3,
    "FR6": 4,
    "FR7": 2,
    "FR8": 4,
    "FR9": 4,
    "FR10": 7,
    "FR11": 6,
    "NFR1": 1,
    "NFR2": 2,
    "NFR3": 2,
}
"""How many criteria each requirement of seed 001 has."""

CRITERIA = {f"{name}-AC{n}" for name, count in COUNTS.items() for n in range(1, count + 1)}


def named_criteria() -> dict[str, list[str]]:
    """The criteria that tests name, with the files that name them."""
    named: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "seed001"
            ):
                for argument in node.args:
                    assert isinstance(argument, ast.Constant), f"{path}: name it by a string"
                    named.setdefault(str(argument.value), []).append(path.name)
    return named


def test_every_criterion_is_named_by_a_test() -> None:
    assert CRITERIA - set(named_criteria()) == set()


def test_no_test_names_a_criterion_that_does_not_exist() -> None:
    assert set(named_criteria()) <= CRITERIA


@pytest.mark.seed001("NFR3-AC1", "NFR3-AC2")
@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_finds_nothing(command: list[str]) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, *command, "."], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
