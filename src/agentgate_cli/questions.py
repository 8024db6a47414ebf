"""The questions of ``init``: each asked on a terminal, unless an option has answered it.

Each answer is looked at as it is given: who has typed five must not lose them to a slip in the
second one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.starter import trying
from agentgate_cli.starter.channel_questions import ChannelQuestions
from agentgate_cli.starter.compose import HOST, PORT
from agentgate_cli.starter.readers import (
    free_folder,
    home_url,
    host,
    https_url,
    is_loopback,
    notify_service,
    seen_from,
    service_url,
    token,
    topic,
)
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_cli.doctor.probe import Report

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
        ChannelQuestions(self).ask()
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
    variables = [f"{name.upper()}=…" for name in SECRETS if options[name]]
    command = " ".join([*variables, "agent-gate init", *map(quote, words)])
    hint = "; tokens are asked again, or taken from these variables" if variables else ""
    return f"nothing was written{hint}. To go on from here:\n  {command}"


GIVEN = (
    *("host", "port", "insecure", "tls_cert", "tls_key", "policy", "home_assistant"),
    *("telegram", "telegram_url", "telegram_chat", "telegram_topic", "telegram_user"),
    *("telegram_owner", "ntfy", "ntfy_url", "ntfy_topic", "public_url", "companion"),
)
"""Options that stand for answers, in the order of the questions; tokens are not among them."""


SECRETS = ("home_assistant_token", "telegram_token", "ntfy_token")
"""Options that are better given by variables."""

CHECKS: dict[str, Callable[[Any], object]] = {
    "host": host,
    "home_assistant": home_url,
    "home_assistant_token": token,
    "telegram_token": token,
    "ntfy_url": service_url,
    "ntfy_token": token,
    "ntfy_topic": topic,
    "public_url": https_url,
    "companion": notify_service,
}
"""How options are looked at that answer a question before it is asked."""
