"""Finding the chat and the people on Telegram: somebody sends ``/start``, and a person says yes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from agentgate_cli.style import bad, good, say
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_cli.doctor.bot import Bot
    from agentgate_cli.starter.starts import Start

GREETING = "agent-gate will ask here. Nothing is asked before the gateway runs."


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        chat, thread: where people are asked.
        users: who may answer, the first of whom has sat at this terminal.
    """

    chat: int
    thread: int
    users: tuple[int, ...]


def find_chat(token: str, base_url: str, name: str) -> Found | None:
    """Wait for ``/start``; None: it was not found, and the numbers have to be typed.

    Args:
        token, base_url: of the bot.
        name: what it is called.
    """
    import anyio

    from agentgate_cli.doctor.bot import BotError, NoBotApi
    from agentgate_cli.doctor.telegram import explained

    try:
        return anyio.run(wait_for_people, token, base_url, name)
    except KeyboardInterrupt:
        say("\n  not found; the numbers can be given by hand")
    except (BotError, NoBotApi) as error:
        finding = explained(error, base_url)
        say(f"  {bad(printable(finding.message))} → {printable(finding.step)}")
    return None


async def wait_for_people(token: str, base_url: str, name: str) -> Found | None:
    """Hear of the chat and the first person, and then of others who may answer there."""
    from agentgate_cli.doctor.bot import Bot
    from agentgate_cli.starter.starts import hear_start, link_of

    async with Bot(token, base_url) as bot:
        if not await is_heard(bot):
            return None
        word = secrets.token_urlsafe(6)
        say(f"\nOpen {link_of(name, word)} on your phone and tap Start, or send /start to @{name}.")
        say(f"To be asked in a group: add the bot to it, and send /start@{name} there.")
        say("Waiting (Ctrl-C: give the numbers by hand) ...")
        while True:
            start, offset = await hear_start(bot, word, is_meant)
            if await greet(bot, start):
                break
        users = [start.user]

        def is_another(other: Start) -> bool:
            if other.user in users or other.chat not in (start.chat, other.user):
                return False
            return click.confirm(f"  {said(other)}. May they answer?", default=False)

        while click.confirm("Is there another person who may answer?", default=False):
            say(f"Let them send /start to @{name}. Waiting ...")
            other, offset = await hear_start(bot, word, is_another, offset)
            users.append(other.user)
        return Found(start.chat, start.thread, tuple(users))


async def is_heard(bot: Bot) -> bool:
    """Whether what people write can be fetched; a webhook takes it elsewhere."""
    from urllib.parse import urlsplit

    url = await bot.webhook()
    if not url:
        return True
    host = printable(urlsplit(url).hostname or "another program")
    say(f"  What is written to the bot goes to {host} (a webhook); a gateway would end that, too.")
    if not click.confirm("End it, and listen here?", default=False):
        return False
    await bot.call("deleteWebhook")
    return True


def is_meant(start: Start) -> bool:
    """Ask whether it was the person at this terminal."""
    how = ", by the link above" if start.by_link else ""
    question = f"  {said(start)}{how}. Is that you, and the chat to ask in?"
    return click.confirm(question, default=start.by_link)


def said(start: Start) -> str:
    """Who has sent it, and where."""
    where = "in a private chat" if start.is_private else f"in {start.title} (id {start.chat})"
    return f"{start.name} (id {start.user}) {where}"


async def greet(bot: Bot, start: Start) -> bool:
    """Write into the chat: whoever can't be written to can't be asked."""
    from agentgate_cli.doctor.bot import BotError

    params = {"chat_id": start.chat, "text": GREETING}
    if start.thread:
        params["message_thread_id"] = start.thread
    try:
        await bot.call("sendMessage", params)
    except BotError as error:
        say(f"  {bad('the bot can not write there')}: {printable(error.description)}")
        say("  let it write there, and send /start again; waiting ...")
        return False
    say(f"  {good('ok')}: the bot has written there")
    return True
