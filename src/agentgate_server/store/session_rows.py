"""Sessions, their logs and their usage as rows of tables, and back: the same values."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.records.session import LogRow, OpenRun, QueuedMessage, SessionRecord, Spent
from agentgate_proto.records.usage import Usage, UsageRow, UsageSum
from agentgate_server.store.rows import Row, storable
from agentgate_server.store.usage_sums import LOW_BITS

SESSION_COLUMNS = (
    "id",
    "principal",
    "epoch",
    "created_at",
    "model",
    "workspace",
    "user_id",
    "metadata",
    "updated_at",
    "messages",
    "oldest",
    "next",
    "reserved",
    "run",
    "last_message_id",
    "last_run",
    "queue",
    "log_bytes",
)
"""The columns of a session: first those that stay what they are, see ``SESSION_FIXED``."""

SESSION_FIXED = 4
"""So many of the columns never change."""

LOG_COLUMNS = ("first", "count", "kind", "at", "data", "blocks")
"""The columns of a row of a log, besides the session's place."""

USAGE_FIELDS = Usage.__struct_fields__
USAGE_COLUMNS = (
    "id",
    "session",
    "principal",
    "run",
    "model",
    "model_id",
    "at",
    "day",
    "status",
    "reserved_micros",
    "cost_micros",
    *USAGE_FIELDS,
    "prices",
)
"""The columns of usage; ``id`` first."""

Queue = tuple[QueuedMessage, ...]

COUNTS = ("cost_micros", *USAGE_FIELDS[:-1])
"""What is added up."""


def session_row_of(session: SessionRecord) -> Row:
    """The values of ``SESSION_COLUMNS`` for a session."""
    return (
        session.id,
        session.principal,
        session.epoch,
        session.created_at,
        session.model,
        session.workspace,
        session.user_id,
        bytes(session.metadata),
        session.updated_at,
        session.messages,
        session.oldest,
        session.next,
        session.reserved,
        encoded(session.run) if session.run is not None else "",
        session.last_message_id,
        session.last_run,
        encoded(session.queue) if session.queue else "",
        session.log_bytes,
    )


def session_of_row(row: Row) -> SessionRecord:
    """The session of a row.

    Raises:
        TypeError, ValueError, msgspec.ValidationError: we never wrote such a row; the file is
            damaged.
    """
    fields: dict[str, Any] = dict(zip(SESSION_COLUMNS, row, strict=True))
    fields["metadata"] = msgspec.Raw(fields["metadata"])
    run = fields["run"]
    fields["run"] = msgspec.json.decode(run, type=OpenRun) if run else None
    queue = fields["queue"]
    fields["queue"] = msgspec.json.decode(queue, type=Queue) if queue else ()
    return msgspec.convert(fields, SessionRecord)


def encoded(value: OpenRun | Queue) -> str:
    """A part of a session as JSON; what is no text in it becomes some, see :func:`storable`."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(all_storable(msgspec.to_builtins(value))).decode()


def all_storable(value: Any) -> Any:
    """Plain data whose texts are all :func:`storable`."""
    match value:
        case dict():
            return {storable(name): all_storable(item) for name, item in value.items()}
        case list() | tuple():
            return [all_storable(item) for item in value]
        case _:
            return storable(value)


def log_row_of(row: LogRow) -> Row:
    """The values of ``LOG_COLUMNS`` for a row of a log."""
    return row.first, row.count, row.kind.value, row.at, bytes(row.data), row.blocks


def log_of_row(row: Row) -> LogRow:
    """The row of a log; raises as :func:`session_of_row`."""
    fields: dict[str, Any] = dict(zip(LOG_COLUMNS, row, strict=True))
    fields["data"] = msgspec.Raw(fields["data"])
    return msgspec.convert(fields, LogRow)


def usage_row_of(row: UsageRow) -> Row:
    """The values of ``USAGE_COLUMNS`` for usage."""
    usage = row.usage
    return (
        row.id,
        row.session,
        row.principal,
        row.run,
        row.model,
        row.model_id,
        row.at,
        row.day,
        row.status.value,
        row.reserved_micros,
        row.cost_micros,
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.cache_write_1h,
        usage.thinking,
        int(usage.is_estimate),
        row.prices,
    )


def usage_of_row(row: Row) -> UsageRow:
    """The usage of a row; raises as :func:`session_of_row`."""
    fields: dict[str, Any] = dict(zip(USAGE_COLUMNS, row, strict=True))
    fields["usage"] = {name: fields.pop(name) for name in USAGE_FIELDS}
    fields["usage"]["is_estimate"] = bool(fields["usage"]["is_estimate"])
    return msgspec.convert(fields, UsageRow)


def sum_of_row(row: Row) -> UsageSum:
    """The sum of a row: key, requests, unknown, is_estimate; then the high and the low part of what
    is reserved, and of each of ``COUNTS``. Raises as :func:`session_of_row`."""
    key, requests, unknown, is_estimate, *parts = row
    reserved, cost, *counts = (
        whole(high, low) for high, low in zip(parts[::2], parts[1::2], strict=True)
    )
    usage: dict[str, Any] = dict(zip(COUNTS[1:], counts, strict=True))
    fields = {
        "key": key,
        "requests": requests,
        "unknown": unknown or 0,
        "reserved_micros": reserved,
        "cost_micros": cost,
        "usage": {**usage, "is_estimate": bool(is_estimate)},
    }
    return msgspec.convert(fields, UsageSum)


def spent_of_row(row: Row) -> Spent:
    """What was spent: principal, model, day, high and low part. Raises as
    :func:`session_of_row`."""
    principal, model, day, high, low = row
    fields = {"principal": principal, "model": model, "day": day, "micros": whole(high, low)}
    return msgspec.convert(fields, Spent)


def count_of_row(row: Row) -> tuple[str, int, int]:
    """How many sessions a principal has, and what they keep. Raises as :func:`session_of_row`."""
    return msgspec.convert(row, tuple[str, int, int])


def whole(high: Any, low: Any) -> int:
    """A sum of its two parts; there are none if there was nothing to add up."""
    return int(((high or 0) << LOW_BITS) + (low or 0))
