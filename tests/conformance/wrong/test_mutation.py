"""A mutation is made in a process of its own, exactly once, or is called stale."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from tests.change import SRC, Change, why_stale
from tests.conformance.wrong.mutation import Mutation, module_of, named, with_words
from tests.conformance.wrong.trial import Finding, finding_of, lack_of

SLOWER = Change(
    "wait long before the first attempt",
    "agentgate_proto/client/backoff.py",
    "FIRST_S = 1.0\n",
    "FIRST_S = 77.0\n",
)
MUTATION = Mutation("m", "f", "a", "b", found_by=("case",), rule="R6", says="came again")

MADE = """
import sys
from tests.change import Change
from tests.conformance.wrong.mutation import make
make(Change(*sys.argv[1:]))
from agentgate_proto.client import backoff
print(backoff.FIRST_S, backoff.__file__)
"""


def run(code: str, *arguments: str) -> str:
    """Run Python in the folder of the repository; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=SRC.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_change_is_in_its_process_and_in_no_other() -> None:
    at = SLOWER.path
    assert run(MADE, SLOWER.name, SLOWER.file, SLOWER.old, SLOWER.new) == f"77.0 {at}"
    unchanged = "from agentgate_proto.client import backoff; print(backoff.FIRST_S)"
    assert run(unchanged) == "1.0", "nothing compiled was left behind"


def test_a_change_that_comes_too_late_is_refused() -> None:
    late = "import agentgate_proto.client.backoff\n" + MADE
    with pytest.raises(AssertionError, match="too late"):
        run(late, SLOWER.name, SLOWER.file, SLOWER.old, SLOWER.new)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"old": "no such text"}, "0 times"),
        ({"old": "failures"}, r"\d+ times"),
        ({"new": "FIRST_S = \n"}, "no program"),
        ({"new": "FIRST_S = 1.0\n"}, "changes nothing"),
    ],
)
def test_what_cannot_be_made_is_stale(change: dict[str, str], why: str) -> None:
    assert not why_stale(SLOWER)
    with pytest.raises(AssertionError, match=why):
        assert not why_stale(replace(SLOWER, **change))


@pytest.mark.parametrize(
    ("finding", "lack"),
    [
        (Finding("case", "failed", "id 7 came again (R6)", ("R6",)), ""),
        (Finding("case", "failed", "id 7 came again (R5, R6)", ("R5", "R6")), ""),
        (Finding("case", "passed"), "did not find it: passed"),
        (Finding("case", why="ImportError"), "did not find it: not played ImportError"),
        (Finding("case", "failed", "id 7 came again (R5)", ("R5",)), "does not name R6"),
        (Finding("case", "failed", "id 7 came again", ("R6",)), "does not name R6"),
        (Finding("case", "failed", "nothing came (R6)", ("R6",)), "does not say 'came again'"),
    ],
)
def test_a_mistake_is_found_by_its_case_with_its_rule_in_the_right_words(
    finding: Finding, lack: str
) -> None:
    said = lack_of(MUTATION, finding)
    assert bool(said) == bool(lack)
    assert lack in said


def test_rows_are_told_from_sums() -> None:
    row = '{"name":"a","verdict":"failed","rule":"r","why":"w (R1)","level":"","rules":["R1"]}'
    assert finding_of(row) == Finding("a", "failed", "w (R1)", ("R1",))
    assert finding_of('{"ok":false,"passed":0,"failed":1,"skipped":0}') is None


def test_mutations_are_found_by_name_and_by_words() -> None:
    other = replace(MUTATION, name="other")
    assert named((MUTATION, other), "other") is other
    assert list(with_words((MUTATION, other), ["the"])) == [other]
    assert list(with_words((MUTATION, other), [])) == [MUTATION, other]
    assert module_of("agentgate_client/edge/__init__.py") == "agentgate_client.edge"
