"""The questions of ``init``: each asked on a terminal, unless an option has answered it.

Each answer is looked at as it is given: who has typed five must not lose them to a slip in the
second one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agentgate_cli.starter.compose import DOTENV, HOST, PORT, plain

NAMES = ("config.yaml", "permissions.yaml", "tools.py", DOTENV)
"""The files that ``init`` writes; none of them may be there."""

ID_MAX = 2**53
"""Of a chat or a person, as the configuration takes it."""

BOT_TOKEN = re.compile(r"[0-9]{5,16}:[A-Za-z0-9_-]{30,64}")

HOME_URL = "http://homeassistant.local:8123"

POLICIES = {
    "ask": "a person is asked about everything but telling the time",
    "house": "looking is allowed, locks and alarms are denied, the rest is asked",
    "closed": "what is not listed is denied",
}
"""The starter policies, in the words of the question; ``house`` is for Home Assistant."""


class Questions:
    """Asks a person what the options of the command have left open.

    Args:
        options: those of ``init``, by name; None or empty: not given. Answers are put in.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def ask(self) -> None:
        """Ask everything.

        Raises:
            click.UsageError: what the options say can't be right; nothing was asked.
        """
        options = self.options
        for name, check in CHECKS.items():
            if options[name]:
                try:
                    check(options[name])
                except click.UsageError as error:
                    option = f"--{name.replace('_', '-')}"
                    raise click.UsageError(f"{option}: {error.message}") from None
        click.echo("Enter takes what stands in brackets.")
        self.fill("folder", lambda: click.prompt("Folder", default=".", value_proc=free_folder))
        self.fill("host", lambda: click.prompt("Address to listen on", HOST, value_proc=host))
        port = click.IntRange(0, 65535)
        self.fill("port", lambda: click.prompt("Port", default=PORT, type=port))
        if not options["insecure"] and not options["tls_cert"] and not is_loopback(options["host"]):
            self.ask_tls()
        self.ask_home()
        self.ask_telegram()
        if options["policy"] is None:
            names = [name for name in POLICIES if name != "house" or options["home_assistant"]]
            click.echo("\nA policy to begin with:")
            for name in names:
                click.echo(f"  {name:<7} {POLICIES[name]}")
            choice = click.Choice(names)
            default = "house" if options["home_assistant"] else "ask"
            options["policy"] = click.prompt("Policy", default=default, type=choice)

    def ask_tls(self) -> None:
        """Ask how other machines get TLS: tokens must not travel in clear text."""
        text = "Certificate, a PEM file (empty: a proxy in front adds TLS)"
        cert = click.prompt(text, default="", show_default=False)
        if cert:
            self.options["tls_cert"] = cert
            self.fill("tls_key", lambda: click.prompt("Its private key, a PEM file"))
        else:
            self.options["insecure"] = True

    def ask_home(self) -> None:
        """Ask about Home Assistant."""
        if not self.options["home_assistant"]:
            if not click.confirm("Connect Home Assistant?"):
                return
            url = click.prompt("Its address", default=HOME_URL, value_proc=home_url)
            self.options["home_assistant"] = url
        text = "A long-lived access token of it"
        self.fill(
            "home_assistant_token",
            lambda: click.prompt(text, hide_input=True, value_proc=token),
        )

    def ask_telegram(self) -> None:
        """Ask about Telegram."""
        options = self.options
        if not options["telegram"]:
            if not click.confirm("Ask people on Telegram?"):
                return
            options["telegram"] = True
        text = "The bot's token from @BotFather"
        self.fill(
            "telegram_token",
            lambda: click.prompt(text, hide_input=True, value_proc=bot_token),
        )
        text = "The chat's id (0: not known; send the bot /start, it tells you)"
        chat = click.IntRange(-ID_MAX, ID_MAX)
        self.fill("telegram_chat", lambda: click.prompt(text, default=0, type=chat))
        text = "Ids of the people who may answer, with spaces between them"
        self.fill("telegram_user", lambda: click.prompt(text, value_proc=numbers))

    def fill(self, name: str, question: Callable[[], Any]) -> None:
        """Ask for one option, if it was not given."""
        if self.options[name] in (None, ()):
            self.options[name] = question()


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


CHECKS: dict[str, Callable[[Any], object]] = {
    "host": host,
    "home_assistant": home_url,
    "home_assistant_token": token,
    "telegram_token": token,
}
"""How options are looked at that answer a question before it is asked."""
