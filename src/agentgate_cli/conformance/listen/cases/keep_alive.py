"""Level keep-alive: silence."""

from __future__ import annotations

from agentgate_cli.conformance.listen.case import Case

CASES: tuple[Case, ...] = ()
