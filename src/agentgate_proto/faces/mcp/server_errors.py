"""Errors of servers behind the gate, kept with outcomes, so that clients get them whole.

A tool's failure is a result, which a model reads. A server may as well answer a call with an error
of JSON-RPC. Its words are the outcome's message for whoever reads words; the error itself is the
outcome's data, in this form, for clients whose programs act on its code.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from agentgate_proto.faces.mcp.eras import MODERN
from agentgate_proto.faces.mcp.replies import Code
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.rpc.jsonrpc import UNREADABLE, ErrorObject

DATA_BYTES_MAX: Final = 65_536
"""Of what a server adds to an error; more is left out."""

ACTED_ON: Final = frozenset({Code.MISSING_CAPABILITY})
"""Codes of errors to calls of tools on which a client's program acts, in the modern era. All others
are for its model, which sees a result and no error."""


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error as an outcome keeps it."""

    error: ErrorObject


def kept(code: int, message: str, data: Any = None) -> bytes:
    """Return an error as the data of an outcome."""
    text = msgspec.json.encode(Kept(ErrorObject(code, message, data)))
    if len(text) <= DATA_BYTES_MAX:
        return text
    return msgspec.json.encode(Kept(ErrorObject(code, message[: DATA_BYTES_MAX // 8])))


def server_error(outcome: Outcome) -> ErrorObject | None:
    """Return the error that a server answered a call with; None: it was something else."""
    data = bytes(outcome.data)
    if outcome.status is not Status.FAILED or data[:1] != b"{":
        return None
    try:
        return msgspec.json.decode(data, type=Kept).error
    except UNREADABLE:
        return None


def told(error: ErrorObject, version: str) -> ErrorObject:
    """Return an error with the code that it has in this revision."""
    if error.code == Code.NO_RESOURCE and version in MODERN:
        return ErrorObject(Code.INVALID_PARAMS, error.message, error.data)
    return error
