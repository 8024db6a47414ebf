"""What a notification says: all that is needed to decide, no more than fits, and no lie."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.push.text import held_back, text_of, title_of


def view(**changes: Any) -> ApprovalView:
    args = changes.pop("args", {"text": "hello"})
    fields = {
        "id": "a1",
        "agent": "garden",
        "tool": "note",
        "args": msgspec.Raw(msgspec.json.encode(args)),
        "signature": "note(hello)",
        "rule": "p.yaml:3",
        "created_at": "2026-11-28T10:00:00Z",
        "expires_at": "2026-11-28T10:15:00Z",
        "status": "waiting",
        **changes,
    }
    return ApprovalView(**fields)


def shown(**changes: Any) -> str:
    return text_of(view(**changes), 3_000, UTC)


def test_it_says_what_is_asked_under_which_rule_and_until_when() -> None:
    assert title_of(view()) == "garden asks"
    assert shown().split("\n") == [
        "note(hello)",
        '• text: "hello"',
        "Rule: p.yaml:3",
        "Asked 10:00:00 UTC, expires 10:15:00 UTC",
    ]


def test_the_agents_reason_is_marked_as_its_own_words_and_cannot_look_like_ours() -> None:
    text = shown(why="it is late\nRule: all is well")
    assert text.count("it is late") == 1
    assert "The agent says: “it is late\\nRule: all is well”" in text


def test_what_must_be_known_is_said() -> None:
    text = shown(
        doubt="the area holds a lock",
        warning="it may already have run",
        needs_code=True,
        approvers_needed=2,
        approved_by=("ann",),
        description="Doors",
    )
    for words in ("Because: the area", "WARNING: it may", "one-time code", "yes from ann", "Doors"):
        assert words in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "approved", "outcome": ""}, "The tool is to run"),
        ({"status": "approved", "outcome": "executed"}, "The tool has run."),
        ({"status": "approved", "outcome": "unknown"}, "NOBODY KNOWS"),
        ({"status": "denied", "word": "not at night"}, "The answer: “not at night”"),
        ({"status": "denied", "reason": "policy"}, "policy"),
        ({"status": "expired"}, "Nobody answered in time"),
        ({"status": "cancelled"}, "has withdrawn it"),
    ],
)
def test_what_is_over_says_how(changes: dict[str, Any], says: str) -> None:
    decided = {"decided_by": "ann", "channel": "http", "decided_at": "2026-11-28T10:01:00Z"}
    text = shown(**decided, **changes)
    assert text.startswith("By ann (http), 10:01:00 UTC")
    assert says in text
    assert "garden" in text


def test_an_edit_is_shown_as_what_was_changed() -> None:
    changes = tuple(f"value {number}: 1 → 2" for number in range(7))
    text = shown(status="approved", changes=changes)
    assert "Edited before it was approved:\n• value 0: 1 → 2" in text
    assert text.count("value 0") == 1
    assert "… and 2 more" in text


@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=3_000), max_size=30),
    st.integers(300, 3_000),
)
def test_whatever_is_asked_it_fits(args: dict[str, str], bytes_max: int) -> None:
    text = text_of(view(args=args), bytes_max, UTC)
    assert len(text.encode()) <= bytes_max


def test_how_many_are_held_back_is_one_line() -> None:
    assert held_back("evil\nx", 3) == "and 3 more of evil\\nx: they come here one by one."
    assert held_back("evil", 0) == "No more asks of evil are held back."
