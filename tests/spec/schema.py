"""``spec/agentgate.schema.json``: every message as JSON Schema, made from the core's own types."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.messages import METHODS, Kind, Method, ToolRequest
from agentgate_proto.rpc.wire_results import RowError

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KNOWN_ID = {
    "title": "KnownId",
    "description": 'An id by which a request is known for ever. 7 and "7" are different.',
    "anyOf": [
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "string", "maxLength": 256},
    ],
}
ID = {
    "title": "RequestId",
    "description": "An id. Null is what an answer has to a message whose id could not be read.",
    "anyOf": [{"$ref": "#/$defs/KnownId"}, {"type": "null"}],
}
ERROR = {
    "title": "Error",
    "description": "JSON-RPC 2.0 section 5.1.",
    "type": "object",
    "properties": {
        "code": {"type": "integer", "examples": [int(code) for code in ErrorCode]},
        "message": {"type": "string"},
        "data": {
            "description": "Of an outcome: its status and its number to acknowledge. Of a limit: "
            "retry_after_s. Of -32009: the approval as it stands."
        },
    },
    "required": ["code", "message"],
}


def schema() -> dict[str, Any]:
    """The document."""
    types = [method.params for method in METHODS.values()]
    types += [method.result for method in METHODS.values() if method.result is not None]
    _, components = msgspec.json.schema_components(
        [*types, RowError], ref_template="#/$defs/{name}"
    )
    named = {kind.__name__: kind for kind in every_type(types)}
    definitions: dict[str, Any] = {"RequestId": ID, "KnownId": KNOWN_ID, "Error": ERROR}
    for name, component in sorted(components.items()):
        definitions[name] = described(component, named.get(name))
    for method in METHODS.values():
        definitions |= frames(method)
    definitions["error_response"] = frame({"error": ref("Error"), "id": ref("RequestId")})
    definitions["batch"] = {
        "description": "Several messages at once, or the answers to them.",
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": {"anyOf": [ref(name) for name in definitions if is_message(name)]},
    }
    return {
        "$schema": DRAFT,
        "$id": "urn:agentgate:native-protocol",
        "title": "The native protocol of agentgate",
        "description": "One text frame holds one of these. Made from the core's types; see "
        "README.md for what they mean. Unknown members are ignored by both sides.",
        "anyOf": [ref(name) for name in definitions if is_message(name)] + [ref("batch")],
        "$defs": definitions,
    }


def every_type(types: list[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """These structs and those inside them."""
    found: dict[type[msgspec.Struct], None] = {}
    queue: list[Any] = list(types)
    while queue:
        kind = queue.pop()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in found:
            found[kind] = None
            queue += [field.type for field in msgspec.structs.fields(kind)]
        queue += getattr(kind, "__args__", ())
    return [*found, RowError]


def is_message(name: str) -> bool:
    return name.endswith((".request", ".notification", ".response")) or name == "error_response"


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def frame(members: dict[str, Any]) -> dict[str, Any]:
    """A message: the version and these members."""
    properties = {"jsonrpc": {"const": "2.0"}, **members}
    return {"type": "object", "properties": properties, "required": list(properties)}


def frames(method: Method) -> dict[str, Any]:
    """The messages of one method."""
    params = {"method": {"const": method.name}, "params": ref(method.params.__name__)}
    if method.kind is Kind.NOTIFICATION:
        quiet = frame(params)
        return {f"{method.name}.notification": {**quiet, "not": {"required": ["id"]}}}
    assert method.result is not None, "a request has a result"
    is_kept = method.params is ToolRequest  # under its id, for who asks again
    request = frame({**params, "id": ref("KnownId" if is_kept else "RequestId")})
    component = msgspec.json.schema(method.params)["$defs"][method.params.__name__]
    if not component.get("required"):
        request["required"].remove("params")
    response = frame({"result": ref(method.result.__name__), "id": ref("RequestId")})
    return {f"{method.name}.request": request, f"{method.name}.response": response}


def described(component: dict[str, Any], kind: type[msgspec.Struct] | None) -> dict[str, Any]:
    """A component with its docstring taken apart: each property has its own words."""
    if kind is None:
        return {**component, "description": inspect.cleandoc(component.get("description", ""))}
    text, attributes = taken_apart(inspect.getdoc(kind) or "")
    properties = {
        name: {**value, **({"description": attributes[name]} if name in attributes else {})}
        for name, value in component.get("properties", {}).items()
    }
    return {**component, "description": text, "properties": properties}


def taken_apart(doc: str) -> tuple[str, dict[str, str]]:
    """The text of a docstring, and what it says of each attribute."""
    doc = re.sub(r" \((seed 001[^)]*|I\d+)\)", "", doc).replace("``", "`")
    doc = re.sub(r":class:`[^`]*\.EventKind`", "sessions.md", doc)
    text, _, rest = doc.partition("\n\nAttributes:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \w)", "\n" + rest.partition("\n\n")[0]):
        names, colon, words = entry.strip().partition(": ")
        if colon:
            for name in names.split(", "):
                found[name] = " ".join(words.split())
    return " ".join(text.split()), found


def text() -> str:
    """The file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
