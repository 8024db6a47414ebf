"""Output that leaves in pieces: in order, and dropped so that a close frame can still follow."""

from __future__ import annotations

import pytest
from tests.proto.support import CLOSE, TEXT, frames_in
from tests.proto.wires import open_end, open_server, server

from agentgate_proto.wire.websocket import BEGUN_MAX

TEXTS = [b"a" * 10, b"b" * 200, b"c" * 70_000, b"d"]


@pytest.mark.parametrize("end", ["server", "client"])
@pytest.mark.parametrize("piece", [1, 7, 100, 65_536])
def test_pieces_make_the_whole(end: str, piece: int) -> None:
    wire = open_end(end)[0].wire
    for text in TEXTS:
        wire.send_text(text)
    whole = b""
    while data := wire.data_to_send(piece):
        assert len(data) <= piece
        whole += data
    assert [payload for _, payload in frames_in(whole)] == TEXTS


@pytest.mark.parametrize("sent", range(230))
def test_what_is_dropped_are_whole_frames(sent: int) -> None:
    wire = open_server().wire
    for text in TEXTS[:2]:
        wire.send_text(text)
    whole = b"" if not sent else wire.data_to_send(sent)
    for text in TEXTS[:2]:
        wire.send_text(text)
    assert wire.drop_output()
    wire.send_close(1013, "")
    whole += wire.data_to_send()
    *texts, close = frames_in(whole)
    assert len(texts) <= 3
    assert {opcode for opcode, _ in texts} <= {TEXT}
    assert close == (CLOSE, (1013).to_bytes(2, "big"))


def test_of_a_large_frame_no_rest_is_kept_and_nothing_can_follow_it() -> None:
    wire = open_server().wire
    wire.send_text(b"x" * (2 * BEGUN_MAX))
    wire.data_to_send(100)
    assert not wire.drop_output()
    assert not wire.out


def test_behind_the_handshake_frames_are_told_from_it() -> None:
    wire = open_server().wire
    assert wire.data_to_send() == b""
    wire.send_text(b"x" * 300)
    assert wire.data_to_send(1) == b"\x81"
    assert wire.drop_output()
    assert len(wire.out) == 303


def test_answers_by_http_leave_in_pieces_as_well() -> None:
    wire = server().receive(b"GET / HTTP/1.1\r\nHost: g\r\nUpgrade: other\r\n\r\n").wire
    wire.http.respond(200, b"x" * 300, "text/plain")
    whole = b""
    while data := wire.data_to_send(7):
        whole += data
    assert whole.startswith(b"HTTP/1.1 200 ")
    assert whole.endswith(b"x" * 300)
