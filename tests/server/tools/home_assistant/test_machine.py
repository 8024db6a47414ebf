"""The machine of one WebSocket to Home Assistant: bytes and seconds in, events out."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from wsproto.utilities import generate_accept_token

from agentgate_proto.limits import Limits
from agentgate_proto.wire.frames import TEXT_FRAME, frame_head
from agentgate_server.errors import NotStarted
from agentgate_server.tools.home_assistant import machine as machines
from agentgate_server.tools.home_assistant.machine import (
    COMMANDS_MAX,
    OPENING_S,
    PONG_S,
    SILENCE_S,
    Machine,
    State,
)
from agentgate_server.tools.home_assistant.messages import Answer, Ended, Event, Pushed, Ready


class Pair:
    """A machine, and what Home Assistant would say to it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.machine = Machine("ha:8123", "/base", "the-token", Random(7), self.now)
        self.sent = self.machine.data_to_send()

    def upgrade(self) -> None:

        key = self.sent.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = generate_accept_token(key)
        self.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def raw(self, data: bytes) -> None:
        self.machine.receive_data(data, self.now)

    def say(self, **message: object) -> None:
        payload = msgspec.json.encode(message)
        self.raw(frame_head(TEXT_FRAME, len(payload)) + payload)

    def open(self) -> None:
        self.upgrade()
        self.say(type="auth_required", ha_version="2025.4.4")
        self.say(type="auth_ok", ha_version="2025.4.4")
        assert self.events() == [Ready("2025.4.4")]
        self.machine.data_to_send()

    def events(self) -> list[Event]:
        found = []
        while (event := self.machine.next_event()) is not None:
            found.append(event)
        return found

    def heard(self) -> list[dict[str, object]]:
        """The messages that the machine sends, unmasked."""
        data, found = self.machine.data_to_send(), []
        while data:
            size, at = data[1] & 127, 2
            if size == 126:
                size, at = int.from_bytes(data[2:4]), 4
            key, payload = data[at : at + 4], data[at + 4 : at + 4 + size]
            text = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
            found.append(msgspec.json.decode(text))
            data = data[at + 4 + size :]
        return found


def test_it_asks_for_the_socket_and_says_the_token_when_asked() -> None:
    pair = Pair()
    assert pair.sent.startswith(b"GET /base/api/websocket HTTP/1.1\r\nHost: ha:8123\r\n")
    assert b"the-token" not in pair.sent
    pair.upgrade()
    assert pair.machine.state is State.AUTHENTICATING
    assert pair.heard() == []
    pair.say(type="auth_required", ha_version="2025.4.4")
    assert pair.heard() == [{"type": "auth", "access_token": "the-token"}]
    pair.say(type="auth_ok", ha_version="2025.4.4")
    assert pair.events() == [Ready("2025.4.4")]
    assert pair.machine.version == "2025.4.4"


def test_every_split_of_what_comes_is_heard_alike() -> None:
    whole = Pair()
    whole.open()
    number = whole.machine.command("x", {}, subscribes=True)
    messages = [
        {"id": number, "type": "result", "success": True, "result": {"a": [1, None]}},
        {"id": number, "type": "event", "event": {"b": "ä"}},
    ]
    data = b"".join(
        frame_head(TEXT_FRAME, len(text)) + text for text in map(msgspec.json.encode, messages)
    )
    for cut in range(len(data) + 1):
        pair = Pair()
        pair.open()
        pair.machine.command("x", {}, subscribes=True)
        pair.raw(data[:cut])
        pair.raw(data[cut:])
        assert pair.events() == [
            Answer(number, msgspec.Raw(b'{"a":[1,null]}')),
            Pushed(number, msgspec.Raw('{"b":"ä"}'.encode())),
        ]


def test_answers_find_their_commands_by_ids_that_grow() -> None:
    pair = Pair()
    pair.open()
    first = pair.machine.command("get_config", {})
    second = pair.machine.command("call_service", {"domain": "light"})
    assert [each["id"] for each in pair.heard()] == [first, second]
    assert second == first + 1
    pair.say(id=second, type="result", success=False, error={"code": "c", "message": "a\n b"})
    pair.say(id=first, type="result", success=True, result=1)
    pair.say(id=first, type="result", success=True, result=2)
    pair.say(id=99, type="result", success=True, result=3)
    assert pair.events() == [
        Answer(second, code="c", message="a b"),
        Answer(first, msgspec.Raw(b"1")),
    ]


def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    pair = Pair()
    pair.open()
    number = pair.machine.command("x", {})
    pair.machine.abandon(number)
    pair.say(id=number, type="result", success=True, result=1)
    pair.say(id=number, type="event", event=1)
    assert pair.events() == []


def test_several_messages_may_come_in_one() -> None:
    pair = Pair()
    pair.open()
    numbers = [pair.machine.command("x", {}) for _ in range(2)]
    payload = msgspec.json.encode(
        [{"id": number, "type": "result", "success": True, "result": number} for number in numbers]
    )
    pair.raw(frame_head(TEXT_FRAME, len(payload)) + payload)
    assert [event.id for event in pair.events() if isinstance(event, Answer)] == numbers


def test_a_token_that_is_refused_is_told_from_all_other_ends() -> None:
    pair = Pair()
    pair.upgrade()
    pair.say(type="auth_required")
    pair.say(type="auth_invalid", message="Invalid access token or password")
    assert pair.events() == [Ended("it refuses the gateway's token", is_refused=True)]
    with pytest.raises(NotStarted):
        pair.machine.command("x", {})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answered 404 where its"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\n", "it answered 502 where its"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "TLS"),
        (b"hello\r\n\r\n", "no WebSocket handshake"),
        (b"", "the connection was closed"),
    ],
)
def test_what_is_no_websocket_is_named(answer: bytes, reason: str) -> None:
    pair = Pair()
    if answer:
        pair.raw(answer)
    pair.machine.receive_eof()
    (ended,) = pair.events()
    assert isinstance(ended, Ended)
    assert reason in ended.reason
    assert pair.machine.next_deadline() is None


@pytest.mark.parametrize("text", [b"{", b'"x"', b'{"type": 5}', b"[[]]", b"\xff"])
def test_what_is_no_message_ends_it(text: bytes) -> None:
    pair = Pair()
    pair.open()
    pair.raw(frame_head(TEXT_FRAME, len(text)) + text)
    (ended,) = pair.events()
    assert isinstance(ended, Ended)
    assert pair.machine.state is State.CLOSED


def test_what_is_too_large_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "LIMITS", Limits(message_bytes_max=1_000))
    pair = Pair()
    pair.open()
    pair.say(id=1, type="result", success=True, result="x" * 1_000)
    (ended,) = pair.events()
    assert isinstance(ended, Ended)
    assert "message over 1000 bytes" in ended.reason


def test_a_silent_peer_is_asked_and_then_given_up() -> None:
    pair = Pair()
    pair.open()
    assert pair.machine.next_deadline() == pair.now + SILENCE_S
    pair.machine.handle_timer(pair.now + SILENCE_S - 1)
    assert pair.heard() == []
    pair.now += SILENCE_S
    pair.machine.handle_timer(pair.now)
    (ping,) = pair.heard()
    assert ping["type"] == "ping"
    pair.say(id=ping["id"], type="pong")
    assert pair.events() == []
    assert pair.machine.next_deadline() == pair.now + SILENCE_S
    pair.now += SILENCE_S
    pair.machine.handle_timer(pair.now)
    pair.now += PONG_S
    pair.machine.handle_timer(pair.now)
    assert pair.events() == [Ended("nothing came from it for 40 s")]


def test_a_peer_that_never_asks_for_the_token_is_given_up() -> None:
    pair = Pair()
    pair.upgrade()
    pair.machine.handle_timer(pair.now + OPENING_S)
    assert pair.events() == [Ended("it did not answer the WebSocket in time")]


def test_commands_without_answers_are_capped_and_nothing_is_sent_beyond() -> None:
    pair = Pair()
    pair.open()
    for _ in range(COMMANDS_MAX):
        pair.machine.command("x", {})
    with pytest.raises(NotStarted, match="256 commands; nothing was sent"):
        pair.machine.command("x", {})


def test_it_says_of_a_command_whether_it_was_taken_to_be_sent() -> None:
    pair = Pair()
    pair.open()
    first = pair.machine.command("x", {})
    pair.machine.data_to_send()
    second = pair.machine.command("x", {})
    assert (pair.machine.unsent(first), pair.machine.unsent(second)) == (False, True)
