"""A client of blocking calls on a bare socket: as cheap, and as rude, as its user wants it."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from dataclasses import dataclass
from itertools import count
from typing import Any

HOST = "127.0.0.1"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
IDS = count(1)


class Cut(ConnectionError):
    """The gateway has ended the connection: a close frame, a refusal, or nothing more."""


@dataclass(frozen=True)
class Target:
    """A gateway under attack.

    Args:
        port: on this machine.
        cert: the PEM file of its certificate, if it speaks TLS.
    """

    port: int
    cert: str = ""

    def socket(
        self, timeout_s: float = 30.0, *, source: str = HOST, rcvbuf: int = 0, tls: bool = True
    ) -> socket.socket:
        """Connect.

        Args:
            timeout_s: for connecting, and of each call on the socket.
            source: the address to come from.
            rcvbuf: bytes that the system may take while we read nothing; 0: as many as it likes.
            tls: shake hands, if the gateway speaks TLS.
        """
        sock = socket.socket()
        try:
            if rcvbuf:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            sock.settimeout(timeout_s)
            if source != HOST:
                sock.bind((source, 0))
            sock.connect((HOST, self.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.cert and tls:
                context = ssl.create_default_context(cafile=self.cert)
                return context.wrap_socket(sock, server_hostname="localhost")
        except BaseException:
            sock.close()
            raise
        return sock


def frame(payload: bytes, first: int = TEXT) -> bytes:
    """One frame of a client, with a mask of zeros."""
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    return head + b"\0\0\0\0" + payload


def message(method: str, params: Any, request_id: Any = None) -> bytes:
    """A frame with a JSON-RPC request, or a notification."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    if request_id is not None:
        body["id"] = request_id
    return frame(json.dumps(body, ensure_ascii=False).encode())


class Wire:
    """A WebSocket, authenticated if there is a token.

    Args:
        target: whom to talk to.
        token: "": none, the connection stays a stranger's.
        client_id: "": one that nobody else has.
        options: of :meth:`Target.socket`.

    Raises:
        Cut: the gateway would not have it.
        OSError: nor the system.
    """

    def __init__(
        self, target: Target, token: str = "", client_id: str = "", **options: Any
    ) -> None:
        self.sock = target.socket(**options)
        self.file = self.sock.makefile("rb")
        try:
            self.sock.sendall(UPGRADE)
            head = self.file.readline()
            if b" 101 " not in head:
                raise Cut(head.decode("latin-1").strip() or "no answer to the handshake")
            while self.file.readline().strip():
                pass
            if token:
                name = client_id or f"c{next(IDS)}"
                answer = self.ask("auth", token=token, client_id=name)
                if "error" in answer:
                    raise Cut(answer["error"]["message"])
        except BaseException:
            self.close()
            raise

    def send(self, method: str, **params: Any) -> int:
        """Make a request; return its id."""
        request_id = next(IDS)
        self.sock.sendall(message(method, params, request_id))
        return request_id

    def later(self, tool: str, **args: Any) -> int:
        """Ask for a tool; return the id of the request."""
        return self.send("tool_request", tool=tool, args=args)

    def ack(self, seq: int) -> None:
        """Say that all up to here has come."""
        self.sock.sendall(message("ack", {"seq": seq}))

    def recv(self) -> dict[str, Any]:
        """The next message; pings are answered.

        Raises:
            Cut: there is none.
            TimeoutError: there was none in time.
        """
        while True:
            head = self.file.read(2)
            if len(head) < 2:
                raise Cut("the connection ended")
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
            payload = self.file.read(size)
            if head[0] == TEXT:
                found: dict[str, Any] = json.loads(payload)
                return found
            if head[0] == CLOSE:
                raise Cut(f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}")
            if head[0] == PING:
                self.sock.sendall(frame(payload, PONG))

    def wait(self, request_id: int) -> dict[str, Any]:
        """The answer to a request; what else comes is dropped."""
        while (found := self.recv()).get("id") != request_id:
            pass
        return found

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Make a request, and wait for its answer."""
        return self.wait(self.send(method, **params))

    def call(self, tool: str, /, **args: Any) -> dict[str, Any]:
        """Ask for a tool, and wait for what it comes to."""
        return self.ask("tool_request", tool=tool, args=args)

    def drain(self) -> None:
        """Read until there is no more."""
        try:
            while self.sock.recv(1 << 20):
                pass
        except OSError:
            pass

    def close(self) -> None:
        """Drop the connection."""
        self.file.close()
        self.sock.close()


def request(
    method: str, path: str, token: str = "", body: bytes = b"", headers: str = "", host: str = ""
) -> bytes:
    """An HTTP request as bytes."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: {host or 'localhost'}\r\n{headers}"
    if token:
        lines += f"Authorization: Bearer {token}\r\n"
    if body or method == "POST":
        lines += f"Content-Length: {len(body)}\r\n"
    return lines.encode() + b"\r\n" + body


def http(
    target: Target,
    method: str,
    path: str,
    token: str = "",
    body: Any = None,
    timeout_s: float = 30.0,
) -> tuple[int, Any]:
    """One request on a connection of its own; return the status and the decoded body.

    Raises:
        OSError: no answer.
    """
    data = b"" if body is None else json.dumps(body).encode()
    with target.socket(timeout_s) as sock, sock.makefile("rb") as file:
        sock.sendall(request(method, path, token, data, "Connection: close\r\n"))
        head = file.readline()
        if not head:
            raise Cut("the connection ended")
        size = 0
        while line := file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        text = file.read(size)
        if len(text) < size:
            raise Cut("the answer ended early")
    return int(head.split()[1]), json.loads(text) if text else None
