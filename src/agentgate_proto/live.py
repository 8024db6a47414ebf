"""Live requests: what the ledger holds in memory about a request that is not over yet."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.record import Record


class Joined(msgspec.Struct, frozen=True):
    """A further request, from the same principal, that gets this one's outcome."""

    client_id: str
    link: int
    request_id: int | str


class Live:
    """One request that is under way.

    Attributes:
        record: its state, which may be ahead of the disk by one write.
        args: the decoded arguments, until policy has seen them.
        link: the connection of an old client that gets the answer; 0: none, or not an old client.
        asked: the waiting approval is durable, so people may answer it.
        before: what the record was before a decision that is being written; None: there is none.
        tickets: decisions that wait for that write; the first is the winner if ``won``.
        won: a person made the decision that is being written.
        joined: further requests that get the same outcome.
        cancels: calls of ``cancel_request``, as (link, call id), that wait for that write.
        stored: the store has a row of it.
        answered: the outcome was told, though it is not durable yet.
    """

    __slots__ = (
        "answered",
        "args",
        "asked",
        "before",
        "cancels",
        "joined",
        "link",
        "record",
        "stored",
        "tickets",
        "won",
    )

    def __init__(self, record: Record, *, args: dict[str, Any] | None = None, link: int = 0):
        self.record = record
        self.args = args
        self.link = link
        self.asked = False
        self.before: Record | None = None
        self.tickets: list[str] = []
        self.won = False
        self.joined: list[Joined] = []
        self.cancels: list[tuple[int, int | str | None]] = []
        self.stored = False
        self.answered = False

    @property
    def shown(self) -> Record:
        """The record as people may see it: nothing that is not durable (I5)."""
        return self.before or self.record
