"""A person who is asked about a house sees what it is about, over the gateway's own protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.server.embedded import OWNER, http, raw_client, serving, until
from tests.server.tools.home_assistant.linked import TOKEN

from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_proto.connection.events import Answered, Authenticated, Notified
from agentgate_proto.rpc.messages import WatchApprovals
from agentgate_server.policy import Policy
from agentgate_server.tools.home_assistant import tools

pytestmark = pytest.mark.anyio
HALL = {"domain": "light", "service": "turn_off", "area_id": "hall"}


def asks() -> Policy:
    return Policy.parse("defaults:\n  - {pattern: '*', action: ask}\n")


async def test_a_person_sees_names_and_states_now_and_afterwards_what_was_seen(
    tmp_path: Path,
) -> None:
    async with StandIn(token=TOKEN) as home:
        services = {"homeassistant": {"url": home.url, "token": TOKEN}}
        async with (
            serving(tmp_path, policy=asks(), services=services) as gateway,
            raw_client(gateway) as client,
            raw_client(gateway, token=OWNER) as person,
        ):
            await client.next(Authenticated)
            await person.next(Authenticated)
            await person.request(1, "watch_approvals", WatchApprovals())
            await person.next(Answered)
            await client.request(1, "tool_request", {"tool": "ha_call_service", "args": HALL})
            view = (await person.next(Notified)).params
            assert view.about == "Entrance Hall holds 1 light: Hall (on) → off"
            home.home.entities["light.hall"].set_state("off")
            await home.sockets.tell()

            async def listed() -> str:
                _, _, body = await http(gateway, "GET", "/api/approvals", token=OWNER)
                return body["approvals"][0]["about"]

            while await listed() != "Entrance Hall holds 1 light: Hall (off) → off":
                pass  # bounded by serving
            approve = {"decision": "approve"}
            await http(gateway, "POST", f"/api/approvals/{view.id}", token=OWNER, body=approve)
            await client.next(Answered)
            settled = (await person.next(Notified)).params
            assert settled.status == "approved"
            assert settled.about == "Entrance Hall holds 1 light: Hall (off) → off"


async def test_a_picture_that_fails_stops_no_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> str:
        raise ArithmeticError

    monkeypatch.setattr(tools, "picture_of", broken)
    async with StandIn(token=TOKEN) as home:
        services = {"homeassistant": {"url": home.url, "token": TOKEN}}
        async with (
            serving(tmp_path, policy=asks(), services=services) as gateway,
            raw_client(gateway) as client,
        ):
            await client.next(Authenticated)
            await client.request(1, "tool_request", {"tool": "ha_call_service", "args": HALL})
            await until(gateway.gate.desk.waiting, "the question")
            (view,) = gateway.gate.desk.waiting()
            assert view.about == ""
            assert "says nothing of what it is asked for" in caplog.text
