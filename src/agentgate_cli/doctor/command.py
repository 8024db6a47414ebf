"""``agent-gate doctor``: what is broken today, and for each what to do."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import config_option, load, permissions_option
from agentgate_cli.style import bad, good, say, say_json, warn
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_cli.doctor.table import Result

STYLES = {"ok": good, "doubt": warn, "broken": bad}


@click.command(epilog="Exit codes: 0 nothing is broken (there may be doubts), 1 something is.")
@config_option
@permissions_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(config_file: Path, permissions: Path | None, as_json: bool) -> int:
    """Try everything that the gateway stands on, and say for each trouble what to do.

    Unlike 'agent-gate check', which reads files only, it asks Home Assistant, Telegram, the vendors
    of models and other gateways, starts MCP servers for a moment, and asks the gateway itself if it
    runs. It calls no tool and no model, and changes nothing; in the Telegram chat the bot is seen
    typing for a moment.

    \b
    Examples:
      agent-gate doctor
      agent-gate doctor --config /etc/agent-gate/config.yaml --json
    """
    import anyio

    # what goes wrong is told below, in its place; without a handler Python would print it, too
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        results = anyio.run(examine, config_file, permissions, not as_json)
    except Failure as failure:
        if not as_json:
            raise
        say_json({"ok": False, "probes": [unread(failure.message)]})
        return Exit.DENIED
    broken = [each for each in results if each.status == "broken"]
    if as_json:
        rows = [row_of(each) for each in results if each.status != "none"]
        say_json({"ok": not broken, "probes": rows})
    else:
        say(summary(results))
    return Exit.DENIED if broken else Exit.OK


async def examine(config_file: Path, permissions: Path | None, shown: bool) -> list[Result]:
    """Try everything; show each result as it comes."""
    from agentgate_cli.doctor.probe import Patient
    from agentgate_cli.doctor.table import probe_all
    from agentgate_server.checking.files import Look

    patient = Patient(Look(lambda: load(config_file, permissions)))
    results = []
    async for result in probe_all(patient):
        results.append(result)
        if shown:
            show(result)
    return results


def show(result: Result) -> None:
    """Print a line for each finding, or one that all is well."""
    name = result.probe.name
    if result.status == "none":
        return
    if result.status != "broken" and not result.findings:
        say(f"{good('ok')}      {name}: {printable(result.well)}")
    for each in result.findings:
        word = "broken" if each.level.value == "error" else "doubt"
        place = f"{each.place}: " if each.place else ""
        text = f"{place}{printable(each.message)} → {printable(each.step)}"
        say(f"{STYLES[word](word)}{' ' * (8 - len(word))}{name}: {text}")


def summary(results: list[Result]) -> str:
    """Say in a line how it stands."""
    words = [
        "broken" if each.level.value == "error" else "doubt"
        for result in results
        for each in result.findings
    ]
    broken, doubts = words.count("broken"), words.count("doubt")
    if not words:
        return good("nothing is broken")
    return f"{broken} broken, {plural(doubts, 'doubt')}"


def row_of(result: Result) -> dict[str, Any]:
    """Make one row of the JSON."""
    return {
        "name": result.probe.name,
        "status": result.status,
        "seen": result.well if result.status != "broken" else None,
        "findings": [
            {
                "level": each.level,
                "file": each.file or None,
                "line": each.line or None,
                "message": each.message,
                "step": each.step,
            }
            for each in result.findings
        ],
    }


def unread(message: str) -> dict[str, Any]:
    """Make the row of a configuration that is not there."""
    finding = {"level": "error", "file": None, "line": None, "message": message}
    step = "agent-gate init"
    findings = [{**finding, "step": step}]
    return {"name": "configuration", "status": "broken", "seen": None, "findings": findings}
