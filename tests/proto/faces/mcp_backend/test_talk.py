"""The talk as a whole: what is no message, statuses of HTTP, sessions that are lost."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.faces.mcp_backend.talks import (
    CAN,
    EVERYTHING,
    Server,
    called,
    discovered,
    initialized,
    legacy,
    modern,
)

from agentgate_proto.faces.mcp_backend.channel import WAITING_MAX
from agentgate_proto.faces.mcp_backend.events import End, Ended, Noise, Over, Ready
from agentgate_proto.faces.mcp_backend.talk import NOISE_MAX


def refused(server: Server, request: dict[str, Any], status: int, body: bytes = b"") -> None:
    server.talk.refused(request["id"], status, body, server.now)


def error(request_id: Any, code: int = -32601) -> bytes:
    said = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": "no"}}
    return msgspec.json.encode(said)


@pytest.mark.parametrize("junk", [b"hello", b"\xff\xfe", b"7", b'{"jsonrpc":"1.0"}', b"[]"])
def test_what_is_no_message_is_counted_and_nothing_else(junk: bytes) -> None:
    server, _ = legacy()
    server.talk.receive(junk, server.now)
    assert server.event() == Noise(count=1)
    assert server.messages() == []


def test_a_server_that_says_too_much_of_it_is_given_up() -> None:
    server, _ = legacy()
    for _ in range(NOISE_MAX):
        server.talk.noted()
    assert server.events()[-1] == Over(reason="it says too much that is no message")
    server.talk.receive(b"{}", server.now)
    assert server.events() == []


def test_a_server_that_asks_and_does_not_read_the_answers_is_given_up() -> None:
    server, _ = legacy()
    call = server.talk.call("tools/call", {"name": "x"})
    assert call is not None
    for number in range(WAITING_MAX - 1):
        server.asks(number, "ping")
    assert server.events() == []
    server.asks("one more", "ping")
    reason = "it does not read what it is sent"
    ended, over = server.events()
    assert ended == Ended(call=call, end=End.NOT_SENT, message=reason)
    assert over == Over(reason=reason)
    assert server.messages() == []


def test_notifications_that_can_not_be_read_are_noise() -> None:
    server, _ = legacy(can=EVERYTHING)
    called(server)
    for method in ("progress", "cancelled", "resources/updated"):
        server.notes(f"notifications/{method}", {"x": 1})
    assert [type(each) for each in server.events()] == [Noise] * 3


def test_several_messages_may_come_in_one_array() -> None:
    server, _ = legacy()
    call, request = called(server)
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": {}}
    server.says([{"jsonrpc": "2.0", "id": 1, "method": "ping"}, answer])
    assert server.only()["result"] == {}
    ended = server.event()
    assert isinstance(ended, Ended)
    assert ended.call == call


def test_nothing_is_heard_before_it_begins() -> None:
    server = Server()
    server.asks(1, "ping")
    assert server.messages() == []


def test_answers_to_what_nobody_asked_are_nothing() -> None:
    server, _ = legacy()
    server.answers({"id": 999}, {})
    server.fails({"id": 999})
    server.answers({"id": "1"}, {})
    refused(server, {"id": 999}, 404)
    assert [type(each) for each in server.events()] == [Noise]


# Headers


def test_messages_over_http_say_what_they_are() -> None:
    server, _ = modern(is_http=True)
    called(server)
    probe, listing, listen, call = [dict(each.headers) for each in server.sent]
    version = {"MCP-Protocol-Version": "2026-07-28"}
    assert probe == {**version, "Mcp-Method": "server/discover"}
    assert listing == {**version, "Mcp-Method": "tools/list"}
    assert listen == {**version, "Mcp-Method": "subscriptions/listen"}
    assert call == {**version, "Mcp-Method": "tools/call", "Mcp-Name": "lamp"}


def test_messages_of_the_old_era_say_their_session() -> None:
    server, _ = legacy(is_http=True, session="s1")
    _, greeting, initialized_, _ = [dict(each.headers) for each in server.sent]
    assert greeting == {}
    assert initialized_ == {"MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": "s1"}
    server.asks(1, "ping")
    server.messages()
    assert dict(server.sent[-1].headers) == initialized_


def test_a_call_has_headers_of_its_own_in_the_modern_era_alone() -> None:
    for make, said in ((modern, {"Mcp-Param-A": "1"}), (legacy, {})):
        server, _ = make(is_http=True)
        server.talk.call("tools/call", {"name": "a"}, frozenset(), {"Mcp-Param-A": "1"})
        server.messages()
        sent = server.sent[-1].headers
        assert {name: sent[name] for name in sent if name.startswith("Mcp-Param")} == said


def test_there_are_none_elsewhere() -> None:
    server, _ = modern()
    assert [dict(each.headers) for each in server.sent] == [{}] * 3


def test_what_comes_first_and_what_is_under_way_is_said() -> None:
    server, _ = legacy(is_http=True, session="s1")
    assert [each.goes_first for each in server.sent] == [False, False, True, False]
    call, request = called(server)
    assert server.talk.awaits(request["id"])
    server.answers(request, {})
    assert not server.talk.awaits(request["id"])
    assert server.talk.stream_headers() == {
        "MCP-Protocol-Version": "2025-11-25",
        "Mcp-Session-Id": "s1",
    }
    del call


def test_a_session_is_of_the_greeting_alone() -> None:
    server, _ = modern(is_http=True)
    server.talk.joined("s1")
    assert "Mcp-Session-Id" not in server.talk.stream_headers()


# Statuses


@pytest.mark.parametrize("status", [400, 404, 405, 406, 415, 500, 501])
@pytest.mark.parametrize("body", [b"", b"<html>", error(None), error(1), error("server-error")])
def test_an_old_server_refuses_the_question_in_many_ways(status: int, body: bytes) -> None:
    server = Server(is_http=True)
    refused(server, server.open(), status, body)
    assert server.only()["method"] == "initialize"


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503, 504])
def test_a_status_that_says_nothing_of_it_ends_the_talk(status: int) -> None:
    server = Server(is_http=True)
    refused(server, server.open(), status)
    over = server.event()
    assert isinstance(over, Over)
    assert over.reason.startswith(f"status {status}")


def test_one_that_knows_neither_way_is_given_up() -> None:
    server = Server(is_http=True)
    refused(server, server.open(), 404)
    refused(server, server.only(), 404)
    assert server.event() == Over(reason="status 404")


@pytest.mark.parametrize("verb", ["not_sent", "broken"])
def test_no_answer_at_the_beginning_ends_the_talk(verb: str) -> None:
    server = Server(is_http=True)
    probe = server.open()
    getattr(server.talk, verb)(probe["id"], "refused", server.now)
    assert server.event() == Over(reason="refused")
    server = Server(is_http=True)
    server.fails(server.open())
    getattr(server.talk, verb)(server.only()["id"], "refused", server.now)
    assert server.event() == Over(reason="refused")


@pytest.mark.parametrize(
    ("status", "end", "message"),
    [
        (400, End.NOT_SENT, "status 400"),
        (401, End.NOT_SENT, "status 401: it wants credentials"),
        (404, End.NOT_SENT, "status 404"),
        (302, End.NOT_SENT, "status 302"),
        (500, End.ERROR, "status 500"),
        (503, End.ERROR, "status 503"),
        (502, End.LOST, "status 502"),
        (504, End.LOST, "status 504"),
    ],
)
def test_what_a_status_means_for_a_call(status: int, end: End, message: str) -> None:
    server, _ = modern(is_http=True)
    call, request = called(server)
    refused(server, request, status, b"sorry")
    ended = server.event()
    assert isinstance(ended, Ended)
    assert (ended.call, ended.end, ended.message) == (call, end, message)


def test_an_error_that_comes_with_a_status_says_more_than_the_status() -> None:
    server, _ = modern(is_http=True)
    call, request = called(server)
    refused(server, request, 404, error(request["id"]))
    assert server.event() == Ended(call=call, end=End.ERROR, code=-32601, message="no")


def test_statuses_of_what_is_no_call_are_no_end() -> None:
    server, (listing, listen) = modern(is_http=True)
    refused(server, listing, 500)
    refused(server, listen, 500)
    assert server.events() == []
    server, messages = legacy(is_http=True, can={**CAN, "logging": {}})
    (level,) = [each for each in messages if each["method"] == "logging/setLevel"]
    refused(server, level, 400)
    server.answers(level, {})
    assert server.events() == []


# Sessions


def test_a_session_that_is_lost_begins_again_and_what_was_not_read_is_sent_again() -> None:
    server, _ = legacy(is_http=True, session="s1")
    first, one = called(server)
    second, two = called(server)
    unsent = server.talk.call("tools/call", {"name": "later"})
    taken_back = server.talk.call("tools/call", {"name": "never"})
    assert unsent is not None
    assert taken_back is not None
    refused(server, one, 404, error(None))
    assert not server.talk.was_sent(first)
    assert not server.talk.is_ready
    assert server.talk.call("tools/call", {}) is None
    greeting = server.only()
    assert greeting["method"] == "initialize"
    assert dict(server.sent[-1].headers) == {}
    refused(server, two, 404)  # of the old session as well
    server.talk.cancel(taken_back, "gone")
    server.talk.joined("s2")
    server.answers(greeting, initialized())
    messages = server.messages()
    assert [each["method"] for each in messages] == [
        "notifications/initialized",
        "tools/list",
        *["tools/call"] * 3,
    ]
    assert {each.headers["Mcp-Session-Id"] for each in server.sent[-5:]} == {"s2"}
    again = {each["id"]: each for each in messages if "id" in each}
    assert again[one["id"]]["params"] == one["params"]
    assert isinstance(server.event(), Ready)
    server.answers(one, {})
    server.answers(two, {})
    ends = [each.call for each in server.events() if isinstance(each, Ended)]
    assert ends == [first, second]


def test_what_is_answered_by_the_old_session_is_answered() -> None:
    server, _ = legacy(is_http=True, session="s1")
    first, one = called(server)
    _, two = called(server)
    refused(server, two, 404)
    server.answers(one, {})
    ended = server.event()
    assert isinstance(ended, Ended)
    assert ended.call == first


def test_what_the_old_session_refuses_late_goes_to_the_new_one() -> None:
    server, _ = legacy(is_http=True, session="s1")
    _, one = called(server)
    _, two = called(server)
    refused(server, one, 404)
    server.talk.joined("s2")
    server.answers(server.only(), initialized())
    server.messages()
    refused(server, two, 404)
    assert server.only()["id"] == two["id"]
    assert server.sent[-1].headers["Mcp-Session-Id"] == "s2"


def test_a_session_that_is_lost_again_and_again_is_no_session() -> None:
    server, _ = legacy(is_http=True, session="s1")
    call, request = called(server)
    refused(server, request, 404)
    server.talk.joined("s2")
    server.answers(server.only(), initialized())
    server.messages()
    server.events()
    refused(server, request, 404)
    message = "it forgets our session again and again"
    assert server.event() == Ended(call=call, end=End.NOT_SENT, message=message)


def test_lists_are_asked_for_anew_in_a_new_session() -> None:
    server, (_, listing) = legacy(is_http=True, session="s1")
    refused(server, listing, 404)
    server.answers(server.only(), initialized(can={}))
    assert [type(each).__name__ for each in server.events()] == ["Ready", "Listed"]


def test_resources_are_watched_in_a_new_session_too() -> None:
    server, _ = legacy(is_http=True, session="s1", can={"resources": {"subscribe": True}})
    server.talk.watch("file:///a")
    first = server.only()
    refused(server, first, 404)
    server.answers(server.only(), initialized(can={"resources": {"subscribe": True}}))
    assert [each["method"] for each in server.messages()] == [
        "notifications/initialized",
        "resources/subscribe",
    ]


def test_a_session_that_can_not_be_had_again_ends_all() -> None:
    server, _ = legacy(is_http=True, session="s1")
    call, request = called(server)
    refused(server, request, 404)
    refused(server, server.only(), 503)
    assert server.events() == [
        Ended(call=call, end=End.NOT_SENT, message="status 503"),
        Over(reason="status 503"),
    ]


def test_what_is_known_of_a_server_can_be_seen() -> None:
    server = Server()
    assert server.talk.era is None
    server.answers(server.open(), discovered(can=EVERYTHING))
    assert server.talk.capabilities.resources is not None
