"""Static files over HTTP: what of a file a request gets (RFC 9110 sections 8.8.3 and 13.1.2)."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from agentgate_proto.wire.headers import Headers

ETAG_CHARS = 32
"""Of the hash of a file's content: no two files in one place ever share so many."""

REVALIDATE = "no-cache"
"""A cache keeps it, and asks each time whether it is still so."""

FOR_EVER = "public, max-age=31536000, immutable"
"""For files whose name changes with their content."""


class StaticFile(msgspec.Struct, frozen=True):
    """A file as it is served.

    Attributes:
        body: its content.
        content_type: as in ``text/css; charset=utf-8``.
        cache_control: ``REVALIDATE`` or ``FOR_EVER``.
        etag: of the content, in quotes.
    """

    body: bytes
    content_type: str
    cache_control: str
    etag: str


class FileReply(msgspec.Struct, frozen=True):
    """What is answered; without a content type there is no body."""

    status: int
    body: bytes
    content_type: str
    headers: list[tuple[str, str]]


def static_file(body: bytes, content_type: str, *, is_immutable: bool = False) -> StaticFile:
    """Make a file to be served."""
    etag = f'"{sha256(body).hexdigest()[:ETAG_CHARS]}"'
    return StaticFile(body, content_type, FOR_EVER if is_immutable else REVALIDATE, etag)


def file_reply(file: StaticFile, headers: Headers) -> FileReply:
    """Answer a GET or HEAD: with the file, or 304 if the client has it."""
    lines = [
        ("etag", file.etag),
        ("cache-control", file.cache_control),
        ("x-content-type-options", "nosniff"),
    ]
    if has_it(headers, file.etag):
        return FileReply(304, b"", "", lines)
    return FileReply(200, file.body, file.content_type, lines)


def has_it(headers: Headers, etag: str) -> bool:
    """Whether ``If-None-Match`` names it, by the weak comparison."""
    known = headers.items_of("if-none-match")
    return "*" in known or any(each.removeprefix("W/") == etag for each in known)
