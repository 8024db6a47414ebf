"""The console's rows as a gateway has them: all of them in memory, each change durable.

They are few: whoever puts rows caps them by principal. A row counts when it is durable; one that is
dropped counts no more from that moment, whatever becomes of the write.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio

from agentgate_proto.records.console_row import ConsoleRow, RowKind
from agentgate_proto.records.storage import DropConsoleRow, PutConsoleRow
from agentgate_server.store.engine import StoreError
from agentgate_server.store.numbering import Numbering
from agentgate_server.store.writer import StoreWriter

CONSOLE = "console"
"""Whose its writes are, among those of the gate."""

ROWS_MAX = 10_000
"""In all: some dozens of each of a hundred people. Beyond it none is taken."""


@dataclass(slots=True, eq=False)
class Pending:
    """A change on its way, and who waits for it.

    Attributes:
        number: its own among those of the console.
        change: what is to be made.
        counts: a row that is put counts once it is durable; not if it was dropped meanwhile.
        reason: why it was not made; "": it was, or nobody knows yet.
        over: it is known.
    """

    number: int
    change: PutConsoleRow | DropConsoleRow
    counts: bool
    reason: str = ""
    over: anyio.Event = field(default_factory=anyio.Event)


class ConsoleBook:
    """See the module. Everything happens on the event loop.

    Args:
        writer: takes changes to the store.
        numbering: puts them into one row with those of others.
    """

    def __init__(self, writer: StoreWriter, numbering: Numbering) -> None:
        self._writer = writer
        self._numbering = numbering
        self._rows: dict[tuple[RowKind, str], ConsoleRow] = {}
        self._number = 0
        self._pending: deque[Pending] = deque()
        self._owed: set[tuple[RowKind, str]] = set()  # dropped, and still on the disk

    def take_up(self, rows: Iterable[ConsoleRow]) -> None:
        """Go on from what a former process left."""
        self._rows = {(row.kind, row.id): row for row in rows}

    def of(self, kind: RowKind, principal: str | None = None) -> list[ConsoleRow]:
        """The rows of a kind, of one principal or of all, whether their time is over or not."""
        return [
            row
            for row in self._rows.values()
            if row.kind is kind and principal in (None, row.principal)
        ]

    def find(self, kind: RowKind, key: str) -> ConsoleRow | None:
        """The row with that id; None: there is none."""
        return self._rows.get((kind, key))

    async def put(self, row: ConsoleRow) -> None:
        """Insert a row, or put it in the place of the one with its id; it is durable then.

        Raises:
            StoreError: the store does not take it, or there are too many.
        """
        if (row.kind, row.id) not in self._rows and len(self._rows) >= ROWS_MAX:
            raise StoreError(f"the console keeps {ROWS_MAX} things, and no more")
        self._owed.discard((row.kind, row.id))
        await self._wait(self._send(PutConsoleRow(row), counts=True))

    def touch(self, row: ConsoleRow) -> None:
        """Put a row in the place of the one with its id, now; the disk hears of it some time. If
        there is none any more, nothing happens."""
        key = row.kind, row.id
        if key in self._rows:
            self._rows[key] = row
            self._send(PutConsoleRow(row), urgent=False)

    async def drop(self, kind: RowKind, key: str) -> None:
        """Forget a row at once, and for good.

        Raises:
            StoreError: it counts no more, but the disk still has it. It is dropped there with the
                next change that the store takes.
        """
        await self._wait(self._drop(kind, key))

    def forget(self, kind: RowKind, key: str) -> None:
        """Forget a row at once, without waiting for the disk."""
        self._drop(kind, key)

    def _drop(self, kind: RowKind, key: str) -> Pending:
        self._rows.pop((kind, key), None)
        for pending in self._pending:
            match pending.change:
                case PutConsoleRow(row) if (row.kind, row.id) == (kind, key):
                    pending.counts = False
                case _:
                    pass
        return self._send(DropConsoleRow(kind, key))

    def on_durable(self, upto: int) -> None:
        """The changes up to this number have been committed, or reported as failed."""
        while self._pending and self._pending[0].number <= upto:
            done = self._pending.popleft()
            if isinstance(done.change, PutConsoleRow) and done.counts:
                row = done.change.row
                self._rows[row.kind, row.id] = row
            done.over.set()
        owed, self._owed = self._owed, set()
        for kind, key in owed:
            self._send(DropConsoleRow(kind, key), urgent=False)

    def on_write_failed(self, upto: int, reason: str) -> None:
        """None of the changes up to this number that are not durable was made."""
        while self._pending and self._pending[0].number <= upto:
            failed = self._pending.popleft()
            if isinstance(failed.change, DropConsoleRow):
                self._owed.add((failed.change.kind, failed.change.id))
            failed.reason = reason
            failed.over.set()

    async def _wait(self, pending: Pending) -> None:
        await pending.over.wait()
        if pending.reason:
            raise StoreError(pending.reason)

    def _send(
        self,
        change: PutConsoleRow | DropConsoleRow,
        *,
        counts: bool = False,
        urgent: bool = True,
    ) -> Pending:
        self._number += 1
        pending = Pending(self._number, change, counts)
        self._pending.append(pending)
        number = self._numbering.next(CONSOLE, self._number)
        self._writer.submit(number, change, urgent=urgent)
        return pending
