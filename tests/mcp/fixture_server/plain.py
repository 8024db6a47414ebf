"""Tools that always say the same, by the names that the conformance suite knows."""

from __future__ import annotations

from typing import Any, Final

PIXEL: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAA"
    "AABJRU5ErkJggg=="
)
SILENCE: Final = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
"""A PNG of one pixel, and a WAV of no samples."""

NOTHING: Final[dict[str, Any]] = {"type": "object", "properties": {}}

SCHEMA_2020_12: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def text(words: str) -> dict[str, Any]:
    """A piece of text."""
    return {"type": "text", "text": words}


def embedded(uri: str, mime_type: str, words: str) -> dict[str, Any]:
    """A resource within a result."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": words}}


IMAGE: Final[dict[str, Any]] = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
AUDIO: Final[dict[str, Any]] = {"type": "audio", "data": SILENCE, "mimeType": "audio/wav"}

RESULTS: Final[dict[str, dict[str, Any]]] = {
    "test_simple_text": {"content": [text("This is a simple text response for testing.")]},
    "test_image_content": {"content": [IMAGE]},
    "test_audio_content": {"content": [AUDIO]},
    "test_embedded_resource": {
        "content": [embedded("test://embedded", "text/plain", "A text within a result.")]
    },
    "test_multiple_content_types": {
        "content": [
            text("Several kinds of content:"),
            IMAGE,
            embedded("test://mixed", "application/json", '{"test":"data","value":123}'),
        ]
    },
    "test_error_handling": {
        "content": [text("This tool intentionally returns an error for testing")],
        "isError": True,
    },
    "json_schema_2020_12_tool": {"content": [text("json_schema_2020_12_tool")]},
}
"""By the name of the tool."""

SCHEMAS: Final = {"json_schema_2020_12_tool": SCHEMA_2020_12}
"""Of those whose arguments have one."""
