"""The edge face's messages: seed 000's envelope ``{type, payload, timestamp}``, both ways.

From the device: ``agent_request``, ``data_snapshot_response``, ``ping`` and ``pong``; to it:
``agent_response``, ``data_snapshot_request``, ``ping`` and ``pong``. There is no message for an
error: what goes wrong is said where the answer would stand.

Sources: seed 000; its original for the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from agentgate_proto.limits import MESSAGE_CHARS_MAX, NAME_CHARS_MAX
from agentgate_proto.records.request import rfc3339

MESSAGE_PREFIX = "edge:"
"""Of the ids of messages that came by this face; the device's ``requestId`` follows."""

AUDIT_ENTRIES_MAX = 100
"""Tool calls that an answer lists; it counts all."""

AUDIT_BYTES_MAX = 65_536
"""Of arguments and results in one answer. A device is small, and its user wants the answer."""

CHANNELS_MAX = 256
"""Channels that one snapshot may name."""

RequestId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX - len(MESSAGE_PREFIX))
]
Channel = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Channels = Annotated[list[Channel], msgspec.Meta(max_length=CHANNELS_MAX)]


class Prompt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the user of a device asks.

    Attributes:
        request_id: names it; the same again is the same prompt.
        prompt: the text.
    """

    request_id: RequestId
    prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_CHARS_MAX)]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The device's data at this moment.

    Attributes:
        request_id: of the request that it answers.
        snapshots: by channel; objects as the device makes them.
    """

    request_id: RequestId
    channels: Channels = []
    snapshots: dict[Channel, Any] = {}


class AgentRequest(msgspec.Struct, frozen=True, tag_field="type", tag="agent_request"):
    """The device asks."""

    payload: Prompt


class SnapshotResponse(msgspec.Struct, frozen=True, tag_field="type", tag="data_snapshot_response"):
    """The device answers."""

    payload: Snapshot


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    """Somebody wants to know whether the other is there."""


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping; they come in the order of the pings."""


FromDevice = AgentRequest | SnapshotResponse | Ping | Pong

read_message = msgspec.json.Decoder(FromDevice).decode


class LooseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """As much of a broken ``agent_request`` as is needed to say what is wrong with it."""

    class Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
        """Its payload."""

        request_id: RequestId

    type: str
    payload: Payload


def request_in(text: str) -> str:
    """Return the id of an ``agent_request`` that could not be read; "": it is none, or has none."""
    try:
        loose = msgspec.json.decode(text.encode("utf-8", "replace"), type=LooseRequest)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return loose.payload.request_id if loose.type == "agent_request" else ""


class AuditEntry(msgspec.Struct, kw_only=True):
    """A tool call of an answer, as the device's user may see it."""

    timestamp: str
    action: str = "tool_call"
    tool: str
    params: msgspec.Raw
    result: msgspec.Raw


class Snapped(msgspec.Struct, frozen=True):
    """The device's data came.

    Attributes:
        request_id: as it was asked for.
        snapshots: by channel.
    """

    request_id: str
    snapshots: dict[str, Any]


def response(
    request_id: str, text: str, tool_calls: int, entries: Sequence[AuditEntry], at: str
) -> str:
    """Make an ``agent_response``.

    Args:
        request_id: which prompt it answers.
        text: the answer, or what went wrong.
        tool_calls: how many the model made.
        entries: what is told of them.
        at: RFC 3339.
    """
    result = {"response": text, "tool_calls_made": tool_calls, "audit_entries": list(entries)}
    return envelope("agent_response", {"requestId": request_id, "result": result}, at)


def snapshot_request(request_id: str, channels: Sequence[str], now: float) -> str:
    """Make a ``data_snapshot_request``. ``channels`` is ours: a device of old sends all it has."""
    payload: dict[str, Any] = {"requestId": request_id}
    if channels:
        payload["channels"] = list(channels)
    return envelope("data_snapshot_request", payload, rfc3339(now))


def beat(kind: str, now: float) -> str:
    """Make a ``ping`` or a ``pong``."""
    return envelope(kind, {}, rfc3339(now))


def envelope(kind: str, payload: dict[str, Any], at: str) -> str:
    """Make a message."""
    return msgspec.json.encode({"type": kind, "payload": payload, "timestamp": at}).decode()
