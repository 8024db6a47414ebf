"""The questions of ``init``: each asked on a terminal, unless an option has answered it.

Each answer is looked at as it is given: who has typed five must not lose them to a slip in the
second one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.starter import trying
from agentgate_cli.starter.compose import DOTENV, HOST, PORT, plain
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_cli.doctor.probe import Report

NAMES = ("config.yaml", "permissions.yaml", "tools.py", DOTENV)
"""The files that ``init`` writes; none of them may be there."""

ID_MAX = 2**53
"""Of a chat or a person, as the configuration takes it."""

BOT_TOKEN = re.compile(r"[0-9]{5,16}:[A-Za-z0-9_-]{30,64}")

API = "https://api.telegram.org"
"""Where the Bot API is, unless somebody hosts it."""

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
        self.probing = options["probe"] is not False

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
        self.settle(
            "port",
            lambda: click.prompt("Port", default=PORT, type=port),
            lambda value: trying.try_port(options["host"], value),
        )
        if not options["insecure"] and not is_loopback(options["host"]):
            self.ask_tls()
        self.ask_home()
        self.ask_telegram()
        self.ask_policy()

    def ask_tls(self) -> None:
        """Ask how other machines get TLS: tokens must not travel in clear text."""
        options = self.options
        text = "Certificate, a PEM file (empty: a proxy in front adds TLS)"
        while True:
            if not options["tls_cert"]:
                options["tls_cert"] = click.prompt(text, default="", show_default=False)
            if not options["tls_cert"]:
                options["tls_cert"], options["insecure"] = None, True
                return
            self.fill("tls_key", lambda: click.prompt("Its private key, a PEM file"))
            folder: Path = options["folder"]
            cert, key = (seen_from(folder, options[name]) for name in ("tls_cert", "tls_key"))
            if not self.probing or trying.is_taken(
                trying.try_pair(folder / cert, folder / key, options["host"])
            ):
                options["tls_cert"], options["tls_key"] = cert, key
                return
            options["tls_cert"] = options["tls_key"] = None

    def ask_home(self) -> None:
        """Ask about Home Assistant."""
        options = self.options
        if not options["home_assistant"] and not click.confirm("Connect Home Assistant?"):
            return
        is_there = self.settle(
            "home_assistant",
            lambda: click.prompt("Its address", default=HOME_URL, value_proc=home_url),
            trying.try_house_address,
        )
        self.settle(
            "home_assistant_token",
            lambda: click.prompt(
                "A long-lived access token of it", hide_input=True, value_proc=token
            ),
            lambda value: trying.try_house(options["home_assistant"], value),
            probing=is_there,
        )

    def ask_telegram(self) -> None:
        """Ask about Telegram."""
        options = self.options
        if not options["telegram"]:
            if not click.confirm("Ask people on Telegram?"):
                return
            options["telegram"] = True
        base_url, name = options["telegram_url"] or API, ""

        def try_it(value: str) -> Report:
            nonlocal name
            report = trying.try_telegram(value, base_url)
            name = report.who
            return report

        text = "The bot's token from @BotFather"
        self.settle(
            "telegram_token",
            lambda: click.prompt(text, hide_input=True, value_proc=bot_token),
            try_it,
        )
        if name and options["telegram_chat"] is None and not options["telegram_user"]:
            self.find_chat(base_url, name)
        text = "The chat's id (0: not known; send the bot /start, it tells you)"
        chat = click.IntRange(-ID_MAX, ID_MAX)
        self.fill("telegram_chat", lambda: click.prompt(text, default=0, type=chat))
        text = "Ids of the people who may answer, with spaces between them"
        self.fill("telegram_user", lambda: click.prompt(text, value_proc=numbers))

    def find_chat(self, base_url: str, name: str) -> None:
        """Find chat and people by ``/start``, if the person wants that."""
        from agentgate_cli.starter.chat_finding import find_chat

        if not click.confirm("Find the chat now, by sending the bot /start?", default=True):
            return
        found = find_chat(self.options["telegram_token"], base_url, name)
        if found is not None:
            self.options["telegram_chat"] = found.chat
            self.options["telegram_topic"] = found.thread
            self.options["telegram_user"] = found.users
            self.options["telegram_owner"] = found.users[0]

    def ask_policy(self) -> None:
        """Ask for the policy to begin with, and for rules about what opens the house."""
        options = self.options
        if options["policy"] is None:
            names = [name for name in POLICIES if name != "house" or options["home_assistant"]]
            click.echo("\nA policy to begin with:")
            for name in names:
                click.echo(f"  {name:<7} {POLICIES[name]}")
            choice = click.Choice(names)
            default = "house" if options["home_assistant"] else "ask"
            options["policy"] = click.prompt("Policy", default=default, type=choice)
        if options["policy"] == "house" and options["house_rules"] is None and self.probing:
            self.ask_rules()

    def ask_rules(self) -> None:
        """Show what opens the house, and ask what agents are to do about it."""
        from agentgate_cli.starter.house_rules import CHOICES

        options = self.options
        proposals = trying.proposals_for(options["home_assistant"], options["home_assistant_token"])
        if not proposals:
            return
        click.echo("\nWhat opens the house, and what agents may do about it: deny, ask, or none")
        click.echo("(no rule of its own: what else the policy says).")
        options["proposals"] = tuple(
            replace(
                each,
                action=click.prompt(
                    f"  {each.title}: {printable(each.shown)}",
                    default=each.action,
                    type=click.Choice(CHOICES),
                ),
            )
            for each in proposals
        )

    def fill(self, name: str, question: Callable[[], Any]) -> None:
        """Ask for one option, if it was not given."""
        if self.options[name] in (None, ()):
            self.options[name] = question()

    def settle(
        self,
        name: str,
        question: Callable[[], Any],
        probe: Callable[[Any], Report],
        *,
        probing: bool = True,
    ) -> bool:
        """Ask for one option until it works, or the person wants it all the same.

        Args:
            name: of the option; one that was given is tried first.
            question: asks.
            probe: tries an answer.
            probing: whether to try it, if anything is.

        Returns:
            whether it was tried and works.
        """
        while True:
            self.fill(name, question)
            if not (self.probing and probing):
                return False
            report = probe(self.options[name])
            if trying.is_taken(report):
                return not report.is_broken
            self.options[name] = None


def go_on(options: Mapping[str, Any]) -> str:
    """The command that goes on from what has been answered; what is secret is not in it.

    Args:
        options: those of ``init``, with the answers so far; without any there is nothing to say.
    """
    words = [str(options["folder"])] if options["folder"] else []
    for name in GIVEN:
        value = options[name]
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value not in (None, False, (), "", 0) or (name == "port" and value == 0):
            values = value if isinstance(value, tuple) else (value,)
            words += [word for each in values for word in (option, str(each))]
    if not words:
        return ""
    variables = [
        f"{name.upper()}=…" for name in ("home_assistant_token", "telegram_token") if options[name]
    ]
    command = " ".join([*variables, "agent-gate init", *map(quote, words)])
    hint = "; tokens are asked again, or taken from these variables" if variables else ""
    return f"nothing was written{hint}. To go on from here:\n  {command}"


GIVEN = (
    *("host", "port", "insecure", "tls_cert", "tls_key", "policy", "home_assistant"),
    *("telegram", "telegram_url", "telegram_chat", "telegram_topic", "telegram_user"),
    "telegram_owner",
)
"""Options that stand for answers, in the order of the questions; tokens are not among them."""


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
