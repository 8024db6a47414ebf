"""Exports of the audit: files that can be handed on, and verified without the gateway.

JSON lines: ``{"begin":"0-000…"}``, the lines of the chain as they are stored, ``{"end":"7-9f8…"}``.
CSV: the same for a spreadsheet; the last column holds the line itself, and the others are made of
it. Both begin with the head of what comes before, and end with that of the last line, so that a
file whose end is missing is noticed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

import msgspec

from agentgate_proto.audit.chain import Break, Head, Verdict, parse_head, split, verify
from agentgate_proto.rpc.jsonrpc import UNREADABLE

BEGIN = re.compile(rb'\{"begin":"([0-9]{1,18}-[0-9a-f]{64})"\}')
END = re.compile(rb'\{"end":"([0-9]{1,18}-[0-9a-f]{64})"\}')

COLUMNS = (
    *("seq", "at", "event", "rid", "agent", "tool", "args", "decision", "rule", "approver"),
    *("channel", "status", "message", "grant", "principal", "address"),
)
"""Columns of a CSV export before the last, ``line``."""

CELL = rb'"[^"]*+(?:""[^"]*+)*+"|[^",]*+'
ROW = re.compile(rb"(?:(?:%b),){%d}(%b)" % (CELL, len(COLUMNS), CELL))
"""A row and its last cell. The csv module reads no cell of over 128 KiB; a line may be a MiB."""

decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_text = msgspec.json.Decoder(str).decode

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run by spreadsheets; what agents wrote must not be."""


def json_lines(lines: Iterable[bytes], start: Head) -> Iterator[bytes]:
    """Yield the lines of an export, with their line ends."""
    head = start
    yield b'{"begin":"%b"}\n' % str(start).encode()
    for line in lines:
        parts = split(line)
        head = Head(parts[1], parts[3]) if parts else head
        yield line + b"\n"
    yield b'{"end":"%b"}\n' % str(head).encode()


def csv_lines(lines: Iterable[bytes], start: Head) -> Iterator[bytes]:
    """Yield the lines of an export for a spreadsheet."""
    yield row_of([*COLUMNS, "line"])
    for line in json_lines(lines, start):
        yield csv_line(line[:-1])


def csv_line(line: bytes) -> bytes:
    """Write a line of a chain as a row; of one that is no entry, only the line itself."""
    try:
        fields = decode_fields(line)
        cells = [cell(bytes(fields.get(name, b""))) for name in COLUMNS]
    except UNREADABLE:
        cells = [""] * len(COLUMNS)
    return row_of([*cells, line.decode("utf-8", "replace")])


def cell(value: bytes) -> str:
    """Return JSON as the text of a cell."""
    text = decode_text(value) if value.startswith(b'"') else value.decode()
    return f"'{text}" if text.startswith(FORMULA) else text


def row_of(cells: list[str]) -> bytes:
    """Write a row, in one line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def verify_export(
    lines: Iterable[bytes], kept: Head | None = None, earlier: Iterable[Head] = ()
) -> Verdict:
    """Check an export of either format.

    Args:
        lines: of the file, with their line ends.
        kept: a head that was kept elsewhere.
        earlier: those that were kept before it, oldest first.
    """
    export = Export(iter(lines))
    start = export.begin()
    if start is None:
        zero = Head(0, "0" * 64)
        why = "it does not begin as an export of the audit does: its beginning is missing"
        broken = Break(kind="missing", seq=1, line=1, why=why)
        return Verdict(start=zero, head=zero, entries=0, broken=broken)
    verdict = verify(export.chain(), start=start, kept=kept, earlier=earlier, signed=False)
    if verdict.broken is None and export.end != verdict.head:
        seq = verdict.head.seq + 1
        why = (
            "it does not end as an export of the audit does: its end is missing"
            if export.end is None
            else f"it says that it ends with entry {export.end.seq}, and does not"
        )
        broken = Break(kind="truncated", seq=seq, line=verdict.entries + 1, why=why)
        verdict = msgspec.structs.replace(verdict, broken=broken)
    elif verdict.broken is None and export.more:
        seq = verdict.head.seq + 1
        why = "something stands after its end"
        broken = Break(kind="inserted", seq=seq, line=verdict.entries + 2, why=why)
        verdict = msgspec.structs.replace(verdict, broken=broken)
    if verdict.broken is None:
        return verdict
    broken = msgspec.structs.replace(verdict.broken, line=verdict.broken.line + export.offset)
    return msgspec.structs.replace(verdict, broken=broken)


class Export:
    """The lines of an export, as they are read.

    Attributes:
        end: the head in its last line, once that was read.
        more: something stands behind that.
        offset: lines before the first of the chain.
    """

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.lines = lines
        self.end: Head | None = None
        self.more = False
        self.offset = 1
        self.is_csv = False

    def begin(self) -> Head | None:
        """Read what stands before the chain; None: that is no beginning."""
        first = next(self.lines, b"")
        if first == row_of([*COLUMNS, "line"]):
            self.is_csv, self.offset = True, 2
            first = next(self.lines, b"")
        found = BEGIN.fullmatch(self.line(first))
        return parse_head(found[1].decode()) if found else None

    def chain(self) -> Iterator[bytes]:
        """Yield the lines of the chain, up to the end."""
        for raw in self.lines:
            line = self.line(raw)
            found = END.fullmatch(line)
            if found:
                self.end = parse_head(found[1].decode())
                self.more = next(self.lines, None) is not None
                return
            yield line

    def line(self, raw: bytes) -> bytes:
        """Return the line that a line of the file stands for; what is not whole stands for none."""
        if not raw.endswith(b"\n"):
            return b""
        if not self.is_csv:
            return raw[:-1]
        row = ROW.fullmatch(raw[:-1])
        line = row[1] if row else b""
        if line.startswith(b'"'):
            line = line[1:-1].replace(b'""', b'"')
        return line if csv_line(line) == raw else b""
