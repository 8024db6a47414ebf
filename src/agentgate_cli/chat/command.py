"""``agent-gate chat``: talk to a model, here or at a gateway."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.beside import DEFAULT_CONFIG, config_at_hand
from agentgate_cli.remote import as_option, insecure_option, is_from_environment, remote_of

if TYPE_CHECKING:
    from agentgate_cli.chat.place import Place


@click.command(
    epilog="Exit codes: 0 answered, 1 the model refused or the budget is spent, 2 cancelled "
    "elsewhere, 3 no gateway, 4 usage, 5 no whole answer, 130 Ctrl-C."
)
@click.argument("prompt", required=False)
@click.option(
    "--gateway-url",
    "--url",
    "url",
    envvar="AGENT_GATE_URL",
    help="The gateway.  [default: $AGENT_GATE_URL, else one in this process]",
)
@click.option(
    "--token",
    envvar="AGENT_GATE_TOKEN",
    help="Your token. Better in $AGENT_GATE_TOKEN: others on this machine can see options.",
)
@click.option(
    "--approver-token",
    envvar="AGENT_GATE_APPROVER_TOKEN",
    help="An approver's token: you are asked here. Better in $AGENT_GATE_APPROVER_TOKEN.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration of the gateway in this process, or of the one that serves it already.  "
    "[default: config.yaml, if there is one]",
)
@as_option
@click.option("--session", default="", metavar="ID", help="Go on with this session.")
@click.option("--continue", "latest", is_flag=True, help="Go on with the newest session.")
@click.option("--model", default="", metavar="NAME", help="Talk to this model.")
@click.option("--workspace", default="", metavar="FOLDER", help="Of a new session; see the docs.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    help="PEM file of the authority that signed the gateway's certificate.",
)
@insecure_option
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=0,
    help="Try the first connection again so often.  [default: 0]",
)
def chat(prompt: str | None, as_json: bool, **options: Any) -> int:
    """Talk to a model. The tools that it asks for go through the gate.

    With a PROMPT it is answered, and that is all ("-", or no terminal: the prompt comes from
    standard input); without, you talk until /quit. Without a URL it is the gateway that serves
    config.yaml of this folder; if none does, one in this process, or without config.yaml the
    rehearsal model, which needs no account and has no tools.

    Ctrl-C cancels what the model is doing, a second one leaves. What needs a person's approval is
    asked here, if you have an approver's token or the gateway is in this process.

    \b
    Examples:
      agent-gate chat "What is 17 * 3?"
      agent-gate chat --continue
      git diff | agent-gate chat --gateway-url wss://gate.example.org --json -
    """
    from agentgate_cli.chat.talk import talk
    from agentgate_cli.chat.talker import Wish
    from agentgate_cli.terminal import Terminal

    at_terminal = Terminal.is_there() and not as_json
    place = place_of(options, may_ask=at_terminal)
    text = prompt_of(prompt)
    if text is None and as_json:
        raise click.UsageError("--json needs a prompt: there is nobody to talk to")
    wish = Wish(
        prompt=text,
        session="latest" if options["latest"] else options["session"],
        model=options["model"],
        workspace=workspace_of(options["workspace"], place),
        as_json=as_json,
    )
    if options["latest"] and options["session"]:
        raise click.UsageError("--continue is the newest session, --session another one")
    return talk(place, wish)


def prompt_of(prompt: str | None) -> str | None:
    """Return what is to be said, or None where a person is to talk.

    Raises:
        click.UsageError: it is empty.
    """
    if prompt is None and sys.stdin.isatty():
        return None
    if prompt is None or prompt == "-":
        try:
            prompt = sys.stdin.buffer.read().decode("utf-8", errors="replace")
        except OSError as error:
            raise click.UsageError(f"standard input can't be read: {error.strerror}") from None
    if not prompt.strip():
        raise click.UsageError("the prompt is empty")
    return prompt


def workspace_of(folder: str, place: Place) -> str:
    """Return the folder as a gateway has to be told it: one in this process is where we are."""
    return str(Path(folder).absolute()) if folder and place.remote is None else folder


def place_of(options: dict[str, Any], *, may_ask: bool) -> Place:
    """Make of the options where one talks.

    Raises:
        click.UsageError: they can't be right together.
    """
    from agentgate_cli.chat.place import Place, approver_at_hand

    url, config, whose = (options[name] for name in ("url", "config_file", "whose"))
    if config is not None and url:
        if not is_from_environment("url"):
            raise click.UsageError("--config is for a gateway in this process: without a URL")
        url = options["url"] = None
    if not url and whose is None:
        if config is None and DEFAULT_CONFIG.exists():
            config = DEFAULT_CONFIG
        return Place(remote=None, config=config, may_ask=may_ask)
    remote = remote_of(options)
    approver_token = options["approver_token"] or ""
    if not approver_token and may_ask:
        approver_token = approver_at_hand(config_at_hand(config), remote)
    return Place(remote=remote, config=None, approver_token=approver_token, may_ask=may_ask)
