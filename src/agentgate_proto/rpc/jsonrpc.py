"""JSON-RPC 2.0: text to typed messages and back. Source: https://www.jsonrpc.org/specification

``decode`` never raises on peer input: what is not a message becomes :class:`Invalid`, which says
how it must be answered. Parameters and results stay raw JSON; a second, typed stage (see
``messages``) decodes only what is used.

Ids are strings, integers or null. ``7`` and ``"7"`` are different ids; ``1.0`` is 1, for JSON has
one kind of numbers and some languages write all of theirs so; ``true`` and ``1.5`` are none. A byte
order mark before a text is passed over (RFC 8259 section 8.1). A null id is legal but can't be told
from "the id could not be read", so it is answered and otherwise not relied on.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.limits import ID_INTEGER_MAX, NAME_CHARS_MAX

RequestId = int | str | None

VERSION: Final = "2.0"
MARK: Final = "\ufeff"
NULL: Final = msgspec.Raw(b"null")

HALF_PAIRS_CHARS_MAX: Final = 65_536
"""Of a text that can't be read and is looked through for its id: as much as arguments may have."""

ESCAPES: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""Escapes in JSON, those of two halves as one."""


class Request(msgspec.Struct, frozen=True):
    """A call that wants an answer. ``params`` is raw JSON: an object, an array, or b"" for none."""

    id: RequestId
    method: str
    params: msgspec.Raw


class Notification(msgspec.Struct, frozen=True):
    """A call that must not be answered."""

    method: str
    params: msgspec.Raw


class Success(msgspec.Struct, frozen=True):
    """The answer to a request that went well; ``result`` is raw JSON."""

    id: RequestId
    result: msgspec.Raw


class ErrorObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """JSON-RPC 2.0 section 5.1."""

    code: int
    message: str
    data: Any = None


class Failure(msgspec.Struct, frozen=True):
    """The answer to a request that went wrong."""

    id: RequestId
    error: ErrorObject


class Invalid(msgspec.Struct, frozen=True):
    """Something that is no message: answer it with this error and this id, null as a rule."""

    code: ErrorCode
    detail: str
    id: RequestId = None


Message = Request | Notification | Success | Failure | Invalid


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """The union of the members that any message may have, but for the id."""

    jsonrpc: Any = None
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: ErrorObject | msgspec.UnsetType | None = msgspec.UNSET


class Envelope(Members, frozen=True, kw_only=True):
    """All of them, to be told apart in ``classify``."""

    id: int | str | msgspec.UnsetType | None = msgspec.UNSET


class LooseEnvelope(Members, frozen=True, kw_only=True):
    """The same, with whatever stands for an id."""

    id: Any = msgspec.UNSET


decode_envelope = msgspec.json.Decoder(Envelope).decode
decode_loose = msgspec.json.Decoder(LooseEnvelope).decode
decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode
decode_anything = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode

UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)
"""What the decoder raises on text that is not JSON: malformed, nested too deeply, a lone surrogate
(UnicodeEncodeError) or a number with too many digits (both ValueError)."""


class Batch(msgspec.Struct, frozen=True):
    """A JSON array of messages, to be answered by one array."""

    messages: list[Message]


def decode(text: str, *, batch_items_max: int) -> Message | Batch:
    """Read one text.

    Args:
        text: what came in one WebSocket text frame.
        batch_items_max: a longer batch is invalid as a whole.

    Returns:
        One message, or a batch of at least one. Never raises on peer input.
    """
    try:
        envelope = decode_envelope(text)
    except msgspec.ValidationError as error:
        if text.lstrip(" \t\r\n").startswith("["):
            return decode_array(text, batch_items_max)
        return with_whole_id(text) or misfit(text, str(error))
    except UNREADABLE as error:
        if text.startswith(MARK):
            return decode(text[1:], batch_items_max=batch_items_max)
        return Invalid(ErrorCode.PARSE_ERROR, describe(error), id_beside_half_pairs(text))
    return classify(envelope)


def id_beside_half_pairs(text: str) -> RequestId:
    """Return the id of a request of which only a text can't be read, because half a surrogate pair
    stands in it; None: it is none. That is JSON by its grammar (RFC 8259 section 8.2), and what a
    client writes that cuts texts anywhere: it waits for an answer to this id.
    """
    if len(text) > HALF_PAIRS_CHARS_MAX:
        return None
    try:
        envelope = decode_envelope(ESCAPES.sub(mended, text))
    except UNREADABLE:
        return None
    message = classify(envelope)
    return message.id if isinstance(message, Request) else None


def mended(escape: re.Match[str]) -> str:
    """Return an escape as it was, but for half a pair the sign for what can't be read."""
    return "\\ufffd" if escape["half"] else escape[0]


def with_whole_id(text: str | msgspec.Raw) -> Message | None:
    """Read a message whose id is a whole number with a fraction of zero; None: it is none."""
    try:
        envelope = decode_loose(text)
    except UNREADABLE:
        return None
    if not isinstance(envelope.id, float) or not envelope.id.is_integer():
        return None
    if abs(envelope.id) > ID_INTEGER_MAX:
        return None  # as a fraction it is no exact number any more
    fields = msgspec.structs.asdict(envelope)
    return classify(Envelope(**{**fields, "id": int(envelope.id)}))


def misfit(text: str, detail: str) -> Invalid:
    """Tell JSON of another shape from text that only begins like JSON."""
    try:
        decode_anything(text)
    except UNREADABLE as error:
        return Invalid(ErrorCode.PARSE_ERROR, describe(error))
    return Invalid(ErrorCode.INVALID_REQUEST, detail)


def decode_array(text: str, batch_items_max: int) -> Message | Batch:
    """Read a batch; each element is judged on its own (JSON-RPC 2.0 section 6)."""
    try:
        elements = decode_batch(text)
    except UNREADABLE as error:
        return Invalid(ErrorCode.PARSE_ERROR, describe(error))
    if not elements:
        return Invalid(ErrorCode.INVALID_REQUEST, "an empty batch")
    if len(elements) > batch_items_max:
        return Invalid(ErrorCode.INVALID_REQUEST, f"a batch of more than {batch_items_max}")
    return Batch([decode_element(element) for element in elements])


def decode_element(element: msgspec.Raw) -> Message:
    """Read one element of a batch."""
    try:
        return classify(decode_envelope(element))
    except UNREADABLE as error:
        return with_whole_id(element) or Invalid(ErrorCode.INVALID_REQUEST, describe(error))


def classify(envelope: Envelope) -> Message:
    """Tell what kind of message it is by the members that it has."""
    if envelope.jsonrpc != VERSION:
        return Invalid(ErrorCode.INVALID_REQUEST, 'the member "jsonrpc" must be "2.0"')
    if not fits(envelope.id):
        return Invalid(ErrorCode.INVALID_REQUEST, "an id of more than 64 bits or 256 characters")
    if envelope.method is not msgspec.UNSET:
        if envelope.result is not msgspec.UNSET or envelope.error is not msgspec.UNSET:
            return Invalid(ErrorCode.INVALID_REQUEST, "both a call and an answer")
        params = envelope.params
        if bytes(params) and bytes(params)[:1] not in (b"{", b"["):
            return Invalid(ErrorCode.INVALID_REQUEST, "params must be an object or an array")
        if envelope.id is msgspec.UNSET:
            return Notification(envelope.method, params)
        return Request(envelope.id, envelope.method, params)
    if envelope.id is msgspec.UNSET:
        return Invalid(ErrorCode.INVALID_REQUEST, "no method and no id")
    if envelope.error is not msgspec.UNSET and envelope.error is not None:
        if envelope.result is not msgspec.UNSET:
            return Invalid(ErrorCode.INVALID_REQUEST, "both a result and an error")
        return Failure(envelope.id, envelope.error)
    if envelope.result is not msgspec.UNSET:
        return Success(envelope.id, envelope.result)
    return Invalid(ErrorCode.INVALID_REQUEST, "no method, no result and no error")


def fits(request_id: RequestId | msgspec.UnsetType) -> bool:
    """Whether an id is one that every store and every language can keep."""
    if isinstance(request_id, int):
        return -(2**63) <= request_id < 2**63
    return not isinstance(request_id, str) or len(request_id) <= NAME_CHARS_MAX


def describe(error: Exception) -> str:
    """Say what was wrong with the text, in one line."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


class RequestFrame(msgspec.Struct, frozen=True):
    """A request as it is sent."""

    jsonrpc: str
    method: str
    params: Any
    id: RequestId


class NotificationFrame(msgspec.Struct, frozen=True):
    """A notification as it is sent."""

    jsonrpc: str
    method: str
    params: Any


class SuccessFrame(msgspec.Struct, frozen=True):
    """A result as it is sent."""

    jsonrpc: str
    result: Any
    id: RequestId


class FailureFrame(msgspec.Struct, frozen=True):
    """An error as it is sent."""

    jsonrpc: str
    error: ErrorObject
    id: RequestId


def encode_request(request_id: RequestId, method: str, params: Any) -> bytes:
    """Encode a request; ``params`` is anything that msgspec encodes to an object or an array."""
    return encode(RequestFrame(VERSION, method, params, request_id))


def encode_notification(method: str, params: Any) -> bytes:
    """Encode a notification."""
    return encode(NotificationFrame(VERSION, method, params))


def encode_success(request_id: RequestId, result: Any) -> bytes:
    """Encode a result."""
    return encode(SuccessFrame(VERSION, result, request_id))


def encode_failure(request_id: RequestId, code: int, message: str = "", data: Any = None) -> bytes:
    """Encode an error; without a message, the code's own text is used."""
    text = message or (ERRORS[code].message if code in ERRORS else "Error")
    return encode(FailureFrame(VERSION, ErrorObject(code, text, data), request_id))


def encode_batch(frames: list[bytes]) -> bytes:
    """Join encoded answers into the array that answers a batch."""
    return b"[" + b",".join(frames) + b"]"
