"""A gateway, a stand-in for ntfy and its phones, in one event loop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from tests.server.approvals.telegram.harness import FastClock
from tests.server.embedded import (
    BOUND_S,
    OWNER,
    RawClient,
    asked,
    config,
    echo,
    hang,
    http,
    note,
    raw_client,
    until,
)

from agentgate_cli.standins.ntfy import Message, NtfyStandIn
from agentgate_proto.connection.events import Authenticated
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.approvals.push.channel import PushChannel
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

ANNS, BOBS = "anns-topic-0123456789", "bobs-topic-0123456789"
PEOPLE = ({"topic": ANNS, "name": "owner"}, {"topic": BOBS, "name": "bob"})
POLICY = """
defaults:
  - {pattern: "*", action: ask}
rules:
  - {pattern: "asked*", action: ask, description: "ask for everything"}
"""


@asynccontextmanager
async def ntfy_server(**options: Any) -> AsyncIterator[NtfyStandIn]:
    """A server of ntfy."""
    with anyio.fail_after(BOUND_S):
        async with NtfyStandIn(**options) as ntfy:
            yield ntfy


@asynccontextmanager
async def gateway_on(
    ntfy: NtfyStandIn,
    folder: Path,
    *,
    people: Sequence[dict[str, str]] = PEOPLE[:1],
    policy: str = POLICY,
    asks_per_minute: int = 60,
    messenger: dict[str, Any] | None = None,
    **changes: Any,
) -> AsyncIterator[Gateway]:
    """A gateway that asks by this server."""
    form = {"url": ntfy.url, "people": list(people)}
    if ntfy.token:
        form["token"] = ntfy.token
    gateway = Gateway(
        config(
            folder,
            gateway={"public_url": "https://gate.example"},
            messenger={"ntfy": form, "asks_per_minute": asks_per_minute, **(messenger or {})},
            **changes,
        ),
        tools=[echo, hang, note, asked],
        policy=Policy.parse(policy),
    )
    gateway.clock = FastClock()
    async with gateway:
        yield gateway


@asynccontextmanager
async def asker(gateway: Gateway, client_id: str = "agent") -> AsyncIterator[RawClient]:
    """An agent's connection that may ask."""
    async with raw_client(gateway, client_id=client_id) as client:
        await client.next(Authenticated)
        yield client


async def ask(client: RawClient, request_id: int = 1, tool: str = "asked", **args: object) -> None:
    """Ask for a tool; nobody waits for the outcome."""
    params = ToolRequest(tool=tool, args=args or {"text": "hello"})
    await client.request(request_id, "tool_request", params)


async def asked_by(ntfy: NtfyStandIn, topic: str = ANNS) -> Message:
    """The only notification with buttons on a phone."""

    def found() -> list[Message]:
        return [each for each in ntfy.shown(topic) if each.actions]

    (message,) = await until(found, "a notification with buttons")
    return message


async def reads(ntfy: NtfyStandIn, *words: str, topic: str = ANNS) -> Message:
    """Wait until the last notification of a topic says this."""

    def found() -> bool:
        shown = ntfy.shown(topic)
        return bool(shown) and all(each in f"{shown[-1].title}\n{shown[-1].text}" for each in words)

    await until(found, f"{words} on the phone")
    return ntfy.shown(topic)[-1]


async def tap(gateway: Gateway, message: Message, label: str) -> tuple[int, dict[str, Any]]:
    """Tap a button: the phone sends what stands there, to the gateway that listens here."""
    action = message.action(label)
    assert action.url == "https://gate.example/api/answers"
    return await answer(gateway, json.loads(action.body))


async def answer(gateway: Gateway, body: Any, **more: Any) -> tuple[int, dict[str, Any]]:
    """Send an answer by ticket; there is no token."""
    status, _, found = await http(gateway, "POST", "/api/answers", body=body, **more)
    return status, found


async def decide_elsewhere(gateway: Gateway, decision: str) -> None:
    """Somebody answers the only approval over HTTP."""
    (view,) = gateway.gate.desk.waiting()
    path = f"/api/approvals/{view.id}"
    code, _, _ = await http(gateway, "POST", path, token=OWNER, body={"decision": decision})
    assert code == 200


def channel_of(gateway: Gateway) -> PushChannel:
    """The gateway's channel."""
    channel = gateway.gate.desk.channels[-1]
    assert isinstance(channel, PushChannel)
    return channel


async def quiet(gateway: Gateway) -> None:
    """Wait until every notification shows the truth, and its note is kept."""
    outbox = channel_of(gateway).outbox
    board, now = outbox.board, outbox.clock.now
    await until(lambda: board.next_step(now(), {}) is None, "nothing to be done")
