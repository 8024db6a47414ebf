"""Sums of usage, kept with the rows: a report reads a few sums and not a million requests.

Two tables hold them: ``usage_days`` by day, principal and model, for all reports but one and for
what a start asks for; ``usage_sessions`` by session as well, for reports about sessions. Triggers
keep both, in the transaction of the rows themselves, whatever puts, settles or prunes these.

A sum is kept as the sum of the low bits and of the rest: no sum of whole rows is too long for
SQLite's integers then, which would be an error. Both parts grow and shrink by themselves.
"""

from __future__ import annotations

from functools import cache

from agentgate_proto.records.session import UsageBy

LOW_BITS = 32
LOW = (1 << LOW_BITS) - 1

ADDED = (
    ("reserved", "CASE WHEN {0}.status = 'reserved' THEN {0}.cost_micros END"),
    ("cost", "{0}.cost_micros"),
    ("input", "{0}.input"),
    ("output", "{0}.output"),
    ("cache_read", "{0}.cache_read"),
    ("cache_write", "{0}.cache_write"),
    ("cache_write_1h", "{0}.cache_write_1h"),
    ("thinking", "{0}.thinking"),
)
"""What is added up in two parts, and what of a row that is."""

COUNTED = (
    ("requests", "1"),
    ("unknown", "({0}.cost_micros IS NULL)"),
    ("estimates", "{0}.is_estimate"),
)
"""What is counted."""

PARTS = tuple(
    (f"{name}_{part}", how.format(value))
    for name, value in ADDED
    for part, how in (
        ("high", f"coalesce(({{}}) >> {LOW_BITS}, 0)"),
        ("low", f"coalesce(({{}}) & {LOW}, 0)"),
    )
)
KEPT = (*COUNTED, *PARTS)
"""The columns besides the keys, and what of a row each of them adds up."""

TABLES = {
    "usage_days": ("day", "principal", "model"),
    "usage_sessions": ("session", "principal", "day", "model"),
}
"""The tables and their keys."""


def table_sql(table: str) -> str:
    """SQL that makes a table of sums."""
    keys = TABLES[table]
    columns = [f"{key} TEXT NOT NULL" for key in keys]
    columns += [f"{name} INTEGER NOT NULL" for name, _ in KEPT]
    columns.append(f"PRIMARY KEY ({', '.join(keys)})")
    return f"CREATE TABLE {table} ({', '.join(columns)}) WITHOUT ROWID"


def add_sql(table: str, row: str, sign: str) -> str:
    """SQL that adds a row to its sum, or with ``-`` takes it out.

    Args:
        table: of sums.
        row: what a trigger calls the row: ``NEW`` or ``OLD``.
        sign: ``+`` or ``-``.
    """
    keys = TABLES[table]
    names = ", ".join((*keys, *(name for name, _ in KEPT)))
    values = [f"{row}.{key}" for key in keys]
    values += [f"{sign}({value.format(row)})" for _, value in KEPT]
    changed = ", ".join(f"{name} = {name} + excluded.{name}" for name, _ in KEPT)
    return " ".join(
        (
            *("INSERT INTO", table, "(", names, ") VALUES (", ", ".join(values)),
            *(") ON CONFLICT (", ", ".join(keys), ") DO UPDATE SET", changed, ";"),
        )
    )


def sweep_sql(table: str) -> str:
    """SQL that deletes the sum of a row that is gone, if it was the last."""
    which = " AND ".join(f"{key} = OLD.{key}" for key in TABLES[table])
    return " ".join(("DELETE FROM", table, "WHERE", which, "AND requests = 0;"))


def triggers() -> tuple[str, ...]:
    """SQL that makes what keeps the sums."""
    put = [add_sql(table, "NEW", "+") for table in TABLES]
    taken = [add_sql(table, "OLD", "-") for table in TABLES]
    swept = [sweep_sql(table) for table in TABLES]
    steps = {"INSERT": put, "UPDATE": [*taken, *put, *swept], "DELETE": [*taken, *swept]}
    return tuple(
        f"CREATE TRIGGER usage_{what.lower()} AFTER {what} ON usage BEGIN {' '.join(todo)} END"
        for what, todo in steps.items()
    )


SCHEMA = (
    *map(table_sql, TABLES),
    "CREATE INDEX usage_days_principal ON usage_days (principal, day)",
    "CREATE INDEX usage_sessions_principal ON usage_sessions (principal, session)",
    *triggers(),
)
"""A part of a migration: it is never edited once that is released."""

SPENT = """
    SELECT principal, model, day, cost_high, cost_low FROM usage_days NOT INDEXED
    WHERE day >= ? AND requests > unknown ORDER BY principal, model, day
"""

KEY = {
    UsageBy.MODEL: "model",
    UsageBy.DAY: "day",
    UsageBy.PRINCIPAL: "+principal",  # else it reads all days, in the order of the index
    UsageBy.SESSION: "session",
    UsageBy.TOTAL: "''",
}
"""What the rows of a sum have in common."""

MOST_FIRST = f"sum(cost_high) + (sum(cost_low) >> {LOW_BITS}) DESC, sum(cost_low) & {LOW} DESC, 1"
ORDER = dict.fromkeys(UsageBy, MOST_FIRST) | {UsageBy.DAY: "1 DESC"}
"""Which sums come first: those of the highest cost, or the newest days."""

SUMS = ", ".join(f"sum({name})" for name, _ in PARTS)


@cache
def sum_usage_sql(by: UsageBy, *, of_session: bool, of_principal: bool) -> str:
    """SQL that adds usage up: of principal ``?1``, or all; of session ``?2``, or all; from day
    ``?3`` on; the first ``?4`` sums in the order in which they are wanted."""
    source, which = "usage_days NOT INDEXED", ""
    if of_session or by is UsageBy.SESSION:
        source = "usage_sessions NOT INDEXED"
    if of_session:
        which = "session = ?2 AND"
    elif of_principal:
        table = source.split()[0]
        source, which = f"{table} INDEXED BY {table}_principal", "principal = ?1 AND"
    return " ".join(
        (
            *("SELECT", KEY[by], ", sum(requests), sum(unknown), sum(estimates) > 0,"),
            *(SUMS, "FROM", source, "WHERE", which, "day >= ?3"),
            *("AND (?1 IS NULL OR principal = ?1) GROUP BY 1 ORDER BY", ORDER[by], "LIMIT ?4"),
        )
    )
