"""The questions of ``init`` about the channel by which people are asked, each answer tried.

Where a test message can have a button that comes back, somebody taps it: then the phone, the
service between and the way home are known to work.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from agentgate_cli.starter import phone_trials, trying
from agentgate_cli.starter.compose import PORT
from agentgate_cli.starter.readers import (
    ID_MAX,
    bot_token,
    https_url,
    notify_service,
    numbers,
    service_url,
    token_or_none,
)
from agentgate_cli.style import say

if TYPE_CHECKING:
    from agentgate_cli.doctor.probe import Report

API = "https://api.telegram.org"
"""Where the Bot API is, unless somebody hosts it."""

NTFY_URL = "https://ntfy.sh"

TOPIC_BYTES = 16
"""Of chance in the name of a topic: whoever knows it can answer."""

CHANNELS = {
    "telegram": "a bot, in a chat or a group",
    "ntfy": "notifications by ntfy.sh, or by a server of yours",
    "companion": "Home Assistant's app on a phone",
    "none": "in terminals and browsers alone",
}
"""In the words of the question; ``companion`` is for Home Assistant."""


class Asker(Protocol):
    """Asks single questions: ``agentgate_cli.questions.Questions``.

    Attributes:
        options: those of ``init``, by name; answers are put in.
        probing: whether answers are tried.
    """

    options: dict[str, Any]
    probing: bool

    def fill(self, name: str, question: Callable[[], Any]) -> None:
        """Ask for one option, if it was not given."""
        ...

    def settle(
        self,
        name: str,
        question: Callable[[], Any],
        probe: Callable[[Any], Report],
        *,
        probing: bool = True,
    ) -> bool:
        """Ask for one option until it works, or the person wants it all the same."""
        ...


class ChannelQuestions:
    """Asks where people are asked.

    Args:
        questions: those of the whole; its options get the answers.
    """

    def __init__(self, questions: Asker) -> None:
        self.questions = questions
        self.options: dict[str, Any] = questions.options
        self.fill = questions.fill
        self.settle = questions.settle

    def ask(self) -> None:
        """Ask for a channel, unless options name one, and for what it takes."""
        options = self.options
        if not (options["telegram"] or options["ntfy"] or options["companion"]):
            names = [name for name in CHANNELS if name != "companion" or options["home_assistant"]]
            click.echo("\nWhere people are asked, besides terminals and browsers:")
            for name in names:
                click.echo(f"  {name:<9} {CHANNELS[name]}")
            choice = click.prompt("Ask people by", default="none", type=click.Choice(names))
            if choice == "companion":
                self.ask_companion()
                return
            options["telegram"], options["ntfy"] = choice == "telegram", choice == "ntfy"
        elif options["companion"]:
            self.ask_companion()
        if options["telegram"]:
            self.ask_telegram()
        if options["ntfy"]:
            self.ask_ntfy()

    # Telegram

    def ask_telegram(self) -> None:
        """Ask about Telegram."""
        options = self.options
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

    # ntfy

    def ask_ntfy(self) -> None:
        """Ask for the server, the topic, and where its buttons find the gateway."""
        options = self.options
        url_was_given = bool(options["ntfy_url"])
        is_there = self.settle(
            "ntfy_url",
            lambda: click.prompt("Its server", default=NTFY_URL, value_proc=service_url),
            lambda value: trying.try_ntfy(value, None, ()),
        )
        options["ntfy_topic"] = options["ntfy_topic"] or new_topic()
        if not url_was_given or options["ntfy_token"]:
            text = "An access token of it (empty: it asks for none)"
            self.settle(
                "ntfy_token",
                lambda: click.prompt(
                    text, default="", show_default=False, hide_input=True, value_proc=token_or_none
                ),
                lambda value: trying.try_ntfy(options["ntfy_url"], value, (options["ntfy_topic"],)),
                probing=is_there,
            )
        say(f"\nIn the app of ntfy, subscribe to this topic on {options['ntfy_url']}:")
        say(f"  {options['ntfy_topic']}")
        say("It is for one person alone: whoever knows it can answer.")
        self.settle(
            "public_url",
            lambda: click.prompt(
                "Where the phone reaches this gateway, as in https://gate.example",
                value_proc=https_url,
            ),
            self.try_button,
            probing=is_there,
        )

    def try_button(self, public_url: str) -> Report:
        """Let somebody tap a button that leads to where the gateway will be."""
        options = self.options
        folder: Path = options["folder"]
        cert, key = options["tls_cert"], options["tls_key"]
        return phone_trials.try_ntfy_button(
            url=options["ntfy_url"],
            token=options["ntfy_token"],
            topic=options["ntfy_topic"],
            public_url=public_url,
            host=options["host"],
            port=PORT if options["port"] is None else options["port"],
            tls=(folder / cert, folder / key) if cert and key else None,
        )

    # Home Assistant's app

    def ask_companion(self) -> None:
        """Ask which phone, and let somebody tap a button on it."""
        options = self.options
        if not options["home_assistant"]:
            raise click.UsageError("--companion is for Home Assistant: add --home-assistant URL")
        house = options["home_assistant"], options["home_assistant_token"]
        phones = phone_trials.phones_in(*house) if self.questions.probing else []

        def question() -> Any:
            if len(phones) > 1:
                for name in phones:
                    click.echo(f"  {name}")
            text = "The phone, by its notify service"
            default = phones[0] if phones else None
            return click.prompt(text, default=default, value_proc=notify_service)

        self.settle("companion", question, lambda value: phone_trials.try_companion(*house, value))


def new_topic() -> str:
    """Make the name of a topic that nobody guesses."""
    return secrets.token_hex(TOPIC_BYTES)
