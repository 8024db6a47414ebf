"""Static files of a package: read once at the start, served from memory.

A path is looked up among what was read, so none leads anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.faces.static import StaticFile, file_reply, static_file
from agentgate_server.sockets.peer import Peer

CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "mjs": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}
"""By the end of the name; a file of another kind does not belong into such a folder."""

FILE_BYTES_MAX = 2_097_152
FILES_MAX = 1_000

INDEX = "index.html"
"""What a folder stands for."""


class StaticFiles:
    """The files of one folder.

    Args:
        folder: as ``importlib.resources.files`` gives it.
        immutable: names (as they stand in paths) of what changes its name with its content.
        headers: further ones of each answer, such as a Content-Security-Policy.

    Raises:
        ValueError: a file of unknown kind, one too large, or too many.
    """

    def __init__(
        self,
        folder: Traversable,
        *,
        immutable: frozenset[str] = frozenset(),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._headers = list((headers or {}).items())
        self._files: dict[str, StaticFile] = {}
        for name, file in files_below(folder):
            if len(self._files) == FILES_MAX:
                raise ValueError(f"more than {FILES_MAX} files to serve")
            self._files[name] = read_file(name, file, is_immutable=name in immutable)

    @property
    def names(self) -> list[str]:
        """What there is."""
        return sorted(self._files)

    def serve(self, peer: Peer, request: HttpRequested, name: str) -> bool:
        """Answer a request for a file, by its path in the folder; False: there is none."""
        file = self._files.get(name) or self._files.get(f"{name.rstrip('/')}/{INDEX}".lstrip("/"))
        if file is None:
            return False
        reply = file_reply(file, request.headers)
        headers = [*reply.headers, *self._headers]
        peer.connection.send_http(reply.status, reply.body, reply.content_type, headers)
        peer.poke()
        return True


def files_below(folder: Traversable, before: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield the files in a folder and in those below it, with their paths from there."""
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            yield from files_below(entry, f"{before}{entry.name}/")
        else:
            yield before + entry.name, entry


def read_file(name: str, file: Traversable, *, is_immutable: bool) -> StaticFile:
    """Read a file that is to be served.

    Raises:
        ValueError: its kind is unknown, or it is too large.
    """
    content_type = CONTENT_TYPES.get(name.rpartition(".")[2])
    if content_type is None:
        raise ValueError(f"{name}: no content type is known for it")
    body = file.read_bytes()
    if len(body) > FILE_BYTES_MAX:
        raise ValueError(f"{name}: more than {FILE_BYTES_MAX} bytes")
    return static_file(body, content_type, is_immutable=is_immutable)
