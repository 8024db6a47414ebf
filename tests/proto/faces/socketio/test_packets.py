"""Packets of Socket.IO: vectors both ways, and all that a client may not send."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.faces.socketio.packets import (
    ATTACHED_BYTES_MAX,
    ATTACHMENTS_MAX,
    NAMESPACE_CHARS_MAX,
    RESERVED,
    Decoder,
    Kind,
    Packet,
    PacketError,
    write,
)

NONE = msgspec.UNSET
A, B = b"\x01\x02\x03", b"\x04\x05\x06"
HOLE = '{"_placeholder":true,"num":%d}'

VECTORS: list[tuple[list[str | bytes], Packet]] = [
    (["0"], Packet(kind=Kind.CONNECT, namespace="/", data=NONE)),
    (['0{"token":"123"}'], Packet(kind=Kind.CONNECT, namespace="/", data={"token": "123"})),
    (["0/admin,"], Packet(kind=Kind.CONNECT, namespace="/admin", data=NONE)),
    (['0/admin,{"sid":"x"}'], Packet(kind=Kind.CONNECT, namespace="/admin", data={"sid": "x"})),
    (["1"], Packet(kind=Kind.DISCONNECT, namespace="/", data=NONE)),
    (["1/admin,"], Packet(kind=Kind.DISCONNECT, namespace="/admin", data=NONE)),
    (['2["foo"]'], Packet(kind=Kind.EVENT, namespace="/", data=["foo"])),
    (['2/admin,["bar",1]'], Packet(kind=Kind.EVENT, namespace="/admin", data=["bar", 1])),
    (['212["foo","€"]'], Packet(kind=Kind.EVENT, namespace="/", data=["foo", "€"], ack=12)),
    (['2/a,0["x",{}]'], Packet(kind=Kind.EVENT, namespace="/a", data=["x", {}], ack=0)),
    (["312[]"], Packet(kind=Kind.ACK, namespace="/", data=[], ack=12)),
    (['3/admin,13["bar"]'], Packet(kind=Kind.ACK, namespace="/admin", data=["bar"], ack=13)),
    ([f'51-["baz",{HOLE % 0}]', A], Packet(kind=Kind.EVENT, namespace="/", data=["baz", A])),
    (
        [f'52-/admin,["baz",{HOLE % 0},{{"deep":[{HOLE % 1}]}}]', A, B],
        Packet(kind=Kind.EVENT, namespace="/admin", data=["baz", A, {"deep": [B]}]),
    ),
    (
        [f'51-15["bar",{HOLE % 0}]', b""],
        Packet(kind=Kind.EVENT, namespace="/", data=["bar", b""], ack=15),
    ),
    (
        [f"61-/admin,15[{HOLE % 0}]", A],
        Packet(kind=Kind.ACK, namespace="/admin", data=[A], ack=15),
    ),
]
"""Messages, and what they say; also what is written, which says the same."""

READ_ALONE: list[tuple[list[str | bytes], Packet]] = [
    (["0/admin"], Packet(kind=Kind.CONNECT, namespace="/admin", data=NONE)),
    (["0/,"], Packet(kind=Kind.CONNECT, namespace="/", data=NONE)),
    (["1/admin"], Packet(kind=Kind.DISCONNECT, namespace="/admin", data=NONE)),
    (['2 [ "a" , 1.5 ]'], Packet(kind=Kind.EVENT, namespace="/", data=["a", 1.5])),
    (
        [f'51-["a",{HOLE % 0},{HOLE % 0}]', A],
        Packet(kind=Kind.EVENT, namespace="/", data=["a", A, A]),
    ),
    (
        ['51-["a",{"_placeholder":1,"num":0}]', A],
        Packet(kind=Kind.EVENT, namespace="/", data=["a", {"_placeholder": 1, "num": 0}]),
    ),
    (
        ['2["a",{"_placeholder":true,"num":7}]'],
        Packet(kind=Kind.EVENT, namespace="/", data=["a", {"_placeholder": True, "num": 7}]),
    ),
]
"""Other spellings that clients may use; without attachments a placeholder is none."""


def read_all(messages: list[str | bytes]) -> list[Packet]:
    decoder = Decoder()
    return [each for message in messages if (each := decoder.receive(message)) is not None]


@pytest.mark.parametrize(("messages", "packet"), VECTORS + READ_ALONE)
def test_a_packet_is_read_from_its_messages(messages: list[str | bytes], packet: Packet) -> None:
    decoder = Decoder()
    for part in messages[:-1]:
        assert decoder.receive(part) is None
        assert decoder.is_waiting
    assert decoder.receive(messages[-1]) == packet
    assert not decoder.is_waiting
    assert read_all(messages * 2) == [packet] * 2


@pytest.mark.parametrize(("messages", "packet"), VECTORS)
def test_a_packet_is_written_as_the_protocol_says(
    messages: list[str | bytes], packet: Packet
) -> None:
    assert write(packet.kind, packet.namespace, packet.data, packet.ack) == messages


@pytest.mark.parametrize("messages", [messages for messages, _ in VECTORS + READ_ALONE])
def test_a_text_that_is_cut_anywhere_is_another_packet_or_none(
    messages: list[str | bytes],
) -> None:
    text = messages[0]
    assert isinstance(text, str)
    for end in range(len(text)):
        try:
            packet = Decoder().receive(text[:end])
        except PacketError:
            continue
        assert packet is None or packet.kind in Kind


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "abc", "-1", "٢[]"),  # no kind
        *("2", "2{}", '2"a"', "2[]", "2[1]", "2[null]", "2[[]]", '2["a"', '2["a"]]', "2null"),
        *('2abc["a"]', '2-1["a"]', '21.5["a"]', '21 ["a"] x', '2٣["a"]'),  # no ack id
        "2" + "9" * 16 + '["a"]',  # more than JavaScript counts to
        '2admin,["a"]',  # a namespace begins with a slash
        f'2/{"n" * NAMESPACE_CHARS_MAX},["a"]',
        '21-["a"]',  # attachments of what has none
        *("0[]", "01", '0"a"', "0null", "012{}"),  # CONNECT has an object, and no id
        *("1[]", "1{}", "1null", "112"),  # DISCONNECT has nothing
        *("3[]", "3", "312", "312{}", "312null"),  # ACK has an id and an array
        *("4", '4{"message":"x"}', '4"x"'),  # CONNECT_ERROR is ours
        *('5["a"]', '50-["a"]', '511-["a"]', '51["a"]', '5-["a"]', "51-{}", "51-", "51-[1]"),
        *("6[]", "60-1[]", "61-[]", "61-1{}"),
        '2["a",NaN]',
        '2["a","\\ud800"]',
        '2["a",' + "[" * 70 + "]" * 70 + "]",
        '2["a",' + "[" * 100_000,
    ],
)
def test_what_is_no_packet_of_a_client_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        Decoder().receive(text)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_no_event_has_a_name_that_means_something_else(name: str) -> None:
    with pytest.raises(PacketError):
        Decoder().receive(f'2["{name}"]')


@pytest.mark.parametrize(
    "messages",
    [
        [A],
        [f'51-["a",{HOLE % 0}]', '2["b"]'],
        [f'52-["a",{HOLE % 0},{HOLE % 1}]', A, '2["b"]'],
        [f'51-["a",{HOLE % 1}]', A],
        ['51-["a",{"_placeholder":true,"num":-1}]', A],
        ['51-["a",{"_placeholder":true,"num":"0"}]', A],
        ['51-["a",{"_placeholder":true,"num":0.0}]', A],
        ['51-["a",{"_placeholder":true,"num":true}]', A],
        ['51-["a",{"_placeholder":true}]', A],
        [f'51-["a",{HOLE % 0}]', A, A],
    ],
)
def test_attachments_are_those_that_were_told_of(messages: list[str | bytes]) -> None:
    decoder = Decoder()
    for message in messages[:-1]:
        decoder.receive(message)
    with pytest.raises(PacketError):
        decoder.receive(messages[-1])


def test_attachments_are_bounded_in_number_and_in_bytes() -> None:
    names = ",".join(HOLE % number for number in range(ATTACHMENTS_MAX))
    parts = [bytes([number]) for number in range(ATTACHMENTS_MAX)]
    (packet,) = read_all([f'5{ATTACHMENTS_MAX}-["a",{names}]', *parts])
    assert packet.data == ["a", *parts]
    decoder = Decoder()
    decoder.receive('52-["a"]')
    decoder.receive(bytes(ATTACHED_BYTES_MAX))
    with pytest.raises(PacketError, match="bytes"):
        decoder.receive(b"x")


# Writing


def test_bytes_of_any_kind_are_sent_as_attachments_wherever_they_are() -> None:
    data = ["a", {"x": [bytearray(A)], "y": (memoryview(B), {"z": None})}, [1, [2]]]
    assert write(Kind.EVENT, "/", data) == [
        f'52-["a",{{"x":[{HOLE % 0}],"y":[{HOLE % 1},{{"z":null}}]}},[1,[2]]]',
        A,
        B,
    ]


def test_what_is_already_json_goes_out_as_it_is() -> None:
    assert write(Kind.EVENT, "/", ["a", msgspec.Raw(b'{"b": 1}')]) == ['2["a",{"b": 1}]']


@pytest.mark.parametrize(
    "data", [["a", object()], ["a", "\ud800"], ["a", {1.5j: 1}], ["a", *[b"x"] * 11]]
)
def test_what_no_client_could_read_is_a_mistake_of_ours(data: Any) -> None:
    with pytest.raises(LocalProtocolError):
        write(Kind.EVENT, "/", data)


def test_what_goes_round_in_circles_is_a_mistake_of_ours() -> None:
    circle: list[Any] = ["a"]
    circle.append(circle)
    with pytest.raises(LocalProtocolError):
        write(Kind.EVENT, "/", circle)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
        st.binary(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["/", "/clients"]),
    st.lists(JSON, max_size=3),
    st.one_of(st.none(), st.integers(0, 10**14)),
)
@quick
def test_an_event_is_read_as_it_was_written(
    namespace: str, args: list[Any], ack: int | None
) -> None:
    packet = Packet(kind=Kind.EVENT, namespace=namespace, data=["name", *args], ack=ack)
    assert read_all(write(Kind.EVENT, namespace, packet.data, ack)) == [packet]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=4),
            st.text(max_size=20),
            st.from_regex(r"\A[0-6]([0-9]-)?(/[a-c]*,)?[0-9]{0,2}[\[{\"0-9a-c,\]}]{0,8}\Z"),
        ),
        max_size=6,
    )
)
@quick
def test_any_messages_are_packets_or_are_refused(messages: list[str | bytes]) -> None:
    decoder = Decoder()
    for message in messages:
        try:
            decoder.receive(message)
        except PacketError:
            break
