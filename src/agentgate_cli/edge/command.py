"""``agent-gate edge``: a small device as it is, with a file that says what it offers."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.style import bad, good, say
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_cli.edge.agent import Teller
    from agentgate_cli.edge.form import EdgeConfig
    from agentgate_client.edge import EdgeClient

log = logging.getLogger("agentgate")

CHECK_S = 20.0
"""How long ``--check`` waits for the gateway."""


@click.command(
    epilog='Prompts are read from standard input, a line each: the text, or {"id", "text"}. '
    "Exit codes: 0 done, 1 a mistake in the file, 3 no gateway."
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default=Path("edge.yaml"),
    help="The device's file.  [default: edge.yaml]",
)
@click.option(
    "--check", is_flag=True, help="Read the file, look at each channel, greet the gateway, end."
)
@click.option("--once", is_flag=True, help="End when all that was asked is answered, and acted on.")
@click.option("--json", "as_json", is_flag=True, help="Print what happens as JSON lines.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="What to log on standard error.  [default: info]",
)
def edge(config_file: Path, check: bool, once: bool, as_json: bool, log_level: str) -> int:
    """Connect a small device to its agent.

    It asks what comes on standard input, acts on the answers, and offers its channels and tools to
    the gateway, as the file says. Without a line it keeps what it is asked.

    \b
    Examples:
      agent-gate edge --config /etc/agent-gate/edge.yaml
      agent-gate edge --check
      echo "What is on today?" | agent-gate edge --once
    """
    from agentgate_cli.edge.form import load_edge
    from agentgate_cli.logs import set_up_logs
    from agentgate_cli.serve import document_failure
    from agentgate_cli.signals import Interrupted
    from agentgate_client.edge import SpoolError
    from agentgate_server.documents import DocumentError

    try:
        config = load_edge(config_file, os.environ)
    except DocumentError as error:
        raise document_failure(error) from None

    import anyio

    output = set_up_logs(log_level, "json" if as_json else "readable")
    for warning in config.warnings:
        log.warning("%s", warning)
    try:
        if check:
            return anyio.run(look, config)
        return anyio.run(live, config, once, as_json)
    except Interrupted:
        return Exit.OK if not once else Exit.INTERRUPTED
    except (SpoolError, ValueError) as error:
        raise Failure(str(error)) from None
    finally:
        output.flush()


async def live(config: EdgeConfig, once: bool, as_json: bool) -> int:
    """Be a device, until a signal, or with ``--once`` until nothing is left to do."""
    import anyio

    from agentgate_cli.edge.agent import Teller, edge_of
    from agentgate_cli.signals import interruptible

    client = edge_of(config)
    teller = Teller(client, as_json)
    client.on("answer", teller.answered)
    client.on("state", teller.state)
    client.on("error", teller.failed)

    async def work() -> int:
        async with client:
            await ask_all(client, teller)
            if once:
                await client.idle()
            else:
                await anyio.sleep_forever()
        return Exit.OK

    return await interruptible(work)


async def ask_all(client: EdgeClient, teller: Teller) -> None:
    """Ask what comes on standard input, to its end."""
    from agentgate_cli.edge.lines import lines_of, read_line
    from agentgate_client import AgentGateError

    if sys.stdin is None:
        return
    async for raw in lines_of(sys.stdin.fileno()):
        try:
            line = read_line(raw)
        except ValueError as error:
            teller.refused("", str(error))
            continue
        if line is None:
            continue
        try:
            teller.kept(await client.send(line.text, prompt_id=line.id))
        except AgentGateError as error:
            teller.refused(line.id, error.message)


async def look(config: EdgeConfig) -> int:
    """Show what each channel has, and whether the gateway lets us in."""
    import anyio

    from agentgate_cli.edge.agent import edge_of
    from agentgate_client import AgentGateError

    client = edge_of(config)
    is_well = True
    for name, row in (await client.data_snapshot()).items():
        if "error" in row:
            is_well = False
            say(f"{bad('channel')} {printable(name)}: {printable(row['error'])}")
        else:
            text = bytes(row["data"]).decode()
            say(f"{good('channel')} {printable(name)}: {printable(text[:200])}")
    line = client.client
    try:
        with anyio.fail_after(CHECK_S):
            await line.connect()
        health = line.health
        say(f"{good('gateway')} {config.form.gateway.url}: we are {printable(health.principal)}")
    except (AgentGateError, TimeoutError) as error:
        text = error.message if isinstance(error, AgentGateError) else f"nothing in {CHECK_S:g} s"
        say(f"{bad('gateway')} {config.form.gateway.url}: {printable(text)}")
        return Exit.UNREACHABLE
    finally:
        await line.close()
    return Exit.OK if is_well else Exit.DENIED
