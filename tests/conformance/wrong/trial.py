"""What came of a mutation: whether it was noticed, by what, and in which words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from tests.conformance.wrong.mutation import Mutation


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
        return "; ".join(lack for each in self.findings if (lack := lack_of(self.mutation, each)))


def lack_of(mutation: Mutation, finding: Finding) -> str:
    """Say what a finding leaves to be wished; "": nothing."""
    if finding.verdict != "failed":
        said = f"{finding.verdict or 'not played'} {finding.why}".rstrip()
        return f"{finding.case!r} did not find it: {said}"
    is_named = re.search(rf"\([^()]*\b{mutation.rule}\b[^()]*\)", finding.why)
    if mutation.rule not in finding.rules or not is_named:
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
