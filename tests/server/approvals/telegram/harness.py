"""A gateway and a stand-in for Telegram in one event loop, and a person with a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
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

from agentgate_cli.standins.telegram import EXAMPLE_BOT, TelegramStandIn
from agentgate_cli.standins.telegram_chats import Message, Tap
from agentgate_proto.connection.events import Authenticated
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.rpc.messages import (
    ToolRequest,
)
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.telegram.channel import TelegramChannel
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

ANN, BOB, STRANGER = 4001, 4002, 6666
GROUP = -5001
POLICY = """
defaults:
  - {pattern: "*", action: ask}
rules:
  - {pattern: "asked*", action: ask, description: "ask for everything"}
"""


class FastClock(Clock):
    """Waits for nothing: whoever waits for time has it at once."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    async def wait(self, event: anyio.Event, seconds: float) -> None:
        until = self.time + seconds
        with anyio.move_on_after(0.001):
            await event.wait()
        if not event.is_set():
            self.time = max(self.time, until)


@asynccontextmanager
async def phone(bound_s: float = BOUND_S) -> AsyncIterator[TelegramStandIn]:
    """Telegram with three people; two of them may answer."""
    with anyio.fail_after(bound_s):
        async with TelegramStandIn() as telegram:
            telegram.chats.add_person(ANN, "Ann")
            telegram.chats.add_person(BOB, "Bob")
            telegram.chats.add_person(STRANGER, "Mallory")
            telegram.chats.add_group(GROUP)
            yield telegram


@asynccontextmanager
async def gateway_on(
    telegram: TelegramStandIn,
    folder: Path,
    *,
    chat_id: int = ANN,
    policy: str = POLICY,
    clock: FastClock | None = None,
    users: Sequence[Any] = ({"id": ANN, "name": "owner"}, BOB),
    asks_per_minute: int = 60,
    thread_id: int = 0,
    **changes: Any,
) -> AsyncIterator[Gateway]:
    """A gateway that asks on this Telegram."""
    messenger = {
        "type": "telegram",
        "asks_per_minute": asks_per_minute,
        "telegram": {
            "message_thread_id": thread_id,
            "token": EXAMPLE_BOT,
            "chat_id": chat_id,
            "allowed_users": list(users),
            "base_url": telegram.url,
        },
    }
    gateway = Gateway(
        config(folder, messenger=messenger, **changes),
        tools=[echo, hang, note, asked],
        policy=Policy.parse(policy),
    )
    gateway.clock = clock or FastClock()
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


async def shown(telegram: TelegramStandIn, chat_id: int = ANN) -> Message:
    """The message that waits for a tap."""
    found: list[Message] = await until(
        lambda: list(telegram.chats.with_buttons(chat_id)), "a message with buttons"
    )
    (message,) = found
    return message


async def answered(tap: Tap) -> str:
    """What the person was told."""
    await until(lambda: tap.answers, "a notice")
    return tap.answers[0]


async def replies(telegram: TelegramStandIn, said: Message) -> str:
    """What the bot answers to what somebody wrote."""

    def answer() -> str:
        found = telegram.chats.seen(said.chat_id)
        return next((message.text for message in found if message.reply_to == said.id), "")

    text: str = await until(answer, "a reply")
    return text


async def reads(message: Message, *words: str) -> str:
    """Wait until a message says this."""
    await until(lambda: all(word in message.text for word in words), f"{words} in the message")
    return message.text


def channel_of(gateway: Gateway) -> TelegramChannel:
    """The gateway's channel."""
    channel = gateway.gate.desk.channels[-1]
    assert isinstance(channel, TelegramChannel)
    return channel


def is_quiet(gateway: Gateway) -> bool:
    """Whether every message shows the truth, and its note is kept."""
    outbox = channel_of(gateway).outbox
    return outbox.board.next_step(outbox.clock.now(), {}) is None


def waiting(gateway: Gateway) -> list[ApprovalView]:
    return gateway.gate.desk.waiting()


async def decide_elsewhere(gateway: Gateway, decision: str) -> None:
    """Somebody answers the only approval over HTTP."""
    (view,) = waiting(gateway)
    path = f"/api/approvals/{view.id}"
    code, _, _ = await http(gateway, "POST", path, token=OWNER, body={"decision": decision})
    assert code == 200


__all__ = ["http", "until"]
