"""Secrets in files of HTTP tools: which texts are to be masked wherever they turn up.

Most of what a backend echoes is harmless, and masking too much tears holes into results. A secret
is what came in by ``${VAR}``, and what stands under a secret's name (``Authorization``). A variable
that has a default (``${UNITS:-metric}``) or is part of a backend's address is none, unless its own
name says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agentgate_server.documents import Document
from agentgate_server.documents.environment import INSIDE, TOKEN
from agentgate_server.documents.nodes import ListNode, MapNode, Node, Scalar
from agentgate_server.secrets.secret import Secret
from agentgate_server.secrets.secret_names import is_secret_name

SCHEMES: Final = frozenset({"bearer", "basic", "digest", "token", "apikey", "key"})
"""Words before a credential in a header: no secrets themselves."""

ADDRESS: Final = frozenset({"url", "ca", "private", "allow", "redirects"})
"""Keys that say where a backend is."""

PARTS: Final = frozenset({"headers", "query", "form", "json"})
"""Keys that say what is sent."""


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
    for path, node in scalars_in(document.root, ()):
        in_address = len(path) == 3 and path[0] == "backends" and path[2] in ADDRESS
        for variable in variables_in(node):
            name, default = variable["name"], variable["default"]
            if is_secret_name(name) or (default is None and not in_address):
                yield Secret(environment.get(name) or default or "")
        yield from literals_in(path, node)


def holds_literal_secret(document: Document) -> bool:
    """Whether a secret stands in the document itself, and not in an environment variable."""
    return any(
        not node.substituted and any(literals_in(path, node))
        for path, node in scalars_in(document.root, ())
    )


def literals_in(path: tuple[str, ...], node: Scalar) -> Iterator[Secret]:
    """Return what stands under a secret's name in a part of a request."""
    if PARTS.isdisjoint(path[:-1]) or not is_secret_name(path[-1]):
        return
    if isinstance(node.value, str):
        for word in node.value.split():
            if word.casefold() not in SCHEMES and "{" not in word:
                yield Secret(word)


def scalars_in(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """Find the scalars below a node, each with the keys above it."""
    match node:
        case MapNode():
            for key, item in node.items.items():
                yield from scalars_in(item, (*path, key))
        case ListNode():
            for item in node.items:
                yield from scalars_in(item, path)
        case Scalar():
            yield path, node


def variables_in(node: Scalar) -> Iterator[re.Match[str]]:
    """Return the variables in a scalar: their names and defaults."""
    if node.substituted:
        for token in TOKEN.finditer(node.source):
            inside = INSIDE.fullmatch(token["inside"] or "")
            if inside is not None:
                yield inside
