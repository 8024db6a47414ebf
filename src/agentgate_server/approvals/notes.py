"""Notes: what a channel keeps of approvals in the store, for its next life."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Answer, DropNote, FindRid, ListNotes, PutNote, Query
from agentgate_server.store.engine import StoreError
from agentgate_server.store.writer import StoreWriter


class Notes:
    """One channel's notes.

    Args:
        channel: name of the channel.
        ledger: brings them to the store, in the order of everything else that is written.
        writer: asks the store for them.
        drain: does what the ledger wants done.
    """

    def __init__(
        self, channel: str, ledger: Ledger, writer: StoreWriter, drain: Callable[[], None]
    ) -> None:
        self.channel = channel
        self.ledger = ledger
        self.writer = writer
        self.drain = drain

    async def put(self, rid: str, value: str) -> None:
        """Keep this of an approval; it is durable when this returns.

        Raises:
            StoreError: it could not be kept.
        """
        self.ledger.note(PutNote(self.channel, rid, value))
        self.drain()
        found = await self._ask(ListNotes(self.channel, 1, rid))
        if found != {rid: value}:
            raise StoreError(self.ledger.problem or f"there is no request {rid} any more")

    def drop(self, rid: str) -> None:
        """Forget a note; one that a crash leaves is found again, and dropped then."""
        self.ledger.note(DropNote(self.channel, rid))
        self.drain()

    async def all(self, limit: int) -> dict[str, str]:
        """The notes by rid, oldest first.

        Raises:
            StoreError: they cannot be read.
        """
        found = await self._ask(ListNotes(self.channel, limit))
        assert isinstance(found, dict), "the query is for notes"
        return found

    async def record(self, rid: str) -> Record | None:
        """The request that a note belongs to, as it is stored.

        Raises:
            StoreError: it cannot be read.
        """
        found = await self._ask(FindRid(rid))
        assert found is None or isinstance(found, Record), "the query is for a record"
        return found

    async def _ask(self, query: Query) -> Answer:
        reply = Asked()
        self.writer.ask(query, reply)
        await reply.done.wait()
        if reply.problem:
            raise StoreError(reply.problem)
        return reply.answer


class Asked:
    """A question under way; the gate hands the answer in."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.answer: Answer = None
        self.problem = ""

    def __call__(self, answer: Answer, problem: str) -> None:
        """Take the answer, or why there is none."""
        self.answer, self.problem = answer, problem
        self.done.set()
