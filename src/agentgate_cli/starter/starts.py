"""Who sends the bot ``/start``: how the chat and the person are found while somebody waits.

Anybody may write to a bot, so whoever is at the terminal says whether it was they. The link that
they are shown carries a word that nobody else knows; who came by it is known to have seen it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentgate_cli.doctor.bot import Bot

HOLD_S = 25
"""For how long one poll waits."""

NAME_CHARS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Somebody has sent ``/start``.

    Attributes:
        user, name: who: Telegram's id, and what they call themselves.
        chat, title: where; a private chat has no title.
        thread: the topic of a group; 0: none.
        by_link: by the link that was shown here.
    """

    user: int
    name: str
    chat: int
    title: str = ""
    thread: int = 0
    by_link: bool = False

    @property
    def is_private(self) -> bool:
        """Whether nobody else sees the chat."""
        return self.chat == self.user


def link_of(bot_name: str, word: str) -> str:
    """The link that opens the chat with the bot (core.telegram.org/bots/features#deep-linking)."""
    return f"https://t.me/{bot_name}?start={word}"


def start_of(update: dict[str, Any], word: str) -> Start | None:
    """Read an update; None: it is no ``/start`` of a person.

    Args:
        update: as the Bot API shows it.
        word: of the link.
    """
    match update:
        case {
            "message": {
                "text": str(text),
                "from": {"id": int(user), "first_name": str(name), **person},
                "chat": {"id": int(chat), "type": str(), **about},
                **message,
            }
        }:
            command, _, rest = text.partition(" ")
            if command.partition("@")[0] != "/start" or person.get("is_bot"):
                return None
            topic = message.get("message_thread_id") if message.get("is_topic_message") else 0
            return Start(
                user=user,
                name=in_line(f"{name} {person.get('last_name') or ''}"),
                chat=chat,
                title=in_line(str(about.get("title") or "")) if chat != user else "",
                thread=topic if isinstance(topic, int) else 0,
                by_link=rest.strip() == word,
            )
    return None


def in_line(text: str) -> str:
    """A name that somebody gave themselves, in one line that does nothing to a terminal."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:NAME_CHARS_MAX] or "?"


async def hear_start(
    bot: Bot, word: str, is_it: Callable[[Start], bool], offset: int = 0
) -> tuple[Start, int]:
    """Wait for the ``/start`` that is meant.

    Args:
        bot: who is listened to.
        word: of the link.
        is_it: asks the person at the terminal.
        offset: updates below it have been seen.

    Returns:
        it, and the next offset. All that was seen is told to Telegram as seen.

    Raises:
        BotError, NoBotApi: nothing can be heard.
    """
    while True:
        for update in await bot.updates(offset, HOLD_S):
            offset = max(offset, int(update.get("update_id", 0)) + 1)
            start = start_of(update, word)
            if start is not None and is_it(start):
                await bot.updates(offset, 0)
                return start, offset
