"""Health: how a client stands to its gateway, at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_proto.client.events import ClientState, Refusal
from agentgate_proto.errors import AgentGateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A snapshot.

    Attributes:
        state: see :class:`ClientState`.
        latency_s: the last measured round trip of a ping, in seconds; None while not connected.
            It is measured after connecting and whenever the gateway was silent for 20 s.
        last_seen_s: seconds since the last bytes came from the gateway; None: none ever came.
        attempt: failed attempts to connect in a row; 0 while connected.
        retry_in_s: seconds until the next attempt, while one is scheduled.
        last_error: why the last attempt or connection ended; None while connected.
        refused: what holds on each connection, and what the gateway did not take again on the
            last: an offer of tools (``tools.provide``), a login (``login_agent``).
        calls_waiting: calls that are not answered yet.
        principal: whom the gateway takes us for; "" before it said so.
        role: what this principal may do; None before the gateway said so. One of ``Role``, unless
            the gateway is newer.
    """

    state: ClientState
    latency_s: float | None
    last_seen_s: float | None
    attempt: int
    retry_in_s: float | None
    last_error: AgentGateError | None
    refused: tuple[Refusal, ...]
    calls_waiting: int
    principal: str
    role: str | None
