"""Keeping prompts: the book of the core, with or without a file behind it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence

import anyio
import anyio.to_thread

from agentgate_client.edge.spool import Spool, SpoolError
from agentgate_proto.client.prompts import DROPPED, Answer, Prompt, PromptBook, Record, WhenFull
from agentgate_proto.errors import ErrorCode, exception_for
from agentgate_proto.quotas.news import News

log = logging.getLogger("agentgate_client")

RETRY_S = 5.0
"""From one attempt to the next to write what must be written."""


class Keeper:
    """One at a time may change what is kept, and what is changed is on the disk first.

    Args:
        path: of the spool; None: nothing outlives the process.
        client_id: of a new spool; "": a fresh name.
        when_full: see :class:`PromptBook`.
        count_max: see there.
        bytes_max: see there.

    Attributes:
        book: what is kept.
        client_id: the device's name at its gateway; "" before ``open``, unless it was given.
        dropped: is told of prompts for which there was no room, with the answer that says so.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        client_id: str,
        when_full: WhenFull,
        count_max: int,
        bytes_max: int,
    ) -> None:
        self.book = PromptBook(when_full, count_max, bytes_max)
        self.client_id = client_id
        self.dropped: Callable[[Prompt, Answer], None] = lambda _, __: None
        self._path = path
        self._spool: Spool | None = None
        self._lock = anyio.Lock()
        self._changed = anyio.Event()
        self._is_open = False
        self._news = News()

    async def open(self) -> None:
        """Take up what a former process left.

        Raises:
            SpoolError: the file can't be used.
        """
        if self._path is not None:
            path = self._path
            self._spool = await anyio.to_thread.run_sync(Spool.open, path, self.client_id)
            self.client_id = self._spool.client_id
            self.book.restore(self._spool.records)
            self._spool.records = []
        self._is_open = True

    async def close(self) -> None:
        """Let go of the file; waits for what is being written."""
        with anyio.CancelScope(shield=True):
            async with self._lock:
                self._is_open = False
                if self._spool is not None:
                    await anyio.to_thread.run_sync(self._spool.close)

    async def put(self, name: str, text: str) -> bool:
        """Keep a prompt; False: it came before.

        Raises:
            AgentGateError: it is not kept: it is too long, there is no room, or it can't be written
                (-32603).
        """
        async with self._lock:
            records = self.book.put(name, text, time.time())
            prompts = [self.book.get(record.id) for record in records]
            if records:
                try:
                    await self._write(records)
                except SpoolError as error:
                    raise exception_for(ErrorCode.INTERNAL_ERROR, f"not kept: {error}") from None
        for prompt, record in zip(prompts, records, strict=True):
            if isinstance(record, Answer) and record.status == DROPPED and prompt is not None:
                self.dropped(prompt, record)
        return bool(records)

    async def note(self, record: Record) -> None:
        """Write down what has happened; where that fails it is tried until it succeeds."""
        while True:
            try:
                async with self._lock:
                    await self._write([record])
                if (after := self._news.well(anyio.current_time())) is not None:
                    log.warning("the spool takes what happens again%s", after)
                return
            except SpoolError as error:
                if not self._is_open:
                    raise
                if (more := self._news.failed(str(error), anyio.current_time())) is not None:
                    log.error("%s; trying again every %g s%s", error, RETRY_S, more)
            await anyio.sleep(RETRY_S)

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    async def _write(self, records: Sequence[Record]) -> None:
        if not self._is_open:
            raise SpoolError("the edge client is not open")
        # Whoever is cancelled here must not leave the file and the book apart
        with anyio.CancelScope(shield=True):
            if self._spool is not None:
                await anyio.to_thread.run_sync(self._spool.append, records)
            for record in records:
                self.book.apply(record)
            if self._spool is not None and self._spool.is_long:
                await anyio.to_thread.run_sync(self._spool.compact, self.book.records())
        self._changed.set()
        self._changed = anyio.Event()
