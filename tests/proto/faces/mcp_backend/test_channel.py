"""The way to a server: what waits can be taken back, and only so much waits."""

from __future__ import annotations

from agentgate_proto.faces.mcp_backend.calls import Calls
from agentgate_proto.faces.mcp_backend.channel import WAITING_BYTES_MAX, WAITING_MAX, Channel
from agentgate_proto.faces.mcp_backend.events import Abort, Send
from agentgate_proto.faces.mcp_backend.pending import Call, Purpose

CLIENT = {"name": "gate", "version": "1"}


def test_what_waits_can_be_taken_back_and_what_was_sent_can_not() -> None:
    channel = Channel(CLIENT, is_http=False)
    call = Call(number=1, method="tools/call", params={}, can=frozenset())
    first = channel.request(Purpose.CALL, "tools/call", {}, call)
    second = channel.request(Purpose.OTHER, "x", {})
    assert channel.has_messages()
    sent = channel.next_message()
    assert isinstance(sent, Send)
    assert sent.request == first.id
    assert call.was_sent
    assert not channel.take_back(first)
    assert channel.take_back(second)
    assert channel.next_message() is None
    assert not channel.pending


def test_a_server_that_reads_nothing_takes_no_more_calls() -> None:
    channel = Channel(CLIENT, is_http=True)
    for number in range(WAITING_MAX):
        assert not channel.is_full
        channel.abort(number)
    assert channel.is_full
    assert Calls(channel).begin("tools/call", {}, frozenset(), {}) is None
    assert channel.next_message() == Abort(request=0)


def test_what_is_no_call_is_forgotten_with_a_session() -> None:
    channel = Channel(CLIENT, is_http=True)
    call = Call(number=1, method="tools/call", params={}, can=frozenset())
    waiting = channel.request(Purpose.CALL, "tools/call", {}, call)
    channel.request(Purpose.LIST, "tools/list", {})
    channel.notify("x", {})
    assert channel.set_aside() == [waiting]
    assert list(channel.pending) == [waiting.id]
    assert channel.next_message() is None


def test_only_so_many_bytes_of_answers_wait() -> None:
    channel = Channel(CLIENT, is_http=False)
    half = b"x" * (WAITING_BYTES_MAX // 2)
    for _ in range(3):  # what was sent or forgotten does not count
        channel.respond(half)
        channel.respond(half)
        assert isinstance(channel.next_message(), Send)
        assert isinstance(channel.next_message(), Send)
    channel.respond(half)
    channel.respond(half)
    channel.clear()
    channel.respond(half)
    channel.respond(half)
    assert not channel.overflowed
    channel.respond(b"x")
    assert channel.overflowed
    assert channel.next_message() == Send(body=half)
    assert channel.next_message() == Send(body=half)
    assert channel.next_message() is None
