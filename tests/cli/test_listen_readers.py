"""What readers of sessions report is compared with what they must have heard."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.conversation import (
    ANY,
    Heard,
    deltas,
    ended,
    event,
    gap,
    heard,
    note,
    trouble,
)


def told(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a reader reports."""
    return {"events": list(events), **more}


def test_cuts_are_code_points() -> None:
    assert deltas(3, "\U0001f600", "ä", "b") == {
        **event(3, "text", text="\U0001f600äb", cuts=[1, 2]),
        "count": 3,
    }


@pytest.mark.parametrize(
    "found",
    [
        (deltas(3, "ab", "c"), note(5)),
        (deltas(3, "ab"), deltas(4, "c"), note(5)),
        (deltas(3, "ab"), event(4, "of_another_time"), event(4, "behind"), deltas(4, "c"), note(5)),
    ],
)
def test_a_text_may_come_in_parts_and_what_is_unknown_between_them(found: Any) -> None:
    assert not trouble(Heard((deltas(3, "ab", "c"), note(5))), told(*found))


def test_gaps_may_come_in_parts_or_without_a_place() -> None:
    assert not trouble(Heard((gap(1, 5),)), told(gap(1, 2), gap(3, 3)))
    assert not trouble(Heard((gap(ANY, ANY), note(0))), told(gap(7, 0), note(0)))
    assert trouble(Heard((gap(1, 5),)), told(gap(1, 2))) == (
        "was told gap at 1 (2 events) instead of gap at 1 (5 events)"
    )


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (told(note(5)), 'was told note at 5 instead of text at 3 (2 events) "abc"'),
        (told(deltas(3, "ab", "c"), note(5)), "was told note at 5, which was not for it"),
        (told(), 'was not told text at 3 (2 events) "abc"'),
        (told(deltas(3, "ab", "b")), '"abb" instead of text at 3 (2 events) "abc"'),
        (told(deltas(3, "ab", "c"), error={"code": -32013}), "ended with error -32013 instead of"),
        (told(deltas(3, "ab", "c"), text="ab"), 'shows the answer "ab" instead of "abc"'),
        ({"events": "abc"}, "was not told text at 3"),
    ],
)
def test_what_is_amiss_is_said(found: dict[str, Any], problem: str) -> None:
    assert problem in trouble(Heard((deltas(3, "ab", "c"),), text="abc"), found)


def test_a_report_has_a_row_for_each_reader_and_names_the_rules() -> None:
    check = heard(Heard((ended(0),)), Heard(error=-32013), by=("S41",)).check
    assert check is not None
    check({"session": [told(ended(0)), told(error={"code": -32013})]})
    with pytest.raises(Broken, match=r"reader 1 ended with error null instead of -32013 \(S41\)"):
        check({"session": [told(ended(0)), told()]})
    with pytest.raises(Broken, match=r"not one row for each reader: .* \(testing\.md\)"):
        check({"session": [told(ended(0))]})
