"""The ten attacks that ``make test`` plays for a few seconds each, and what it wants of them."""

from __future__ import annotations

WORST = (
    "one-byte-sockets",
    "half-messages",
    "pipelined-health",
    "wrong-tokens",
    "small-calls-on64",
    "zero-width-text",
    "long-messages",
    "thousand-connections",
    "unread-mcp-on16",
    "large-asks",
)
"""One of each kind of harm: entrances, memory, turns, guesses, work, disk, views, models."""

SECONDS = 2.0

MIDDLE_S_MAX = 5.0
"""What half of the honest calls stay below on whatever machine, however busy it is."""

LOGINS_MIN = 0.5
"""The share of good logins that get in there: those who are slow give up, or lose their place."""
