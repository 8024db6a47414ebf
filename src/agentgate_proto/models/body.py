"""The body of a model request, put together so that each section knows its bytes."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec

from agentgate_proto.models.request import Encoded, Span
from agentgate_proto.records.session_views import SectionName

CALL_ID_HEX: Final = 24
"""Digits of a tool call's id that we make: OpenAI takes 40 characters at the most."""

encode_sorted = msgspec.json.Encoder(order="sorted").encode
"""JSON whose bytes don't depend on the order in which objects were filled."""


class Body:
    """Bytes of a body in their order, and which of them belong to which section."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.spans: list[Span] = []

    def envelope(self, data: bytes) -> None:
        """Add bytes that belong to no section."""
        self.parts.append(data)
        self.size += len(data)

    def section(self, name: SectionName, data: bytes) -> None:
        """Add bytes of a section; none are no section."""
        if data:
            self.spans.append(Span(name, self.size, self.size + len(data)))
            self.envelope(data)

    def encoded(self, dropped: tuple[str, ...]) -> Encoded:
        """Return the whole."""
        return Encoded(body=b"".join(self.parts), spans=tuple(self.spans), dropped=dropped)


def sift(params: dict[str, Any], taken: frozenset[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Divide parameters into those that a backend takes and the names of the others, sorted."""
    kept = {name: value for name, value in params.items() if name in taken}
    return kept, tuple(sorted(params.keys() - taken))


def json_string(text: str) -> bytes:
    """Return what stands between the quotes of a text in JSON."""
    return msgspec.json.encode(text)[1:-1]


def object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Say of a schema that it is an object's: vendors refuse one that does not."""
    return {"type": "object", **schema}


def digest_id(call_id: str) -> str:
    """Make an id that every vendor takes for one that some other vendor made."""
    return "call_" + sha256(call_id.encode()).hexdigest()[:CALL_ID_HEX]
