"""Attacks of those who have no token."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from itertools import count, cycle
from typing import Any, ClassVar

from tests.pressure.attacks.attack import Attack, many
from tests.pressure.wire import HOST, TEXT, UPGRADE, Cut, Wire, frame, http, message, request

ELSEWHERE = "127.0.0.9"
"""Another address of this machine than that of the honest."""

RENEWED_S = 8.0
"""Before the gateway's own time for an opening is over."""


def drain(sock: socket.socket) -> None:
    """Read all that comes, and drop it, until the connection ends or breaks."""
    with suppress(OSError):
        while sock.recv(1 << 20):
            pass


class Stranger(Attack):
    """A stranger at the address of the honest."""

    shares_address = True
    addresses: ClassVar[tuple[str, ...]] = (HOST,)

    def flood(self, data: bytes, connections: int, *, reads: bool = True) -> None:
        """Send the same for ever on so many connections; read what comes, or nothing."""
        addresses = cycle(self.addresses)

        def one() -> None:
            small = 0 if reads else 4_096
            with self.target.socket(source=next(addresses), rcvbuf=small) as sock:
                if reads:
                    threading.Thread(target=drain, args=(sock,), daemon=True).start()
                while True:
                    sock.sendall(data)

        many(connections, one)

    def hold(self, data: bytes, number: int) -> None:
        """Hold so many connections that have sent this; come again before they are ended."""
        addresses = cycle(self.addresses)

        def part() -> None:
            held = []
            for _ in range(number // 20):
                with suppress(OSError):
                    sock = self.target.socket(2.0, source=next(addresses))
                    sock.sendall(data)
                    held.append(sock)
            time.sleep(RENEWED_S)
            for sock in held:
                sock.close()

        many(20, part)


class OneByteSockets(Stranger):
    """600 sockets that say one byte, and are renewed."""

    def run(self) -> None:
        self.hold(b"G", 600)


class OneByteSocketsFromEverywhere(OneByteSockets):
    """The same from 60 addresses."""

    shares_address = False
    addresses = tuple(f"127.0.1.{n}" for n in range(1, 61))


class SilentSockets(Stranger):
    """1,200 sockets that say nothing, from elsewhere."""

    shares_address = False
    addresses = (ELSEWHERE,)

    def run(self) -> None:
        self.hold(b"", 1_200)


class UpgradedAndSilent(Stranger):
    """600 WebSockets that never log in."""

    def run(self) -> None:
        self.hold(UPGRADE, 600)


class HalfMessages(Stranger):
    """Half of a megabyte before any login, on 400 WebSockets."""

    def run(self) -> None:
        self.hold(UPGRADE + frame(b" " * 1_000_000)[:900_000], 400)


class SlowHeads(Stranger):
    """Heads of requests that come a byte at a time, on 300 sockets."""

    def run(self) -> None:
        head = request("GET", "/health", headers="X-Slow: " + "a" * 8_000 + "\r\n")

        def part() -> None:
            socks = [self.target.socket(2.0) for _ in range(15)]
            for at in range(len(head)):
                for sock in socks:
                    sock.sendall(head[at : at + 1])
                time.sleep(0.2)

        many(20, part)


class PipelinedHealth(Stranger):
    """``GET /health`` back to back, on 16 connections."""

    def run(self) -> None:
        self.flood(request("GET", "/health") * 2_000, 16)


class PipelinedHealthFromElsewhere(Stranger):
    """The same from two other addresses, on 64 connections."""

    shares_address = False
    addresses = (ELSEWHERE, "127.0.0.10")

    def run(self) -> None:
        self.flood(request("GET", "/health") * 2_000, 64)


class PipelinedHealthUnread(Stranger):
    """``GET /health`` back to back on 100 connections, of which nobody reads an answer."""

    shares_address = False
    addresses = (ELSEWHERE,)

    def run(self) -> None:
        self.flood(request("GET", "/health") * 2_000, 100, reads=False)


class Options(Stranger):
    """``OPTIONS`` back to back, on 16 connections."""

    def run(self) -> None:
        self.flood(request("OPTIONS", "/api/approvals") * 1_000, 16)


class Posts(Stranger):
    """Requests of 60 kB with wrong tokens, back to back, on 16 connections."""

    def run(self) -> None:
        body = b"[" + b"0," * 30_000 + b"0]"
        self.flood(request("POST", "/mcp", "wrong-token", body) * 4, 16)


class BigHeads(Stranger):
    """Heads of 15 kB back to back, on 16 connections."""

    def run(self) -> None:
        lines = "".join(f"X-{n}: {'a' * 90}\r\n" for n in range(140))
        self.flood(request("GET", "/nothing", headers=lines) * 20, 16)


class WrongTokens(Stranger):
    """Logins with wrong tokens, as fast as they go, natively and over HTTP."""

    def run(self) -> None:
        turns, guesses = cycle((True, True, False)), count()

        def one() -> None:
            token = f"{next(guesses):032x}"
            if next(turns):
                with suppress(Cut):
                    Wire(self.target, token, timeout_s=5).close()
            else:
                http(self.target, "GET", "/api/approvals", token, timeout_s=5)

        many(8, one)


class ComeAndGo(Stranger):
    """Connections that end at once, as fast as they go."""

    def run(self) -> None:
        many(8, lambda: self.target.socket(2.0).close())


class Resets(Stranger):
    """WebSockets that are opened and dropped in mid-frame, as fast as they go."""

    def run(self) -> None:
        def one() -> None:
            with self.target.socket(2.0) as sock:
                sock.sendall(UPGRADE + frame(b"x" * 100)[:50])
                sock.recv(100)

        many(8, one)


class PingsBeforeLogin(Stranger):
    """Pings, and fragments without a byte, before any login."""

    def run(self) -> None:
        def one() -> None:
            wire = Wire(self.target)
            threading.Thread(target=wire.drain, daemon=True).start()
            wire.sock.sendall(frame(b"", 0x01))
            while True:
                wire.sock.sendall((frame(b"", 0x89) + frame(b"", 0x00)) * 500)

        many(16, one)


class LargeLogins(Stranger):
    """First messages that are a megabyte of JSON, on 16 connections."""

    def run(self) -> None:
        text = json.dumps({"jsonrpc": "2.0", "method": "auth", "id": 1, "params": [0] * 330_000})

        def one() -> None:
            wire = Wire(self.target)
            try:
                wire.sock.sendall(frame(text.encode(), TEXT))
                wire.drain()
            finally:
                wire.close()

        many(16, one)


class NeverReadLogins(Stranger):
    """WebSockets whose wrong logins nobody reads the answers to, 30 in a row."""

    def run(self) -> None:
        def one() -> None:
            with self.target.socket(rcvbuf=4_096) as sock:
                first = message("auth", {"token": "wrong", "client_id": "x"}, 1)
                sock.sendall(UPGRADE + first * 200)
                time.sleep(5)

        many(30, one)


class PollingSessions(Stranger):
    """Sessions of Engine.IO that are opened by polling and never log in, back to back."""

    config: ClassVar[dict[str, Any]] = {"faces": {"socketio": {"role": "manager"}}}

    def run(self) -> None:
        self.flood(request("GET", "/socket.io/?EIO=4&transport=polling") * 50, 16)


class HandshakesDropped(Stranger):
    """TLS handshakes that are begun and dropped, as fast as they go."""

    tls = True

    def run(self) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=self.target.cert)
        half = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with suppress(ssl.SSLWantReadError):
            half.do_handshake()
        hello = outgoing.read()

        def one() -> None:
            with self.target.socket(2.0, tls=False) as sock:
                sock.sendall(hello)
                sock.recv(10_000)

        many(16, one)


class HandshakesHeld(Stranger):
    """600 TLS handshakes that never come to an end."""

    tls = True

    def run(self) -> None:
        def part() -> None:
            held = [self.target.socket(2.0, tls=False) for _ in range(30)]
            for sock in held:
                sock.sendall(b"\x16\x03\x01")
            time.sleep(RENEWED_S)
            for sock in held:
                sock.close()

        many(20, part)
