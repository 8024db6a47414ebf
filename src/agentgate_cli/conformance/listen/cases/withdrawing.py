"""Level withdrawing: a caller's patience ends."""

from __future__ import annotations

from agentgate_cli.conformance.listen.case import Case

CASES: tuple[Case, ...] = ()
