"""Plain HTTP as ``agent-gate conformance`` writes and reads it, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_cli.conformance.plain import BadResponse, Response, cut_response, request_bytes
from agentgate_cli.conformance.vectors import Mismatch, compare, filled

SIZED = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nVary: a\r\nvary: b\r\n\r\n{"a": [1]}'
CHUNKED = (
    b"HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'3\r\n{"a\r\nA;x=y\r\n": [1, 2]}\r\n0\r\n\r\n'
)
BARE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "response"),
    [
        (SIZED, Response(200, {"content-length": "10", "vary": "a, b"}, b'{"a": [1]}')),
        (CHUNKED, Response(409, {"transfer-encoding": "chunked"}, b'{"a": [1, 2]}')),
        (BARE, Response(101, {"upgrade": "websocket"})),
    ],
)
def test_a_response_is_cut_off_once_it_is_whole(data: bytes, response: Response) -> None:
    for end in range(len(data)):
        assert cut_response(bytearray(data[:end])) is None
    buffer = bytearray(data + b"behind")
    assert cut_response(buffer) == response
    assert buffer == b"behind"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0 hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",  # how long the body is, nobody says
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_response_is_told_apart(data: bytes) -> None:
    with pytest.raises(BadResponse):
        cut_response(bytearray(data))


@pytest.mark.parametrize(
    ("body", "said"), [(b'{"a": 1}', {"a": 1}), (b"plain words", "plain words"), (b"", "")]
)
def test_a_body_is_what_it_says(body: bytes, said: Any) -> None:
    assert Response(200, {}, body).as_step() == {"status": 200, "headers": {}, "body": said}


@pytest.mark.parametrize(
    ("request_step", "data"),
    [
        ({"head": ["GET / HTTP/1.1", "Host: a"]}, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ({"head": ["GET / HTTP/1.1"], "unfinished": True}, b"GET / HTTP/1.1\r\n"),
        ({"head": ["POST / HTTP/1.1"], "raw": "0\r\n\r\n"}, b"POST / HTTP/1.1\r\n\r\n0\r\n\r\n"),
        (
            {"head": ["POST / HTTP/1.1"], "body": {"a": 1}},
            b'POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n{"a":1}',
        ),
        (
            {"head": ["POST / HTTP/1.1"], "body": "words"},
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nwords",
        ),
    ],
)
def test_a_request_is_written_as_the_vector_has_it(
    request_step: dict[str, Any], data: bytes
) -> None:
    assert request_bytes(request_step) == data


def test_texts_are_joined_in_what_is_sent_and_in_what_is_wanted() -> None:
    line = {"$join": ["Host: ", {"$ref": "host"}, ":1"]}
    assert filled(["x", line], {"host": "gate"}) == ["x", "Host: gate:1"]
    compare(line, "Host: gate:1", {"host": "gate"})
    with pytest.raises(Mismatch):
        compare(line, "Host: gate:2", {"host": "gate"})
