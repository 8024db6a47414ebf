"""``agent-gate console``: open the console in the browser, logged in; see and end its logins."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from agentgate_cli.beside import PERSON
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.finding import IdCommand
from agentgate_cli.remote import (
    Remote,
    connected,
    exit_of,
    gateway_options,
    remote_of,
    run_remote,
)
from agentgate_cli.style import dim, note, say, say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import clock, duration, parse_time, printable

if TYPE_CHECKING:
    from agentgate_proto.records.console_session import ConsoleSessionView

LINKS = "/api/console-links"
TIMEOUT_S = 10.0

COLUMNS = (
    Column("id", "bold"),
    Column("who"),
    Column("by", rank=3),
    Column("from", rank=2),
    Column("used", rank=1),
    Column("ends", rank=4),
    Column("browser", wide=True, least=20),
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(
    invoke_without_command=True,
    epilog="Exit codes: 0 done, 3 no gateway, or the token is not for this, 4 usage.",
)
@click.option("--no-open", is_flag=True, help="Print the link, and open no browser.")
@json_option
@gateway_options
def console(no_open: bool, as_json: bool, **options: Any) -> int:
    """Open the console in your browser, where you are logged in.

    It prints a link that logs in once, within five minutes, and opens it where there is a screen.
    You need a token whose role is approver or operator. Whoever opens the link first is you: do
    not pass it on, and on a machine that others use, print it with --no-open and open it yourself.

    \b
    Examples:
      agent-gate console
      agent-gate console --no-open --url wss://gate.example
      agent-gate console sessions
    """
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is not None:
        typed = [name for name in ctx.params if is_typed(ctx, name)]
        if typed:
            text = f"write the options after '{ctx.invoked_subcommand}'"
            raise click.UsageError(f"{text}: {', '.join(sorted(typed))} would not be heard", ctx)
        return Exit.OK
    remote = remote_of(options, PERSON)

    async def work() -> int:
        made = await link_to(remote)
        if as_json:
            say_json(made)
            return Exit.OK
        say(printable(str(made["url"])))
        if no_open or not has_screen():
            note(dim(f"good for one login, for {duration(float(made['expires_in_s']))}"))
        elif not open_browser(str(made["url"])):
            note("no browser could be opened: open the link yourself, within five minutes")
        return Exit.OK

    return run_remote(work)


def is_typed(ctx: click.Context, name: str) -> bool:
    """Whether a parameter stands on the command line."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


@console.command()
@json_option
@gateway_options
def sessions(as_json: bool, **options: Any) -> int:
    """List who is logged in at the console: an operator sees everybody, others themselves."""
    remote = remote_of(options, PERSON)

    async def work() -> int:
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            found = await client.console_sessions()
        if as_json:
            say_json({"sessions": found})
        else:
            print_table(COLUMNS, map(cells, found), "nobody is logged in at the console")
        return Exit.OK

    return run_remote(work)


@console.command(cls=IdCommand)
@click.argument("session_id", metavar="ID")
@json_option
@gateway_options
def revoke(session_id: str, as_json: bool, **options: Any) -> int:
    """End a login at the console now; its pages are closed."""
    remote = remote_of(options, PERSON)

    async def work() -> int:
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            view = await client.revoke_console_session(session_id)
        if as_json:
            say_json(view)
        else:
            since = clock(view.created_at)
            say(f"{printable(view.principal)} is logged out: logged in since {since}")
        return Exit.OK

    return run_remote(work)


async def link_to(remote: Remote) -> dict[str, Any]:
    """Let the gateway make a link that logs in once.

    Raises:
        Failure: it makes none.
        click.UsageError: the URL or the token can't be right.
    """
    import httpx2
    import msgspec

    from agentgate_client.endpoint import make_endpoint
    from agentgate_proto.limits import CLIENT_LIMITS

    try:
        endpoint = make_endpoint(
            url=remote.url,
            token=remote.token,
            client_id="console",
            progress=False,
            cert_file=None,
            key_file=None,
            headers=None,
            limits=CLIENT_LIMITS,
            insecure=remote.insecure,
            **{"ca_file": None, "ssl_context": None, **remote.tls()},
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    address = endpoint.address
    url = f"{'https' if address.secure else 'http'}://{address.authority}{LINKS}"
    verify = endpoint.context if endpoint.context is not None else True
    is_far = not address.is_loopback
    try:
        async with httpx2.AsyncClient(verify=verify, timeout=TIMEOUT_S, trust_env=is_far) as http:
            headers = {"authorization": f"Bearer {remote.token}"}
            answer = await http.post(url, headers=headers, json={})
    except httpx2.HTTPError as error:
        text = f"{address} can't be reached: {printable(str(error)) or type(error).__name__}"
        raise Failure(text, Exit.UNREACHABLE) from None
    try:
        said = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        said = {}
    if answer.status_code == httpx2.codes.OK and isinstance(said.get("url"), str):
        return said
    if answer.status_code == httpx2.codes.NOT_FOUND:
        raise Failure(f"{address} has no console: see console.enabled there", Exit.UNREACHABLE)
    why = printable(str(said.get("error") or f"it answered {answer.status_code}"))
    code = said.get("code")
    raise Failure(f"no link: {why}", exit_of(code if isinstance(code, int) else 0))


def has_screen() -> bool:
    """Whether a browser would show: not over SSH, where it might take the terminal instead."""
    if sys.platform in ("darwin", "win32"):
        return not os.environ.get("SSH_CONNECTION")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> bool:
    """Open the user's browser; return whether that went well."""
    import webbrowser

    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False


def cells(view: ConsoleSessionView) -> tuple[str, ...]:
    """One row of the table."""
    import time

    now = time.time()
    return (
        printable(view.id),
        f"{printable(view.principal)} ({printable(view.role)})",
        printable(view.by),
        printable(view.address or "-"),
        f"{duration(max(0.0, now - parse_time(view.used_at)))} ago",
        f"in {duration(max(0.0, parse_time(view.expires_at) - now))}",
        printable(view.browser or "-"),
    )
