"""``agent-gate mcp login``: let a person log the gateway in at an MCP server that wants OAuth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import config_option, load_or_fail
from agentgate_cli.style import bold, dim, note, say
from agentgate_cli.text import printable

T = TypeVar("T")


@click.command()
@click.argument("alias", metavar="SERVER")
@click.option("--forget", is_flag=True, help="Log out: forget the tokens that are kept.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Port of this machine that the browser comes back to.  [default: any]",
)
@click.option("--client-id", default="", help="Who the gateway is there, if that was arranged.")
@click.option(
    "--client-secret",
    envvar="AGENT_GATE_MCP_CLIENT_SECRET",
    default="",
    help="Its secret. Better in $AGENT_GATE_MCP_CLIENT_SECRET: others can see options.",
)
@config_option
def login(
    alias: str, forget: bool, port: int, client_id: str, client_secret: str, config_file: Path
) -> int:
    """Log the gateway in at an MCP server whose configuration says 'oauth: true'.

    It prints an address: open it in your browser, and consent. The tokens are kept beside the
    database, for you alone to read; a running gateway uses them at once, and renews them. Agents
    never see them, and can't bring about a login.

    On another machine, forward a port first: ssh -L 8765:127.0.0.1:8765, and give --port 8765.

    \b
    Example:
      agent-gate mcp login tracker
    """
    config = load_or_fail(config_file)
    servers = {str(name): each for name, each in config.tools.mcp.items()}
    if (server := servers.get(alias)) is None:
        raise click.UsageError(f"no MCP server is called {alias!r} in {config.name}")
    from agentgate_server.tools.mcp.login_file import LoginFile

    file = LoginFile.beside(config.storage.path)
    if forget:
        known = try_to(lambda: file.drop(alias))
        say(f"{alias}: " + ("its tokens are forgotten here" if known else "nobody was logged in"))
        note(dim("the server may still take them: end the consent there, too"))
        return Exit.OK
    if not server.oauth:
        raise Failure(f"{config.name}: tools.mcp.{alias} does not say 'oauth: true'")
    import anyio

    try:
        from agentgate_cli.mcp.consent import log_in
    except ImportError:
        from agentgate_server.extras import how_to_install

        raise Failure(f"this takes a package more: {how_to_install('mcp')}") from None

    async def work() -> int:
        found = await log_in(
            alias, server, show, port=port, client_id=client_id, client_secret=client_secret
        )
        try_to(lambda: file.put(alias, found))
        scope = f", for {printable(found.scope)}" if found.scope else ""
        say(f"{bold(alias)}: logged in{scope}")
        if not found.refresh_token:
            note(dim("it gave no token to renew this with: log in again when it ends"))
        return Exit.OK

    return anyio.run(work)


def show(url: str) -> None:
    """Tell the person where to consent."""
    say("Open this in your browser, and consent:")
    say(f"\n  {printable(url)}\n")


def try_to(work: Callable[[], T]) -> T:
    """Work on the logins file.

    Raises:
        Failure: it can't be done.
    """
    from agentgate_server.tools.mcp.login_file import LoginFileError

    try:
        return work()
    except LoginFileError as error:
        raise Failure(str(error)) from None
