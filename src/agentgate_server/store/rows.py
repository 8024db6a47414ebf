"""Records as rows of a table, and back: the same values, byte for byte.

A request id goes into a column without a type, where SQLite keeps what it is given and orders
numbers before texts. So 7 and "7" stay apart, and the highest integer id of a client is one step
in an index. Integers beyond 64 bits are refused by the core, before they get here.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.request import NOT_RELAYED, Record, Relayed

Value = str | bytes | int | float | None
Row = tuple[Value, ...]

COLUMNS = (
    "rid",
    "principal",
    "client_id",
    "request_id",
    "tool",
    "args",
    "signature",
    "digest",
    "effects",
    "idempotency_key",
    "phase",
    "rule",
    "description",
    "warning",
    "created_at",
    "expires_at",
    "approvers_needed",
    "needs_code",
    "endorsements",
    "approver",
    "channel",
    "decided_at",
    "grant",
    "resolved_at",
    "status",
    "data",
    "code",
    "message",
    "relayed",
    "definition",
    "joined",
    "doubt",
    "args_bytes",
    "written",
    "filled",
    "words",
    "delivered",
)
"""The columns of a record, in the order of :func:`row_of`; ``rid`` first, ``delivered`` last.

``status``, ``data``, ``code`` and ``message`` are its outcome; all four are NULL before. ``words``
are what its agent and people have said of it, and what these have made of it, as JSON.
"""

GRANT_COLUMNS = Grant.__struct_fields__
"""The columns of a grant; ``id`` first."""


def row_of(record: Record) -> Row:
    """The values of ``COLUMNS`` for a record."""
    outcome = record.outcome
    if outcome is None:
        status, data, code, message = None, None, None, None
    else:
        status, data = outcome.status.value, bytes(outcome.data)
        code, message = outcome.code, outcome.message
    return (
        record.rid,
        record.principal,
        record.client_id,
        record.request_id,
        record.tool,
        bytes(record.args),
        record.signature,
        record.digest,
        record.effects.value,
        record.idempotency_key,
        record.phase.value,
        record.rule,
        record.description,
        record.warning,
        record.created_at,
        record.expires_at,
        record.approvers_needed,
        int(record.needs_code),
        listed(record.endorsements),
        record.approver,
        record.channel,
        record.decided_at,
        record.grant,
        record.resolved_at,
        status,
        data,
        code,
        message,
        said(record.relayed),
        record.definition,
        record.joined,
        record.doubt,
        record.args_bytes,
        record.written,
        None if record.filled is None else listed(record.filled),
        words_of(record),
        int(record.delivered),
    )


def record_of(row: Row) -> Record:
    """The record of a row.

    Raises:
        TypeError, ValueError, msgspec.ValidationError: we never wrote such a row; the file is
            damaged.
    """
    fields: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    status, data = fields.pop("status"), fields.pop("data")
    code, message = fields.pop("code"), fields.pop("message")
    fields["args"] = msgspec.Raw(fields["args"])
    fields["delivered"] = bool(fields["delivered"])
    fields["needs_code"] = bool(fields["needs_code"])
    fields["endorsements"] = unlisted(fields["endorsements"])
    fields["relayed"] = unsaid(fields["relayed"])
    words = fields.pop("words")
    said = msgspec.json.decode(words, type=Words) if words else NO_WORDS
    fields |= {"why": said.why, "word": said.word, "edit": said.edit}
    filled = fields["filled"]
    fields["filled"] = None if filled is None else unlisted(filled)
    if status is not None:
        outcome = {"status": status, "data": msgspec.Raw(data), "code": code, "message": message}
        edited = {} if said.edited is UNSET else {"edited": said.edited}
        fields["outcome"] = {**outcome, "word": said.told, **edited}
    return msgspec.convert(fields, Record)


class Words(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was said of a request, and made of it; ``told`` and ``edited`` are of its outcome."""

    why: str = ""
    word: str = ""
    edit: Edit | None = None
    told: str = ""
    edited: msgspec.Raw | UnsetType = UNSET


NO_WORDS = Words()


def words_of(record: Record) -> str:
    """That, as JSON; nothing, which is nearly always, as nothing."""
    outcome = record.outcome
    told, edited = ("", UNSET) if outcome is None else (outcome.word, outcome.edited)
    if not (record.why or record.word or told) and record.edit is None and edited is UNSET:
        return ""
    return msgspec.json.encode(Words(record.why, record.word, record.edit, told, edited)).decode()


def grant_row_of(grant: Grant) -> Row:
    """The values of ``GRANT_COLUMNS`` for a grant."""
    fields = msgspec.structs.asdict(grant)
    fields["args"] = bytes(grant.args)
    fields["any_args"] = listed(grant.any_args)
    return tuple(fields.values())


def grant_of_row(row: Row) -> Grant:
    """The grant of a row; raises as :func:`record_of`."""
    fields: dict[str, Any] = dict(zip(GRANT_COLUMNS, row, strict=True))
    fields["args"] = msgspec.Raw(fields["args"])
    fields["any_args"] = unlisted(fields["any_args"])
    return msgspec.convert(fields, Grant)


def mute_of_row(row: Row) -> Mute:
    """The mute of a row; raises as :func:`record_of`."""
    return msgspec.convert(dict(zip(Mute.__struct_fields__, row, strict=True)), Mute)


def listed(values: tuple[Any, ...]) -> str:
    """A list as JSON; an empty one, which nearly all are, as nothing."""
    return msgspec.json.encode(values).decode() if values else ""


def unlisted(text: str) -> Any:
    """The list that :func:`listed` has written."""
    return msgspec.json.decode(text) if text else []


def said(relayed: Relayed) -> str:
    """What gateways say of a request, as JSON; nothing, which is nearly always, as nothing."""
    return "" if relayed == NOT_RELAYED else msgspec.json.encode(relayed).decode()


def unsaid(text: str) -> Any:
    """What :func:`said` has written."""
    return msgspec.json.decode(text) if text else {}


def storable(value: Value) -> Value:
    """A value that SQLite takes: half surrogate pairs, which are no text, become ``?``.

    File names and other programs' messages can hold them; they must not keep a whole batch of
    other people's records from being written.
    """
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
