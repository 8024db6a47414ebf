"""A proxy that does to requests what seed 003's configuration of nginx does.

::

    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $host;

So every request says ``Connection: upgrade``, also one that upgrades nothing, and the host comes
without the port. A connection carries one request, or one WebSocket.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from socketserver import BaseRequestHandler, ThreadingTCPServer

HEAD_BYTES_MAX = 65_536
REPLACED = (b"connection:", b"host:")


class Server(ThreadingTCPServer):
    """Ends at once, whatever its connections do."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class Handler(BaseRequestHandler):
    """One connection of a client."""

    def __init__(self, port: int, host: str, *args: object) -> None:
        self.port, self.host = port, host
        super().__init__(*args)  # type: ignore[arg-type]

    def handle(self) -> None:
        """Pass on the head as nginx would, and then all bytes as they are."""
        data = b""
        while b"\r\n\r\n" not in data and len(data) < HEAD_BYTES_MAX:
            if not (piece := self.request.recv(65_536)):
                return
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *headers = head.split(b"\r\n")
        kept = [each for each in headers if not each.lower().startswith(REPLACED)]
        lines = [first, b"Host: " + self.host.encode(), b"Connection: upgrade", *kept]
        with socket.create_connection(("127.0.0.1", self.port)) as upstream:
            upstream.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + rest)
            back = threading.Thread(target=pass_on, args=(upstream, self.request), daemon=True)
            back.start()
            pass_on(self.request, upstream)
            back.join()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until there are no more."""
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one end is gone, and the other hears of it by its own socket


@contextmanager
def proxied(port: int, host: str) -> Iterator[int]:
    """Set up a proxy in front of a gateway.

    Args:
        port: of the gateway.
        host: the name by which clients know the proxy.

    Yields:
        The proxy's port.
    """
    with Server(("127.0.0.1", 0), partial(Handler, port, host)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()
