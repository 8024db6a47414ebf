"""WebSocket frames and handshakes (RFC 6455) as they may arrive, and what they mean.

A stream of frames is a function of the mask, so that it can be sent by either end.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.proto.support import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

from agentgate_proto.wire.events import Binary, Close, Pong, Text, WireEvent

Stream = Callable[[bytes | None], bytes]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455 section 1.3."""

MESSAGE_MAX = 200
FRAGMENTS_MAX = 5
"""The caps that the vectors assume."""


def stream(*frames: tuple[int, bytes] | tuple[int, bytes, bool]) -> Stream:
    """Make a stream of frames: opcode, payload and, for all but the last fragment, False."""

    def sent(mask: bytes | None) -> bytes:
        return b"".join(
            frame(opcode, payload, fin=not more or more[0], mask=mask)
            for opcode, payload, *more in frames
        )

    return sent


def odd(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0) -> Stream:
    """Make a stream of one frame whose header is wrong."""
    return lambda mask: frame(opcode, payload, fin=fin, reserved=reserved, mask=mask)


def raw(second_byte: int, rest: bytes) -> Stream:
    """Make a text frame with a hand-made length."""
    return lambda mask: bytes([0x81, second_byte | (0x80 if mask else 0)]) + rest + (mask or b"")


def closing(code: int, reason: bytes = b"") -> Stream:
    return stream((CLOSE, code.to_bytes(2) + reason))


MOST_FRAGMENTS = (
    (TEXT, b"", False),
    *[(CONTINUATION, b"x", False)] * (FRAGMENTS_MAX - 2),
    (CONTINUATION, b""),
)

GOOD: dict[str, tuple[Stream, list[WireEvent], list[tuple[int, bytes]]]] = {
    "a text": (stream((TEXT, b"Hello")), [Text("Hello")], []),
    "an empty text": (stream((TEXT, b"")), [Text("")], []),
    "two texts": (stream((TEXT, b"a"), (TEXT, b"b")), [Text("a"), Text("b")], []),
    "text beyond ASCII": (stream((TEXT, b"\xe2\x82\xac")), [Text("\u20ac")], []),
    "a NUL": (stream((TEXT, b"a\x00b")), [Text("a\0b")], []),
    "a length in two bytes": (stream((TEXT, b"x" * 126)), [Text("x" * 126)], []),
    "the longest message": (stream((TEXT, b"x" * MESSAGE_MAX)), [Text("x" * MESSAGE_MAX)], []),
    "two fragments": (
        stream((TEXT, b"Hel", False), (CONTINUATION, b"lo")),
        [Text("Hello")],
        [],
    ),
    "as many fragments as there may be": (
        stream(*MOST_FRAGMENTS),
        [Text("x" * (FRAGMENTS_MAX - 2))],
        [],
    ),
    "the same once more": (
        stream(*MOST_FRAGMENTS * 2),
        [Text("x" * (FRAGMENTS_MAX - 2))] * 2,
        [],
    ),
    "a character in two fragments": (
        stream((TEXT, b"\xe2\x82", False), (CONTINUATION, b"\xac")),
        [Text("\u20ac")],
        [],
    ),
    "a ping": (stream((PING, b"are you there")), [], [(PONG, b"are you there")]),
    "an empty ping": (stream((PING, b"")), [], [(PONG, b"")]),
    "the largest ping": (stream((PING, b"x" * 125)), [], [(PONG, b"x" * 125)]),
    "a pong": (stream((PONG, b"seq:1")), [Pong(b"seq:1")], []),
    "control frames between fragments": (
        stream((TEXT, b"Hel", False), (PING, b"1"), (PONG, b"2"), (CONTINUATION, b"lo")),
        [Pong(b"2"), Text("Hello")],
        [(PONG, b"1")],
    ),
    "a close": (closing(1000, b"bye"), [Close(1000, "bye")], [(CLOSE, b"\x03\xe8")]),
    "a close without a code": (
        stream((CLOSE, b"")),
        [Close(1005, "")],
        [(CLOSE, b"\x03\xe8")],
    ),
    "a close after a text": (
        stream((TEXT, b"last"), (CLOSE, b"\x03\xe9")),
        [Text("last"), Close(1001, "")],
        [(CLOSE, b"\x03\xe9")],
    ),
    "a close in the middle of a message": (
        stream((TEXT, b"half", False), (CLOSE, b"\x03\xe9")),
        [Close(1001, "")],
        [(CLOSE, b"\x03\xe9")],
    ),
    "frames after a close": (
        stream((CLOSE, b"\x03\xe8"), (TEXT, b"too late"), (PING, b"?"), (CLOSE, b"\x03\xe9")),
        [Close(1000, "")],
        [(CLOSE, b"\x03\xe8")],
    ),
    "a reason as long as it may be": (
        closing(1000, b"x" * 123),
        [Close(1000, "x" * 123)],
        [(CLOSE, b"\x03\xe8")],
    ),
    **{
        f"close code {code}": (
            closing(code),
            [Close(code, "")],
            [(CLOSE, code.to_bytes(2))],
        )
        for code in (1003, 1007, 1011, 1012, 1013, 3000, 3999, 4000, 4401, 4409, 4999)
    },
}
"""What is sent, the events that it becomes (but for ``Alive``), and the frames that answer it."""

BAD: dict[str, tuple[Stream, int]] = {
    "a continuation of nothing": (stream((CONTINUATION, b"x")), 1002),
    "a continuation of a finished message": (
        stream((TEXT, b"whole"), (CONTINUATION, b"x")),
        1002,
    ),
    "a text within a text": (stream((TEXT, b"a", False), (TEXT, b"b")), 1002),
    "a binary within a text": (stream((TEXT, b"a", False), (BINARY, b"b")), 1002),
    "a binary message": (stream((BINARY, b"x")), 1003),
    "an empty binary message": (stream((BINARY, b"")), 1003),
    "the first fragment of a binary message": (stream((BINARY, b"x", False)), 1003),
    **{f"reserved bits {bits}": (odd(TEXT, b"x", reserved=bits), 1002) for bits in (1, 2, 4, 7)},
    "compression that was not agreed": (odd(TEXT, b"\xf2\x48\xcd", reserved=4), 1002),
    **{
        f"reserved opcode {opcode}": (odd(opcode, b"x"), 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "a fragment of a ping": (odd(PING, b"x", fin=False), 1002),
    "a fragment of a close": (odd(CLOSE, b"\x03\xe8", fin=False), 1002),
    "a ping of 126 bytes": (stream((PING, b"x" * 126)), 1002),
    "a pong of 126 bytes": (stream((PONG, b"x" * 126)), 1002),
    "a close of 126 bytes": (stream((CLOSE, b"\x03\xe8" + b"x" * 124)), 1002),
    "two bytes of length where one is enough": (raw(126, b"\x00\x05"), 1002),
    "eight bytes of length where one is enough": (raw(127, b"\x00" * 7 + b"\x05"), 1002),
    "a length of 64 bits": (raw(127, b"\xff" * 8), 1002),
    "a byte that is no UTF-8": (stream((TEXT, b"a\xffb")), 1007),
    "UTF-8 cut short": (stream((TEXT, b"\xe2\x82")), 1007),
    "UTF-8 cut short in the last fragment": (
        stream((TEXT, b"a", False), (CONTINUATION, b"\xe2\x82")),
        1007,
    ),
    "a character broken off by a fragment": (
        stream((TEXT, b"\xe2\x82", False), (CONTINUATION, b"x")),
        1007,
    ),
    "an overlong spelling": (stream((TEXT, b"\xc0\x80")), 1007),
    "a surrogate": (stream((TEXT, b"\xed\xa0\x80")), 1007),
    "a character beyond Unicode": (stream((TEXT, b"\xf4\x90\x80\x80")), 1007),
    "a close of one byte": (stream((CLOSE, b"\x03")), 1002),
    "a reason that is no UTF-8": (closing(1000, b"\xff"), 1007),
    **{
        f"close code {code}": (closing(code), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
    "a message too large by one": (stream((TEXT, b"x" * (MESSAGE_MAX + 1))), 1009),
    "a message too large in fragments": (
        stream((TEXT, b"x" * MESSAGE_MAX, False), (CONTINUATION, b"x")),
        1009,
    ),
    "a message too large in bytes, not in characters": (
        stream((TEXT, b"\xe2\x82\xac" * (MESSAGE_MAX // 3 + 1))),
        1009,
    ),
    "a fragment too many": (
        stream((TEXT, b"x", False), *[(CONTINUATION, b"", False)] * FRAGMENTS_MAX),
        1009,
    ),
}
"""What is sent, and the code to close with."""


BINARY_GOOD: dict[str, tuple[Stream, list[WireEvent]]] = {
    "a binary message": (stream((BINARY, b"\x00\xff")), [Binary(b"\x00\xff")]),
    "an empty one": (stream((BINARY, b"")), [Binary(b"")]),
    "a binary and a text": (
        stream((BINARY, b"a"), (TEXT, b"b"), (BINARY, b"c")),
        [Binary(b"a"), Text("b"), Binary(b"c")],
    ),
    "bytes that are no UTF-8, in two fragments": (
        stream((BINARY, b"\xe2", False), (CONTINUATION, b"\xff")),
        [Binary(b"\xe2\xff")],
    ),
    "a text in fragments, and a binary in fragments": (
        stream(
            (TEXT, b"\xe2\x82", False),
            (CONTINUATION, b"\xac"),
            (BINARY, b"\xe2\x82", False),
            (CONTINUATION, b""),
        ),
        [Text("\u20ac"), Binary(b"\xe2\x82")],
    ),
    "control frames between binary fragments": (
        stream((BINARY, b"a", False), (PING, b"1"), (PONG, b"2"), (CONTINUATION, b"b")),
        [Pong(b"2"), Binary(b"ab")],
    ),
    "the longest binary message": (
        stream((BINARY, b"\xff" * MESSAGE_MAX)),
        [Binary(b"\xff" * MESSAGE_MAX)],
    ),
    "the longest in as many fragments as there may be": (
        stream(
            (BINARY, b"\xff" * MESSAGE_MAX, False),
            *[(CONTINUATION, b"", False)] * (FRAGMENTS_MAX - 2),
            (CONTINUATION, b""),
        ),
        [Binary(b"\xff" * MESSAGE_MAX)],
    ),
    "a close in the middle of a binary message": (
        stream((BINARY, b"half", False), (CLOSE, b"\x03\xe9")),
        [Close(1001, "")],
    ),
}
"""What is sent where binary messages are taken, and the events that it becomes."""

BINARY_BAD: dict[str, tuple[Stream, int]] = {
    "a binary too large by one": (stream((BINARY, b"x" * (MESSAGE_MAX + 1))), 1009),
    "a binary too large in fragments": (
        stream((BINARY, b"x" * MESSAGE_MAX, False), (CONTINUATION, b"x")),
        1009,
    ),
    "a fragment of a binary too many": (
        stream((BINARY, b"", False), *[(CONTINUATION, b"", False)] * FRAGMENTS_MAX),
        1009,
    ),
    "a text within a binary": (stream((BINARY, b"a", False), (TEXT, b"b")), 1002),
    "a binary within a binary": (stream((BINARY, b"a", False), (BINARY, b"b")), 1002),
    "a binary within a text": (stream((TEXT, b"a", False), (BINARY, b"b")), 1002),
    "a continuation of a finished binary": (stream((BINARY, b"a"), (CONTINUATION, b"b")), 1002),
    "a compressed binary": (odd(BINARY, b"x", reserved=4), 1002),
    "a text after a binary that is no UTF-8": (stream((BINARY, b"\xff"), (TEXT, b"\xff")), 1007),
}
"""What is sent where binary messages are taken, and the code to close with."""


def upgrade(**changes: str | None) -> bytes:
    """Make an upgrade request; a header is changed by its name, left out by None.

    Underscores in names stand for hyphens. ``request_line`` replaces the first line.
    """
    headers: dict[str, str | None] = {
        "host": "gate:8443",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": KEY,
        "sec-websocket-version": "13",
    }
    first = changes.pop("request_line", None) or "GET / HTTP/1.1"
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


GOOD_UPGRADES = {
    "the usual one": upgrade(),
    "with a path and a query": upgrade(request_line="GET /any/path?x=1 HTTP/1.1"),
    "in other letters": upgrade(upgrade="WebSocket", connection="keep-alive, upgrade"),
    "with compression": upgrade(
        sec_websocket_extensions="permessage-deflate; client_max_window_bits, x-foo"
    ),
    "with subprotocols": upgrade(sec_websocket_protocol="chat, superchat"),
    "from our own page": upgrade(origin="https://gate:8443"),
    "from an allowed page": upgrade(origin="https://console.example"),
    "with a host by number": upgrade(host="[::1]:8443"),
    "with many further headers": upgrade(**{f"x_{number}": "y" for number in range(500)}),
    "with an empty body": upgrade(content_length="0"),
}

BAD_UPGRADES = {
    "another version": (upgrade(sec_websocket_version="8"), 426),
    "two versions": (upgrade(sec_websocket_version="13, 8"), 426),
    "no version": (upgrade(sec_websocket_version=None), 400),
    "no key": (upgrade(sec_websocket_key=None), 400),
    "a key that is no base64": (upgrade(sec_websocket_key="dGhlIHNhbXBsZSBub25j!Q=="), 400),
    "a key of 15 bytes": (upgrade(sec_websocket_key="dGhlIHNhbXBsZSBub25j"), 400),
    "a key with something behind": (upgrade(sec_websocket_key=KEY + ", " + KEY), 400),
    "no connection header": (upgrade(connection=None), 400),
    "another connection header": (upgrade(connection="keep-alive"), 400),
    "a connection header beyond ASCII": (upgrade(connection="Upgrade, \xe4"), 400),
    "another connection header beyond ASCII": (
        upgrade(connection="\xe4\r\nconnection: Upgrade"),
        400,
    ),
    "almost the right upgrade": (upgrade(upgrade="websocket2"), 400),
    "two upgrades": (upgrade(upgrade="h2c, websocket"), 400),
    "a subprotocol beyond ASCII": (upgrade(sec_websocket_protocol="\xe4"), 400),
    "an extension beyond ASCII": (upgrade(sec_websocket_extensions="\xe4"), 400),
    "no host": (upgrade(host=None), 400),
    "a host beyond ASCII": (upgrade(host="\xe4"), 400),
    "a host in broken punycode": (upgrade(host="xn--\xff"), 400),
    "a host with a label that is too long": (upgrade(host="xn--" + "a" * 2_000), 400),
    "an older HTTP": (upgrade(request_line="GET / HTTP/1.0"), 400),
    "another method": (upgrade(request_line="POST / HTTP/1.1"), 400),
    "only the head of it": (upgrade(request_line="HEAD / HTTP/1.1"), 400),
    "a body": (upgrade(content_length="3") + b"abc", 400),
    "a chunked body": (upgrade(transfer_encoding="chunked") + b"0\r\n\r\n", 400),
    "a foreign page": (upgrade(origin="https://evil.example"), 403),
    "a page without an origin of its own": (upgrade(origin="null"), 403),
    "a folded line": (upgrade(x_folded="a\r\n b"), 400),
    "no HTTP": (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\r\n\r\n", 400),
}
"""What is sent, and the HTTP status that answers it."""


def accepted(accept: bytes, *lines: bytes, status: bytes = b"101 Switching Protocols") -> bytes:
    """Make the answer to an upgrade request."""
    usual = [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept]
    return b"\r\n".join([b"HTTP/1.1 " + status, *usual, *lines, b"", b""])


def answered(status: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    """Make an ordinary HTTP answer."""
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 " + status, length, *lines, b"", b""]) + body


BAD_ANSWERS = {
    "the wrong accept": (accepted(ACCEPT), 0),
    "no accept": (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 0),
    "no upgrade": (b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", 0),
    "no connection": (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", 0),
    "a connection beyond ASCII": (b"HTTP/1.1 101 X\r\nConnection: \xe4\r\n\r\n", 0),
    "a subprotocol beyond ASCII": (
        b"HTTP/1.1 101 X\r\nSec-WebSocket-Protocol: \xe4\r\n\r\n",
        0,
    ),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 0),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", 0),
    "an endless head": (b"HTTP/1.1 101 X\r\nX: " + b"x" * 20_000, 0),
    "an error page": (answered(b"404 Not Found", body=b"<html>nothing here</html>"), 404),
    "a refusal": (answered(b"403 Forbidden", body=b'{"error":"origin"}'), 403),
    "a redirection": (answered(b"301 Moved", b"Location: https://elsewhere/"), 301),
    "a success that is no upgrade": (answered(b"200 OK", body=b"hello"), 200),
    "an answer without a length": (b"HTTP/1.0 500 Oops\r\n\r\nuntil the end", 500),
    "an answer with a broken body": (
        b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        503,
    ),
}
"""What comes instead of a good answer, and the status that is reported; 0: it is no handshake."""
