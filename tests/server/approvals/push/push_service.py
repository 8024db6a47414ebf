"""A push service on loopback, over TLS, and a browser that has subscribed there and can read."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import http_ece  # type: ignore[import-untyped]
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agentgate_cli.authority import AUTHORITY, CERTIFICATE, KEY, make_certificate

AUTH = b"sixteen bytes ok"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class PushService:
    """What came, and how the next is answered.

    Attributes:
        url: where browsers are posted to.
        ca: the file of the authority that vouches for it.
        key: the browser's own.
        got: each message: its path, its headers, and its body as it came.
        statuses: of the next answers; 201 after them.
    """

    url: str
    ca: Path
    key: ec.EllipticCurvePrivateKey
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def subscription(self, name: str = "phone") -> dict[str, str]:
        """What a browser tells the console."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": f"{self.url}/{name}", "key": b64(point), "auth": b64(AUTH)}

    def read(self, at: int) -> dict[str, Any]:
        """Decrypt a message, as the browser does (RFC 8291)."""
        body = http_ece.decrypt(
            self.got[at][2], private_key=self.key, auth_secret=AUTH, version="aes128gcm"
        )
        found: dict[str, Any] = msgspec.json.decode(body)
        return found


@contextmanager
def push_service(folder: Path) -> Iterator[PushService]:
    """Run one."""
    make_certificate(folder, ("localhost",))

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = service.statuses.pop(0) if service.statuses else 201
            service.got.append((self.path, headers, body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_address[1]}/send"
    service = PushService(url, folder / AUTHORITY, ec.generate_private_key(ec.SECP256R1()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
