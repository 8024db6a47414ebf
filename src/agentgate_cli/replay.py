"""``agent-gate replay``: what a new policy would have decided about what was really asked."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import config_option, load_or_fail
from agentgate_cli.serve import document_failure, start_failure
from agentgate_cli.style import bad, bold, good, say, say_json, warn
from agentgate_cli.text import plural, printable
from agentgate_proto.durations import parse_duration

if TYPE_CHECKING:
    from agentgate_server.policy.replaying import Kind, Past, Replay
    from agentgate_server.secrets.masking import Masker

STYLES = {"allow": good, "deny": bad, "ask": warn}


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float:
    """Read a time: how long ago (``7d``, ``12h``), or as ISO 8601 has it; return UTC seconds."""
    if value is None:
        return 0.0
    with suppress(ValueError):
        return time.time() - parse_duration(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        text = f"{value!r} is no time: write 7d, 12h, 2026-11-20 or 2026-11-20T08:00"
        raise click.BadParameter(text, ctx=ctx, param=param) from None


@click.command(
    epilog="Exit codes: 0 everything would be decided as it was, 1 something would change, 4 the "
    "new policy or the command line is wrong."
)
@click.option(
    "--permissions",
    type=click.Path(path_type=Path),
    required=True,
    help="The new policy.",
)
@config_option
@click.option(
    "--since", metavar="WHEN", callback=moment, help="Only what was asked since: 7d, 12h, a date."
)
@click.option("--agent", metavar="NAME", default="", help="Only what this agent asked.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def replay(permissions: Path, config_file: Path, since: float, agent: str, as_json: bool) -> int:
    """Run recorded requests through a new policy, and show what it would decide otherwise.

    It reads the gateway's database, also beside a gateway that runs, and changes nothing.

    \b
    Examples:
      agent-gate replay --permissions new.yaml
      agent-gate replay --permissions new.yaml --since 7d --agent garden --json
    """
    from agentgate_server.assembly import catalogue_of
    from agentgate_server.documents import DocumentError
    from agentgate_server.errors import ToolError
    from agentgate_server.policy import Policy, replaying
    from agentgate_server.secrets.masking import Masker
    from agentgate_server.store.engine import StoreError
    from agentgate_server.store.history import history

    config = load_or_fail(config_file)
    try:
        policy = Policy.load(permissions)
        past = history(config.storage.path, since=since, agent=agent)
        found = replaying.replay(policy, past, catalogue_of(config).lenient_meaning_of)
    except ToolError as error:
        raise start_failure(error) from None
    except DocumentError as error:
        raise Failure(document_failure(error).message, Exit.USAGE) from None
    except StoreError as error:
        raise Failure(str(error)) from None
    masker = Masker(config.secrets)
    if as_json:
        say_json(document_of(found, masker))
    else:
        show(found, masker)
    return Exit.DENIED if found.changed else Exit.OK


def document_of(found: Replay, masker: Masker) -> dict[str, Any]:
    """Make the JSON."""
    return {
        "requests": found.requests,
        "changed": found.changed,
        "cut": found.cut,
        "changes": [
            {
                "from": kind.old,
                "to": kind.new,
                "old_rule": kind.old_rule or None,
                "new_rule": kind.new_rule or None,
                "count": changes.count,
                "examples": [example_of(past, masker) for past in changes.examples],
            }
            for kind, changes in ranked(found)
        ],
    }


def ranked(found: Replay) -> list[Any]:
    """Order the changes, the most frequent first."""
    return sorted(found.changes.items(), key=lambda item: -item[1].count)


def example_of(past: Past, masker: Masker) -> dict[str, str]:
    """Make one example, without secrets."""
    from agentgate_proto.records.request import rfc3339
    from agentgate_server.policy import display_of

    args = msgspec.json.decode(masker.shown(past.args))
    signature = display_of(past.tool, args)
    return {
        "id": past.id,
        "at": rfc3339(past.at),
        "agent": past.agent,
        "signature": signature,
    }


def show(found: Replay, masker: Masker) -> None:
    """Print it for a person."""
    for kind, changes in ranked(found):
        say(f"{heading(kind)}  {changes.count} times" if changes.count > 1 else heading(kind))
        for past in changes.examples:
            row = example_of(past, masker)
            say(f"  {row['at']}  {printable(row['agent'])}  {printable(row['signature'])}")
    of = plural(found.requests, "request")
    say(f"{of} replayed, {found.changed} would be decided otherwise")
    if found.cut:
        say(f"{found.cut} of them can't be: they were denied, and too long to be kept whole")


def heading(kind: Kind) -> str:
    """Say what changes, and by which rules."""
    old, new = (bold(STYLES[action](action)) for action in (kind.old, kind.new))
    rules = f"  ({printable(kind.old_rule)} → {printable(kind.new_rule)})" if kind.new_rule else ""
    return f"{old} → {new}{rules}"
