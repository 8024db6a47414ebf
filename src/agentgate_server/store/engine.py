"""A storage engine: the contract of :mod:`agentgate_proto.records.storage`, as an interface.

An engine is synchronous and simple; :class:`agentgate_server.store.writer.StoreWriter` calls it
from a worker thread and turns it into a queue. Two engines that see the same calls must give the
same answers, so the words of the contract are made exact here:

- *Newer* and *older* go by the order in which a ``rid`` was first put. A later ``Put`` of the same
  ``rid`` replaces the record and leaves its place. No clock is asked, because clocks jump.
- Request ids keep their type: 7 and "7" are two ids. An empty idempotency key is no key.
- An *unknown* outcome counts until somebody ran the same thing again knowing of it: until a newer
  record of the same (principal, digest) with a ``warning`` that ended ``executed`` or ``failed``,
  not before the unknown one did, is put after it. Without a warning nobody knew: it was under way
  already. Denied, expired and cancelled records ran nothing and clear nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agentgate_proto.audit.chain import Head
from agentgate_proto.records.storage import (
    Answer,
    Change,
    Query,
    Restored,
    SessionAnswer,
    SessionQuery,
)
from agentgate_server.store.pace import Doubt


class StoreError(Exception):
    """The store could not do it. The text says what is wrong and what to do, for an operator."""


class Engine(Protocol):
    """Where records are kept. One caller at a time, from whichever thread.

    Every method raises :class:`StoreError` where the file, the disk or the server fails. After an
    error the engine is usable: the same call may be tried again.
    """

    @property
    def head(self) -> Head | None:
        """The head of the audit as it is committed; None: not known at present."""
        ...

    @property
    def forgotten(self) -> int:
        """Records that went before their time since the start, because there were too many."""
        ...

    @property
    def cut(self) -> int:
        """Entries of the audit that went before their time since the start, likewise."""
        ...

    @property
    def doubts(self) -> Sequence[Doubt]:
        """Which promises in days a cap cuts at the present pace, or has cut lately, as of the last
        retention."""
        ...

    def commit(self, changes: Sequence[Change]) -> None:
        """Apply the changes, in order, all or none; durable when it returns.

        What they tell (see :func:`agentgate_proto.audit.events.entries_of`) is appended to the
        audit in the same transaction.
        """
        ...

    def answer(self, query: Query) -> Answer:
        """Answer from what has been committed; each query's docstring says with what."""
        ...

    def answer_session(self, query: SessionQuery) -> SessionAnswer:
        """Answer about sessions, likewise."""
        ...

    def restore(self) -> Restored:
        """What a ledger needs to go on after a restart."""
        ...

    def prune(self, now: float, ran_s: float) -> int:
        """Delete some of what retention no longer keeps, and say how many rows that was.

        Bounded work, so that commits need not wait: call it again until it returns 0.

        Args:
            now: what the system's clock shows, UTC seconds since 1970.
            ran_s: seconds for which the gateway has run since the last call, by a monotonic
                clock: retention goes by :mod:`agentgate_proto.records.retention`.
        """
        ...

    def close(self) -> None:
        """Let go of the store. Anything else afterwards is an error; closing again is not."""
        ...
