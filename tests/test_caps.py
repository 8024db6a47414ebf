"""The table of caps is what the sources say, in words that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import caps

from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.denials import share_of_audit
from agentgate_server.config.form import AuditConfig

OPERATIONS = caps.PAGE.parent / "operations.md"


def test_the_page_is_made_from_the_sources() -> None:
    text = caps.PAGE.read_text("utf-8")
    assert text == caps.rendered(text), "run: python -m tests.caps"


@pytest.mark.parametrize(
    ("name", "figure", "said"),
    [
        ("QUEUED_BYTES_MAX", 16_777_216, "16 MiB"),
        ("FILE_BYTES_MAX", 1_000_000, "1,000,000 bytes"),
        ("TURN_S", 0.002, "2 ms"),
        ("retention_s", 30 * 86_400.0, "30 d"),
        ("LISTEN_S_MAX", 60.0, "1 min"),
        ("WRONG_TOKENS_PER_MINUTE", 20, "20 a minute"),
        ("PUSHED_OUT_PER_S", 800, "800 a second"),
        ("request_bytes_per_minute", 16_777_216, "16 MiB a minute"),
        ("withdrawals_per_hour", 120, "120 an hour"),
        ("TURN_S_MIN", 0.000_5, "500 µs"),
        ("MUTE_MINUTES_MAX", 10_080.0, "7 d"),
        ("SLOWNESS_MAX", 8.0, "8"),
        ("ROWS_MAX", 100_000, "100,000"),
    ],
)
def test_a_figure_has_the_unit_that_its_name_says(name: str, figure: float, said: str) -> None:
    assert caps.worded(name, figure) == said


def test_caps_are_found_with_their_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "room" / "doors.py"
    source.parent.mkdir()
    source.write_text(
        "ROWS_MAX = 2 * 512\n'''A screen\nof ``rows``.'''\n"
        "OTHER = 5\n'''No cap.'''\n"
        "BARE_MAX = 7\n"
        "class SomeLimits:\n    waiting: int = 10\n    '''A person reads ten.'''\n",
        "utf-8",
    )
    monkeypatch.setattr(caps, "SOURCES", tmp_path)
    assert list(caps.caps_of(source)) == [
        ("room/doors", "ROWS_MAX", 1_024, "A screen of `rows`."),
        ("room/doors", "SomeLimits.waiting", 10, "A person reads ten."),
    ]


def test_what_is_said_of_an_agent_s_share_of_the_audit_is_what_it_is_by_default() -> None:
    audit, limits = AuditConfig(), LedgerLimits()
    share = share_of_audit(audit.keep_entries_max, audit.keep_bytes_max, audit.keep_days)
    assert share == (limits.told_at_once_max, limits.told_per_day)
    page = " ".join(OPERATIONS.read_text("utf-8").split())
    assert f"`audit.keep_entries_max` ({audit.keep_entries_max:,}, about" in page
    assert f"{share[0]:,} entries whenever it likes and {share[1]} more a day" in page
    writes = limits.requests_per_minute
    days = audit.keep_entries_max / (2 * writes * 24 * 60)
    assert f"at {writes} writes a minute" in page
    assert f"last for {days:.1f} days" in page
    assert f"those that one agent withdraws ({limits.withdrawals_per_hour} an hour)" in page
    years = audit.keep_entries_max / (2 * limits.withdrawals_per_hour * 24 * 365)
    assert round(years) == 2
    assert "fill the audit in two years" in page
