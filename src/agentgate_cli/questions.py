"""The questions of ``init``: each asked on a terminal, unless an option has answered it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agentgate_cli.starter.compose import HOST, PORT

HOME_URL = "http://homeassistant.local:8123"

POLICY_TEXT = """
A policy to begin with:
  ask     a person is asked about everything but telling the time
  house   with Home Assistant: looking is allowed, locks and alarm are denied, the rest is asked
  closed  what is not listed is denied"""


class Questions:
    """Asks a person what the options of the command have left open.

    Args:
        options: those of ``init``, by name; None or empty: not given. Answers are put in.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def ask(self) -> None:
        """Ask everything."""
        options = self.options
        self.fill("folder", lambda: Path(click.prompt("Folder", default=".")))
        self.fill("host", lambda: click.prompt("Address to listen on", default=HOST))
        port = click.IntRange(0, 65535)
        self.fill("port", lambda: click.prompt("Port", default=PORT, type=port))
        if not options["insecure"] and not options["tls_cert"] and not is_loopback(options["host"]):
            self.ask_tls()
        self.ask_home()
        self.ask_telegram()
        if options["policy"] is None:
            click.echo(POLICY_TEXT)
            names = ["ask", "house", "closed"] if options["home_assistant"] else ["ask", "closed"]
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
            self.options["home_assistant"] = click.prompt("Its address", default=HOME_URL)
        self.fill(
            "home_assistant_token",
            lambda: click.prompt("A long-lived access token of it", hide_input=True),
        )

    def ask_telegram(self) -> None:
        """Ask about Telegram."""
        options = self.options
        if not options["telegram"]:
            if not click.confirm("Ask people on Telegram?"):
                return
            options["telegram"] = True
        self.fill(
            "telegram_token",
            lambda: click.prompt("The bot's token from @BotFather", hide_input=True),
        )
        text = "The chat's id (0: not known; send the bot /start, it tells you)"
        self.fill("telegram_chat", lambda: click.prompt(text, default=0, type=int))
        text = "Ids of the people who may answer, with spaces between them"
        self.fill("telegram_user", lambda: click.prompt(text, value_proc=numbers))

    def fill(self, name: str, question: Callable[[], Any]) -> None:
        """Ask for one option, if it was not given."""
        if self.options[name] in (None, ()):
            self.options[name] = question()


def numbers(text: str) -> tuple[int, ...]:
    """Read numbers.

    Raises:
        click.UsageError: they are none; the question is asked again.
    """
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise click.UsageError(f"{text!r}: write numbers, as in 123456789 987654321") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; one that is none is refused later."""
    from agentgate_server.config.texts import Host

    try:
        return Host(host).is_loopback
    except ValueError:
        return True
