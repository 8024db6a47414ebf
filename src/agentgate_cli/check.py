"""``agent-gate check``: mistakes in configuration, tools and policy, before they go live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentgate_cli.exits import Exit
from agentgate_cli.offline import config_option, load, permissions_option
from agentgate_cli.style import bad, good, say, say_json, warn
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_server.policy.linting import Finding


@click.command(
    epilog="Exit codes: 0 nothing wrong (warnings may be), 1 errors, or with --strict warnings."
)
@config_option
@permissions_option
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(config_file: Path, permissions: Path | None, strict: bool, as_json: bool) -> int:
    """Check the configuration and the policy, and load the tools.

    Whatever would stop the start is an error, and so is a rule about no tool of the gateway.
    Warnings are about what may not be meant: a rule that never decides, an allow without any
    bound on a tool that writes, an agent that nobody is, and what serve would warn of. Notes say
    which commands serve would start.

    \b
    Examples:
      agent-gate check
      agent-gate check --permissions new.yaml --strict
    """
    from agentgate_cli.doctor.listening import stranger_at
    from agentgate_server.checking.files import PARTS, Look
    from agentgate_server.policy.linting import Level

    look = Look(lambda: load(config_file, permissions))
    findings = [finding for name in PARTS for finding in look.at(name)]
    if look.config is not None and (stranger := stranger_at(look.config)):
        findings.append(replace(stranger, message=f"{stranger.message}: {stranger.step}"))
    bad_levels = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    failing = [each for each in findings if each.level in bad_levels]
    if as_json:
        say_json({"ok": not failing, "findings": [row_of(each) for each in findings]})
    else:
        show(findings)
    return Exit.DENIED if failing else Exit.OK


def row_of(finding: Finding) -> dict[str, object]:
    """Make one row of the JSON."""
    return {
        "level": finding.level,
        "file": finding.file or None,
        "line": finding.line or None,
        "message": finding.message,
    }


STYLES: dict[str, Callable[[str], str]] = {"error": bad, "warning": warn, "note": str}


def show(findings: list[Finding]) -> None:
    """Print a line for each finding, in the form of a compiler, and the sum."""
    for finding in findings:
        style = STYLES[finding.level]
        place, level, message = finding.place, finding.level.value, printable(finding.message)
        say(": ".join(part for part in (place, style(level), message) if part))
    levels = [finding.level.value for finding in findings]
    errors, warnings = levels.count("error"), levels.count("warning")
    if errors or warnings:
        say(f"{plural(errors, 'error')}, {plural(warnings, 'warning')}")
    else:
        say(good("nothing to object to"))
