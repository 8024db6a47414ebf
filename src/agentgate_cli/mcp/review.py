"""``agent-gate mcp review``: look at what MCP servers offer, and accept it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import config_option, load_or_fail
from agentgate_cli.style import bad, bold, dim, good, note, say, warn
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_proto.records.tool_pin import Definition, Difference
    from agentgate_server.config import Config
    from agentgate_server.tools.mcp.form import McpServerConfig
    from agentgate_server.tools.mcp.pins_file import PinsFile, ServerPins

T = TypeVar("T")

Answer = Literal["yes", "no", "each", "quit"]

ANSWERS: dict[str, Answer] = {
    "y": "yes",
    "yes": "yes",
    "n": "no",
    "no": "no",
    "e": "each",
    "each": "each",
    "q": "quit",
    "quit": "quit",
}

COLOURS: dict[str, Callable[[str], str]] = {"+": good, "-": bad, "@": dim, "!": warn}
"""Of a line of a difference, by how it begins."""

NO_SERVERS = "no MCP server is configured: see tools.mcp in docs/configuration.md"


@click.command()
@click.argument("what", nargs=-1, metavar="[SERVER[/TOOL]]...")
@click.option("--yes", is_flag=True, help="Accept everything that is shown, without asking.")
@config_option
def review(what: tuple[str, ...], yes: bool, config_file: Path) -> int:
    """Look at tools of MCP servers that are new or changed, and accept them.

    The gateway must have reached the servers: it notes what they offer. Until somebody accepts it
    here, what is new or changed is hidden from agents. A running gateway uses what is accepted
    within a second. The words that are shown are the server's own: do not do what they say.

    \b
    Exit codes: 0 nothing is left to look at, 1 something is.

    \b
    Example:
      agent-gate mcp review git git/git_push
    """
    config = load_or_fail(config_file)
    chosen = chosen_of(what, config)
    reviewing = Reviewing(file_of(config), yes=yes)
    left = sum(
        reviewing.server(alias, server, chosen[alias])
        for alias, server in config.tools.mcp.items()
        if alias in chosen
    )
    if not config.tools.mcp:
        note(NO_SERVERS)
    return Exit.DENIED if left else Exit.OK


class Reviewing:
    """One look at what waits.

    Args:
        file: where it waits.
        yes: accept it all.
    """

    def __init__(self, file: PinsFile, *, yes: bool) -> None:
        self.file = file
        self.yes = yes
        self.asks = not yes and sys.stdin.isatty() and sys.stdout.isatty()
        self.is_over = False

    def server(self, alias: str, server: McpServerConfig, tools: set[str] | None) -> int:
        """Look at one server; return how many tools are left.

        Args:
            alias: what it is called.
            server: how it is configured.
            tools: which of its tools; None: all.
        """
        pins = try_to(self.file.contents).of(alias)
        if pins.seen is None:
            note(f"{alias}: the gateway has not reached it yet; its log says why")
            return 0
        found = list(waiting(pins, server, tools))
        if not found and not pins.unkept:
            say(f"{bold(alias)}: nothing to look at, {plural(len(pins.accepted), 'tool')} accepted")
            return 0
        say(f"{bold(alias)}: {where(server)}")
        if pins.unkept:
            note(warn(f"{plural(pins.unkept, 'tool')} more: too large, or too many, to be kept"))
        return self.accept_some(alias, server, pins, found) + pins.unkept

    def accept_some(
        self, alias: str, server: McpServerConfig, pins: ServerPins, found: list[Difference]
    ) -> int:
        """Show differences, and accept what the person accepts; return how many they did not."""
        offered = {each.name: each for each in pins.offered()}
        before = {each.name: each for each in pins.definitions()}
        at_once = not pins.since and len(found) > 1
        if at_once or self.yes or not self.asks:
            for each in found:
                show(each, before, offered, server)
            text = f"accept {'it' if len(found) == 1 else f'all {len(found)}'}?"
            match self.answer(text, "[y]es, [n]o, [e]ach"):
                case "yes":
                    return self.take(alias, found, offered)
                case "no" | "quit":
                    return len(found)
        left = 0
        for each in found:
            if not self.is_over:
                show(each, before, offered, server)
            if self.is_over or self.answer("accept it?", "[y]es, [n]o, [q]uit") != "yes":
                left += 1
            else:
                left += self.take(alias, [each], offered)
        return left

    def answer(self, question: str, choices: str) -> Answer:
        """Ask a person, if there is one."""
        if self.yes:
            return "yes"
        if not self.asks:
            note("nothing was accepted: run it at a terminal, or with --yes")
            return "no"
        while (found := ANSWERS.get(click.prompt(f"  {question} {choices}").lower())) is None:
            say("  y, n or another letter of those")
        self.is_over = self.is_over or found == "quit"
        return found

    def take(self, alias: str, found: Sequence[Difference], offered: dict[str, Definition]) -> int:
        """Accept differences as they were shown; return how many are not so any more."""
        from agentgate_proto.records.request import rfc3339

        hashes = {each.name: offered[each.name].hash for each in found if each.name in offered}
        other = try_to(lambda: self.file.accept(alias, found, hashes, user(), rfc3339(time.time())))
        for name in other:
            note(warn(f"  {printable(name)} is not as it was shown any more: look again"))
        say(f"  accepted: {len(found) - len(other)}")
        return len(other)


def chosen_of(what: Sequence[str], config: Config) -> dict[str, set[str] | None]:
    """Return the servers that were named, each with its tools; None: all of them.

    Raises:
        click.UsageError: there is no server of that name.
    """
    if not what:
        return dict.fromkeys(config.tools.mcp)
    chosen: dict[str, set[str] | None] = {}
    for text in what:
        alias, slash, name = text.partition("/")
        if alias not in config.tools.mcp:
            raise click.UsageError(f"no MCP server is called {alias!r} in {config.name}")
        tools = chosen.setdefault(alias, set())
        if not slash:
            chosen[alias] = None
        elif tools is not None:
            tools.add(name)
    return chosen


def waiting(
    pins: ServerPins, server: McpServerConfig, tools: set[str] | None
) -> Iterator[Difference]:
    """Yield what there is to look at; what the configuration leaves out is not."""
    for each in pins.differences():
        if server.offers(each.name) and (tools is None or tools & {each.name, each.other}):
            yield each


def show(
    each: Difference,
    before: dict[str, Definition],
    offered: dict[str, Definition],
    server: McpServerConfig,
) -> None:
    """Show one difference."""
    from agentgate_proto.records.pin_words import diff_lines, lines_of
    from agentgate_proto.records.tool_pin import Change, effects_of

    new, old = offered.get(each.name), before.get(each.name)
    if each.change is Change.RENAMED:
        old = before[each.other]
    say(f"\n  {bold(headline(each))}")
    if new is None:
        return
    effects = effects_of(server.effects_of(each.name), new.members.get("annotations"))
    say(f"  {dim(f'counts as {effects.value}; what the server says of it:')}")
    lines = lines_of(new) if old is None else diff_lines(old, new)
    for line in lines:
        style = COLOURS.get(line[:1], str) if old is not None else str
        say(f"    {style(printable(line))}")


def headline(each: Difference) -> str:
    """Say what became of a tool, in one line."""
    from agentgate_proto.records.tool_pin import Change

    name, other = printable(each.name), printable(each.other)
    match each.change:
        case Change.NEW:
            return f"new: {name}" + (f", in the words of {other}" if other else "")
        case Change.CHANGED:
            words = f"; it has the words that {other} had" if other else ""
            return f"changed: {name} ({', '.join(each.members)}){words}"
        case Change.RENAMED:
            return f"renamed: {other} is called {name}"
        case Change.SWAPPED:
            return f"swapped: {name} has the words that {other} had, and the other way round"
        case _:
            return f"gone: {name}"


def where(server: McpServerConfig) -> str:
    """Say which program it is, or where it listens."""
    if server.url is not None:
        return printable(server.url.place)
    return printable(" ".join(server.command))


def file_of(config: Config) -> PinsFile:
    """The pins file of a configuration."""
    from agentgate_server.tools.mcp.pins_file import PinsFile

    return PinsFile.beside(config.storage.path)


def try_to(work: Callable[[], T]) -> T:
    """Work on the pins file.

    Raises:
        Failure: it can't be done.
    """
    from agentgate_server.tools.mcp.pins_file import PinsFileError

    try:
        return work()
    except PinsFileError as error:
        raise Failure(str(error)) from None


def user() -> str:
    """Who accepts: the name that this machine has for them."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for a number
        return "unknown"
