"""How a talk begins: the new way, the old way, and servers that do neither."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.faces.mcp_backend.talks import Server, discovered, initialized

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp_backend.events import Listed, Over, Ready
from agentgate_proto.faces.mcp_backend.opening import OPEN_S, PROBE_S, Opening, Phase
from agentgate_proto.faces.mcp_backend.talk import ServerTalk


def methods(server: Server) -> list[str]:
    return [message.get("method", "") for message in server.messages()]


def test_a_server_is_asked_what_it_speaks_first() -> None:
    server = Server()
    assert server.talk.next_deadline() is None
    probe = server.open()
    assert probe["method"] == "server/discover"
    meta = probe["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientInfo"] == {"name": "gate", "version": "1"}
    assert server.talk.next_deadline() == server.now + PROBE_S
    assert not server.talk.is_ready


def test_one_that_answers_is_never_greeted() -> None:
    server = Server()
    server.answers(server.open(), discovered(versions=["2026-07-28", "2025-11-25"]))
    assert server.event() == Ready(era=Era.MODERN, version="2026-07-28", name="s 2")
    assert methods(server) == ["tools/list", "subscriptions/listen"]
    assert server.talk.is_ready
    assert server.talk.era is Era.MODERN


@pytest.mark.parametrize("answer", [None, {"supportedVersions": 1}, {"supportedVersions": ["x"]}])
def test_one_that_does_not_know_the_question_is_greeted_in_the_old_way(answer: Any) -> None:
    server = Server()
    probe = server.open()
    server.fails(probe) if answer is None else server.answers(probe, answer)
    greeting = server.only()
    assert greeting["method"] == "initialize"
    assert greeting["params"]["protocolVersion"] == "2025-11-25"
    assert greeting["params"]["capabilities"] == {
        "elicitation": {"form": {}, "url": {}},
        "sampling": {"tools": {}},
        "roots": {},
    }
    server.answers(greeting, initialized("2025-03-26"))
    assert server.event() == Ready(era=Era.LEGACY, version="2025-03-26", name="s 2")
    assert methods(server) == ["notifications/initialized", "tools/list"]


def test_one_that_is_silent_is_greeted_after_a_while() -> None:
    server = Server()
    server.open()
    server.passes(PROBE_S - 1)
    assert server.messages() == []
    server.passes(1)
    assert server.only()["method"] == "initialize"
    assert server.talk.next_deadline() == server.now + OPEN_S
    server.passes(OPEN_S)
    assert server.event() == Over(reason="it was not ready within 60 s")
    assert server.talk.next_deadline() is None
    server.passes(OPEN_S)
    assert server.events() == []


def test_a_question_that_breaks_long_after_the_greeting_ends_nothing() -> None:
    for is_greeted in (False, True):
        server = Server(is_http=True)
        probe = server.open()
        server.passes(PROBE_S)
        greeting = server.only()
        if is_greeted:
            server.answers(greeting, initialized())
            server.events()
        server.talk.broken(probe["id"], "a proxy cut it", server.now)
        assert server.events() == []
        assert server.talk.is_ready == is_greeted


def test_a_greeting_that_breaks_after_all_was_said_ends_nothing() -> None:
    server = Server(is_http=True)
    probe = server.open()
    server.passes(PROBE_S)
    greeting = server.only()
    server.answers(probe, discovered())
    server.events()
    server.talk.broken(greeting["id"], "cut", server.now)
    assert server.events() == []
    assert server.talk.is_ready


def test_a_late_answer_to_the_question_counts() -> None:
    server = Server()
    probe = server.open()
    server.passes(PROBE_S)
    greeting = server.only()
    server.fails(greeting, -32022)
    assert server.events() == []  # it may still answer the first question
    server.answers(probe, discovered())
    assert isinstance(server.event(), Ready)
    assert server.talk.era is Era.MODERN


def test_what_it_says_of_the_greeting_after_that_means_nothing() -> None:
    for late in ("fails", "answers"):
        server = Server()
        probe = server.open()
        server.passes(PROBE_S)
        greeting = server.only()
        server.answers(probe, discovered(can={}))
        server.events()
        server.fails(greeting) if late == "fails" else server.answers(greeting, initialized())
        assert server.events() == []
        assert server.messages() == []
        assert server.talk.era is Era.MODERN


def test_a_late_answer_after_the_greeting_means_nothing() -> None:
    for late in ("fails", "answers", "other"):
        server = Server()
        probe = server.open()
        server.passes(PROBE_S)
        server.answers(server.only(), initialized())
        server.events()
        server.messages()
        if late == "fails":
            server.fails(probe)
        else:
            server.answers(probe, discovered())
        assert server.events() == []
        assert server.messages() == []
        assert server.talk.era is Era.LEGACY


def test_a_late_answer_of_nothing_new_means_nothing_either() -> None:
    server = Server()
    probe = server.open()
    server.passes(PROBE_S)
    server.only()
    server.answers(probe, discovered(versions=["2025-11-25"]))
    assert server.messages() == []
    assert server.events() == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"protocolVersion": "1999-01-01"}, "it speaks 1999-01-01, which is not known here"),
        ({"protocolVersion": "2026-07-28"}, "it speaks 2026-07-28, which is not known here"),
        ({"protocolVersion": 7}, "its answer to initialize can't be read"),
    ],
)
def test_one_that_speaks_what_is_not_known_is_given_up(answer: Any, reason: str) -> None:
    server = Server()
    server.fails(server.open())
    server.answers(server.only(), answer)
    assert server.event() == Over(reason=reason)
    assert server.messages() == []


def test_one_that_refuses_to_begin_is_given_up() -> None:
    server = Server()
    server.fails(server.open())
    server.fails(server.only(), -32000, "go\x1b[31m away\n" * 50)
    over = server.event()
    assert isinstance(over, Over)
    assert over.reason.startswith("it refuses to begin: -32000 go [31m away go")
    assert len(over.reason) < 300


def test_the_oldest_revision_is_taken_too() -> None:
    server = Server()
    server.fails(server.open())
    server.answers(server.only(), initialized("2024-11-05"))
    assert isinstance(server.event(), Ready)


def test_one_that_keeps_a_log_is_told_what_to_log() -> None:
    server = Server()
    server.fails(server.open())
    server.answers(server.only(), initialized(can={"logging": {}}))
    first, second = server.messages()
    assert first["method"] == "notifications/initialized"
    assert (second["method"], second["params"]) == ("logging/setLevel", {"level": "info"})
    server.fails(second)
    _, listed = server.events()
    assert isinstance(listed, Listed)
    assert listed.items == ()


def test_a_deadline_that_is_not_there_is_never_reached() -> None:
    server = Server()
    server.passes(1_000)
    assert server.events() == []
    opening = Opening(server.talk._channel)
    assert (opening.phase, opening.handle_timer(1e9)) == (Phase.NEW, "")
    assert opening.greeted(msgspec.Raw(b"{}")) == ""


def test_one_era_alone_may_be_wanted() -> None:
    server = Server()
    server.talk = ServerTalk("gate", "1", only=Era.LEGACY)
    assert server.open()["method"] == "initialize"
    for how in ("fails", "silent", "other"):
        server.talk = ServerTalk("gate", "1", only=Era.MODERN)
        probe = server.open()
        if how == "fails":
            server.fails(probe)
        elif how == "other":
            server.answers(probe, discovered(versions=["2025-11-25"]))
        else:
            server.passes(PROBE_S)
        assert server.event() == Over(reason="it does not speak as it is to (era: modern)")
        assert server.messages() == []


def unsupported(server: Server, request: dict[str, Any], data: Any) -> None:
    error = {"code": -32022, "message": "no", "data": data}
    server.says({"jsonrpc": "2.0", "id": request["id"], "error": error})


def test_one_that_says_after_all_that_it_speaks_the_new_way_is_asked_once_more() -> None:
    server = Server()
    probe = server.open()
    unsupported(server, probe, {"supported": ["2026-07-28", "2025-11-25"]})
    again = server.only()
    assert again["method"] == "server/discover"
    assert again["id"] != probe["id"]
    unsupported(server, again, {"supported": ["2026-07-28"]})
    assert isinstance(server.event(), Over)


@pytest.mark.parametrize("data", [{"supported": ["2025-11-25"]}, {"supported": 7}, [], None])
def test_one_that_refuses_the_new_way_alone_is_greeted(data: Any) -> None:
    server = Server()
    unsupported(server, server.open(), data)
    assert server.only()["method"] == "initialize"


def test_one_that_speaks_what_nobody_knows_is_not_greeted() -> None:
    server = Server()
    unsupported(server, server.open(), {"supported": ["2099-01-01", 7]})
    assert server.event() == Over(reason="it speaks 2099-01-01, which is not known here")
