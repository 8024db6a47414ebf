"""``spec/asyncapi.yaml``: the protocol as AsyncAPI 3, from the gateway's side.

Payloads refer to the JSON Schema beside it, so that nothing is said twice.
"""

from __future__ import annotations

from typing import Any

import yaml
from tests.spec.schema import taken_apart

from agentgate_proto.rpc.messages import METHODS, Kind, Method

HEAD = "# Made by python -m tests.spec.files from the core's own tables: do not edit.\n"
SCHEMA = "./agentgate.schema.json#/$defs/"


def document() -> dict[str, Any]:
    """The document."""
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for method in METHODS.values():
        messages |= messages_of(method)
        operations |= operation_of(method)
    messages["error_response"] = message("error_response", "The answer to a call that went wrong.")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "agentgate, the native protocol",
            "version": "1.0.0",
            "description": "JSON-RPC 2.0 in WebSocket text frames. README.md and the pages "
            "beside it are normative; this document lists the messages.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {"host": "127.0.0.1:8443", "protocol": "ws"},
            "network": {
                "host": "gateway.example:8443",
                "protocol": "wss",
                "description": "Everywhere but on the same machine: TLS.",
            },
        },
        "channels": {
            "gateway": {
                "address": "/",
                "description": "Any path will do that the HTTP face does not claim.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": operations,
        "components": {"messages": messages},
    }


def message(name: str, summary: str) -> dict[str, Any]:
    return {"name": name, "summary": summary, "payload": {"$ref": SCHEMA + name}}


def summary_of(method: Method) -> str:
    """The first sentence about a method."""
    return (
        taken_apart((method.params.__doc__ or "").strip())[0].partition(". ")[0].rstrip(".") + "."
    )


def messages_of(method: Method) -> dict[str, Any]:
    summary = summary_of(method)
    if method.kind is Kind.NOTIFICATION:
        name = f"{method.name}.notification"
        return {name: message(name, summary)}
    request, response = f"{method.name}.request", f"{method.name}.response"
    return {request: message(request, summary), response: message(response, "The answer.")}


def operation_of(method: Method) -> dict[str, Any]:
    """What the gateway does with a method's messages."""
    channel = {"$ref": "#/channels/gateway"}

    def refer(*names: str) -> list[dict[str, str]]:
        return [{"$ref": f"#/channels/gateway/messages/{name}"} for name in names]

    operation: dict[str, Any] = {
        "action": "receive" if method.roles else "send",
        "channel": channel,
        "summary": summary_of(method),
    }
    if method.roles:
        roles = ", ".join(sorted(role.value for role in method.roles))
        operation["description"] = f"Roles: {roles}."
    if method.kind is Kind.NOTIFICATION:
        operation["messages"] = refer(f"{method.name}.notification")
    else:
        operation["messages"] = refer(f"{method.name}.request")
        answers = refer(f"{method.name}.response", "error_response")
        operation["reply"] = {"channel": channel, "messages": answers}
    return {method.name: operation}


def text() -> str:
    """The file."""

    class Plain(yaml.SafeDumper):
        """Writes every list and object out, instead of naming repeats."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    body: str = yaml.dump(document(), Dumper=Plain, sort_keys=False, allow_unicode=True, width=100)
    return HEAD + body
