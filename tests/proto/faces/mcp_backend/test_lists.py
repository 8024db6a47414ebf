"""Lists: what a server offers, that changes of it are seen, and that it can't flood."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.faces.mcp_backend.talks import ALL, CAN, EVERYTHING, Server, legacy, modern

from agentgate_proto.faces.mcp_backend.events import Kind, Listed, Over, Updated
from agentgate_proto.faces.mcp_backend.lists import (
    FAILED_S,
    LIST_S,
    RELIST_S,
    SUBSCRIPTIONS_MAX,
)

CHANGED = "notifications/tools/list_changed"


def tools(*names: str, **more: Any) -> dict[str, Any]:
    return {"tools": [{"name": name, "inputSchema": {}} for name in names], **more}


def listed(server: Server) -> list[tuple[Kind, int]]:
    return [(each.kind, len(each.items)) for each in server.events() if isinstance(each, Listed)]


def by_method(messages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["method"]: each for each in messages}


@pytest.mark.parametrize("make", [legacy, modern])
def test_all_that_is_wanted_and_there_is_asked_for(make: Any) -> None:
    server, messages = make(can=EVERYTHING, wanted=ALL)
    asked = by_method(messages)
    wanted = {"tools/list", "resources/list", "resources/templates/list", "prompts/list"}
    assert wanted <= asked.keys()
    server.answers(asked["tools/list"], tools("a", "b"))
    server.answers(asked["resources/list"], {"resources": [{"uri": "a"}]})
    server.answers(asked["resources/templates/list"], {"resourceTemplates": []})
    server.answers(asked["prompts/list"], {"prompts": [{"name": "a"}]})
    assert listed(server) == [
        (Kind.TOOLS, 2),
        (Kind.RESOURCES, 1),
        (Kind.TEMPLATES, 0),
        (Kind.PROMPTS, 1),
    ]


def test_what_a_server_can_not_do_is_an_empty_list() -> None:
    server = Server(wanted=ALL)
    server.open()
    server.answers({"id": 1}, {"supportedVersions": ["2026-07-28"]})
    assert listed(server) == [(kind, 0) for kind in Kind]
    assert server.messages() == []


def test_a_list_comes_page_by_page() -> None:
    server, (_, first) = legacy()
    server.answers(first, tools("a", nextCursor="c1"))
    second = server.only()
    assert second["params"] == {"cursor": "c1"}
    server.answers(second, tools("b"))
    assert listed(server) == [(Kind.TOOLS, 2)]


def test_the_new_era_says_who_asks_in_each_request() -> None:
    _, messages = modern()
    for message in messages:
        assert "io.modelcontextprotocol/protocolVersion" in message["params"]["_meta"]


def test_a_list_that_can_not_be_had_leaves_what_was_known() -> None:
    server, (_, request) = legacy()
    server.fails(request)
    assert server.events() == []
    server.passes(LIST_S)
    assert server.events() == []
    server, (_, request) = legacy()
    server.answers(request, {"tools": 7})
    assert server.events() == []
    server, (_, request) = legacy(is_http=True)
    server.talk.broken(request["id"], "cut", server.now)
    assert server.events() == []


@pytest.mark.parametrize("how", ["error", "no list", "cut"])
def test_a_list_that_can_not_be_had_now_is_asked_for_again(how: str) -> None:
    server, (_, request) = legacy()
    match how:
        case "error":
            server.fails(request, -32603)
        case "no list":
            server.answers(request, {"tools": 7})
        case _:
            server.talk.broken(request["id"], "cut", server.now)
    assert server.talk.next_deadline() == server.now + FAILED_S
    server.passes(FAILED_S)
    server.answers(server.only(), tools("a"))
    assert listed(server) == [(Kind.TOOLS, 1)]
    assert server.talk.next_deadline() is None


def test_a_change_is_asked_for_sooner_than_what_failed_would_be() -> None:
    server, (_, request) = legacy()
    server.fails(request, -32603)
    server.passes(RELIST_S)
    server.notes(CHANGED)
    assert server.only()["method"] == "tools/list"


def test_a_list_that_a_server_knows_nothing_of_is_not_asked_for_again() -> None:
    server, (_, request) = legacy()
    server.fails(request, -32601)
    assert server.talk.next_deadline() is None


def test_a_server_that_does_not_answer_for_its_list_is_given_up() -> None:
    server, _ = legacy()
    assert server.talk.next_deadline() == server.now + LIST_S
    server.passes(LIST_S)
    assert server.event() == Over(reason="it did not answer tools/list within 60 s")


def test_a_change_is_followed_at_most_every_so_often() -> None:
    server, (_, request) = legacy()
    server.answers(request, tools("a"))
    server.events()
    for _ in range(5):
        server.notes(CHANGED)
    assert server.messages() == []
    due = server.talk.next_deadline()
    assert due == server.now + RELIST_S
    server.passes(RELIST_S / 2)
    assert server.messages() == []
    server.passes(RELIST_S / 2)
    request = server.only()
    server.notes(CHANGED)  # while it is being asked for
    server.passes(RELIST_S)
    assert server.messages() == []
    assert server.talk.next_deadline() == request["id"] * 0 + server.now - RELIST_S + LIST_S
    server.answers(request, tools("a", "b"))
    assert listed(server) == [(Kind.TOOLS, 2)]
    server.answers(server.only(), tools())
    assert listed(server) == [(Kind.TOOLS, 0)]
    server.passes(10)
    server.notes(CHANGED)
    assert server.only()["method"] == "tools/list"


def test_changes_of_what_nobody_wants_or_the_server_can_not_do_are_not_followed() -> None:
    server, (_, request) = legacy(wanted=frozenset({Kind.TOOLS, Kind.PROMPTS}))
    server.answers(request, tools())
    server.passes(10)
    server.notes("notifications/resources/list_changed")
    server.notes("notifications/prompts/list_changed")
    server.notes("notifications/other")
    assert server.messages() == []


def test_a_change_before_the_server_is_ready_means_nothing() -> None:
    server = Server()
    server.open()
    server.notes(CHANGED)
    assert server.messages() == []


# The stream of changes (modern)


def test_the_new_era_tells_of_changes_on_a_stream() -> None:
    _, messages = modern(can=EVERYTHING)
    params = by_method(messages)["subscriptions/listen"]["params"]
    assert params["notifications"] == {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourcesListChanged": True,
    }


def test_the_stream_of_changes_is_for_ever() -> None:
    server, _ = modern()
    assert [message.stays for message in server.sent] == [False, False, True]


def test_one_that_tells_of_no_changes_is_not_listened_to() -> None:
    _, messages = modern(can={"tools": {}})
    assert [each["method"] for each in messages] == ["tools/list"]


@pytest.mark.parametrize("how", ["answers", "fails", "broken"])
def test_a_stream_that_ends_is_opened_again_later_and_later(how: str) -> None:
    server, (request, listen) = modern()
    server.answers(request, tools())
    for pause in (1, 2, 4):
        if how == "answers":
            server.answers(listen, {})
        elif how == "fails":
            server.fails(listen, -32603)
        else:
            server.talk.broken(listen["id"], "cut", server.now)
        assert server.messages() == []
        assert server.talk.next_deadline() == server.now + pause
        server.passes(pause)
        listen = server.only()
    server.notes("notifications/subscriptions/acknowledged", {})
    server.answers(listen, {})
    assert server.talk.next_deadline() == server.now + 1


def test_one_that_does_not_know_such_streams_is_not_asked_again() -> None:
    server, (request, listen) = modern()
    server.answers(request, tools())
    server.fails(listen, -32601)
    assert server.talk.next_deadline() is None


# Resources that are watched


def test_a_resource_is_watched_in_the_old_way() -> None:
    server, _ = legacy(can=EVERYTHING)
    assert server.talk.watch("file:///a")
    assert server.talk.watch("file:///a")
    request = server.only()
    assert (request["method"], request["params"]) == ("resources/subscribe", {"uri": "file:///a"})
    server.answers(request, {})
    server.notes("notifications/resources/updated", {"uri": "file:///a"})
    server.notes("notifications/resources/updated", {"uri": "file:///b"})
    assert server.event() == Updated(uri="file:///a")
    server.talk.unwatch("file:///a")
    server.talk.unwatch("file:///a")
    request = server.only()
    assert request["method"] == "resources/unsubscribe"
    server.talk.broken(request["id"], "cut", server.now)
    server.notes("notifications/resources/updated", {"uri": "file:///a"})
    assert server.events() == []


@pytest.mark.parametrize("is_http", [False, True])
def test_a_resource_is_watched_in_the_new_way(is_http: bool) -> None:
    server, messages = modern(can=EVERYTHING, is_http=is_http)
    listen = by_method(messages)["subscriptions/listen"]
    assert server.talk.watch("file:///a")
    stop, again = server.messages()
    if is_http:
        assert stop == {"abort": listen["id"]}
    else:
        assert stop["params"]["requestId"] == listen["id"]
    assert again["params"]["notifications"]["resourceSubscriptions"] == ["file:///a"]
    server.talk.watch("file:///b")
    server.talk.watch("file:///c")  # before the last was sent
    stop, again = server.messages()
    assert again["params"]["notifications"]["resourceSubscriptions"] == [
        "file:///a",
        "file:///b",
        "file:///c",
    ]


def test_nothing_is_listened_to_when_nothing_is_left_to_hear() -> None:
    server, _ = modern(can={"resources": {"subscribe": True}})
    server.talk.watch("file:///a")
    (listen,) = server.messages()
    assert listen["method"] == "subscriptions/listen"
    server.talk.unwatch("file:///a")
    (stop,) = server.messages()
    assert stop["method"] == "notifications/cancelled"


def test_only_so_many_are_watched_and_only_where_that_can_be() -> None:
    server, _ = legacy(can=EVERYTHING)
    assert all(server.talk.watch(f"file:///{n}") for n in range(SUBSCRIPTIONS_MAX))
    assert not server.talk.watch("file:///more")
    for can in (CAN, {"resources": {}}):
        server, _ = legacy(can=can)
        assert not server.talk.watch("file:///a")
    assert not Server().talk.watch("file:///a")
