"""``agent-gate approvals mute`` and ``unmute``: hear nothing of an agent for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.arguments import Duration
from agentgate_cli.beside import PERSON
from agentgate_cli.exits import Exit
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import say, say_json
from agentgate_cli.text import clock, printable

if TYPE_CHECKING:
    from agentgate_client.approval_results import Mutes

PERIOD = "1h"
"""For how long, unless something else is said."""


@click.command()
@click.argument("agent", required=False)
@click.option(
    "--for",
    "for_s",
    type=Duration(bare=False),
    metavar="TIME",
    default=PERIOD,
    show_default=True,
    help="How long: 90s, 15m, 1h30m.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def mute(agent: str | None, for_s: float, as_json: bool, **options: Any) -> int:
    """Let nobody be asked about an agent for a time; without AGENT: list those that are muted.

    What would ask is refused meanwhile, and the agent is told by whom and until when. What needs
    no person goes on, and what waits already may be answered. The audit notes it.

    \b
    Example:
      agent-gate approvals mute garden --for 30m
    """
    return run_remote(lambda: change(options, agent, for_s / 60.0, as_json=as_json))


@click.command()
@click.argument("agent")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def unmute(agent: str, as_json: bool, **options: Any) -> int:
    """Let people be asked about an agent again."""
    return run_remote(lambda: change(options, agent, 0.0, as_json=as_json))


async def change(
    options: dict[str, Any], agent: str | None, minutes: float, *, as_json: bool
) -> int:
    """Mute an agent for so long, and say how it stands; no agent: say who is muted."""
    from agentgate_client import ApprovalsClient

    async with connected(ApprovalsClient, remote_of(options, PERSON)) as client:
        mutes = [await client.mute(agent, minutes)] if agent else await client.mutes()
    if as_json:
        say_json({"mutes": mutes})
    else:
        for line in lines_of(mutes):
            say(line)
    return Exit.OK


def lines_of(mutes: Mutes) -> list[str]:
    """Say of each agent whether people are asked about it."""
    if not mutes:
        return ["nobody is muted"]
    return [
        f"{printable(mute.agent)}: nobody is asked until {clock(mute.until)}"
        f" (muted by {printable(mute.by)}, {printable(mute.channel)})"
        if mute.until
        else f"{printable(mute.agent)}: people are asked again"
        for mute in mutes
    ]
