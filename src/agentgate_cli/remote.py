"""A gateway from the outside: the options that name it, connecting, and what errors mean here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from agentgate_cli.beside import (
    AGENT,
    DEFAULT_URL,
    Wanted,
    config_at_hand,
    look_up,
    names_at_hand,
    only_this,
)
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.style import dim, note
from agentgate_cli.text import away, printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient, StateChanged

    OnState = Callable[[StateChanged], None]

WHERE = "'agent-gate init' wrote AGENT_TOKEN (to ask) and APPROVER_TOKEN (to answer) into .env"
"""Where a newcomer's tokens are, and which of them is for what."""

NOBODY = (
    "no token: set AGENT_GATE_TOKEN, or give --token; in the folder of the gateway's config.yaml, "
    "or with --config, none is needed"
)

Command = TypeVar("Command", bound=Callable[..., Any])
ClientT = TypeVar("ClientT", "AgentGateClient", "ApprovalsClient")


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a gateway is, and with which token.

    Attributes:
        url: ws:// or wss://.
        token: never shown.
        ca_file: PEM file of the authorities to trust, or None.
        retries: how often the first connection is tried again.
        insecure: the token may go to another machine in clear text; None: if the environment says
            so.
        certificate: the gateway's own, in a PEM file: only this one is trusted; None: as usual.
    """

    url: str
    token: str
    ca_file: Path | None
    retries: int
    insecure: bool | None = None
    certificate: Path | None = None

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    def tls(self) -> dict[str, Any]:
        """Return what a client is told of whom to trust."""
        if self.certificate is not None:
            return {"ssl_context": only_this(self.certificate)}
        return {"ca_file": self.ca_file}


insecure_option = click.option(
    "--insecure",
    is_flag=True,
    default=None,
    help="With ws://, send the token to other machines in clear text. Also $AGENT_GATE_INSECURE=1.",
)


def complete_names(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem | str]:
    """Complete ``--as`` from the configuration at hand."""
    names = names_at_hand(ctx.params.get("config_file"))
    return [name for name in names if name.startswith(incomplete)]


config_beside_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="The gateway's configuration: where it is, and your token.  [default: config.yaml of this "
    "folder, if there is one]",
)

as_option = click.option(
    "--as",
    "whose",
    metavar="NAME",
    shell_complete=complete_names,
    help="Whose token of the configuration: a name, or a role.  [default: of who may do this]",
)


def gateway_options(command: Command) -> Command:
    """Add the options that name a gateway; the command gets them as one ``remote``."""
    for option in (
        insecure_option,
        click.option(
            "--retries",
            type=click.IntRange(min=0),
            default=0,
            help="Try the first connection again so often. One that breaks later is always made "
            "again.  [default: 0]",
        ),
        click.option(
            "--ca-file",
            type=click.Path(path_type=Path),
            help="PEM file of the authority that signed the gateway's certificate.",
        ),
        click.option(
            "--token",
            envvar="AGENT_GATE_TOKEN",
            help="Your token. Better in $AGENT_GATE_TOKEN: others on this machine can see options.",
        ),
        as_option,
        config_beside_option,
        click.option(
            "--url",
            envvar="AGENT_GATE_URL",
            help="The gateway.  [default: $AGENT_GATE_URL, else what the configuration says, else "
            f"{DEFAULT_URL}]",
        ),
    ):
        command = option(command)
    return command


def remote_of(options: dict[str, Any], roles: Sequence[str] = AGENT) -> Remote:
    """Take the gateway's options out of a command's parameters; what is not said is looked up in
    the configuration at hand.

    Args:
        options: the parameters.
        roles: of those whom the command is for, the usual one first.

    Raises:
        click.UsageError: there is no token, or it may not be sent there.
    """
    from agentgate_client.address import websocket_url

    names = ("url", "token", "ca_file", "retries", "insecure", "config_file", "whose")
    url, token, ca_file, retries, insecure, given, whose = (
        options.pop(name, None) for name in names
    )
    url = websocket_url(url) if url else ""
    if whose is not None and token and not is_from_environment("token"):
        raise click.UsageError("--as takes a token from the configuration: leave --token out")
    if whose is not None:
        token = None
    path = config_at_hand(given)
    if token and (url or path is None):
        return Remote(url or DEFAULT_URL, token, ca_file, retries, insecure)
    if path is None:
        raise click.UsageError(f"{NOBODY}; {WHERE}")
    found = look_up(Wanted(path, given is not None, whose, roles), url, token or "")
    certificate = None if ca_file is not None else found.certificate
    return Remote(found.url, found.token, ca_file, retries, insecure or found.insecure, certificate)


def is_from_environment(name: str) -> bool:
    """Whether a parameter of the command that runs was not typed."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.ENVIRONMENT


@asynccontextmanager
async def connected(
    kind: type[ClientT], remote: Remote, *, on_state: OnState | None = None, **options: Any
) -> AsyncIterator[ClientT]:
    """Connect as an agent (``AgentGateClient``) or as a person (``ApprovalsClient``).

    Raises:
        AgentGateConnectionError: the first connection can't be made.
        click.UsageError: the URL, the token or another option can't be right.
    """
    from agentgate_proto.client.backoff import Backoff

    backoff = Backoff(attempts_max=remote.retries)
    try:
        client = kind(
            remote.url,
            remote.token,
            **remote.tls(),
            insecure=remote.insecure,
            on_state=on_state or StateNotes(),
            backoff=backoff,
            **options,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    async with client:
        # A gateway that was there once comes back, and what waits there is worth waiting for.
        backoff.attempts_max = None
        yield client


class StateNotes:
    """Says on standard error when the gateway can't be reached, and when it can again."""

    def __init__(self) -> None:
        self.away = False

    def __call__(self, change: StateChanged) -> None:
        """Take a change; see ``AgentGateClient(on_state=…)``."""
        match change.state.value:
            case "reconnecting" if change.error is not None:
                note(dim(away(change.error.message)))
                self.away = True
            case "connected" if self.away:
                note(dim("connected again"))
                self.away = False


def run_remote(work: Callable[[], Awaitable[int]]) -> int:
    """Run a command's work in an event loop; its errors become one line and an exit code."""
    import logging

    import anyio

    from agentgate_client import AgentGateError

    # What the SDK logs about connections is said by StateNotes and by the error at the end.
    logging.getLogger("agentgate_client").setLevel(logging.CRITICAL)
    try:
        return anyio.run(work)
    except AgentGateError as error:
        raise failure_of(error) from None


def failure_of(error: Exception) -> Failure:
    """Make a failed call the end of a command."""
    from agentgate_client import AgentGateError, ErrorCode

    assert isinstance(error, AgentGateError)
    text = printable(error.message)
    if error.code == ErrorCode.AUTHENTICATION:
        text += ": the gateway does not know it; see AGENT_GATE_TOKEN, --token and --as"
    if error.code == ErrorCode.FORBIDDEN:
        text += f": AGENT_GATE_TOKEN, or --token, is not the one for this, or --as; {WHERE}"
    if error.code == ErrorCode.SESSION_NOT_FOUND:
        text += "; see 'agent-gate sessions list'"
    if error.code == ErrorCode.RUN_IN_PROGRESS:
        text += in_progress(error)
    return Failure(text, exit_of(error.code))


def in_progress(error: AgentGateError) -> str:
    """Say what the run that is in the way waits for, and what may be done about it."""
    from agentgate_client import RunInProgress

    assert isinstance(error, RunInProgress)
    ids = ", ".join(map(printable, error.approvals))
    waits = f"; it waits for approval {ids}" if ids else ""
    return f"{waits}; see 'agent-gate sessions show' and 'agent-gate sessions cancel'"


def exit_of(code: int) -> Exit:
    """Return the exit code for an error code of the protocol; unknown ones count as no answer."""
    from agentgate_client import ErrorCode

    match code:
        case (
            ErrorCode.DENIED_BY_PERSON
            | ErrorCode.DENIED_BY_POLICY
            | ErrorCode.ALREADY_SETTLED
            | ErrorCode.CODE_NEEDED
            | ErrorCode.OVER_BUDGET
            | ErrorCode.RUN_IN_PROGRESS
        ):
            return Exit.DENIED
        case ErrorCode.APPROVAL_EXPIRED | ErrorCode.CANCELLED:
            return Exit.EXPIRED
        case (
            ErrorCode.INVALID_PARAMS
            | ErrorCode.INVALID_REQUEST
            | ErrorCode.NOT_FOUND
            | ErrorCode.SESSION_NOT_FOUND
        ):
            return Exit.USAGE
        case ErrorCode.TOOL_FAILED | ErrorCode.OUTCOME_UNKNOWN | ErrorCode.MODEL_FAILED:
            return Exit.TOOL_FAILED
        case _:
            return Exit.UNREACHABLE
