"""What servers offer besides tools: resources, templates of these, prompts.

They are read by tools of the gate's own, one of each kind for a server, which only read and which
the policy governs as any other: ``PREFIX_read_resource`` and ``PREFIX_get_prompt``, and
``PREFIX_complete``, which completes arguments for both. What there is comes from the lists that the
servers gave last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from agentgate_proto.faces.mcp_backend.events import Kind
from agentgate_proto.faces.mcp_backend.reading import UNREADABLE
from agentgate_server.tools.mcp.server import McpServer

READ: Final = "read_resource"
PROMPT: Final = "get_prompt"
COMPLETE: Final = "complete"

URI_CHARS_MAX: Final = 8_192
LOOKS_MAX: Final = 1_000
"""Resources that somebody watches at once."""

VARIABLE: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Something that a server lists.

    Attributes:
        alias: of the server.
        name: what it is called here: of a prompt with its prefix, else the URI or the template.
        there: what the server calls it.
        tool: the tool by which it is read.
        complete: the tool that completes its arguments; "": there is none.
        raw: as the server wrote it.
    """

    alias: str
    name: str
    there: str
    tool: str
    complete: str
    raw: msgspec.Raw


class Offers(Protocol):
    """What all servers offer besides tools, as a face sees it. Who may read it is for the policy,
    which judges the tool."""

    def resources(self) -> list[Offered]:
        """All resources, in the order of the configuration; of two with one URI the first."""
        ...

    def templates(self) -> list[Offered]:
        """All templates of resources; of two that are the same the first."""
        ...

    def prompts(self) -> list[Offered]:
        """All prompts; of two with one name here the first."""
        ...

    def owner_of_uri(self, uri: str) -> Offered | None:
        """Return what a URI belongs to: a resource, else the first template that fits it."""
        ...

    def owner_of_prompt(self, name: str) -> Offered | None:
        """Return the prompt that is called so here."""
        ...

    def subscribe(self, uri: str, look: Callable[[], None]) -> Callable[[], None] | None:
        """Be told when a resource changes.

        Args:
            uri: of the resource.
            look: is called then, on the event loop; must not raise.

        Returns:
            What ends that; None: its server does not tell.
        """
        ...


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """What is looked at of an item of a list."""

    name: str = ""
    uri: str = ""
    uri_template: str = ""


entry_decoder = msgspec.json.Decoder(Entry)


class ServerOffers:
    """See :class:`Offers`.

    Args:
        servers: all of them, in the order of the configuration.
        prefixes: what names of theirs begin with, by alias.
    """

    def __init__(self, servers: Sequence[McpServer], prefixes: Mapping[str, str]) -> None:
        self._servers = {server.alias: server for server in servers}
        self._prefixes = prefixes
        self._looks: dict[tuple[str, str], dict[int, Callable[[], None]]] = {}
        self._numbers = 0
        for server in servers:
            server.updated = self._told(server.alias)

    def resources(self) -> list[Offered]:
        """See ``Offers``."""
        return list(self._all(Kind.RESOURCES, READ, lambda entry: entry.uri).values())

    def templates(self) -> list[Offered]:
        """See ``Offers``."""
        return list(self._all(Kind.TEMPLATES, READ, lambda entry: entry.uri_template).values())

    def prompts(self) -> list[Offered]:
        """See ``Offers``."""
        return list(self._all(Kind.PROMPTS, PROMPT, lambda entry: entry.name).values())

    def owner_of_uri(self, uri: str) -> Offered | None:
        """See ``Offers``."""
        found = self._all(Kind.RESOURCES, READ, lambda entry: entry.uri).get(uri)
        if found is not None or len(uri) > URI_CHARS_MAX:
            return found
        return next((each for each in self.templates() if fits(each.there, uri)), None)

    def owner_of_prompt(self, name: str) -> Offered | None:
        """See ``Offers``."""
        return self._all(Kind.PROMPTS, PROMPT, lambda entry: entry.name).get(name)

    def subscribe(self, uri: str, look: Callable[[], None]) -> Callable[[], None] | None:
        """See ``Offers``."""
        owner = self.owner_of_uri(uri)
        if owner is None or sum(map(len, self._looks.values())) >= LOOKS_MAX:
            return None
        server, key = self._servers[owner.alias], (owner.alias, uri)
        if key not in self._looks and not server.watch(uri):
            return None
        self._numbers += 1
        number = self._numbers
        self._looks.setdefault(key, {})[number] = look

        def stop() -> None:
            looks = self._looks.get(key, {})
            if looks.pop(number, None) is not None and not looks:
                del self._looks[key]
                server.unwatch(uri)

        return stop

    def _told(self, alias: str) -> Callable[[str], None]:
        def told(uri: str) -> None:
            for look in list(self._looks.get((alias, uri), {}).values()):
                look()

        return told

    def _all(self, kind: Kind, tool: str, key_of: Callable[[Entry], str]) -> dict[str, Offered]:
        """Return all of a kind, by what they are called here."""
        found: dict[str, Offered] = {}
        for alias, server in self._servers.items():
            prefix = self._prefixes[alias]
            can_complete = server.can_complete
            for raw, entry in entries(server.offered.get(kind, ())):
                there = key_of(entry)
                is_prompt = kind is Kind.PROMPTS
                name = f"{prefix}.{there}" if is_prompt and prefix else there
                if there and name not in found:
                    found[name] = Offered(
                        alias=alias,
                        name=name,
                        there=there,
                        tool=tool_name(prefix or alias, tool),
                        complete=tool_name(prefix or alias, COMPLETE) if can_complete else "",
                        raw=raw,
                    )
        return found


def entries(items: Sequence[msgspec.Raw]) -> Iterator[tuple[msgspec.Raw, Entry]]:
    """Yield the items of a list that can be read."""
    for raw in items:
        try:
            yield raw, entry_decoder.decode(raw)
        except UNREADABLE:
            continue


def fits(template: str, uri: str) -> bool:
    """Whether a URI may be one of a template (RFC 6570): what is not in braces is there, in order.

    Linear: each part is looked for behind the last one, and the ends are at the ends.
    """
    first, *parts = VARIABLE.split(template)
    if not parts:
        return uri == template
    *middle, last = parts
    if not uri.startswith(first):
        return False
    at, end = len(first), len(uri) - len(last)
    for part in middle:
        found = uri.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end and uri.endswith(last)


def tool_name(prefix: str, tool: str) -> str:
    """What a tool is called by which something is read."""
    return f"{prefix}_{tool}"


def read_params(args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of ``resources/read``."""
    return {"uri": args["uri"]}


def prompt_params(args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of ``prompts/get``."""
    return {"name": args["name"], "arguments": args.get("arguments", {})}


def complete_params(args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of ``completion/complete``."""
    context = {"context": args["context"]} if "context" in args else {}
    return {"ref": args["ref"], "argument": args["argument"], **context}


TEXT: Final = {"type": "string", "minLength": 1, "maxLength": URI_CHARS_MAX}
WORDS: Final = {"type": "object", "additionalProperties": {"type": "string"}}

GOVERNED: Final[dict[str, tuple[str, str, Callable[[Mapping[str, Any]], Any], dict[str, Any]]]] = {
    READ: (
        "resources/read",
        "Reads a resource of the MCP server {}.",
        read_params,
        {"properties": {"uri": TEXT}, "required": ["uri"]},
    ),
    PROMPT: (
        "prompts/get",
        "Gets a prompt of the MCP server {}.",
        prompt_params,
        {"properties": {"name": TEXT, "arguments": WORDS}, "required": ["name"]},
    ),
    COMPLETE: (
        "completion/complete",
        "Completes an argument of a prompt or a resource of the MCP server {}.",
        complete_params,
        {
            "properties": {
                "ref": {"type": "object"},
                "argument": {**WORDS, "required": ["name", "value"]},
                "context": {"type": "object"},
            },
            "required": ["ref", "argument"],
        },
    ),
}
"""The tools of the gate's own: method, description, what makes the parameters, schema."""
