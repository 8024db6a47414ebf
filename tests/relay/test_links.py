"""All links of a gateway: opened with it, told of, closed with it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.client.gateway import gateway as listening
from tests.client.gateway import say_nothing
from tests.client.helpers import Impatient
from tests.relay.street import (
    ALLOW_ALL,
    ANN,
    BOB,
    BOUND_S,
    GARDEN,
    House,
    house,
    link_of,
    office,
)
from tests.server.embedded import http

from agentgate_client import AgentGateClient, ApprovalsClient, Tool
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.principal import Role
from agentgate_relay import Links
from agentgate_relay.links import OPEN_S
from agentgate_server.config import config_from_dict
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.identity.token_file import StoredToken, TokenFile
from agentgate_server.identity.tokens import hash_token
from agentgate_server.policy import Policy
from agentgate_server.relay.link import LinkStatus

pytestmark = pytest.mark.anyio

OPS = f"ops-{BOB}"


def unopened(folder: Path, upstreams: Any = Links, **upstream: Any) -> Gateway:
    """An office that can't be opened like this."""
    config = config_from_dict(
        {
            "agent": {"token": GARDEN},
            "gateway": {"port": 0},
            "storage": {"path": str(folder / "office.db")},
            "upstreams": {"house": {"url": "ws://127.0.0.1:1", "token": "t", **upstream}},
        },
        name="office",
    )
    return Gateway(config, policy=Policy.parse(ALLOW_ALL), upstreams=upstreams)


async def test_a_gateway_says_how_its_links_are_and_names_them_to_operators_only(
    tmp_path: Path,
) -> None:
    with anyio.fail_after(BOUND_S):
        async with house(tmp_path, House()) as behind:
            metrics = {"enabled": True}
            async with (
                office(tmp_path, behind.url, metrics=metrics) as front,
                ApprovalsClient(front.url, OPS) as operator,
                AgentGateClient(front.url, GARDEN) as agent,
            ):
                (row,) = await operator.upstreams()
                assert (row.name, row.status, row.principal) == ("house", "connected", "office")
                assert row.place == behind.url.removeprefix("ws://")
                assert "house.note" in row.tools
                _, _, health = await http(front, "GET", "/health")
                assert health["upstreams"] == {"configured": 1, "connected": 1}
                _, _, text = await http(front, "GET", "/metrics", token=OPS)
                assert 'agentgate_upstream_connected{upstream="house"} 1.0' in text
                assert agent.state.value == "connected"
                link = link_of(front)
            assert link.state.status is LinkStatus.CLOSED
            names = [p.connection.principal for p in behind.gate.peers.values()]
            assert names == [], "it has said goodbye"


async def test_a_gateway_without_any_has_none_to_tell_of(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_S):
        async with house(tmp_path, House()) as alone:
            assert alone.gate.upstreams is None
            _, _, health = await http(alone, "GET", "/health")
            assert "upstreams" not in health


@pytest.mark.parametrize(
    ("upstreams", "upstream", "says"),
    [
        (None, {}, "office: upstreams: need Gateway"),
        (Links, {"url": "wss://127.0.0.1:1", "ca": "/nowhere/ca.pem"}, "upstreams: house: ca_file"),
    ],
)
async def test_what_cannot_be_opened_stops_the_start(
    tmp_path: Path, upstreams: Any, upstream: dict[str, Any], says: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        await unopened(tmp_path, upstreams, **upstream).__aenter__()
    assert says in str(caught.value)


@pytest.mark.slow
async def test_an_upstream_that_does_not_answer_holds_up_the_start_for_a_moment_only(
    tmp_path: Path,
) -> None:
    with anyio.fail_after(BOUND_S):
        async with listening(raw=say_nothing) as silent:
            began = anyio.current_time()
            links = partial(Links, backoff=Impatient)
            async with unopened(tmp_path, links, url=silent.url) as front:
                assert OPEN_S <= anyio.current_time() - began < OPEN_S + 2.0
                assert link_of(front).state.status is LinkStatus.CONNECTING
                async with AgentGateClient(front.url, GARDEN) as agent:
                    assert await agent.list_tools() == []


@pytest.mark.parametrize("name", ["house", "house.kitchen"])
async def test_nobody_offers_what_could_be_taken_for_an_upstream_s(
    tmp_path: Path, name: str
) -> None:
    stored = StoredToken(name=name, role=Role.AGENT, token_hash=hash_token(ANN), created_at="")
    TokenFile(tmp_path / "tokens.json").add(stored)
    nothing_there = "ws://127.0.0.1:1"
    with anyio.fail_after(BOUND_S):
        async with (
            office(tmp_path, nothing_there) as front,
            AgentGateClient(front.url, ANN, client_id="guest") as guest,
        ):
            with pytest.raises(AgentGateError) as caught:
                await guest.provide(Tool(name="note", run=lambda: None, effects="read"))
            assert caught.value.code == ErrorCode.ALREADY_SETTLED
            assert await guest.list_tools() == []
