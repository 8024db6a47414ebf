"""The audit, as operators look back on it while the gateway runs.

It is read beside the store's own connection, in a thread of its own and in short steps: no write
waits for it, and others are served in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from agentgate_proto.audit.chain import Head
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import AUDIT_CHECKED_MAX
from agentgate_proto.rpc.audit_methods import AuditVerdict, ListAudit, VerifyAudit
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.audit.searching import Search
from agentgate_server.audit.walking import Part, Walk, newest_heads, walk_on
from agentgate_server.secrets.masking import Masker
from agentgate_server.sockets.replies import Reply
from agentgate_server.store.engine import StoreError

CHECKED_STEP = 250
"""Entries that one step checks: a few milliseconds of a thread, see ``searching.STEP``."""


class AuditDesk:
    """See the module.

    Args:
        database: the file of the store.
        head_file: returns where heads are kept; None: nowhere.
        masker: hides what has become a secret since it was written.
        spawn: starts an async function with its arguments, in a task.
    """

    def __init__(
        self,
        database: Path,
        head_file: Callable[[], Path | None],
        masker: Masker,
        spawn: Callable[..., None],
    ) -> None:
        self._database = database
        self._head_file = head_file
        self._masker = masker
        self._spawn = spawn
        self._threads = anyio.CapacityLimiter(1)

    def look_back(self, params: ListAudit, reply: Reply) -> None:
        """Look for entries; the reply comes when there is a page of them."""
        try:
            search = Search(params, self._masker.result)
        except ValueError as error:
            reply.error(ErrorCode.INVALID_PARAMS, f"Invalid params: {error}", None)
        else:
            self._spawn(self._list, search, reply)

    def verify(self, params: VerifyAudit, reply: Reply) -> None:
        """Check a part of the chain; the reply comes when that is done."""
        self._spawn(self._verify, params.cursor, reply)

    async def _list(self, search: Search, reply: Reply) -> None:
        async with told(reply):
            while not search.is_over:
                await anyio.to_thread.run_sync(search.step, self._database, limiter=self._threads)
            reply.result(search.page)

    async def _verify(self, cursor: str, reply: Reply) -> None:
        async with told(reply):
            heads = await anyio.to_thread.run_sync(
                newest_heads, self._head_file(), limiter=self._threads
            )
            checked, last_at = 0, ""
            while True:
                part = await anyio.to_thread.run_sync(
                    self._walk, cursor, heads, limiter=self._threads
                )
                cursor, checked = part.walk.cursor, checked + part.entries
                last_at = part.last_at or last_at
                if part.is_over or part.broken is not None or checked >= AUDIT_CHECKED_MAX:
                    reply.result(verdict_of(part, last_at, heads))
                    return

    def _walk(self, cursor: str, heads: list[Head]) -> Part:
        with AuditFile(self._database) as file:
            return walk_on(file, Walk.of(file, cursor), CHECKED_STEP, heads)


@asynccontextmanager
async def told(reply: Reply) -> AsyncIterator[None]:
    """Tell whoever asks if the audit can't be read."""
    try:
        yield
    except StoreError as error:
        reply.error(ErrorCode.INTERNAL_ERROR, str(error), None)


def verdict_of(part: Part, last_at: str, heads: list[Head]) -> AuditVerdict:
    """Say what was found up to the end of a part."""
    walk, broken = part.walk, part.broken
    more = broken is None and not part.is_over
    return AuditVerdict(
        ok=broken is None,
        entries=walk.head.seq - walk.start.seq,
        newest=part.newest,
        dropped=walk.start.seq,
        head=str(walk.head),
        last_at=last_at,
        problems=[] if broken is None else [f"entry {broken.seq}: {broken.why} [{broken.kind}]"],
        heads=sum(walk.start.seq < head.seq <= walk.head.seq for head in heads),
        cursor=walk.cursor if more else "",
        more=more,
    )
