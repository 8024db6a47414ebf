"""``agent-gate audit``: look back on what was asked, decided and done, and see that it is whole."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import config_option, load_or_fail
from agentgate_cli.style import bad, good, say, say_json
from agentgate_cli.text import parse_time, printable

if TYPE_CHECKING:
    from agentgate_cli.audit_lines import Lines
    from agentgate_proto.audit.chain import Head, Verdict
    from agentgate_proto.audit.sealing import Seal
    from agentgate_server.audit.audit_file import AuditFile

Command = TypeVar("Command", bound=Callable[..., Any])

LOOK_S = 0.5
"""How often ``tail -f`` looks for new entries."""

LOOKED_BACK = 500
"""Entries before the first that is shown: one of them may describe the request of a later one."""


@click.group()
def audit() -> None:
    """Look back on what was asked, decided and done.

    These commands read the database file of a configuration; the gateway may run meanwhile.
    """


def database_options(command: Command) -> Command:
    """Add ``--config`` and ``--database``; the command gets ``config_file`` and ``database``."""
    option = click.option(
        "--database",
        type=click.Path(path_type=Path),
        help="The database file, instead of the one that the configuration names.",
    )
    return config_option(option(command))


@contextmanager
def opened(database: Path | None, config_file: Path) -> Iterator[AuditFile]:
    """Open the audit.

    Raises:
        Failure: there is none, or it can't be read.
    """
    from agentgate_server.audit.audit_file import AuditFile
    from agentgate_server.store.engine import StoreError

    path = database or load_or_fail(config_file).storage.path
    try:
        with AuditFile(path) as file:
            yield file
    except StoreError as error:
        raise Failure(str(error)) from None


@audit.command()
@click.option("-n", "count", type=click.IntRange(0, 1_000_000), default=20, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with new entries as they come.")
@click.option("--json", "as_json", is_flag=True, help="Print entries as they are kept, one a line.")
@database_options
def tail(count: int, follow: bool, as_json: bool, config_file: Path, database: Path | None) -> int:
    """Print the newest entries, one a line: when, who, what was asked, what became of it.

    On a terminal a line is cut where it ends; a pipe gets it whole, with date and zone.
    """
    from agentgate_cli.audit_lines import terminal_lines

    words = None if as_json else terminal_lines()
    with opened(database, config_file) as file:
        with file.snapshot():
            lines = file.newest(count if as_json else count + LOOKED_BACK)
            seq = file.head().seq
        earlier = max(len(lines) - count, 0)
        if words is not None:
            words.learn(lines[:earlier])
        show(lines[earlier:], words)
        while follow:
            time.sleep(LOOK_S)
            with file.snapshot():
                lines, seq = list(file.lines(seq)), file.head().seq
            show(lines, words)
    return Exit.OK


@audit.command()
@click.option("--since", metavar="TIME", help="Only what came then or later, as in 2026-11-20.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="Lines of JSON, or a table; both can be verified.",
)
@database_options
def export(since: str | None, form: str, config_file: Path, database: Path | None) -> int:
    """Print the audit, or its end, as a file that 'audit verify FILE' can check."""
    from agentgate_server.audit.audit_export import csv_lines, json_lines

    at = None
    if since is not None and not (at := parse_time(since)):
        raise Failure(f"--since {since}: give a time as in 2026-11-20T10:00:00Z", Exit.USAGE)
    write = csv_lines if form == "csv" else json_lines
    with opened(database, config_file) as file, file.snapshot():
        start = file.before(at)
        for line in write(file.lines(start.seq), start):
            sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    return Exit.OK


@audit.command("head")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@database_options
def print_head(as_json: bool, config_file: Path, database: Path | None) -> int:
    """Print the head: keep it elsewhere, and 'audit verify --head' finds what is missing."""
    with opened(database, config_file) as file, file.snapshot():
        head = file.head()
    if as_json:
        say_json({"head": str(head), "seq": head.seq, "hash": head.hash})
    else:
        say(str(head))
    return Exit.OK


@audit.command()
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--head", "head_text", metavar="HEAD", help="A head that you kept.")
@click.option(
    "--head-file",
    type=click.Path(path_type=Path),
    help="A file with heads.  [default: audit.head_file of the configuration]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@database_options
def verify(
    file: BinaryIO | None,
    head_text: str | None,
    head_file: Path | None,
    as_json: bool,
    config_file: Path,
    database: Path | None,
) -> int:
    """Check that nothing was changed, left out, moved or put in.

    Without FILE the database itself is checked, with FILE an export (- is standard input). Ends
    with 1 if something is wrong, and says where and what.
    """
    if file is not None:
        from agentgate_server.audit.audit_export import verify_export

        kept = kept_head(head_text, head_file)
        with read_or_fail(head_file):
            verdict = verify_export(file, kept, earlier_heads(head_file))
        return report(verdict, as_json=as_json)
    if head_file is None and head_text is None and database is None:
        head_file = load_or_fail(config_file).audit.head_file
    kept = kept_head(head_text, head_file)
    with opened(database, config_file) as found, read_or_fail(head_file):
        verdict = found.verify(kept, earlier_heads(head_file))
    return report(verdict, as_json=as_json)


@audit.command()
@click.argument("seq", type=click.IntRange(1))
@click.argument("place", required=False)
@database_options
def prove(seq: int, place: str | None, config_file: Path, database: Path | None) -> int:
    """Say whether entry SEQ is about this request, or hides this value at PLACE.

    What is compared comes from standard input, or is asked for: with a PLACE of those that the
    entry names under "masked", as /code, the value that stood there; without one all arguments, as
    JSON. The key for it is in the database file only. Ends with 1 if it is another one.

    \b
    Examples:
      agent-gate audit prove 12 /code
      agent-gate audit prove 12 < arguments.json
    """
    what = "All arguments, as JSON" if place is None else f"The value at {place}"
    said = (
        click.prompt(what, hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.read().removesuffix("\n")
    )
    with opened(database, config_file) as file, file.snapshot():
        line = file.line(seq)
        if line is None:
            raise Failure(f"there is no entry {seq}: see 'agent-gate audit tail'", Exit.USAGE)
        proven = is_proven(file.seal(), line, place, said)
    thing = "all its arguments" if place is None else f"what it hides at {printable(place)}"
    say(f"{good('yes, this is') if proven else bad('no, this is not')} {thing} [entry {seq}]")
    return Exit.OK if proven else Exit.DENIED


def is_proven(seal: Seal, line: bytes, place: str | None, said: str) -> bool:
    """Compare what somebody says with the digests of an entry.

    Raises:
        Failure: the entry has no such digest, or these are no arguments.
    """
    import msgspec

    from agentgate_proto.digest import canonical_args

    entry: dict[str, Any] = msgspec.json.decode(line)
    rid, masked = entry.get("rid", ""), entry.get("masked", {})
    try:
        meant = msgspec.json.decode(said)
    except ValueError:
        meant = said
    if place is None:
        if not isinstance(meant, dict):
            raise Failure("these are no arguments: give a JSON object", Exit.USAGE)
        if "digest" not in entry:
            raise Failure("that entry does not describe a request: take its first", Exit.USAGE)
        return seal.is_request(rid, entry["digest"], entry["tool"], canonical_args(meant))
    if place not in masked:
        places = ", ".join(map(printable, masked)) or "nowhere"
        raise Failure(f"nothing is hidden at {printable(place)}: only {places}", Exit.USAGE)
    forms = {canonical_args(said), canonical_args(meant)}
    return any(seal.of_value(rid, place, form) == masked[place] for form in forms)


def kept_head(text: str | None, path: Path | None) -> Head | None:
    """Return the head that was kept last, if there is one.

    Raises:
        Failure: it is none, or can't be read.
    """
    from agentgate_proto.audit.chain import parse_head
    from agentgate_server.audit.heads import read_head

    with read_or_fail(path):
        if text is not None:
            return parse_head(text)
        return None if path is None else read_head(path)


def earlier_heads(path: Path | None) -> Iterable[Head]:
    """The heads that were kept before it, read as they are needed."""
    from agentgate_server.audit.heads import read_heads

    return () if path is None else read_heads(path)


@contextmanager
def read_or_fail(path: Path | None) -> Iterator[None]:
    """Read heads.

    Raises:
        Failure: they can't be read.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or "there is nothing in it"
        raise Failure(f"{path}: {why}; there is no head to compare with") from None
    except ValueError as error:
        raise Failure(f"{path or '--head'}: {error}", Exit.USAGE) from None


def report(verdict: Verdict, *, as_json: bool) -> int:
    """Say what was found."""
    broken = verdict.broken
    if as_json:
        say_json({"ok": broken is None, **as_dict(verdict)})
    elif broken is not None:
        where = f"entry {broken.seq} (line {broken.line})"
        say(f"{bad('broken')} at {where}: {printable(broken.why)} [{broken.kind}]")
        say(f"in order up to then: {entries_of(verdict)}")
    else:
        say(f"{good('in order')}: {entries_of(verdict)}")
        if verdict.start.seq:
            say(f"what is older (entries 1 to {verdict.start.seq}) was dropped or is not in it")
        if verdict.later is not None:
            say(f"the head that was kept is in it; entries after it: {verdict.later:,}")
        say(f"head: {verdict.head}")
    return Exit.OK if broken is None else Exit.DENIED


def entries_of(verdict: Verdict) -> str:
    """Say how many entries there are, and from when to when."""
    if not verdict.entries:
        return "no entries"
    number = f"{verdict.entries:,} entr{'y' if verdict.entries == 1 else 'ies'}"
    times = f"{number}, from {verdict.first_at} to {verdict.last_at}"
    if verdict.last_at < verdict.first_at:  # both are of one form, in UTC
        return f"{times}: the system's clock was set back in between"
    return times


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON has it."""
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(verdict)
    return {**fields, "start": str(verdict.start), "head": str(verdict.head)}


def show(lines: list[bytes], words: Lines | None) -> None:
    """Print entries: in words, or as they are kept."""
    for line in lines:
        if words is None:
            sys.stdout.buffer.write(line + b"\n")
        else:
            for text in words.of(line):
                say(text)
    sys.stdout.flush()
