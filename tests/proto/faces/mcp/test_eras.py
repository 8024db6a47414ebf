"""Revisions of MCP."""

import pytest

from agentgate_proto.faces.mcp.eras import Era, era_of, negotiated, takes_batches


@pytest.mark.parametrize(
    ("version", "era"),
    [
        ("2026-07-28", Era.MODERN),
        ("2025-11-25", Era.LEGACY),
        ("2025-03-26", Era.LEGACY),
        ("2024-11-05", None),
        ("1900-01-01", None),
        ("", None),
    ],
)
def test_each_revision_is_of_one_era(version: str, era: Era | None) -> None:
    assert era_of(version) is era


def test_initialize_is_answered_with_a_legacy_revision() -> None:
    assert negotiated("2025-06-18") == "2025-06-18"
    assert negotiated("2026-07-28") == "2025-11-25"
    assert negotiated("anything") == "2025-11-25"


def test_batches_are_of_one_revision() -> None:
    assert [v for v in ("2025-11-25", "2025-06-18", "2025-03-26") if takes_batches(v)] == [
        "2025-03-26"
    ]
