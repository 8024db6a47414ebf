"""Level minimal: the WebSocket itself."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import msgspec

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.pending import comes_back
from agentgate_cli.conformance.listen.stage import Stage

LARGE_BYTES = 700_000
"""Needs the longest form of a frame's length, and still fits the client's report."""

TAKEN_BYTES = 1_048_576
"""What every client must take as one message (L20)."""

ANNOUNCED_BYTES = 2**40
"""More than any client takes. It may see that at once, or when it has got more than it takes."""

PIECES = 64
PIECE = b"x" * 2**20
"""As much is really sent at most: four times what a client should take."""

PIECE_S = 0.5
"""So long a client may leave a piece unread that has closed the connection meanwhile."""


def success(message: Message, number: int, **members: object) -> bytes:
    """The answer to a tool request, as text."""
    result = {"status": "executed", "seq": number, **members}
    return msgspec.json.encode({"jsonrpc": "2.0", "result": result, "id": message["id"]})


def large(stage: Stage) -> Wanted:
    """Answer with much, in fragments, with a ping between them."""
    (message,) = asked(stage, 1)
    text = "x" * LARGE_BYTES
    body = success(message, stage.next_number(), data=text)
    stage.wire.send(frames.TEXT, body[:1000], fin=False)
    stage.wire.send(frames.PING, b"between")
    stage.wire.send(frames.CONTINUATION, body[1000:])
    stage.until(lambda: b"between" in stage.pongs, "the ping was not answered", "T7")
    return Wanted([{"data": text}])


def in_pieces(stage: Stage) -> Wanted:
    """Answer by a byte a frame, some of them empty, with characters that are cut in two."""
    (message,) = asked(stage, 1)
    text = "ü\u2028\U0001f44d"
    body = success(message, stage.next_number(), data=text)
    stage.wire.send(frames.TEXT, b"", fin=False)
    for n in range(len(body)):
        stage.wire.send(frames.CONTINUATION, body[n : n + 1], fin=False)
    stage.wire.send(frames.CONTINUATION, b"")
    return Wanted([{"data": text}])


def whole(stage: Stage) -> Wanted:
    """Answer with a message of 1 MiB, most of which the client may forget."""
    (message,) = asked(stage, 1)
    number = stage.next_number()
    rest = TAKEN_BYTES - len(success(message, number, data="taken", ignored=""))
    stage.wire.send(frames.TEXT, success(message, number, data="taken", ignored="x" * rest))
    return Wanted([{"data": "taken"}])


def pinged(stage: Stage) -> Wanted:
    """Ping with payloads of every length; send pongs that nobody asked for."""
    (message,) = asked(stage, 1)
    payloads = [b"", b"p", bytes(range(125))]
    stage.wire.send(frames.PONG, b"not asked for")
    for payload in payloads:
        stage.wire.send(frames.PING, payload)
    stage.until(
        lambda: all(payload in stage.pongs for payload in payloads),
        "a ping was not answered with its payload",
        "T7",
    )
    stage.wire.send(frames.PONG, b"")
    stage.answer(message["id"], "after pings")
    return Wanted([{"data": "after pings"}])


def closed(stage: Stage) -> Wanted:
    """Close the connection in order: a call is answered before, another one is not."""
    first, second = asked(stage, 2)
    stage.answer(first["id"], "before")
    stage.close(1011)
    return Wanted([{"data": "before"}, *comes_back(stage, [second["id"]])])


def send_too_much(stage: Stage) -> None:
    """Announce more than any client takes, and send of it until the client has had enough."""
    assert stage.link is not None, "a call came by it"
    sock = stage.wire.sock
    with suppress(OSError):
        sock.sendall(bytes([0x80 | frames.TEXT, 127]) + ANNOUNCED_BYTES.to_bytes(8, "big"))
        for _ in range(PIECES):
            if stage.link.ends():
                return
            sock.settimeout(PIECE_S)
            sock.sendall(PIECE)


def broken(code: int, rule: str, opcode: int, payload: bytes, stage: Stage) -> Wanted:
    """Send a frame that must end the connection."""
    (message,) = asked(stage, 1)
    match code, rule:
        case 1009, _:
            send_too_much(stage)
        case 1002, "masked":
            stage.wire.send(opcode, payload, masked=True)
        case 1002, "reserved":
            stage.wire.send(opcode, payload, reserved=4)
        case _:
            stage.wire.send(opcode, payload)
    rules = RULES[code]
    stage.closed_by_client(f"the connection had to be closed with {code}", *rules, codes=(code,))
    return Wanted(comes_back(stage, [message["id"]]))


RULES = {1002: ("T8",), 1003: ("T11",), 1007: ("T12",), 1009: ("T9",)}

BROKEN = (
    ("a frame of no kind", 1002, "", 11, b"x"),
    ("a frame with a mask", 1002, "masked", frames.TEXT, b"{}"),
    ("a binary message", 1003, "", 2, b"{}"),
    ("text that is not UTF-8", 1007, "", frames.TEXT, b'"\xc3\x28"'),
    ("a message that is too large", 1009, "", frames.TEXT, b"{"),
)


def case(name: str, rules: tuple[str, ...], rule: str, count: int, play: object) -> Case:
    """A case of this level."""
    assert callable(play), "it plays the gateway"
    return Case(name, "minimal", rules, rule, work(count), play)


CASES = (
    case("a large answer in fragments", ("T6", "T7"), "It is taken, the ping answered.", 1, large),
    case("an answer in many pieces", ("T6",), "They are joined.", 1, in_pieces),
    case("an answer of 1 MiB", ("L20", "M2"), "It is taken.", 1, whole),
    case("pings and pongs", ("T7", "T10"), "Pings are answered, pongs ignored.", 1, pinged),
    case("the closing handshake", ("X1",), "A close frame is answered with one.", 2, closed),
    *(
        case(
            name,
            RULES[code],
            f"It ends the connection with {code}.",
            1,
            partial(broken, code, kind, opcode, payload),
        )
        for name, code, kind, opcode, payload in BROKEN
    ),
)
