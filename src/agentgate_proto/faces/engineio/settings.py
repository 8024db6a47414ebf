"""Times and caps of Engine.IO; the times are those that clients expect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """See the module."""

    ping_interval_s: float = 25.0
    """From a pong to the next ping; proxies cut what is silent for longer."""

    ping_timeout_s: float = 20.0
    """From a ping to the end, if there is no sign of life."""

    upgrade_s: float = 10.0
    """From a probe's WebSocket to its ``UPGRADE``; messages are held meanwhile. Never longer than
    ``ping_timeout_s``, or a ping that is held as well could cost the session."""

    payload_bytes_max: int = 1_000_000
    """One body, or one WebSocket message, from the client, who is told; as the reference has it."""

    packets_in_max: int = 2_048
    """Packets in one body: each is work. The JavaScript client sends what it has saved up in one
    body, so it is no small number; beyond it the session ends, for no packet may get lost in
    silence."""

    packets_out_max: int = 16
    """Packets in one answer to a poll: the Python client takes no more, and ends the session."""

    queued_bytes_max: int = 4_194_304
    """What may wait for polls; beyond it the session ends. On a WebSocket the connection's own cap
    holds."""

    sessions_max: int = 4_096
    """Sessions of everybody; one takes some kilobytes."""

    strangers_max: int = 1_024
    """Of these, how many may belong to nobody yet, so that they can't lock others out; with one
    more, the oldest of them ends."""

    strangers_of_address_max: int = 64
    """The same from one address: a household behind one router, not a flood."""
