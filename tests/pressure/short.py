"""The ten attacks that ``make test`` plays for a few seconds each, and what it wants of them."""

from __future__ import annotations

from tests.pressure.verdict import Bounds

WORST = (
    "one-byte-sockets",
    "half-messages",
    "pipelined-health",
    "wrong-tokens",
    "small-calls-on64",
    "zero-width-text",
    "denied-large",
    "thousand-connections",
    "unread-mcp-on16",
    "large-asks",
)
"""One of each kind of harm: entrances, memory, turns, guesses, work, disk, views."""

SECONDS = 2.0

LOOSE = Bounds(calm_p99_s=2.0, times=1_000.0, entrance_s=10.0, ask_s=14.0)
"""Times that only what is broken reaches, on whatever machine; the rest is as strict as ever."""
