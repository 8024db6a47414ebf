"""Live requests: what the ledger holds in memory about a request that is not over yet."""

from __future__ import annotations

from typing import Any

from agentgate_proto.record import Effects, Phase, Record


class Caller:
    """Somebody who waits for a request's outcome: one id of one client.

    Attributes:
        client_id: "" for an old client.
        link: number of the connection on which an old client is answered; 0: on none at present,
            and always for a client that names itself.
        request_id: the JSON-RPC id under which the answer goes out.
        told: the outcome was sent on a connection that stands.
    """

    __slots__ = ("client_id", "link", "request_id", "told")

    def __init__(self, client_id: str, link: int, request_id: int | str) -> None:
        self.client_id = client_id
        self.link = link
        self.request_id = request_id
        self.told = False


class Live:
    """One request that is under way.

    Attributes:
        record: its state, which may be ahead of the disk.
        stored: its state on disk; None: the store has no row of it.
        args: the decoded arguments, until policy has seen them.
        callers: who gets the outcome. The first made the request and owns its row; the others
            joined it.
        public: the outcome may be told, though it is not durable yet.
        tickets: decisions that wait for the end of the approval to be durable; if a person made
            that end, the first is the winner.
        cancels: calls of ``cancel_request``, as (link, call id), that wait for a write.
        withdrawn_at: when its caller withdrew it before its tool started; 0: that did not happen.
    """

    __slots__ = (
        "args",
        "callers",
        "cancels",
        "public",
        "record",
        "stored",
        "tickets",
        "withdrawn_at",
    )

    def __init__(self, record: Record, *, args: dict[str, Any] | None = None, link: int = 0):
        self.record = record
        self.stored: Record | None = None
        self.args = args
        self.callers = [Caller(record.client_id, link, record.request_id)]
        self.public = False
        self.tickets: list[str] = []
        self.cancels: list[tuple[int, int | str | None]] = []
        self.withdrawn_at = 0.0

    @property
    def approval(self) -> Record | None:
        """The approval as people may see it, nothing of which is not durable (I5), if any."""
        return self.stored if self.stored is not None and self.stored.expires_at else None

    @property
    def settling(self) -> bool:
        """Whether the end of the waiting is decided and not durable yet."""
        return (
            self.record.expires_at > 0.0
            and self.record.phase is not Phase.WAITING
            and (self.stored is None or self.stored.phase is Phase.WAITING)
        )

    @property
    def started(self) -> bool:
        """Whether the tool was started, as far as this process knows."""
        intended = self.record.effects is Effects.READ or self.stored is self.record
        return self.record.phase is Phase.RUNNING and intended
