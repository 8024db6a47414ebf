"""The public conformance suite of MCP through the gate, in front of the official SDK's server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.mcp.acceptance.conformance import (
    OF_THE_SERVER,
    REQUIRED_PASSED,
    REVISIONS,
    behind_gate,
)
from tests.mcp.acceptance.suite import examined, totals
from tests.mcp.acceptance.world import fixture_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def through() -> Iterator[str]:
    with fixture_server() as url, behind_gate(url) as found:
        yield found


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_suite_passes_through_the_gate(through: str, revision: str) -> None:
    verdicts = examined(through, "--requirements", revision)
    failed = {
        f"{scenario}: {check}": why
        for scenario, verdict in verdicts.items()
        for check, why in verdict.failed.items()
        if scenario not in OF_THE_SERVER
    }
    assert not failed
    assert totals(verdicts)[0] >= REQUIRED_PASSED[revision]
