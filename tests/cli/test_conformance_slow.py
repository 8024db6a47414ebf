"""Our client passes what takes long, too: silence, long pauses, answers that do not come."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.cli.test_conformance import examine

from agentgate_cli.conformance.listen.cases import ALL

SLOW = [case.name for case in ALL if case.is_slow]


def examined(name: str) -> dict[str, dict[str, Any]]:
    """Play one case with a client of its own; return the rows by name."""
    return examine("python", "--slow", "--only", name)


@pytest.mark.slow
def test_our_client_passes_what_takes_long() -> None:
    with ThreadPoolExecutor(len(SLOW)) as pool:  # they sleep: together they take as long as one
        found = dict(zip(SLOW, pool.map(examined, SLOW), strict=True))
    for name, rows in found.items():
        assert {row["name"]: row["why"] for row in rows.values() if row["why"]} == {}
        assert rows[name]["verdict"] == "passed"
