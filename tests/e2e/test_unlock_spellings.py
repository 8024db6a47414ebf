"""Every way to unlock the front door through a gateway, in front of a house and a hub.

The rows, and what one rule makes of them, are in ``tests/server/policy``. Here they come as JSON
over a WebSocket, meet the tools' own checks first, and nothing may arrive at the other end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
import pytest
from tests.server.embedded import RawClient, raw_client, serving, until
from tests.server.policy.unlock_rows import HARMLESS, ONE_RULE, ROWS

from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    HttpServer,
    json_response,
)
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.errors import ErrorCode
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio
TOKEN = "long-lived-token-0123456789"
BOUND_S = 60.0
HUB = """
backends:
  hub: {{url: "{url}", private: true}}
tools:
  hub_open:
    description: Open something.
    backend: hub
    args: {{entity: {{}}}}
    request: {{method: POST, path: "/entities/{{entity}}/open"}}
  hub_command:
    description: Do something.
    backend: hub
    args: {{command: {{type: object}}}}
    request: {{method: POST, path: /commands, json: "{{command}}"}}
  hub_visit:
    description: Visit a URL.
    backend: hub
    args: {{url: {{}}}}
    request: {{method: POST, path: /visits, json: {{url: "{{url}}"}}}}
"""


class Hub:
    """Somebody's API of doors and lights, which does whatever it is told."""

    def __init__(self) -> None:
        self.heard: list[HttpRequest] = []

    async def answer(self, request: HttpRequest) -> HttpResponse:
        self.heard.append(request)
        return json_response({"done": True})


class World:
    """An agent's connection to a gateway, and what is behind it."""

    def __init__(self, client: RawClient, home: HomeAssistant, hub: Hub) -> None:
        self.client = client
        self.home = home
        self.hub = hub
        self.asked = 0

    async def ask(self, params: str) -> int:
        """Send a request; return the error's code, or 0."""
        self.asked += 1
        await self.client.request(self.asked, "tool_request", msgspec.Raw(params.encode()))
        answer = await self.client.next(Answered)
        assert answer.id == self.asked
        return 0 if answer.error is None else answer.error.code

    @property
    def done(self) -> list[object]:
        """All that was done in the house."""
        return [*self.home.acts, *self.hub.heard]


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    hub = Hub()
    async with HomeAssistant(token=TOKEN) as home, HttpServer(hub.answer) as server:
        tools = folder / "hub.yaml"
        tools.write_text(HUB.format(url=server.url))
        policy = Policy.parse(ONE_RULE)
        services = {"homeassistant": {"url": home.url, "token": TOKEN}}
        limits = {"max_requests_per_minute": 10_000}
        with anyio.fail_after(BOUND_S):
            async with (
                serving(
                    folder,
                    policy=policy,
                    services=services,
                    tools={"http": [str(tools)]},
                    rate_limit=limits,
                ) as gateway,
                raw_client(gateway) as client,
            ):
                await client.next(Authenticated)
                house = policy.resolver
                assert house is not None
                await until(lambda: house("area_id", "hall"), "what is in the hall")
                yield World(client, home, hub)


async def test_nothing_arrives_of_any_way_to_unlock_the_door(tmp_path: Path) -> None:
    async with world(tmp_path) as gate:
        codes = {name: await gate.ask(params) for name, params in ROWS.items()}
        refused = {ErrorCode.DENIED_BY_POLICY, ErrorCode.INVALID_PARAMS}
        assert {name: code for name, code in codes.items() if code not in refused} == {}
        assert gate.done == []
        assert gate.home.home.entities["lock.front"].state == "locked"
        # Not only what the tools' own checks refuse: the rule has its part.
        by_rule = {name for name, code in codes.items() if code == ErrorCode.DENIED_BY_POLICY}
        assert len(by_rule) >= 60
        assert {
            "house: area",
            "house: device that the lock is a part of",
            "house: label",
            "house: floor in target",
            "house: group of groups",
            "house: scene with the lock",
            "house: script",
            "home: target",
            "home: generic service",
            "home: deep data",
            "JSON: entity twice",
            "JSON: escaped letters",
            "entity: percent-encoded twice",
            "body: key of an object",
            "URL: service, encoded",
        } <= by_rule


async def test_what_is_harmless_arrives(tmp_path: Path) -> None:
    async with world(tmp_path) as gate:
        codes = {name: await gate.ask(params) for name, params in HARMLESS.items()}
        assert ErrorCode.DENIED_BY_POLICY not in codes.values()
        names = {call.name for call in gate.home.acts}
        assert {"light.turn_off", "homeassistant.turn_off", "scene.turn_on", "doorbell"} <= names
        twice = [call.data for call in gate.home.acts if call.data == {"entity_id": "light.hall"}]
        assert len(twice) == 1, "of a key that is there twice, the last one is sent, alone"
        assert [request.target for request in gate.hub.heard].count("/visits") == 2
        assert gate.home.home.entities["lock.front"].state == "locked"


async def test_the_same_door_opens_without_the_rule(tmp_path: Path) -> None:
    """The test above can fail: what it asks for would work."""
    async with HomeAssistant(token=TOKEN) as home:
        services = {"homeassistant": {"url": home.url, "token": TOKEN}}
        policy = Policy.parse('defaults:\n  - {pattern: "*", action: allow}\n')
        async with (
            serving(tmp_path, policy=policy, services=services) as gateway,
            raw_client(gateway) as client,
        ):
            await client.next(Authenticated)
            gate = World(client, home, Hub())
            assert await gate.ask(ROWS["house: area"]) == 0
            assert home.home.entities["lock.front"].state == "unlocked"
