"""What came of a mutation: whether it was noticed, by what, and in which words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from tests.conformance.wrong.mutation import Mutation

HOW_TO_TEST = "testing.md"
"""In place of a rule: the page that says what the tests want of a client's driver."""


@dataclass(frozen=True)
class Finding:
    """What one case, or one vector, said of a mutation.

    Attributes:
        case: its name.
        verdict: "passed", "failed" or "skipped"; "" if it was not played.
        why: what it said.
        rules: those that it named as broken.
    """

    case: str
    verdict: str = ""
    why: str = ""
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One mutation, tried.

    Attributes:
        mutation: which.
        findings: one for each case that must find it.
        seconds: how long it took.
    """

    mutation: Mutation
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def lacks(self) -> str:
        """What is missing; "": it was noticed by all that must, in the right words."""
        lacks = [lack for each in self.findings if (lack := lack_of(self.mutation, each))]
        return "; ".join(lacks) if self.findings else "nothing is named that must find it"


def lack_of(mutation: Mutation, finding: Finding) -> str:
    """Say what a finding leaves to be wished; "": nothing."""
    if mutation.is_allowed:
        passed = finding.verdict == "passed"
        return "" if passed else f"{finding.case!r} {finding.verdict}: {finding.why}"
    if finding.verdict != "failed":
        said = f"{finding.verdict or 'not played'} {finding.why}".rstrip()
        return f"{finding.case!r} did not find it: {said}"
    is_named = re.search(rf"\([^()]*\b{mutation.rule}\b[^()]*\)", finding.why)
    is_rule = mutation.rule != HOW_TO_TEST
    if not is_named or (is_rule and mutation.rule not in finding.rules):
        return f"{finding.case!r} does not name {mutation.rule}: {finding.why}"
    if mutation.says not in finding.why:
        return f"{finding.case!r} does not say {mutation.says!r}: {finding.why}"
    return ""


def finding_of(line: str) -> Finding | None:
    """Read a line of ``--json``; None: the sums at its end."""
    row = msgspec.json.decode(line)
    if "verdict" not in row:
        return None
    return Finding(row["name"], row["verdict"], row["why"], tuple(row["rules"]))
