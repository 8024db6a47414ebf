"""``agent-gate reload``: a new policy goes live, or the old one stays and it is said why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.beside import OPERATOR
from agentgate_cli.exits import Exit
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import note, say, say_json, warn
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_proto.rpc.messages import ReloadReport

DIGEST_CHARS = 12
"""Of the policy's digest, for the eye."""


@click.command(epilog="Exit codes: 0 reloaded, 1 refused: nothing has changed, 3 no gateway.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def reload(as_json: bool, **options: Any) -> int:
    """Let the gateway read its policy, principals and tokens anew.

    You need a token whose role is operator. If the configuration or the policy has a mistake,
    what was in force stays in force. SIGHUP to the gateway does the same; its log has the answer.

    \b
    Example:
      agent-gate check && agent-gate reload
    """
    remote = remote_of(options, OPERATOR)

    async def work() -> int:
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            report = await client.reload()
        if as_json:
            say_json(report)
        else:
            show(report)
        return Exit.OK if report.status == "reloaded" else Exit.DENIED

    return run_remote(work)


def show(report: ReloadReport) -> None:
    """Print what came of it."""
    for error in report.errors:
        note(f"Error: {printable(error)}")
    for warning in report.warnings:
        note(warn(f"warning: {printable(warning)}"))
    for key in report.restart:
        note(warn(f"warning: restart to change {printable(key)}"))
    head = "reloaded" if report.status == "reloaded" else "refused; still in force"
    digest = f" ({report.digest[:DIGEST_CHARS]})" if report.digest else ""
    rules, principals = plural(report.rules, "rule"), plural(report.principals, "principal")
    say(f"{head}: policy {printable(report.policy)}{digest}: {rules}, {principals}")
