"""Cutting: what is kept of a request that ran nothing and says too much.

A request that the policy denied costs its asker nothing, so it must cost the gateway little: its
row keeps the digest, which tells a repeat for ever (I3), the beginnings of its arguments, and how
long these were. What a person was asked about is kept as they saw it, whatever they said.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.digest import canonical_args
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.naming import ordered
from agentgate_proto.records.request import Record

KEPT_ARGS_BYTES_MAX = 8_192
"""Arguments of a denied request: what an entry of the audit has of long ones as well."""

KEPT_SIGNATURE_CHARS_MAX = 1_000
"""The signature of a denied request: a few lines on a terminal."""

TEXT_CHARS_MAX = 200
"""Of one text in arguments that are too long as a whole."""


def as_kept(record: Record) -> Record:
    """Return what is stored of a record: the same, but for denied requests that say too much."""
    outcome = record.outcome
    if outcome is None or outcome.code != ErrorCode.DENIED_BY_POLICY or record.expires_at:
        return record
    args, signature = bytes(record.args), record.signature
    if len(args) <= KEPT_ARGS_BYTES_MAX and len(signature) <= KEPT_SIGNATURE_CHARS_MAX:
        return record
    if len(args) > KEPT_ARGS_BYTES_MAX:
        raw = msgspec.Raw(beginnings(args))
        record = replace(record, args=raw, args_bytes=len(args), filled=None)
    return replace(record, signature=folded(signature, KEPT_SIGNATURE_CHARS_MAX))


def beginnings(args: bytes, bytes_max: int = KEPT_ARGS_BYTES_MAX) -> bytes:
    """Return the beginnings of arguments as canonical JSON, an object still.

    Long texts are cut; if that does not do, arguments are left out: first those that do not say on
    what is acted.

    Args:
        args: canonical JSON of an object.
        bytes_max: how long the result may be; at least that of ``{}``.
    """
    kept: dict[str, Any] = {}
    size = len(b"{}")
    for name, value in ordered(msgspec.json.decode(args)).items():
        item = {name: cut(value)}
        more = len(canonical_args(item)) - len(b"{}") + (len(b",") if kept else 0)
        if size + more <= bytes_max:
            size += more
            kept |= item
    return canonical_args(kept)


def cut(value: Any) -> Any:
    """Return decoded JSON whose texts are short, and say how much of each is missing."""
    match value:
        case str():
            return folded(value, TEXT_CHARS_MAX)
        case dict():
            return {name: cut(item) for name, item in value.items()}
        case list():
            return [cut(item) for item in value]
        case _:
            return value


def folded(text: str, chars_max: int) -> str:
    """Return a text of at most so many characters, and say how many more there were."""
    more = len(text) - chars_max
    return text if more <= 0 else f"{text[:chars_max]}…[{more} characters more]"
