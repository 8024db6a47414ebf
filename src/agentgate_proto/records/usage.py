"""Usage: what model requests took, in tokens and in money.

One convention, whatever the vendor's is: *input* includes what was read from and written to the
prompt cache, *output* includes thinking. Money is an integer of micro-units of one US dollar, so
that sums are exact; None is a cost that nobody knows, which is not zero.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

MICROS = 1_000_000
"""Micro-units in a dollar."""


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one model request, or of several together.

    Attributes:
        input: all that the model read: what came from the cache and went to it included.
        output: all that it wrote, thinking included.
        cache_read: of ``input``, what was read from the cache.
        cache_write: of ``input``, what was written to the cache for five minutes.
        cache_write_1h: of ``input``, what was written to the cache for an hour.
        thinking: of ``output``, what was thinking.
        is_estimate: nobody has counted: bytes were.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    thinking: int = 0
    is_estimate: bool = False


def added(one: Usage, other: Usage) -> Usage:
    """Return the sum; it is an estimate if a part of it is."""
    return Usage(
        input=one.input + other.input,
        output=one.output + other.output,
        cache_read=one.cache_read + other.cache_read,
        cache_write=one.cache_write + other.cache_write,
        cache_write_1h=one.cache_write_1h + other.cache_write_1h,
        thinking=one.thinking + other.thinking,
        is_estimate=one.is_estimate or other.is_estimate,
    )


class UsageStatus(StrEnum):
    """Whether a row says what may be spent, or what was."""

    RESERVED = "reserved"
    SETTLED = "settled"


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of one model request, as it is stored; settled once (I13).

    Attributes:
        id: unique: run, iteration and attempt.
        session, principal, run: whose it is.
        model, model_id: its name in the configuration, and what its vendor calls it.
        at: when it was begun, UTC seconds.
        day: the same as a date, UTC: ``2026-11-29``.
        status: see :class:`UsageStatus`.
        reserved_micros: what it may cost at the most; None: nobody knows.
        cost_micros: what it cost; None: nobody knows. Before it is settled as ``reserved_micros``.
        usage: what it took.
        prices: the version of the price table that was used; "": none knows the model.
    """

    id: str
    session: str
    principal: str
    run: str
    model: str
    model_id: str
    at: float
    day: str
    status: UsageStatus
    reserved_micros: int | None = None
    cost_micros: int | None = None
    usage: Usage = Usage()
    prices: str = ""


class UsageSum(msgspec.Struct, frozen=True, kw_only=True):
    """What several model requests took.

    Attributes:
        key: what they have in common: a model, a day, a principal, a session; "" for all.
        usage: the sum.
        cost_micros: the sum of the costs that are known.
        unknown: how many requests there are whose cost nobody knows.
        requests: how many there are.
        reserved_micros: of ``cost_micros``, what is reserved for those that are under way.
    """

    key: str
    usage: Usage = Usage()
    cost_micros: int = 0
    unknown: int = 0
    requests: int = 0
    reserved_micros: int = 0
