"""``agent-gate init``: a first configuration that serves as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from agentgate_cli.exits import Failure
from agentgate_cli.questions import Questions, go_on
from agentgate_cli.schema import FOLDER as SCHEMAS
from agentgate_cli.schema import write_schemas
from agentgate_cli.starter import trying
from agentgate_cli.starter.channel_questions import API, NTFY_URL, new_topic
from agentgate_cli.starter.compose import (
    DOTENV,
    HOST,
    POLICIES,
    PORT,
    Answers,
    HomeAssistant,
    Ntfy,
    Telegram,
    compose,
)
from agentgate_cli.starter.house_rules import Proposal
from agentgate_cli.starter.readers import file_there
from agentgate_cli.style import note, warn
from agentgate_cli.terminal import Terminal
from agentgate_cli.text import printable

NEXT_STEPS = """
Next, in {folder}:

  agent-gate serve --watch    # the gateway; what is asked you answer here

and in a second terminal there, as an agent does:

  agent-gate call {call}
  agent-gate chat             # a model asks

When something does not work, there too: agent-gate doctor
"""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--yes", is_flag=True, help="Ask nothing, not even on a terminal.")
@click.option("--host", help=f"Address to listen on.  [default: {HOST}]")
@click.option("--port", type=click.IntRange(0, 65535), help=f"Its port.  [default: {PORT}]")
@click.option("--tls-cert", help="PEM file of the certificate, if others are to connect.")
@click.option("--tls-key", help="PEM file of its private key.")
@click.option("--insecure", is_flag=True, help="Serve without TLS: a proxy in front adds it.")
@click.option(
    "--policy",
    type=click.Choice(list(POLICIES)),
    help="What to begin with: everything is asked, a house with Home Assistant, or what is not "
    "listed is denied.  [default: ask; house with Home Assistant]",
)
@click.option("--home-assistant", metavar="URL", help="Connect this Home Assistant.")
@click.option(
    "--home-assistant-token",
    envvar="HOME_ASSISTANT_TOKEN",
    help="Its long-lived access token. Better in $HOME_ASSISTANT_TOKEN.",
)
@click.option("--telegram", is_flag=True, help="Ask people on Telegram.")
@click.option(
    "--telegram-token",
    envvar="TELEGRAM_TOKEN",
    help="The bot's token from @BotFather. Better in $TELEGRAM_TOKEN.",
)
@click.option("--telegram-url", metavar="URL", help="The Bot API server, if you host it yourself.")
@click.option("--telegram-chat", metavar="ID", type=int, help="The chat that is asked.")
@click.option(
    "--telegram-user", metavar="ID", type=int, multiple=True, help="Who may answer; repeatable."
)
@click.option("--telegram-topic", metavar="ID", type=int, help="The topic of a group.")
@click.option(
    "--telegram-owner",
    metavar="ID",
    type=int,
    help="Which of them is the person whose token is written: one, with two ways to answer.",
)
@click.option("--ntfy", is_flag=True, help="Ask people by ntfy.")
@click.option("--ntfy-url", metavar="URL", help=f"Its server.  [default: {NTFY_URL}]")
@click.option(
    "--ntfy-token",
    envvar="NTFY_TOKEN",
    help="An access token of that server, if it asks for one. Better in $NTFY_TOKEN.",
)
@click.option("--ntfy-topic", metavar="TOPIC", help="Your topic.  [default: a new random one]")
@click.option(
    "--public-url", metavar="URL", help="Where phones reach this gateway; ntfy's buttons call it."
)
@click.option(
    "--companion",
    metavar="SERVICE",
    help="Ask by Home Assistant's app on the phone with this notify service: mobile_app_pixel_8.",
)
@click.option(
    "--house-rules",
    type=click.Choice(["propose", "none"]),
    help="With --policy house: look at the house, and take the rules that are proposed for its "
    "locks, alarms, garage doors and valves.",
)
@click.option(
    "--probe/--no-probe",
    default=None,
    help="Try each answer on what it is about.  [default: yes on a terminal]",
)
def init(yes: bool, **options: Any) -> None:
    """Write a configuration, a policy, two tools and fresh tokens into FOLDER.

    On a terminal it asks what the options leave open, and tries each answer as it is given;
    otherwise it takes defaults, and tries them with --probe. What is there already stays untouched:
    then nothing is written at all.

    \b
    Examples:
      agent-gate init
      agent-gate init my-gateway --yes && cd my-gateway && agent-gate serve
      agent-gate init house --home-assistant http://homeassistant.local:8123
    """
    if options["folder"]:
        refuse_full(options["folder"])
    options["proposals"] = ()
    if Terminal.is_there() and not yes:
        ask(options)
    elif options["probe"]:
        try_all(options)
    folder = options["folder"] or Path()
    refuse_full(folder)
    answers = answers_of(options)
    texts = composed(answers)
    try:
        write(folder, texts)
    except OSError as error:
        raise Failure(f"cannot write to {folder}: {error.strerror}; give another folder") from None
    for name in texts:
        click.echo(f"wrote {folder / name}")
    click.echo(f"wrote {folder / SCHEMAS}, by which editors know the keys")
    click.echo(steps(folder, answers), nl=False)
    if answers.telegram is not None and find_spec("telegram") is None:
        from agentgate_server.extras import how_to_install

        note(warn(f"warning: Telegram needs: {how_to_install('telegram')}"))


def ask(options: dict[str, Any]) -> None:
    """Ask what is open; whoever breaks off is told how to go on.

    Raises:
        click.Abort: it was broken off.
    """
    try:
        Questions(options).ask()
    except (click.Abort, KeyboardInterrupt):
        if told := go_on(options):
            note(f"\n{told}")
        raise click.Abort from None


def try_all(options: Mapping[str, Any]) -> None:
    """Try what the options say, where nobody can be asked.

    Raises:
        Failure: something does not work; nothing was written.
    """
    port = PORT if options["port"] is None else options["port"]
    reports = [trying.try_port(options["host"] or HOST, port)]
    if options["tls_cert"] and options["tls_key"]:
        folder = options["folder"] or Path()
        cert, key = folder / options["tls_cert"], folder / options["tls_key"]
        reports.append(trying.try_pair(cert, key, options["host"] or HOST))
    house = options["home_assistant"], options["home_assistant_token"]
    if all(house):
        reports.append(trying.try_house(*house))
    if options["telegram"] and options["telegram_token"]:
        base_url = options["telegram_url"] or API
        reports.append(trying.try_telegram(options["telegram_token"], base_url))
    if options["ntfy"]:
        url, topic = options["ntfy_url"] or NTFY_URL, options["ntfy_topic"]
        reports.append(trying.try_ntfy(url, options["ntfy_token"], [topic] if topic else []))
    if options["companion"] and all(house):
        reports.append(trying.try_phone(*house, options["companion"]))
    seen = [trying.shown(each) for each in reports]  # all of them, whatever is broken first
    if any(each.is_broken for each in seen):
        raise Failure("nothing was written; --no-probe writes it all the same")


def refuse_full(folder: Path) -> None:
    """See that nothing is overwritten.

    Raises:
        Failure: one of the files is there.
    """
    if there := file_there(folder):
        raise Failure(
            f"{there} is there already; nothing was written. Give another folder, or move it away"
        )


def answers_of(options: Mapping[str, Any]) -> Answers:
    """Make answers of options.

    Raises:
        click.UsageError: something is missing.
    """
    url, token = options["home_assistant"], options["home_assistant_token"]
    if url and not token:
        raise click.UsageError("Home Assistant needs a token: set HOME_ASSISTANT_TOKEN")
    if options["telegram"] and not options["telegram_token"]:
        raise click.UsageError("Telegram needs the bot's token: set TELEGRAM_TOKEN")
    if options["ntfy"] and not options["public_url"]:
        raise click.UsageError("ntfy needs --public-url URL, where the phone reaches this gateway")
    if options["companion"] and not url:
        raise click.UsageError("--companion is for Home Assistant: add --home-assistant URL")
    if (options["tls_cert"] is None) != (options["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    policy = options["policy"] or ("house" if url else "ask")
    if policy == "house" and not url:
        raise click.UsageError("--policy house is for Home Assistant: add --home-assistant URL")
    return Answers(
        host=options["host"] or HOST,
        port=PORT if options["port"] is None else options["port"],
        tls=(options["tls_cert"], options["tls_key"]) if options["tls_cert"] else None,
        insecure=options["insecure"],
        home=HomeAssistant(url=url, token=token) if url else None,
        telegram=Telegram(
            token=options["telegram_token"],
            chat=options["telegram_chat"] or 0,
            users=options["telegram_user"],
            owner=options["telegram_owner"] or 0,
            thread=options["telegram_topic"] or 0,
            base_url=options["telegram_url"] or "",
        )
        if options["telegram"]
        else None,
        public_url=options["public_url"] or "",
        ntfy=Ntfy(
            url=options["ntfy_url"] or NTFY_URL,
            topic=options["ntfy_topic"] or new_topic(),
            token=options["ntfy_token"] or "",
        )
        if options["ntfy"]
        else None,
        companion=options["companion"] or "",
        policy=policy,
        proposals=proposals_of(options, policy),
    )


def proposals_of(options: Mapping[str, Any], policy: str) -> tuple[Proposal, ...]:
    """The rules for what opens the house: those that somebody chose, or all that are proposed.

    Raises:
        Failure: they are wanted, and the house can't be looked at.
    """
    if options["house_rules"] != "propose" or policy != "house":
        return tuple(options["proposals"])
    house = options["home_assistant"], options["home_assistant_token"]
    proposals = tuple(trying.proposals_for(*house))
    if not proposals:
        raise Failure(
            "the house does not say what is in it, or has nothing that opens: see 'agent-gate "
            "doctor' later, or give --house-rules none"
        )
    for each in proposals:
        click.echo(f"{each.title}: {each.action} ({printable(each.shown)})")
    return proposals


def composed(answers: Answers) -> dict[str, str]:
    """Make the files, and see that a gateway would take them.

    Raises:
        click.UsageError: it would not, because of an answer.
    """
    from agentgate_server.config import check_exposure
    from agentgate_server.config.load import config_of
    from agentgate_server.documents import DocumentError, parse_document
    from agentgate_server.identity.tokens import new_token

    agent, approver = new_token(), new_token()
    try:
        texts = compose(answers, agent, approver)
        lines = (line.partition("=") for line in texts[DOTENV].splitlines()[1:])
        environment = {name: value for name, _, value in lines}
        text = texts["config.yaml"]
        document = parse_document(text, name="", environment=environment)
        config = config_of(document, Path(), environment)
        if answers.tls is None:
            check_exposure(config)
    except DocumentError as error:
        raise click.UsageError(": ".join(filter(None, (error.path, error.message)))) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return texts


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files, none of which is there; the one with the tokens is for its owner alone.

    Raises:
        OSError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        mode = 0o600 if name == DOTENV else 0o640  # whatever the umask: nobody else may write
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    write_schemas(folder / SCHEMAS, ("config", "permissions"))


def steps(folder: Path, answers: Answers) -> str:
    """Say how to go on."""
    call = "get_time" if answers.policy == "closed" else "write_note name=milk text='buy milk'"
    return NEXT_STEPS.format(folder=folder.resolve(), call=call)
