"""Level providing: tools that the client runs for others."""

from __future__ import annotations

from agentgate_cli.conformance.listen.case import Case

CASES: tuple[Case, ...] = ()
