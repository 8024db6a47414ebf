"""Searching: a page of the audit, newest first, in steps that are short.

What an entry is about may stand in an earlier one alone: the first of a request has its arguments.
So a search that has its page looks back a little further.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import astuple, replace

from agentgate_proto.limits import AUDIT_LOOKED_MAX
from agentgate_proto.rpc.audit_methods import AuditPage, AuditRow, ListAudit
from agentgate_proto.rpc.jsonrpc import UNREADABLE
from agentgate_proto.rpc.listing import CUT, Page
from agentgate_server.audit.audit_file import AuditFile, written
from agentgate_server.policy import person_sees

STEP = 128
"""Entries of one step: less time than a thread may keep the interpreter for itself (5 ms), so that
whoever is served meanwhile waits for no more."""

LOOKED_BACK_MAX = 512
"""Entries that are looked at beyond the page, for what its requests are about."""

DAMAGED = "audit.damaged"
"""The event of a line that is no entry: somebody has changed it."""

DAMAGED_CHARS_MAX = 500

SIGNATURE_CHARS_MAX = 2_000
"""Of a signature in a row: the arguments stand in it as well."""

Mask = Callable[[bytes], bytes]


class Search:
    """One search. Call ``step`` until it ``is_over``; then there is the ``page``.

    Args:
        params: what is looked for.
        mask: hides in a line what has become a secret since it was written.
        looked_max: entries that are looked at, at most.

    Attributes:
        is_over: the page is complete.

    Raises:
        ValueError: what it says is no time.
    """

    def __init__(self, params: ListAudit, mask: Mask, looked_max: int = AUDIT_LOOKED_MAX) -> None:
        self.is_over = False
        self._params = params
        self._mask = mask
        self._looked_max = looked_max
        self._text = params.text.casefold()
        self._kind = params.kind.rstrip(".")
        self._since = written(seconds(params.since)) if params.since else ""
        self._until_s = seconds(params.until) if params.until else None
        self._until = "" if self._until_s is None else written(self._until_s)
        self._page: Page[AuditRow] = Page(params.limit)
        self._is_full = self._is_all = False
        self._before = params.before
        self._looked = self._beyond = 0
        self._wanted: set[str] = set()  # requests whose signature is not known yet
        self._signatures: dict[str, str] = {}
        self._next: int | None = None  # where the next step goes on

    def step(self, database: Path) -> None:
        """Look at the next entries; in whichever thread.

        Raises:
            StoreError: they can't be read.
        """
        with AuditFile(database) as file, file.snapshot():
            if self._next is None:
                self._next = self._first(file)
            lines = file.older(self._next, STEP)
        if not lines:
            self._is_all = not self._is_full
            self.is_over = True
            return
        self._next = lines[-1][0]
        rows = [self._row(seq, line) for seq, line in lines]
        for row in rows:
            self._look_at(row)
        if not self._is_full and self._since and all(row.at < self._since for row in rows):
            self._is_all = True  # entries are in the order of their times, nearly always
        looks_back = self._is_full and self._wanted and self._beyond < LOOKED_BACK_MAX
        goes_on = not (self._is_full or self._is_all)
        self.is_over = not (looks_back or goes_on)

    @property
    def page(self) -> AuditPage:
        """What was found."""
        rows = [self._signed(row) for row in self._page.rows]
        more = not self._is_all
        before = self._before if more else 0
        return AuditPage(entries=rows, before=before, looked=self._looked, more=more)

    def _first(self, file: AuditFile) -> int:
        before = self._params.before or file.head().seq + 1
        return before if self._until_s is None else min(before, file.number_at(self._until_s))

    def _row(self, seq: int, line: bytes) -> AuditRow:
        """Read a line."""
        try:
            row = msgspec.json.decode(self._mask(line), type=AuditRow)
        except UNREADABLE:
            text = line[:DAMAGED_CHARS_MAX].decode("utf-8", "replace")
            return AuditRow(seq=seq, event=DAMAGED, detail=text)
        if not isinstance(row.args, msgspec.Raw) or row.event.startswith("grant."):
            return row
        return replace(row, signature=signature_of(row))

    def _look_at(self, row: AuditRow) -> None:
        if row.signature and row.rid in self._wanted:
            self._signatures[row.rid] = row.signature
            self._wanted.discard(row.rid)
        if self._is_full or self._is_all:
            self._beyond += 1
            return
        if row.seq <= self._params.after:
            self._is_all = True
            return
        if self._fits(row) and not self._page.take(row):
            self._is_full = True  # the next page begins with it
            return
        self._before = row.seq
        self._looked += 1
        if self._looked >= self._looked_max:
            self._is_full = True
        if row.rid and not row.signature and self._page.rows and self._page.rows[-1] is row:
            self._wanted.add(row.rid)

    def _fits(self, row: AuditRow) -> bool:
        params = self._params
        return (
            (not self._since or row.at >= self._since)
            and (not self._until or row.at < self._until)
            and (not params.id or row.rid == params.id)
            and (not params.agent or params.agent in (row.agent, row.principal))
            and (not params.tool or row.tool == params.tool)
            and (not self._kind or f"{row.event}.".startswith(f"{self._kind}."))
            and (not self._text or self._text in text_of(row).casefold())
        )

    def _signed(self, row: AuditRow) -> AuditRow:
        known = self._signatures.get(row.rid)
        if known is None or row.signature:
            return row
        return replace(row, signature=known)


def text_of(row: AuditRow) -> str:
    """What people see of an entry, a line each."""
    texts = [str(row.request_id)]
    for value in astuple(row):
        if isinstance(value, str):
            if value:
                texts.append(value)
        elif isinstance(value, msgspec.Raw):
            texts.append(bytes(value).decode("utf-8", "replace"))
        elif isinstance(value, tuple):
            texts += value
    return "\n".join(texts)


def signature_of(row: AuditRow) -> str:
    """What was asked for, in a line; "" if its arguments are none."""
    assert isinstance(row.args, msgspec.Raw), "it describes a request"
    args = msgspec.json.decode(row.args)
    if not isinstance(args, dict):
        return ""
    line = person_sees(row.tool, args)
    return line if len(line) <= SIGNATURE_CHARS_MAX else line[: SIGNATURE_CHARS_MAX - 1] + CUT


def seconds(text: str) -> float:
    """The UTC seconds of a day, or of a time, RFC 3339; without a zone it is UTC.

    Raises:
        ValueError: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 2026-11-20 or 2026-11-20T10:00:00Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
