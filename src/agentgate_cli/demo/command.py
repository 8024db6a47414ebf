"""``agent-gate demo``: all of it, in under a minute, on a folder of its own."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

import click

from agentgate_cli.arguments import Duration
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.style import note


@click.command()
@click.option(
    "--keep", is_flag=True, help="Leave the folder: configuration, policy, database, logs."
)
@click.option(
    "--answer-timeout",
    "patience_s",
    type=Duration(least_s=0.1, most_s=600),
    default=8,
    show_default=True,
    metavar="TIME",
    help="How long you have for each answer, on a terminal: seconds, or as in 1m30s.",
)
@click.option("--no-input", is_flag=True, help="Let the script answer, even on a terminal.")
def demo(keep: bool, patience_s: float, no_input: bool) -> int:
    """See a gateway, an agent and a person at work in a make-believe house.

    A gateway and an agent run as processes of their own, between a house that speaks the API of
    Home Assistant and a phone that speaks that of Telegram. The agent asks for six things: one is
    allowed, one denied by the policy, one approved on the phone and one denied by a person, one
    approved while the agent's process is gone, one while the gateway is killed and started again.
    At the end a (rehearsed) model is spoken to, whose tool goes the same way.
    On a terminal the person is you.

    The exit code is 0 only if every request ended as it must.
    """
    import anyio

    from agentgate_cli.demo.person import Person
    from agentgate_cli.demo.play import play_all
    from agentgate_cli.demo.processes import DemoError
    from agentgate_cli.signals import Interrupted, interruptible
    from agentgate_cli.terminal import Terminal
    from agentgate_client import AgentGateError

    logging.getLogger("agentgate_client").setLevel(logging.CRITICAL)  # the account says it
    person = Person(None if no_input or not Terminal.is_there() else Terminal(), patience_s)
    try:
        folder = Path(tempfile.mkdtemp(prefix="agent-gate-demo-"))
    except OSError as error:
        raise Failure(f"no temporary folder: {error}; set TMPDIR to one that exists") from None
    try:
        went_well = anyio.run(interruptible, lambda: play_all(folder, person, keep=keep))
    except Interrupted:
        note("\nstopped; the gateway and the agent were ended")
        return Exit.INTERRUPTED
    except (DemoError, AgentGateError) as error:
        raise Failure(f"the demo broke off: {error}") from None
    except TimeoutError:
        raise Failure(
            "the demo broke off: something took far too long; is the machine busy?"
        ) from None
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return Exit.OK if went_well else Exit.DENIED
