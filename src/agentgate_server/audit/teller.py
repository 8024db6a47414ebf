"""The audit's side of a gateway: what happens beside requests, and the head that is kept elsewhere.

What requests tell is appended by the store itself, in the transaction that stores it; see
:mod:`agentgate_server.store.audit_rows`.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from agentgate_proto.audit.chain import Head, parse_head
from agentgate_proto.audit.logins import FailedLogins
from agentgate_proto.principal import Principal
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_server.store.writer import StoreWriter

EVERY_S = 60.0
"""How often the head is written, and floods of failed logins are summed up."""

DETAIL_CHARS_MAX = 2_000
"""Of the errors of a reload."""

log = logging.getLogger(__name__)


class Audit:
    """Tells the audit what no request tells.

    Args:
        writer: takes entries to the store.
        head_file: where the head is kept besides, if anywhere.
    """

    def __init__(self, writer: StoreWriter, head_file: Path | None = None) -> None:
        self.writer = writer
        self.head_file = head_file
        self.logins = FailedLogins()
        self._written: Head | None = None

    def tell(self, entry: AuditEntry) -> None:
        """Append an entry soon. Nobody hears when: what must not happen untold is a request's."""
        self.writer.tell(entry)

    def login_failed(self, address: str, now: float) -> None:
        """Somebody gave a wrong token, at this monotonic second."""
        for entry in self.logins.failed(address, now):
            self.tell(entry)

    def policy_loaded(self, name: str, digest: str) -> None:
        """This policy decides from now on."""
        self.tell(AuditEntry(event="policy.loaded", name=name, sha256=digest))

    def policy_refused(self, errors: Sequence[str]) -> None:
        """A reload failed; what was in force stays."""
        self.tell(AuditEntry(event="policy.refused", detail="; ".join(errors)[:DETAIL_CHARS_MAX]))

    def principals_changed(self, before: Sequence[Principal], after: Sequence[Principal]) -> None:
        """Other people's tokens count from now on."""
        for event, some, others in (
            ("token.added", after, before),
            ("token.revoked", before, after),
        ):
            for principal in some:
                if principal not in others:
                    role = principal.role.value
                    self.tell(AuditEntry(event=event, principal=principal.name, role=role))

    async def run(self) -> None:
        """Keep the head file up to date until cancelled."""
        while True:
            for entry in self.logins.due(anyio.current_time()):
                self.tell(entry)
            await self.keep_head()
            await anyio.sleep(EVERY_S)

    async def close(self, entry: AuditEntry) -> None:
        """Append the last entry, and keep the head as it is then.

        Raises:
            StoreError: the store has stopped before.
        """
        for late in self.logins.due(math.inf):
            self.tell(late)
        self.tell(entry)
        await self.writer.flush()
        await self.keep_head()

    async def keep_head(self) -> None:
        """Write the head file if the head is another than last time."""
        head = self.writer.engine.head
        if self.head_file is None or head is None or head == self._written:
            return
        try:
            await anyio.to_thread.run_sync(write_head, self.head_file, head)
        except OSError as error:
            log.error("the head of the audit can't be kept in %s: %s", self.head_file, error)
        else:
            self._written = head


def write_head(path: Path, head: Head) -> None:
    """Write the head file: whole or not at all.

    Raises:
        OSError: it can't be written.
    """
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{head}\n")
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_head(path: Path) -> Head:
    """Read a head file.

    Raises:
        OSError: it can't be read.
        ValueError: there is no head in it.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        return parse_head(file.read(200))
