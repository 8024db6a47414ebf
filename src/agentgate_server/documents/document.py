"""Documents: a file or text, parsed once, asked for data, lines and structs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path as FilePath
from typing import Any, TypeVar

from agentgate_server.documents.decoding import decode
from agentgate_server.documents.errors import DocumentError, Path, format_path
from agentgate_server.documents.nodes import (
    ListNode,
    MapNode,
    Node,
    compose,
    is_unicode,
    node_of,
    plain_data,
)

DOCUMENT_BYTES_MAX = 1_048_576
"""A document. A policy of five thousand rules fits; a log given by mistake does not."""

T = TypeVar("T")


class Document:
    """A parsed YAML document.

    Attributes:
        name: what errors call it.
        root: its nodes, see ``nodes``.
        digest: SHA-256 of its text in hex; "": it has no text.
    """

    def __init__(self, name: str, root: Node, digest: str = "") -> None:
        self.name = name
        self.root = root
        self.digest = digest

    @classmethod
    def from_data(cls, data: Any, *, name: str) -> Document:
        """Make a document of a program's own dicts, lists and scalars; its errors have no lines.

        Raises:
            DocumentError: there is something else in it.
        """
        return cls(name, node_of(data, name=name))

    @cached_property
    def data(self) -> Any:
        """The document as dicts with string keys, lists and scalars."""
        return plain_data(self.root)

    def node_at(self, path: Path) -> Node | None:
        """Return the node at a path, or None if the document does not have it."""
        nodes = self.nodes_along(path)
        return nodes[-1][0] if len(nodes) == len(path) + 1 else None

    def line_of(self, path: Path) -> int:
        """Return the line of a path's key or item, or of the nearest enclosing one; 1 at worst."""
        return self.nodes_along(path)[-1][1] or 1

    def error(self, path: Path, message: str) -> DocumentError:
        """Make an error about a path of this document, for the caller to raise."""
        line = self.line_of(path) if self.root.line is not None else None
        return DocumentError(self.name, message, line=line, path=format_path(path))

    def nodes_along(self, path: Path) -> list[tuple[Node, int | None]]:
        """Return the nodes from the root along a path, as far as it goes, each with its line."""
        node = self.root
        nodes = [(node, node.line)]
        for part in path:
            if isinstance(node, MapNode) and isinstance(part, str) and part in node.items:
                line = node.key_lines[part]
                node = node.items[part]
            elif (
                isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items)
            ):
                node = node.items[part]
                line = node.line
            else:
                break
            nodes.append((node, line))
        return nodes

    def decode(self, kind: type[T]) -> T:
        """Convert the document into a msgspec Struct or another type, see ``decoding``.

        Raises:
            DocumentError: the first error by line; ``others`` are the rest.
        """
        return decode(self.root, kind, name=self.name)


def parse_document(
    text: str, *, name: str, environment: Mapping[str, str] | None = None
) -> Document:
    """Parse YAML text.

    Args:
        text: one YAML document of at most ``DOCUMENT_BYTES_MAX`` bytes.
        name: what errors call it, usually the path that the user gave.
        environment: where ``${VAR}`` and ``${VAR:-default}`` in values are looked up (``$$`` is a
            plain dollar); None: dollars mean nothing.

    Raises:
        DocumentError: the text is not one usable document, or a variable is not set.
    """
    if not is_unicode(text):
        raise DocumentError(name, "contains half of a surrogate pair: save it as UTF-8")
    if len(text) > DOCUMENT_BYTES_MAX or len(text.encode()) > DOCUMENT_BYTES_MAX:
        raise DocumentError(name, f"is larger than {DOCUMENT_BYTES_MAX} bytes")
    digest = sha256(text.encode()).hexdigest()
    return Document(name, compose(text, name=name, environment=environment), digest)


def read_document(
    path: FilePath,
    *,
    environment: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Document:
    """Read and parse a YAML file; ``name`` is what errors call it if not the path as given.

    Raises:
        DocumentError: the file cannot be read, or :func:`parse_document` refuses it.
    """
    name = str(path) if name is None else name
    try:
        with path.open("rb") as file:
            raw = file.read(DOCUMENT_BYTES_MAX + 1)
    except FileNotFoundError as error:
        message = "file not found: create it, or give the path of an existing one"
        raise DocumentError(name, message) from error
    except IsADirectoryError as error:
        raise DocumentError(name, "is a folder: give the path of a file in it") from error
    except OSError as error:
        raise DocumentError(name, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DocumentError(name, f"cannot be read: {error}") from error
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise DocumentError(name, f"is larger than {DOCUMENT_BYTES_MAX} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DocumentError(name, "is not UTF-8: save it as UTF-8", line=line) from error
    return parse_document(text, name=name, environment=environment)
