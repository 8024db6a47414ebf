"""A probe: one thing that is tried or looked at, what is wrong with it, and what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agentgate_server.policy.linting import Finding, Level

if TYPE_CHECKING:
    from agentgate_server.checking.files import Look
    from agentgate_server.config import Config


@dataclass(frozen=True, slots=True)
class Report:
    """What a probe has found.

    Attributes:
        well: what was seen where nothing is broken; "": there is nothing of the kind to look at.
        findings: what is wrong, each with the next step.
        date: what time it is for whoever answered, UTC seconds; None: nobody said.
        who: who answered.
        states: what is in the house, if that was asked.
    """

    well: str = ""
    findings: tuple[Finding, ...] = ()
    date: float | None = None
    who: str = ""
    states: tuple[dict[str, Any], ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether something does not work."""
        return any(each.level is Level.ERROR for each in self.findings)


@dataclass(slots=True)
class Patient:
    """The gateway that is looked at.

    Attributes:
        look: its files.
        dates: what time it is for those who answered, by who they are.
    """

    look: Look
    dates: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One row of the table.

    Attributes:
        name: what it is about, in a word.
        about: the same in a few words, for the documents.
        step: the next step for findings that name none; ``{place}`` is where they are.
        part: of ``checking.files.PARTS``, whose findings belong here; "": none.
        reach: what is tried besides, which a start would do; None: nothing.
    """

    name: str
    about: str
    step: str
    part: str = ""
    reach: Callable[[Patient, Config], Awaitable[Report]] | None = None


def broken(message: str, step: str) -> Finding:
    """It does not work so."""
    return Finding(level=Level.ERROR, message=message, step=step)


def doubtful(message: str, step: str) -> Finding:
    """It may be meant so."""
    return Finding(level=Level.WARNING, message=message, step=step)


def with_step(finding: Finding, step: str) -> Finding:
    """Give a finding the step of its probe, unless it has its own.

    Many of our messages end with the very command; that is the step then, and not said twice.
    """
    if finding.step:
        return finding
    message, _, last = finding.message.rpartition(": ")
    if message and last.startswith(COMMANDS):
        return replace(finding, message=message, step=last)
    return replace(finding, step=step.format(place=finding.place or "config.yaml"))


COMMANDS = ("chmod ", "pip install ", "pipx ", "uv ")
"""What the last part of a message begins with, where that is a command."""
