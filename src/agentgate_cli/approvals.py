"""``agent-gate approvals``: the terminal as a channel. See what waits, and answer it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from agentgate_cli import editing
from agentgate_cli.arguments import Duration
from agentgate_cli.beside import PERSON
from agentgate_cli.completing import complete_approvals
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.finding import IdCommand
from agentgate_cli.mutes import mute, unmute
from agentgate_cli.remote import Command, Remote, connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import dim, say, say_json, say_pages
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import (
    args_line,
    compact,
    duration,
    fold,
    parse_time,
    printable,
    short_id,
)

if TYPE_CHECKING:
    from agentgate_client import ApprovalsClient, ApprovalView, EditTerms, GrantTerms

COLUMNS = (
    Column("id", "bold"),
    Column("asked"),
    Column("expires in"),
    Column("agent"),
    Column("tool", "bold"),
    Column("arguments", wide=True),
    Column("why", wide=True),
)

SHOWN = (
    Column("id", "bold"),
    Column("asked", rank=2),
    Column("expires in", rank=1),
    Column("agent"),
    Column("request", wide=True),
    Column("why", wide=True),
)
"""On a terminal, where the signature says in a third of the room what is asked."""

ARGS_CHARS_MAX = 120
"""Of the arguments in a list; --json has them whole."""

ID_CHARS = 36
"""Of a whole id: it needs no looking up."""


@click.group()
def approvals() -> None:
    """See and answer what waits for a person.

    Beside config.yaml you are its approver; elsewhere you need the token of one (or of an
    operator), in $AGENT_GATE_TOKEN.
    """


approvals.add_command(mute)
approvals.add_command(unmute)


def json_option(what: str) -> Callable[[Command], Command]:
    """Make the option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what}.")


def check_word(_: click.Context, __: click.Parameter, word: str) -> str:
    """Refuse a word that is too long to be shown."""
    from agentgate_proto.limits import WORDS_CHARS_MAX

    if len(word) > WORDS_CHARS_MAX:
        text = f"it has {len(word)} characters, and at most {WORDS_CHARS_MAX} are taken"
        raise click.BadParameter(text)
    return word


word_option = click.option(
    "--word",
    metavar="TEXT",
    default="",
    callback=check_word,
    help="Say this to the agent with it, up to 500 characters.",
)


@approvals.command("list")
@json_option("one JSON document")
@gateway_options
def list_waiting(as_json: bool, **options: Any) -> int:
    """List what waits, oldest first."""
    remote = remote_of(options, PERSON)

    async def work() -> int:
        from agentgate_cli.watch import whole
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            views = await client.list()
            if as_json:
                views = [await whole(client, view) for view in views]
        if as_json:
            say_json({"approvals": views})
        else:
            show(views)
        return Exit.OK

    return run_remote(work)


@approvals.command()
@json_option("each change as a line of JSON, and ask nothing")
@click.option("--bell/--no-bell", default=True, help="Ring when you are asked.  [default: --bell]")
@gateway_options
def watch(as_json: bool, bell: bool, **options: Any) -> int:
    """Follow what waits, and answer it.

    On a terminal each ask is shown and answered with y or n, with g for a grant, or put off with
    s. Without a terminal each change is printed as a line. A gateway that restarts is waited for.

    \b
    Examples:
      agent-gate approvals watch
      agent-gate approvals watch --json | jq 'select(.status == "waiting").signature'
    """
    remote = remote_of(options, PERSON)

    async def work() -> int:
        from agentgate_cli.signals import Interrupted, interruptible
        from agentgate_cli.terminal import Terminal
        from agentgate_cli.watch import Watch, print_changes
        from agentgate_client import ApprovalsClient

        ask = Terminal.is_there() and not as_json
        person = Watch(Terminal(), bell=bell) if ask else None
        on_state = person.state_changed if person else None
        async with connected(ApprovalsClient, remote, on_state=on_state) as client:
            try:
                if person is not None:
                    await interruptible(lambda: person.run(client))
                else:
                    await interruptible(lambda: print_changes(client, as_json=as_json))
            except Interrupted:
                if ask:
                    say()
                return Exit.INTERRUPTED
        return Exit.OK

    return run_remote(work)


@approvals.command("show", cls=IdCommand)
@click.argument("approval_id", metavar="ID", shell_complete=complete_approvals)
@json_option("the approval as JSON")
@gateway_options
def show_whole(approval_id: str, as_json: bool, **options: Any) -> int:
    """Show one that waits, whole, a page at a time. ID may be shortened as for approve.

    Lists and questions fold what is long, and leave arguments out where there are many.
    """
    remote = remote_of(options, PERSON)

    async def work() -> int:
        from agentgate_cli.prompt import describe
        from agentgate_cli.terminal import terminal_width
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            view = await client.get(await whole_id(client, approval_id))
        if as_json:
            say_json(view)
        else:
            say_pages("\n".join(describe(view, terminal_width(), whole=True)))
        return Exit.OK

    return run_remote(work)


@approvals.command(cls=IdCommand)
@click.argument("approval_id", metavar="ID", shell_complete=complete_approvals)
@click.option(
    "--for",
    "for_s",
    type=Duration(bare=False),
    metavar="TIME",
    help="Also what follows of the kind, for: 90s, 15m, 1h30m …",
)
@click.option(
    "--uses", type=int, help="Also what follows of the kind: so often, this one included."
)
@click.option(
    "--any", "any_args", metavar="ARG", multiple=True, help="This argument may differ then."
)
@click.option("--code", default="", help="Your one-time code, where the rule wants one.")
@word_option
@click.option(
    "--set", "pairs", metavar="ARG=VALUE", multiple=True, help="Say yes to this value instead."
)
@click.option("--unset", metavar="ARG", multiple=True, help="Say yes to it without this argument.")
@click.option("--edit", is_flag=True, help="Change the arguments in your editor, then say yes.")
@click.option("--yes", is_flag=True, help="Do not ask whether the grant or the edit is meant.")
@json_option("the approval as it stands then, as JSON")
@gateway_options
def approve(approval_id: str, as_json: bool, **options: Any) -> int:
    """Say yes to one. ID may be shortened to what is unique among those that wait.

    With --for or --uses the yes is a grant: it covers the same agent's further requests for the
    same tool, with the same arguments but for those that --any names. What that comes to is shown
    in words first.

    With --set, --unset or --edit the yes is to other arguments than were asked: policy is asked
    about them, and the agent is told what ran. A VALUE is JSON if it reads as such, otherwise a
    text.

    \b
    Examples:
      agent-gate approvals approve 3f9c02aa
      agent-gate approvals approve 3f9c02aa --set brightness_pct=30 --word "not so bright at night"
      agent-gate approvals approve 3f9c02aa --for 10m --uses 20 --any brightness_pct
    """
    remote = remote_of(options, PERSON)
    terms = terms_of(options["for_s"], options["uses"], options["any_args"])
    answer = Answer(
        "approve",
        options["code"],
        terms,
        confirmed=options["yes"],
        word=options["word"],
        edit=editing.terms_of(options["pairs"], options["unset"]),
        by_hand=options["edit"],
    )
    if answer.by_hand and answer.edit is not None:
        raise click.UsageError("--edit stands alone: without --set and --unset")
    return run_remote(lambda: decide(remote, approval_id, answer, as_json=as_json))


@approvals.command(cls=IdCommand)
@click.argument("approval_id", metavar="ID", shell_complete=complete_approvals)
@word_option
@json_option("the approval as it stands then, as JSON")
@gateway_options
def deny(approval_id: str, as_json: bool, **options: Any) -> int:
    """Say no to one. ID may be shortened to what is unique among those that wait.

    \b
    Example:
      agent-gate approvals deny 3f9c02aa --word "it rains tonight: ask again tomorrow"
    """
    remote = remote_of(options, PERSON)
    answer = Answer("deny", word=options["word"])
    return run_remote(lambda: decide(remote, approval_id, answer, as_json=as_json))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answers on the command line.

    Attributes:
        decision: yes or no.
        code: their one-time code, or "".
        grant: what else a yes covers, if anything.
        confirmed: they need not be asked whether they mean the grant, or the edit.
        word: what they say to the agent.
        edit: what they say yes to, instead of what was asked.
        by_hand: they make that in their editor.
    """

    decision: Literal["approve", "deny"]
    code: str = ""
    grant: GrantTerms | None = None
    confirmed: bool = False
    word: str = ""
    edit: EditTerms | None = None
    by_hand: bool = False


def terms_of(for_s: float | None, uses: int | None, any_args: tuple[str, ...]) -> GrantTerms | None:
    """Make the terms of a grant of the options, if there are any.

    Raises:
        click.UsageError: they can't be right.
    """
    from agentgate_client import GrantTerms

    if for_s is None and uses is None and not any_args:
        return None
    try:
        minutes = None if for_s is None else for_s / 60.0
        return GrantTerms(minutes=minutes, uses=uses, any_args=any_args)
    except ValueError as error:
        raise click.UsageError(f"{error}: see --for and --uses") from None


def show(views: list[ApprovalView]) -> None:
    """Print what waits."""
    import time

    import msgspec

    from agentgate_cli.prompt import headline, needs_of

    now, at_terminal = time.time(), sys.stdout.isatty()
    rows = []
    for view in views:
        args = fold(args_line(msgspec.json.decode(view.args), view.shortened), ARGS_CHARS_MAX)
        row = (
            short_id(view.id) if at_terminal else printable(view.id),
            f"{duration(now - parse_time(view.created_at))} ago",
            duration(parse_time(view.expires_at) - now),
            printable(view.asker),
            *((headline(view),) if at_terminal else (printable(view.tool), args)),
            "; ".join(filter(None, (why_of(view), needs_of(view)))),
        )
        rows.append(row)
    print_table(SHOWN if at_terminal else COLUMNS, rows, "nothing waits for an answer")


def why_of(view: ApprovalView) -> str:
    """Say why a person is asked, and how often."""
    why = printable(
        "; ".join(filter(None, (view.warning, view.description or view.rule, view.doubt)))
    )
    return f"{why} (asked {view.repeats + 1} times)" if view.repeats else why


async def decide(remote: Remote, approval_id: str, answer: Answer, *, as_json: bool) -> int:
    """Answer one approval."""
    import msgspec

    from agentgate_cli.prompt import settled
    from agentgate_client import AgentGateError, ApprovalsClient, ErrorCode

    async with connected(ApprovalsClient, remote) as client:
        rid = await whole_id(client, approval_id)
        by_hand = answer.by_hand
        edit = await editing.by_hand(await client.get(rid)) if by_hand else answer.edit
        if edit is not None:
            await editing.confirm(client, rid, edit, confirmed=answer.confirmed)
        if answer.grant is not None and not answer.confirmed:
            await confirm(client, rid, answer.grant, edit)
        try:
            view = await client.decide(
                rid,
                answer.decision,
                code=answer.code,
                grant=answer.grant,
                word=answer.word,
                edit=edit,
            )
        except AgentGateError as error:
            if as_json and error.code == ErrorCode.ALREADY_SETTLED:
                say_json(error.data)
            raise
    if as_json:
        say_json(view)
    else:
        args = fold(compact(msgspec.json.decode(view.args)))
        say(f"{settled(view)}: {printable(view.tool)} {args}, for {printable(view.asker)}")
        if view.grant:
            say(dim(f"grant {view.grant}; end it with: agent-gate grants revoke {view.grant}"))
    return Exit.OK


async def confirm(
    client: ApprovalsClient, rid: str, terms: GrantTerms, edit: EditTerms | None = None
) -> None:
    """Show what a grant would allow, and let the person confirm it.

    Raises:
        click.Abort: the person does not mean it.
        click.UsageError: there is nobody to ask.
    """
    from agentgate_cli.terminal import Terminal

    words = printable(await client.preview_grant(rid, terms, edit))
    if not Terminal.is_there():
        raise click.UsageError(f"this would mean: {words}; add --yes to mean it")
    say(words)
    if not click.confirm("Do you mean that?"):
        raise Failure("nothing was answered: the approval still waits")


async def whole_id(client: ApprovalsClient, end: str) -> str:
    """Find the id that ends so, among what waits. (Ids begin with the time: that tells little.)

    Raises:
        Failure: there is none, or several.
    """
    if len(end) >= ID_CHARS:
        return end
    found = [view for view in await client.list() if view.id.endswith(end)]
    if len(found) == 1:
        return found[0].id
    if found:
        ids = ", ".join(view.id for view in found)
        raise Failure(f"{end} is the end of {len(found)} ids: {ids}", Exit.USAGE)
    raise Failure(
        f"no approval that waits has an id that ends with {end}: see 'agent-gate approvals "
        "list' (what is settled needs its whole id)",
        Exit.USAGE,
    )
