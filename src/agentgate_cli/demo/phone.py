"""The phone of the demo: Telegram as the person sees it, with the bot's messages and buttons."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

import anyio

from agentgate_cli.standins.telegram import TelegramStandIn
from agentgate_cli.standins.telegram_chats import Message

OWNER_ID = 1_234_567
"""The person, as Telegram counts people."""

LOOK_S = 0.02
"""Pause between two looks at the screen."""

LABELS = {"approve": "Approve", "deny": "Deny"}


class Phone:
    """One person's Telegram, as an async context manager: a server that speaks the Bot API."""

    def __init__(self) -> None:
        self._telegram = TelegramStandIn()
        self._telegram.chats.add_person(OWNER_ID, "Owner")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._telegram)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """Where the Bot API is."""
        return self._telegram.url

    @property
    def bot_token(self) -> str:
        """What the gateway's bot is known by."""
        return self._telegram.token

    async def asked(self, words: str) -> Message:
        """Wait for a message with buttons that has these words."""
        return await self._seen(lambda message: bool(message.rows) and words in message.text)

    async def settled(self, asked: Message, word: str) -> Message:
        """Wait until a message has lost its buttons and says how it ended."""
        return await self._seen(
            lambda message: message is asked and not message.rows and word in message.text
        )

    def tap(self, message: Message, decision: str) -> None:
        """Tap a button."""
        label = next(a for a in message.labels if a.endswith(LABELS[decision]))
        self._telegram.chats.tap(OWNER_ID, message, label)

    async def _seen(self, fits: Callable[[Message], bool]) -> Message:
        while True:
            for message in self._telegram.chats.seen(OWNER_ID):
                if fits(message):
                    return message
            await anyio.sleep(LOOK_S)
