"""Secrets in files of HTTP tools: which texts are to be masked wherever they turn up.

Most of what a backend echoes is harmless, and masking too much tears holes into results. A secret
is what came in by ``${VAR}``, and a header with a secret's name (``Authorization``). A variable
that has a default (``${UNITS:-metric}``) or is part of a backend's address is none, unless its own
name says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agentgate_server.documents import Document
from agentgate_server.documents.environment import INSIDE, TOKEN
from agentgate_server.documents.nodes import ListNode, MapNode, Node, Scalar
from agentgate_server.secret_names import is_secret_name
from agentgate_server.tokens import Secret

SCHEMES: Final = frozenset({"bearer", "basic", "digest", "token", "apikey", "key"})
"""Words before a credential in a header: no secrets themselves."""

PLACES: Final = frozenset({"url", "ca", "private", "allow", "redirects"})
"""Keys that say where a backend is."""


class Escaped(Mapping[str, str]):
    """An environment whose values mean nothing to templates: a brace in a password is a brace."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def __getitem__(self, name: str) -> str:
        return self.environment[name].replace("{", "{{").replace("}", "}}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.environment)

    def __len__(self) -> int:
        return len(self.environment)


def secrets_in_file(document: Document, environment: Mapping[str, str]) -> Iterator[Secret]:
    """Find the secrets of a document.

    Args:
        document: as read with ``Escaped(environment)``.
        environment: the variables themselves.
    """
    yield from secrets_in(document.root, (), environment)


def secrets_in(
    node: Node, path: tuple[str, ...], environment: Mapping[str, str]
) -> Iterator[Secret]:
    """Find the secrets below a node."""
    match node:
        case MapNode():
            for key, item in node.items.items():
                yield from secrets_in(item, (*path, key), environment)
        case ListNode():
            for item in node.items:
                yield from secrets_in(item, path, environment)
        case Scalar():
            for name in variables_in(node, in_address=path[-1:] != () and path[-1] in PLACES):
                yield Secret(environment.get(name, ""))
            if "headers" in path[:-1] and is_secret_name(path[-1]) and isinstance(node.value, str):
                words = [w for w in node.value.split() if w.casefold() not in SCHEMES]
                yield from (Secret(word) for word in words if "{" not in word)


def variables_in(node: Scalar, *, in_address: bool) -> Iterator[str]:
    """Return the variables in a scalar whose values are secrets."""
    if not node.substituted:
        return
    for token in TOKEN.finditer(node.source):
        inside = INSIDE.fullmatch(token["inside"] or "")
        if inside is None:
            continue
        harmless = in_address or inside["default"] is not None
        if not harmless or is_secret_name(inside["name"]):
            yield inside["name"]
