"""Resources, prompts and completion: listed as servers wrote them, read by governed tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.embedded import until
from tests.server.faces.mcp_client import LEGACY, MODERN, Events
from tests.server.faces.mcp_stage import BOTH, client_of, offering

from agentgate_server.faces import mcp_notices

pytestmark = pytest.mark.anyio


@dataclass
class MemoryOffer:
    """See ``Offer``."""

    name: str
    there: str
    tool: str
    complete: str
    raw: msgspec.Raw


def offer(here: str, there: str, tool: str, complete: str = "echo_complete", **raw: Any) -> Any:
    return MemoryOffer(here, there, tool, complete, msgspec.Raw(json.dumps(raw).encode()))


class MemoryOffers:
    """See ``Offers``."""

    def __init__(self) -> None:
        self._resources = [offer("a:b", "a:b", "echo_read", uri="a:b", name="b", more=[1])]
        self._templates = [offer("a:{x}", "a:{x}", "echo_read", uriTemplate="a:{x}", name="x")]
        self._prompts = [
            offer("ev.Greet", "Greet", "echo_get", name="Greet", more=[1]),
            offer("ev/greet", "greet", "echo_other", name="greet"),
            offer("plain", "plain", "echo_get", "", name="plain"),
        ]
        self.looks: dict[str, Callable[[], None]] = {}

    def resources(self) -> Any:
        return self._resources

    def templates(self) -> Any:
        return self._templates

    def prompts(self) -> Any:
        return self._prompts

    def owner_of_uri(self, uri: str) -> Any:
        return self._resources[0] if uri.startswith("a:") else None

    def subscribe(self, uri: str, look: Callable[[], None]) -> Callable[[], None] | None:
        if not uri.startswith("a:"):
            return None
        self.looks[uri] = look
        return lambda: self.looks.pop(uri) and None


async def test_without_servers_there_is_nothing_of_that(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway, LEGACY) as client:
        begun = await client.begin()
        assert begun["capabilities"] == {"tools": {"listChanged": True}}
        answer = await client.ask("resources/list")
        assert answer["error"]["code"] == -32601


@BOTH
async def test_lists_are_what_servers_wrote(tmp_path: Path, version: str) -> None:
    async with (
        offering(tmp_path, offers=MemoryOffers()) as (gateway, _),
        client_of(gateway, version) as client,
    ):
        answer = await client.ask("resources/list")
        assert answer["result"]["resources"] == [{"uri": "a:b", "name": "b", "more": [1]}]
        answer = await client.ask("resources/templates/list")
        assert answer["result"]["resourceTemplates"] == [{"uriTemplate": "a:{x}", "name": "x"}]
        answer = await client.ask("prompts/list")
        assert answer["result"]["prompts"] == [
            {"name": "ev_greet", "more": [1]},
            {"name": "plain"},
        ]
        answer = await client.ask("prompts/list", {"cursor": "nowhere"})
        assert answer["error"]["code"] == -32602


@BOTH
@pytest.mark.parametrize(
    ("method", "params", "tool", "args"),
    [
        ("resources/read", {"uri": "a:b"}, "echo_read", {"uri": "a:b"}),
        (
            "prompts/get",
            {"name": "ev_greet", "arguments": {"who": "me"}},
            "echo_get",
            {"name": "Greet", "arguments": {"who": "me"}},
        ),
        (
            "completion/complete",
            {
                "ref": {"type": "ref/prompt", "name": "ev_greet"},
                "argument": {"name": "who", "value": "m"},
                "context": {"arguments": {}},
            },
            "echo_complete",
            {
                "ref": {"type": "ref/prompt", "name": "Greet"},
                "argument": {"name": "who", "value": "m"},
                "context": {"arguments": {}},
            },
        ),
        (
            "completion/complete",
            {
                "ref": {"type": "ref/resource", "uri": "a:{x}"},
                "argument": {"name": "x", "value": ""},
            },
            "echo_complete",
            {
                "ref": {"type": "ref/resource", "uri": "a:{x}"},
                "argument": {"name": "x", "value": ""},
            },
        ),
    ],
)
async def test_what_is_read_is_a_call_of_a_tool(
    tmp_path: Path, version: str, method: str, params: Any, tool: str, args: Any
) -> None:
    async with (
        offering(tmp_path, offers=MemoryOffers()) as (gateway, desk),
        client_of(gateway, version) as client,
    ):
        answer = await client.ask(method, params)
        assert args.items() <= answer["result"].items()
        assert desk.requests[0].request.tool == tool


@BOTH
async def test_what_can_not_be_read_is_an_error(tmp_path: Path, version: str) -> None:
    offers = MemoryOffers()
    offers._resources[0].tool = "fail_read"
    async with (
        offering(tmp_path, offers=offers) as (gateway, _),
        client_of(gateway, version) as client,
    ):
        answer = await client.ask("resources/read", {"uri": "a:b"})
        assert answer["error"] == {"code": -32603, "message": "it broke"}


@BOTH
async def test_what_there_is_not_is_an_error(tmp_path: Path, version: str) -> None:
    async with (
        offering(tmp_path, offers=MemoryOffers()) as (gateway, desk),
        client_of(gateway, version) as client,
    ):
        argument = {"name": "who", "value": ""}
        for method, params, code in (
            ("resources/read", {"uri": "z:z"}, -32602 if version == MODERN else -32002),
            ("prompts/get", {"name": "nothing"}, -32602),
            ("prompts/get", {"name": "ev_greet", "arguments": {"who": 7}}, -32602),
            (
                "completion/complete",
                {"ref": {"type": "ref/prompt", "name": "plain"}, "argument": argument},
                -32602,
            ),
            (
                "completion/complete",
                {"ref": {"type": "ref/prompt", "name": "ev_greet"}, "argument": {"name": 7}},
                -32602,
            ),
        ):
            answer = await client.ask(method, params)
            assert answer["error"]["code"] == code, (method, params)
        assert desk.calls == []


async def test_a_prompt_may_ask_its_client_something(tmp_path: Path) -> None:
    async with (
        offering(tmp_path, offers=MemoryOffers()) as (gateway, desk),
        client_of(gateway, roots={}) as client,
    ):
        params: dict[str, Any] = {"name": "ev_greet", "arguments": {}}
        wrong = params | {"requestState": "x", "inputResponses": {}}
        answer = await client.ask("prompts/get", wrong)
        assert answer["error"]["code"] == -32602
        assert desk.calls == []


# Changes


async def test_a_session_hears_of_the_resources_that_it_wants_to_hear_of(tmp_path: Path) -> None:
    offers = MemoryOffers()
    async with (
        offering(tmp_path, offers=offers) as (gateway, _),
        client_of(gateway, LEGACY) as client,
    ):
        for uri in ("a:b", "z:z"):
            assert (await client.ask("resources/subscribe", {"uri": uri}))["result"] == {}
        assert offers.looks == {}
        async with client.listening() as response:
            events = Events(response)
            assert set(offers.looks) == {"a:b"}
            assert (await client.ask("resources/subscribe", {"uri": "a:c"}))["result"] == {}
            assert set(offers.looks) == {"a:b", "a:c"}
            offers.looks["a:c"]()
            told = await events.next()
            assert told["method"] == "notifications/resources/updated"
            assert told["params"] == {"uri": "a:c"}
            assert (await client.ask("resources/unsubscribe", {"uri": "a:c"}))["result"] == {}
            assert set(offers.looks) == {"a:b"}
        await until(lambda: not offers.looks, "that nobody looks any more")


async def test_a_session_hears_of_so_many_resources_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_notices, "URIS_MAX", 1)
    async with (
        offering(tmp_path, offers=MemoryOffers()) as (gateway, _),
        client_of(gateway, LEGACY) as client,
    ):
        assert "result" in await client.ask("resources/subscribe", {"uri": "a:b"})
        answer = await client.ask("resources/subscribe", {"uri": "a:c"})
        assert answer["error"]["code"] == -32602


async def test_all_sessions_of_a_principal_share_what_they_may_hear_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_notices, "URIS_MAX", 2)
    offers = MemoryOffers()
    async with (
        offering(tmp_path, offers=offers) as (gateway, _),
        client_of(gateway, LEGACY) as left,
        client_of(gateway, LEGACY) as one,
        client_of(gateway, LEGACY) as two,
        client_of(gateway) as modern,
        one.listening(),
    ):
        await left.ask("resources/subscribe", {"uri": "a:left"})  # and has no stream
        for client, uri in ((one, "a:b"), (two, "a:c")):
            assert (await client.ask("resources/subscribe", {"uri": uri}))["result"] == {}
        assert (await two.ask("resources/subscribe", {"uri": "a:c"}))["result"] == {}
        answer = await two.ask("resources/subscribe", {"uri": "a:d"})
        assert answer["error"]["code"] == -32602
        assert set(offers.looks) == {"a:b"}
        wanted = {"notifications": {"resourceSubscriptions": ["a:x", "a:y"]}}
        async with modern.streaming(modern.request("subscriptions/listen", wanted)) as response:
            told = (await Events(response).next())["params"]["notifications"]
            assert told == {"resourceSubscriptions": ["a:x"]}  # in place of what two wanted
            assert set(offers.looks) == {"a:b", "a:x"}
            answer = await one.ask("resources/subscribe", {"uri": "a:d"})
            assert answer["error"]["code"] == -32602


async def test_a_modern_client_names_its_resources_when_it_listens(tmp_path: Path) -> None:
    offers = MemoryOffers()
    async with offering(tmp_path, offers=offers) as (gateway, _), client_of(gateway) as client:
        wanted = {"notifications": {"resourceSubscriptions": ["a:b"]}}
        async with client.streaming(client.request("subscriptions/listen", wanted)) as response:
            events = Events(response)
            await events.next()
            offers.looks["a:b"]()
            told = await events.next()
            assert told["method"] == "notifications/resources/updated"
            assert told["params"]["uri"] == "a:b"
        await until(lambda: not offers.looks, "that nobody looks any more")


async def test_clients_hear_that_other_lists_have_changed(tmp_path: Path) -> None:
    offers = MemoryOffers()
    async with (
        offering(tmp_path, offers=offers) as (gateway, desk),
        client_of(gateway, LEGACY) as client,
        client.listening() as response,
    ):
        events = Events(response)
        offers._resources = []
        desk.change_tools(desk.rows)
        assert (await events.next())["method"] == "notifications/resources/list_changed"
        offers._prompts = []
        desk.change_tools(desk.rows)
        assert (await events.next())["method"] == "notifications/prompts/list_changed"


async def test_a_client_hears_messages_from_the_level_on_that_it_wants(tmp_path: Path) -> None:
    async with (
        offering(tmp_path, offers=MemoryOffers()) as (gateway, desk),
        client_of(gateway, LEGACY) as client,
    ):
        assert (await client.ask("logging/setLevel", {"level": "error"}))["result"] == {}
        async with client.streaming(client.calling("hang_it")) as response:
            await until(lambda: desk.requests, "the request")
            asker = desk.requests[0].views[0].asker
            assert asker is not None
            for level in ("info", "error"):
                params = msgspec.Raw(json.dumps({"level": level, "data": level}).encode())
                asker.tell("notifications/message", params)
            told = await Events(response).next()
            assert told["params"] == {"level": "error", "data": "error"}
