"""``agent-gate sessions``: conversations with models: which there are, what was said, the end."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.exits import Exit
from agentgate_cli.figures import dollars
from agentgate_cli.finding import IdCommand, find_session
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import dim, good, say, say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import clock, duration, parse_time, printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agentgate_cli.chat.output import Output
    from agentgate_client import Event, ModelRow, Session, SessionView

COLUMNS = (
    Column("id", "bold"),
    Column("model"),
    Column("messages"),
    Column("last"),
    Column("state"),
    Column("user", wide=True),
)

NARROW_CHARS = 60
"""Below this width the list has what is needed to choose from it, and no more."""

MODEL_COLUMNS = (
    Column("model", "bold"),
    Column("asks", wide=True),
    Column("in"),
    Column("out"),
    Column(""),
)


@click.group()
def sessions() -> None:
    """See and end conversations with models.

    They are those of the agent whose token is in $AGENT_GATE_TOKEN; an operator sees everybody's,
    and deletes those of named agents that are in the configuration no more.
    """


@sessions.command("list")
@click.option("--user", default="", metavar="NAME", help="Only those of this user.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Rows at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def list_sessions(user: str, limit: int, as_json: bool, **options: Any) -> int:
    """List them, newest first."""
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            views = await client.sessions.list(user, limit)
        if as_json:
            say_json({"sessions": views})
        else:
            show_list(views)
        return Exit.OK

    return run_remote(work)


@sessions.command(cls=IdCommand)
@click.argument("session")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--thinking", is_flag=True, help="Show what the model thought, too.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document; with --follow each event as a line of JSON.",
)
@gateway_options
def show(session: str, follow: bool, thinking: bool, as_json: bool, **options: Any) -> int:
    """Show what was said and done. SESSION is an id, or "latest".

    \b
    Examples:
      agent-gate sessions show latest
      agent-gate sessions show latest --follow --json | jq 'select(.kind == "tool_call").data'
    """
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_cli.chat.output import Lines, row_of
        from agentgate_cli.signals import Interrupted, interruptible
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            found = await find_session(client, session)
            if as_json and not follow:
                events = [row_of(found.id, event) async for event in kept(found)]
                say_json({"session": found.view, "events": events})
                return Exit.OK
            output = Lines(found.id) if as_json else shown_by(thinking=thinking)
            if not as_json:
                say(heading(found.view))
            try:
                await interruptible(lambda: play(found, output, follow=follow))
            except Interrupted:
                output.close()
                return Exit.INTERRUPTED
        return Exit.OK

    return run_remote(work)


@sessions.command(cls=IdCommand)
@click.argument("session")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def delete(session: str, as_json: bool, **options: Any) -> int:
    """Delete one and all that was said in it; a run that is under way is cancelled.

    What it has cost is kept.
    """
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            await client.sessions.delete(session)
        if as_json:
            say_json({"deleted": session})
        else:
            say(f"deleted {printable(session)}")
        return Exit.OK

    return run_remote(work)


@sessions.command(cls=IdCommand)
@click.argument("session")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def cancel(session: str, as_json: bool, **options: Any) -> int:
    """End the run that is under way in one. SESSION is an id, or "latest".

    What was said is kept, and the session goes on with its next message.
    """
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_cli.chat.words import still_running_line
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            found = await find_session(client, session)
            result = await found.cancel()
        if as_json:
            say_json(result)
        elif result.status == "no_run":
            say("no run is under way")
        else:
            say(f"cancelled run {printable(result.run)}")
            if result.still_running:
                say(still_running_line([each.tool for each in result.still_running]))
        return Exit.OK

    return run_remote(work)


@sessions.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def models(as_json: bool, **options: Any) -> int:
    """List the models that you may talk to, with what a million tokens cost."""
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            rows = await client.sessions.models()
        if as_json:
            say_json({"models": rows})
        else:
            show_models(rows)
        return Exit.OK

    return run_remote(work)


def show_list(views: list[SessionView]) -> None:
    """Print sessions."""
    rows = [cells(view) for view in views]
    empty = "no sessions yet: begin one with 'agent-gate chat'"
    if is_narrow():
        print_table((COLUMNS[0], COLUMNS[3], COLUMNS[4]), [(r[0], r[3], r[4]) for r in rows], empty)
    else:
        print_table(COLUMNS, rows, empty)


def cells(view: SessionView) -> tuple[str, ...]:
    """Make one row of the table."""
    ago = f"{duration(time.time() - parse_time(view.updated_at))} ago"
    state = "running" if view.run else "-"
    return (
        printable(view.id),
        printable(view.model),
        str(view.messages),
        ago if sys.stdout.isatty() else view.updated_at,
        state,
        printable(view.user_id) or "-",
    )


def show_models(models: list[ModelRow]) -> None:
    """Print models."""
    rows = [
        (
            printable(model.name),
            f"{printable(model.model_id)} ({printable(model.backend)})",
            dollars(model.input_micros),
            dollars(model.output_micros),
            "default" if model.is_default else "",
        )
        for model in models
    ]
    if is_narrow():
        columns = (MODEL_COLUMNS[0], *MODEL_COLUMNS[2:])
        print_table(columns, [(row[0], *row[2:]) for row in rows], "no model is configured")
    else:
        print_table(MODEL_COLUMNS, rows, "no model is configured")


def is_narrow() -> bool:
    """Whether there is a terminal, and it has no room for all columns."""
    from agentgate_cli.inspect import width_of_terminal

    return sys.stdout.isatty() and width_of_terminal() < NARROW_CHARS


def heading(view: SessionView) -> str:
    """Say which session this is."""
    state = f" · {good('running')}" if view.run else ""
    who = f"{printable(view.principal)} · {printable(view.model)}"
    return dim(f"session {printable(view.id)} · {who} · since {clock(view.created_at)}") + state


def shown_by(*, thinking: bool) -> Output:
    """Return what shows a conversation that was, or is going on elsewhere."""
    from agentgate_cli.chat.output import Plain

    if sys.stdout.isatty():
        from agentgate_cli.chat.screen import Screen, console_of

        return Screen(console_of(), names=True, thinking=thinking)
    return Plain(names=True, thinking=thinking)


async def kept(session: Session) -> AsyncIterator[Event]:
    """Yield what there is of a session's log at this moment."""
    from agentgate_client import Cursor

    view = session.view
    if view.next <= view.oldest:
        return
    async with session.attach(Cursor(view.epoch, view.oldest)) as stream:
        async for event in stream:
            yield event
            if event.offset + event.count >= view.next:
                return


async def play(session: Session, output: Output, *, follow: bool) -> None:
    """Show what there is of a session, and, if wanted, what comes."""
    from agentgate_cli.chat.conversation import ticking
    from agentgate_client import Cursor

    view = session.view
    if not follow:
        async for event in kept(session):
            output.take(event)
        output.close()
        return
    async with ticking(output):
        async for event in session.attach(Cursor(view.epoch, view.oldest)):
            output.take(event)
