"""A proxy that adds an agent's token to each request, and changes nothing else.

The conformance suite can't send a token. ``Host`` and ``Origin`` go through as they came: whether
the gate takes them is one of its questions.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from types import TracebackType

CHUNK_BYTES = 65_536
HEAD_END = b"\r\n\r\n"


class TokenProxy:
    """See the module. ``with`` it, it serves on ``port`` of this machine.

    Args:
        port: of the gate.
        token: of an agent.
    """

    def __init__(self, port: int, token: str) -> None:
        line = f"\r\nAuthorization: Bearer {token}".encode()

        class Handler(socketserver.BaseRequestHandler):
            """One connection of a client."""

            def handle(self) -> None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as gate:
                    answers = threading.Thread(target=copy, args=(gate, self.request), daemon=True)
                    answers.start()
                    pass_requests(self.request, gate, line)
                    with suppress(OSError):
                        gate.shutdown(socket.SHUT_RDWR)
                    answers.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> TokenProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, until nothing does."""
    with suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def pass_requests(client: socket.socket, gate: socket.socket, line: bytes) -> None:
    """Pass on the requests of a connection, each with one line more in its head."""
    data = b""
    while True:
        while HEAD_END not in data:
            more = client.recv(CHUNK_BYTES)
            if not more:
                return
            data += more
        head, _, rest = data.partition(HEAD_END)
        start, _, fields = head.partition(b"\r\n")
        gate.sendall(start + line + b"\r\n" + fields + HEAD_END)
        missing = body_bytes(fields) - len(rest)
        gate.sendall(rest[: len(rest) + min(missing, 0)])
        data = rest[len(rest) + missing :] if missing < 0 else b""
        while missing > 0:
            more = client.recv(min(CHUNK_BYTES, missing))
            if not more:
                return
            gate.sendall(more)
            missing -= len(more)


def body_bytes(fields: bytes) -> int:
    """How long the body is; no client here sends one in chunks."""
    for field in fields.split(b"\r\n"):
        name, _, value = field.partition(b":")
        if name.lower() == b"transfer-encoding":
            raise ValueError("a body in chunks")
        if name.lower() == b"content-length":
            return int(value)
    return 0
