"""Packets of Engine.IO: vectors of bytes both ways, and what is none."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.faces.engineio.packets import (
    Handshake,
    Packet,
    PacketError,
    check_packet,
    open_packet,
    read_payload,
    size_of,
    write_payload,
)

VECTORS: list[tuple[bytes, list[Packet]]] = [
    (b"4hello", ["4hello"]),
    (b"4hello\x1e4world", ["4hello", "4world"]),
    (b"2", ["2"]),
    (b"1", ["1"]),
    (b"2\x1e4\xe2\x82\xac\x1e5", ["2", "4€", "5"]),
    (b"4", ["4"]),
    (b"4a\x1ebAQIDBA==", ["4a", b"\x01\x02\x03\x04"]),
    (b"bAQIDBA==\x1e4a", [b"\x01\x02\x03\x04", "4a"]),
    (b"b", [b""]),
    ("4\x1db\x1f\n 😀".encode(), ["4\x1db\x1f\n 😀"]),
    (b"4b", ["4b"]),
]


@pytest.mark.parametrize(("body", "packets"), VECTORS)
def test_a_body_is_read_and_written_as_the_protocol_says(
    body: bytes, packets: list[Packet]
) -> None:
    assert read_payload(body, 16) == packets
    assert write_payload(packets) == body


@pytest.mark.parametrize("body", [body for body, _ in VECTORS])
def test_a_body_that_is_cut_anywhere_is_another_one_or_none(body: bytes) -> None:
    for end in range(len(body)):
        try:
            packets = read_payload(body[:end], 16)
        except PacketError:
            continue
        assert write_payload(packets) == body[:end]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no kind"),
        (b"4a\x1e", "no kind"),
        (b"\x1e4a", "no kind"),
        (b"7", "no kind"),
        (b"abc", "no kind"),
        ("٤".encode(), "no kind"),
        (b"4\xff", "not UTF-8"),
        (b"bA", "not base64"),
        (b"bAQID BA==", "not base64"),
        (b"bAQIDBA", "not base64"),
        ("b€".encode(), "not base64"),
    ],
)
def test_what_is_no_body_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        read_payload(body, 16)


def test_a_body_has_no_more_packets_than_its_cap() -> None:
    assert len(read_payload(b"\x1e".join([b"4"] * 16), 16)) == 16
    with pytest.raises(PacketError, match="more than 16 packets"):
        read_payload(b"\x1e".join([b"4"] * 17), 16)


def test_a_frame_is_a_packet_if_it_has_a_kind() -> None:
    assert check_packet("4x") == "4x"
    for text in ("", "x", "b", "9"):
        with pytest.raises(PacketError):
            check_packet(text)


def test_the_opening_has_five_keys_in_milliseconds() -> None:
    handshake = Handshake(
        sid="s",
        upgrades=("websocket",),
        ping_interval_ms=25_000,
        ping_timeout_ms=20_000,
        payload_bytes_max=1_000_000,
    )
    packet = open_packet(handshake)
    assert packet[0] == "0"
    assert json.loads(packet[1:]) == {
        "sid": "s",
        "upgrades": ["websocket"],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": 1_000_000,
    }


PACKETS = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.text(max_size=20).map(lambda text: "4" + text.replace("\x1e", "")),
    ),
    min_size=1,
    max_size=16,
)


@quick
@given(PACKETS)
def test_what_is_written_is_read_as_it_was(packets: list[Packet]) -> None:
    assert read_payload(write_payload(packets), 16) == packets


@quick
@given(st.binary(max_size=40))
def test_any_bytes_are_a_body_or_are_refused(body: bytes) -> None:
    with suppress(PacketError):
        read_payload(body, 8)


@quick
@given(st.one_of(st.text(max_size=20), st.binary(max_size=20)))
def test_the_size_of_a_packet_is_never_less_than_its_bytes(packet: Packet) -> None:
    data = packet.encode("utf-8", "surrogatepass") if isinstance(packet, str) else packet
    assert len(data) <= size_of(packet) <= 4 * len(data)
