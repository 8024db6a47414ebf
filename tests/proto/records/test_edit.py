"""What a person may change, and how that is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.ledger_records import edit_of, record

from agentgate_proto.records.difference import LINES_MAX, differences
from agentgate_proto.records.edit import EDITED_ARGS_MAX, EditTerms, changed_names


def test_terms_set_and_leave_out() -> None:
    terms = msgspec.json.decode(b'{"set":{"n":null},"unset":["m"]}', type=EditTerms)
    assert (terms.set, terms.unset) == ({"n": None}, ("m",))


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ({}, "an edit sets arguments, or leaves some out"),
        ({"set": {"n": 1}, "unset": ("n",)}, "either sets 'n' or leaves it out"),
        ({"set": {str(n): n for n in range(EDITED_ARGS_MAX + 1)}}, "at most 64 arguments"),
    ],
)
def test_terms_that_say_nothing_or_too_much_are_refused(terms: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        EditTerms(**terms)


def test_what_differs_is_told_by_its_name_and_types_count() -> None:
    asked = {"a": 1, "b": 1, "c": {"x": 1, "y": 2}, "d": 0}
    edited = {"b": 1.0, "a": 1, "c": {"y": 2, "x": 1}, "d": False, "e": None}
    assert changed_names(asked, edited) == ("b", "d", "e")


def test_a_difference_has_a_line_for_each_argument() -> None:
    asked = {"brightness": 100, "name": "hall light", "old": True}
    edit = edit_of(asked, brightness=30, name="hall", new=[1])
    raw = msgspec.Raw(msgspec.json.encode(asked))
    assert differences(raw, edit) == (
        "brightness: 100 → 30",
        'name: "hall light" → hall',
        "old: true → (left out)",
        "new: (nothing) → [1]",
    )


def test_a_long_difference_says_how_much_more_there_is() -> None:
    asked = {f"a{n}": n for n in range(LINES_MAX + 3)}
    edit = edit_of(asked, **{name: value + 1 for name, value in asked.items()})
    lines = differences(msgspec.Raw(msgspec.json.encode(asked)), edit)
    assert (len(lines), lines[-1]) == (LINES_MAX + 1, "3 more arguments differ")


def test_a_record_with_an_edit_runs_as_that_and_is_known_as_what_it_was() -> None:
    plain = record()
    assert plain.as_approved is plain
    edit = edit_of({"n": 1}, n=2)
    edited = record(edit=edit)
    approved = edited.as_approved
    assert (approved.args, approved.digest, approved.signature) == (
        edit.args,
        edit.digest,
        edit.signature,
    )
    assert edited.identity == plain.identity
