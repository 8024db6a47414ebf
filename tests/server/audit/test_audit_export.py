"""Exports of the audit: whatever stands in one, there is a verdict."""

from __future__ import annotations

import io

import msgspec
import pytest

from agentgate_proto.audit.chain import BEGINNING, Head, chained
from agentgate_proto.limits import SERVER_LIMITS
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_server.audit.audit_export import csv_line, csv_lines, json_lines, verify_export

AT = "2026-11-20T10:00:00.000Z"

DAMAGED = {
    "no UTF-8": b'{"seq":1,"tool":"\xff"}',
    "no UTF-8 in a number's place": b'{"seq":1,"args":{"a":"\xff"}}',
    "half a surrogate pair": b'{"seq":1,"tool":"\\ud800"}',
    "no JSON": b'{"seq":1',
    "another shape": b"[1]",
    "nested far too deep": b'{"args":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


def export(entries: list[AuditEntry], form: str) -> bytes:
    lines, _ = chained(BEGINNING, AT, entries)
    write = csv_lines if form == "csv" else json_lines
    return b"".join(write(lines, BEGINNING))


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_becomes_a_row_all_the_same(line: bytes) -> None:
    row = csv_line(line)
    assert row.startswith(b"," * 16)
    assert row.count(b"\n") == 1


def test_a_number_that_no_program_can_hold_is_copied_as_it_stands() -> None:
    number = b"1" * 100
    assert b",%b," % number in csv_line(b'{"args":%b}' % number)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_in_an_export_is_a_break(form: str, line: bytes) -> None:
    lines = export([AuditEntry(event="x")], form).splitlines(keepends=True)
    put_in = csv_line(line) if form == "csv" else line + b"\n"
    verdict = verify_export(iter([*lines[:-1], put_in, lines[-1]]))
    assert verdict.broken is not None
    assert verdict.entries == 1


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_the_largest_arguments_are_exported_and_verified(form: str) -> None:
    text = '"' * (SERVER_LIMITS.message_bytes_max // 2 - 100)
    entry = AuditEntry(event="x", args=msgspec.Raw(msgspec.json.encode({"text": text})))
    verdict = verify_export(io.BytesIO(export([entry], form)))
    assert (verdict.broken, verdict.entries) == (None, 1)


@pytest.mark.parametrize("place", [0, -1])
def test_a_number_of_too_many_digits_is_no_head(place: int) -> None:
    lines = export([AuditEntry(event="x")], "jsonl").splitlines(keepends=True)
    word = b"begin" if place == 0 else b"end"
    lines[place] = b'{"%b":"%b-%b"}\n' % (word, b"9" * 19, b"0" * 64)
    assert verify_export(iter(lines)).broken is not None


def test_an_export_of_nothing_is_in_order() -> None:
    verdict = verify_export(io.BytesIO(export([], "csv")))
    assert (verdict.broken, verdict.head) == (None, Head(0, "0" * 64))
