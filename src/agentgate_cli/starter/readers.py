"""Readers: what somebody types at a question of ``init``, made what the configuration takes.

Each raises a ``click.UsageError`` that says what is wrong; the question is then asked again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import click

from agentgate_cli.starter.compose import DOTENV, plain

NAMES = ("config.yaml", "permissions.yaml", "tools.py", DOTENV)
"""The files that ``init`` writes; none of them may be there."""

ID_MAX = 2**53
"""Of a chat or a person, as the configuration takes it."""

BOT_TOKEN = re.compile(r"[0-9]{5,16}:[A-Za-z0-9_-]{30,64}")


def seen_from(folder: Path, path: str) -> str:
    """A file as the configuration in a folder has to name it: as it is typed, it may have been
    meant from where the person stands."""
    there, here = folder / path, Path(path)
    return path if there.exists() or not here.exists() else str(here.absolute())


def free_folder(text: str | Path) -> Path:
    """Read a folder into which the files can be written.

    Raises:
        click.UsageError: one of them is there, or it is none; the question is asked again.
    """
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{folder} is no folder")
    if there := file_there(folder):
        raise click.UsageError(f"{there} is there already: give another folder")
    above = folder.absolute()
    while not above.exists():
        above = above.parent
    if not os.access(above, os.W_OK | os.X_OK):
        raise click.UsageError(f"{above} can't be written: give another folder")
    return folder


def file_there(folder: Path) -> Path | None:
    """Return the first of the files that is in a folder already."""
    return next((folder / name for name in NAMES if os.path.lexists(folder / name)), None)


def host(text: str) -> str:
    """Read an address to listen on.

    Raises:
        click.UsageError: it is none.
    """
    from agentgate_server.config.texts import Host

    return read(Host, text)


def home_url(text: str) -> str:
    """Read where Home Assistant is.

    Raises:
        click.UsageError: it is no address of a web page.
    """
    from agentgate_server.tools.home_assistant.form import HomeAssistantUrl

    return read(HomeAssistantUrl, text)


def read(form: Callable[[str], str], text: str) -> str:
    """Read a text that must have a form.

    Raises:
        click.UsageError: it has not.
    """
    try:
        return str(form(text))
    except ValueError as error:
        raise click.UsageError(f"it {error}") from None


def token(text: str) -> str:
    """Read a token, which is not shown.

    Raises:
        click.UsageError: it can't stand in ``.env``.
    """
    try:
        return plain("it", text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def token_or_none(text: str) -> str:
    """Read a token, or that there is none.

    Raises:
        click.UsageError: it can't stand in ``.env``.
    """
    return token(text) if text else ""


def bot_token(text: str) -> str:
    """Read a bot's token, which is not shown.

    Raises:
        click.UsageError: bots have no such tokens.
    """
    if not BOT_TOKEN.fullmatch(text):
        raise click.UsageError("it must be as @BotFather gives it: a number, a colon, 35 letters")
    return text


def numbers(text: str) -> tuple[int, ...]:
    """Read the numbers of people.

    Raises:
        click.UsageError: they are none; the question is asked again.
    """
    parts = text.replace(",", " ").split()
    if not all(part.isdecimal() and 0 < int(part) <= ID_MAX for part in parts):
        raise click.UsageError(f"{text!r}: write numbers, as in 123456789 987654321")
    return tuple(dict.fromkeys(map(int, parts)))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; one that is none is refused later."""
    from agentgate_server.config.texts import Host

    try:
        return Host(host).is_loopback
    except ValueError:
        return True


def service_url(text: str) -> str:
    """Read where a service is.

    Raises:
        click.UsageError: it is no address, or tokens would travel there in clear text.
    """
    from agentgate_server.config.texts import BaseUrl

    url = BaseUrl(read(BaseUrl, text))
    if url.is_clear_text:
        raise click.UsageError("what is asked would travel in clear text: give an https:// address")
    return str(url)


def https_url(text: str) -> str:
    """Read where phones reach the gateway; the same as of a service, and a slip of its own.

    Raises:
        click.UsageError: as :func:`service_url`.
    """
    return service_url(text if "://" in text else f"https://{text}")


def topic(text: str) -> str:
    """Read a topic of ntfy.

    Raises:
        click.UsageError: ntfy takes no such name.
    """
    from agentgate_server.config.messenger import Topic

    return read(Topic, text)


def notify_service(text: str) -> str:
    """Read the notify service of a phone.

    Raises:
        click.UsageError: phones have no such service.
    """
    from agentgate_server.config.messenger import NotifyService

    return read(NotifyService, text)
