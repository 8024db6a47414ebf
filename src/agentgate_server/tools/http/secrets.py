"""Secrets in files of HTTP tools: which texts are to be masked wherever they turn up.

Most of what a backend echoes is harmless, and masking too much tears holes into results. A secret
is what came in by ``${VAR}``, and what stands under a secret's name (``Authorization``). A variable
that has a default (``${UNITS:-metric}``), is part of a backend's address, or has an ordinary value
(``1``, ``default``) is none, unless its own name, or the name it stands under, says so.
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


SECRET_CHARS_MIN: Final = 8
"""Shorter values are no secrets if nothing says so: they stand in half of all texts."""

WORD_CHARS_MAX: Final = 16
"""Of words (``production``, ``eu-central``); longer ones may be a phrase to log in with."""

NUMBER: Final = re.compile(r"[0-9.,:+-]+")
WORDS: Final = re.compile(r"[A-Za-z]+(?:[ ._-][A-Za-z]+)*")


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
        for variable in variables_in(node):
            value = environment.get(variable["name"]) or variable["default"] or ""
            if is_told(path, variable) or (is_likely(path, variable) and not is_ordinary(value)):
                yield Secret(value)
        yield from literals_in(path, node)


def ordinary_in_file(document: Document, environment: Mapping[str, str]) -> Iterator[str]:
    """Find the variables whose values would be masked if they were not so ordinary."""
    for path, node in scalars_in(document.root, ()):
        for variable in variables_in(node):
            ordinary = is_ordinary(environment.get(variable["name"]) or "")
            if ordinary and is_likely(path, variable) and not is_told(path, variable):
                yield variable["name"]


def is_told(path: tuple[str, ...], variable: re.Match[str]) -> bool:
    """Whether the name of a variable, or that of what is sent, says that it is a secret."""
    under_name = not PARTS.isdisjoint(path[:-1]) and is_secret_name(path[-1])
    return under_name or is_secret_name(variable["name"])


def is_likely(path: tuple[str, ...], variable: re.Match[str]) -> bool:
    """Whether a variable is one that most people would use for a secret only."""
    in_address = len(path) == 3 and path[0] == "backends" and path[2] in ADDRESS
    return variable["default"] is None and not in_address


def is_ordinary(value: str) -> bool:
    """Whether a value stands in many texts by chance: it is short, a number, or plain words."""
    if len(value) < SECRET_CHARS_MIN or NUMBER.fullmatch(value):
        return True
    return len(value) <= WORD_CHARS_MAX and WORDS.fullmatch(value) is not None


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
