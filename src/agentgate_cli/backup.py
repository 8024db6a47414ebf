"""``agent-gate backup`` and ``restore``: a gateway's memory in one file, and back."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentgate_cli.audit import database_options
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import load_or_fail
from agentgate_cli.style import bold, good, note, say, say_json, warn
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_proto.audit.chain import Head
    from agentgate_server.config import Config
    from agentgate_server.restoring import Backup, Report
    from agentgate_server.store.copying import Progress

PROGRESS_BYTES_MIN = 67_108_864
"""Of what is copied, for its progress to be shown: less takes no second."""

FILE_BYTES_MAX = 16_777_216
"""Of all files of a configuration; a policy has some KB."""

MB = 1_000_000


@click.command(
    epilog="The copy holds arguments and results in the clear, and the keys of the audit: it is "
    "readable to you only. .env and the logins of MCP servers are never in it."
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--with-config",
    is_flag=True,
    help="Also the configuration, the policy, the tools' files, and the hashes of tokens.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@database_options
def backup(
    file: Path, with_config: bool, as_json: bool, config_file: Path, database: Path | None
) -> int:
    """Copy the database to FILE, while the gateway runs; FILE must not be there yet.

    The copy is of one moment, and is looked through. Under the name FILE there is all of it, or
    nothing.

    \b
    Examples:
      agent-gate backup /mnt/usb/agent-gate-$(date +%F).backup
      agent-gate backup nightly.backup --with-config --config /etc/agent-gate/config.yaml
    """
    from agentgate_server.restoring import make_backup
    from agentgate_server.store.engine import StoreError

    config = load_or_fail(config_file) if with_config or database is None else None
    files = files_of(config) if with_config and config is not None else {}
    path = database or (config.storage.path if config else Path())
    leave_free = config.storage.free_min if config else 0
    try:
        head, size = make_backup(
            path, file, files, now=time.time(), leave_free=leave_free, progress=progress_line()
        )
    except StoreError as error:
        raise Failure(str(error)) from None
    if as_json:
        say_json({"file": str(file), "bytes": size, "head": str(head), "files": sorted(files)})
    else:
        more = f", with {plural(len(files), 'file')} of the configuration" if files else ""
        say(f"{good('backed up')} to {printable(str(file))}: {size / MB:.1f} MB{more}")
        say(f"head of the audit: {head}")
    return Exit.OK


@click.command(
    epilog="The former database is kept beside the new one. Requests that were open in the backup "
    "are unknown, and its grants have ended; clients learn that they talk to another memory."
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--check", "only_check", is_flag=True, help="Only see whether FILE is whole; change nothing."
)
@click.option(
    "--config-to",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the files of the configuration that FILE holds into this folder; none is "
    "overwritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@database_options
def restore(
    file: Path,
    only_check: bool,
    config_to: Path | None,
    as_json: bool,
    config_file: Path,
    database: Path | None,
) -> int:
    """Put the backup FILE in the place of the database. No gateway may run on it.

    FILE is looked through first, and its audit verified; the heads that audit.head_file has kept
    must be its own, as far as it goes.

    \b
    Examples:
      agent-gate restore nightly.backup --check
      agent-gate restore nightly.backup
      agent-gate restore nightly.backup --config-to /etc/agent-gate --database data/agent-gate.db
    """
    from agentgate_server.restoring import keep_files, look_at_backup
    from agentgate_server.restoring import restore as put_back
    from agentgate_server.store.engine import StoreError

    config = None if database is not None else load_or_fail(config_file)
    head_file = config.audit.head_file if config else None
    path = database or (config.storage.path if config else Path())
    try:
        kept = heads_in(head_file)
        if only_check:
            show_backup(look_at_backup(file.expanduser(), kept), as_json=as_json)
            return Exit.OK
        done = put_back(file, path, kept=kept, utc=time.time, progress=progress_line())
        written = keep_files(config_to, done.backup.files) if config_to is not None else []
    except StoreError as error:
        raise Failure(str(error)) from None
    show_report(done, path, written, head_file, as_json=as_json)
    return Exit.OK


def files_of(config: Config) -> dict[str, bytes]:
    """Read the files of a configuration, by their names as seen from its folder.

    Secrets that stand in files of their own stay where they are.

    Raises:
        Failure: one can't be read, is elsewhere, or they are too large.
    """
    folder = config.folder
    paths = [Path(config.name), config.permissions, *config.tools.http, config.tokens]
    paths += [Path(each) for each in config.tools.python if each.endswith(".py")]
    paths.append(config.storage.path.with_name("mcp-pins.json"))
    found: dict[str, bytes] = {}
    for path in paths:
        place = path if path.is_absolute() else folder / path
        if path == Path(config.name):
            place = path.absolute()
        try:
            name = str(place.resolve().relative_to(folder.resolve()))
            data = place.read_bytes()
        except FileNotFoundError:
            continue  # no token was ever added, and no tool accepted
        except ValueError:
            note(warn(f"{place} is not in the folder of the configuration: keep it yourself"))
            continue
        except OSError as error:
            raise Failure(f"{place} can't be read: {error.strerror}") from None
        found[name] = data
    if sum(map(len, found.values())) > FILE_BYTES_MAX:
        raise Failure(f"the configuration's files have more than {FILE_BYTES_MAX} bytes")
    return found


def heads_in(path: Path | None) -> Iterator[Head]:
    """The heads that were kept, read as they are needed; none, where no file is.

    Raises:
        Failure: the file can't be read.
    """
    from agentgate_server.audit.heads import read_heads

    if path is None:
        return
    try:
        yield from read_heads(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {error}") from None


def progress_line() -> Progress:
    """Show how far a long copy is, where a person looks."""

    def tell(done: int, whole: int) -> None:
        if whole >= PROGRESS_BYTES_MIN and sys.stderr.isatty():
            end = "\n" if done >= whole else ""
            text = f"\r{done * 100 // whole:3d} % of {whole / MB:,.0f} MB{end}"
            click.echo(text, err=True, nl=False)

    return tell


def words_of(found: Backup) -> str:
    """Say what a backup is."""
    made = f"made {printable(found.made_at)}" if found.made_at else "of an unknown time"
    by = f" by agent-gate {printable(found.version)}" if found.version else ""
    return f"{made}{by}, audit in order ({entries_of(found.entries)}, {found.head})"


def entries_of(count: int) -> str:
    """Say how many entries there are."""
    return f"{count:,} entr{'y' if count == 1 else 'ies'}"


def show_backup(found: Backup, *, as_json: bool) -> None:
    """Say what a backup is, and that it is whole."""
    if as_json:
        row = {"made_at": found.made_at, "version": found.version, "head": str(found.head)}
        say_json({"ok": True, **row, "entries": found.entries, "files": sorted(found.files)})
        return
    say(f"{good('whole')}: {words_of(found)}")
    for name in sorted(found.files):
        say(f"  holds {printable(name)}")


def show_report(
    done: Report, path: Path, written: list[Path], head_file: Path | None, *, as_json: bool
) -> None:
    """Say what a restore has done, and what is to be done now."""
    if as_json:
        say_json(
            {
                "database": str(path),
                "made_at": done.backup.made_at,
                "head": str(done.backup.head),
                "unknown": done.unknown,
                "grants_ended": done.grants,
                "kept_aside": str(done.aside or ""),
                "files": [str(each) for each in written],
            }
        )
        return
    say(f"{good('restored')} {printable(str(path))}: {words_of(done.backup)}")
    if done.aside is not None:
        say(f"the former database is {bold(printable(str(done.aside)))}")
    say(f"requests that may have run since, and are unknown now: {done.unknown}")
    say(f"grants that were ended: {done.grants}")
    for each in written:
        say(f"wrote {printable(str(each))}")
    if head_file is not None:
        say(
            f"the next start will say that the audit ends before a head in {head_file}: see"
            " 'let the new heads count' in docs/operations.md"
        )
    say("now start the gateway")
