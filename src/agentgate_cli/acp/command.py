"""``agent-gate acp``: an agent of the Agent Client Protocol on a pipe, whose inside is a gateway's.

The editor starts it and talks to it, a line of JSON a message; the gateway is reached by a
WebSocket, which is made again when it breaks. All rules are the bridge's
(``agentgate_proto.faces.acp.bridge``); standard output carries lines of JSON alone.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.exits import Exit
from agentgate_cli.remote import Remote, gateway_options, remote_of

if TYPE_CHECKING:
    from agentgate_client.address import Address

PATH = "/acp"
"""Where gateways have it, unless the URL says another path."""

AT_A_TERMINAL = (
    "this is an agent for an editor, which starts it and talks to it on standard input: see "
    "docs/acp.md for how to tell yours"
)


@click.command(
    epilog="Exit codes: 0 the editor has gone, 3 no gateway, 4 usage. What is wrong with the "
    "gateway is said on standard error: the editor's log."
)
@gateway_options
def acp(**options: Any) -> int:
    """Be an agent for an editor that speaks the Agent Client Protocol.

    The editor starts this command and talks to it by standard input and output. Its conversations
    are sessions of the gateway: they survive restarts of the editor, of this command and of the
    gateway. With an approver's token you are asked in the editor what needs your approval.

    \b
    Examples:
      AGENT_GATE_TOKEN=... agent-gate acp --url wss://gate.example.org
      agent-gate acp --url ws://127.0.0.1:8443/editors
    """
    import anyio

    from agentgate_cli.signals import Interrupted, interruptible

    remote = remote_of(options)
    address = address_of(remote)
    if sys.stdin.isatty():
        click.echo(AT_A_TERMINAL, err=True)

    async def work() -> int:
        from agentgate_cli.acp.pump import Pump

        return await Pump(remote, address, sys.stdin.fileno(), sys.stdout.fileno()).run()

    try:
        return anyio.run(interruptible, work)
    except Interrupted:
        return Exit.OK


def address_of(remote: Remote) -> Address:
    """Return where the gateway's WebSocket for editors is.

    Raises:
        click.UsageError: the URL is none.
    """
    from dataclasses import replace

    from agentgate_client.address import parse_url
    from agentgate_client.endpoint import check_secure

    try:
        address = parse_url(remote.url)
        check_secure(address, remote.insecure)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return replace(address, target=PATH) if address.target == "/" else address
