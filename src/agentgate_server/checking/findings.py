"""Findings: what would stop a start, as one of several things that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from agentgate_server.documents import DocumentError
from agentgate_server.errors import ToolError
from agentgate_server.identity.token_file import TokenFileError
from agentgate_server.policy.linting import Finding, Level
from agentgate_server.sockets.binding import ListenError
from agentgate_server.store.engine import StoreError

T = TypeVar("T")


def attempt(work: Callable[[], T], findings: list[Finding]) -> T | None:
    """Do a part of a start; what would stop it becomes findings."""
    try:
        return work()
    except DocumentError as error:
        for each in (error, *error.others):
            text = ": ".join(part for part in (each.path, each.message) if part)
            at = each.line or 0
            findings.append(Finding(level=Level.ERROR, message=text, file=each.file, line=at))
    except (ListenError, StoreError, TokenFileError, ToolError) as error:
        findings.append(Finding(level=Level.ERROR, message=str(error)))
    return None


def warning(text: str, file: str = "", line: int = 0, *, step: str = "") -> Finding:
    """Make a finding of what can be meant so."""
    return Finding(level=Level.WARNING, message=text, file=file, line=line, step=step)


def line_of(finding: Finding) -> str:
    """A finding as a log shows it."""
    return ": ".join(part for part in (finding.place, finding.message) if part)
