"""Lists: rows that are short enough to be many, in replies that have a bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.proto.ledger_records import record

from agentgate_proto.limits import LIST_BYTES_MAX, LIST_ROWS_MAX, LISTED_BYTES_MAX, ROW_BYTES_MAX
from agentgate_proto.records.approval import GrantView, approval_view
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.outcome import Outcome, executed, failed
from agentgate_proto.records.request import Phase
from agentgate_proto.rpc.listing import (
    CUT,
    SIGNATURE_BYTES_MAX,
    page_of,
    request_row,
    short_grant,
    short_row,
    short_view,
    shown_signature,
)
from agentgate_proto.rpc.results import GrantWords, RequestRow
from agentgate_proto.rpc.wire_results import RowError

LONG = "é" * LISTED_BYTES_MAX


def row(outcome: Outcome | None = None, **kw: Any) -> RequestRow:
    if outcome is not None:
        kw |= {"outcome": outcome, "phase": Phase.DONE, "resolved_at": 1_800_000_001.0}
    return request_row(record(**kw))


def json_of(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def beginning(text: str) -> str:
    return text.encode()[:LISTED_BYTES_MAX].decode("utf-8", "ignore") + CUT


@pytest.mark.parametrize("outcome", [None, executed(b'{"x":1}'), failed("no")])
def test_a_short_row_is_left_as_it_is(outcome: Outcome | None) -> None:
    whole = row(outcome)
    assert short_row(whole) is whole
    assert b"shortened" not in msgspec.json.encode(whole)


def test_of_what_is_not_kept_whole_it_is_said_how_long_it_was() -> None:
    kept = row(failed("no"), args=json_of({"x": "é…[9000 characters more]"}), args_bytes=9_020)
    assert (kept.args_bytes, kept.shortened) == (9_020, ("args",))
    assert short_row(kept) is kept
    long = row(failed(LONG), args=json_of({"x": "é"}), args_bytes=9_020)
    assert short_row(long).shortened == ("args", "error")
    assert short_row(long).args == long.args


def test_of_what_is_long_the_beginning_stays_as_a_text_and_is_named() -> None:
    args = json_of({"x": LONG})
    short = short_row(row(executed(bytes(json_of([LONG]))), args=args, signature=f"write({LONG})"))
    assert short.shortened == ("args", "signature", "data")
    assert msgspec.json.decode(short.args) == beginning('{"x":"' + LONG)
    assert isinstance(short.data, msgspec.Raw)
    assert msgspec.json.decode(short.data) == beginning('["' + LONG)
    assert short.signature == beginning(f"write({LONG})")


def test_a_long_error_is_shortened_and_keeps_its_code() -> None:
    short = short_row(row(failed(LONG)))
    assert short.error == RowError(-32004, beginning(LONG))
    assert short.shortened == ("error",)


@pytest.mark.parametrize(("more", "shortened"), [(0, ()), (1, ("args",))])
def test_exactly_what_fits_is_whole(more: int, shortened: tuple[str, ...]) -> None:
    args = json_of({"x": "a" * (LISTED_BYTES_MAX - len('{"x":""}') + more)})
    assert short_row(row(args=args)).shortened == shortened


def test_half_a_character_is_no_text() -> None:
    short = short_row(row(signature="a" * (LISTED_BYTES_MAX - 1) + "é" + "b"))
    assert short.signature == "a" * (LISTED_BYTES_MAX - 1) + CUT
    odd = short_row(row(signature="\ud800" * (LISTED_BYTES_MAX + 1)))
    assert odd.signature == "?" * LISTED_BYTES_MAX + CUT


def test_an_approval_is_shortened_as_a_row_is() -> None:
    whole = approval_view(record(phase=Phase.WAITING, expires_at=1_800_000_900.0))
    assert short_view(whole) is whole
    long = approval_view(
        record(phase=Phase.WAITING, expires_at=1_800_000_900.0, args=json_of({"x": LONG}))
    )
    short = short_view(long)
    assert short.shortened == ("args",)
    assert len(msgspec.json.encode(short)) < 2 * LISTED_BYTES_MAX


def test_what_is_acted_on_comes_first_in_what_is_cut() -> None:
    fillers = {f"a{number}": "x" * 1_000 for number in range(5)}
    args = json_of({**fillers, "domain": "lock", "entity_id": "lock.front", "service": "unlock"})
    short = msgspec.json.decode(short_row(row(args=args)).args)
    assert short.startswith('{"domain":"lock","service":"unlock","entity_id":"lock.front","a0":')


@pytest.mark.parametrize("char", ["\\", '"', "\n", "é", "\u200b", "\U0001f600", "a"])
@pytest.mark.parametrize("size", [1, LISTED_BYTES_MAX // 8, LISTED_BYTES_MAX, 60_000])
def test_no_row_is_longer_than_a_row_may_be(char: str, size: int) -> None:
    text = char * size
    made: dict[str, Any] = {"args": json_of({"x": text, "y": text}), "signature": text}
    waits: dict[str, Any] = {"phase": Phase.WAITING, "expires_at": 1_800_000_900.0}
    view = approval_view(record(**made, **waits, description=text, warning=text))
    view = msgspec.structs.replace(view, reason=text)
    rows = [
        short_view(view),
        short_row(row(executed(bytes(json_of([text]))), **made)),
        short_row(row(failed(text), **made)),
    ]
    for each in rows:
        assert len(msgspec.json.encode(each)) <= ROW_BYTES_MAX
        assert not each.shortened or size > 1


def test_a_question_has_the_whole_signature_or_says_that_it_has_not() -> None:
    whole = "write(" + "a" * 5_000 + ")"
    assert shown_signature(whole, "r1") == whole
    cut = shown_signature("é" * 60_000, "r1")
    assert len(cut.encode()) < SIGNATURE_BYTES_MAX + 200
    where = "see 'agent-gate approvals show r1' before you say yes"
    assert cut.endswith(f"…\n[This is not the whole of it: {where}.]")


def test_the_words_of_a_grant_are_shortened() -> None:
    grant = GrantView(
        id="g",
        agent="a",
        tool="t",
        words="short",
        created_at="",
        expires_at="",
        uses_left=1,
        approver="p",
        channel="http",
        status="active",
    )
    assert short_grant(grant) is grant
    long = msgspec.structs.replace(grant, words=LONG)
    assert short_grant(long).words == beginning(LONG)


# Pages


def words(count: int, size: int) -> list[GrantWords]:
    return [GrantWords("x" * size) for _ in range(count)]


def test_what_fits_is_one_page() -> None:
    rows = words(3, 10)
    assert page_of(rows) == (rows, False)
    assert page_of([]) == ([], False)
    assert page_of(rows, 3) == (rows, False)


def test_a_page_ends_with_the_rows_that_were_wanted() -> None:
    rows = words(LIST_ROWS_MAX + 1, 1)
    assert page_of(rows, 2) == (rows[:2], True)
    assert page_of(rows) == (rows[:LIST_ROWS_MAX], True)


def test_a_page_ends_before_it_is_too_large_and_has_at_least_one_row() -> None:
    half = words(3, LIST_BYTES_MAX // 2 - 20)
    assert page_of(half) == (half[:2], True)
    large = words(2, LIST_BYTES_MAX + 1)
    assert page_of(large) == (large[:1], True)
    assert page_of(large[:1]) == (large[:1], False)


def test_no_more_rows_are_made_than_a_page_has_and_one() -> None:
    made: list[int] = []

    def rows() -> Iterator[GrantWords]:
        for number in range(100):
            made.append(number)
            yield GrantWords("x")

    assert len(page_of(rows(), 5)[0]) == 5
    assert made == [0, 1, 2, 3, 4, 5]


EDIT = Edit(args=msgspec.Raw(b'{"n":2}'), signature="x(2)", digest="d2")


def test_a_row_has_the_arguments_that_it_runs_with_where_they_were_changed() -> None:
    assert row(edit=EDIT).edited == EDIT.args
    ran = msgspec.structs.replace(executed(b"1"), edited=msgspec.Raw(b'{"n":3}'))
    assert row(ran, edit=EDIT).edited == ran.edited
    assert row().edited is msgspec.UNSET


def test_of_long_arguments_that_were_changed_the_beginning_is_listed() -> None:
    edit = msgspec.structs.replace(EDIT, args=json_of({"text": LONG}))
    short = short_row(row(edit=edit))
    assert "edited" in short.shortened
    assert len(bytes(short.edited)) < len(bytes(edit.args))
    asked = record(phase=Phase.WAITING, expires_at=1_800_000_900.0, edit=edit)
    assert "edited" in short_view(approval_view(asked)).shortened
