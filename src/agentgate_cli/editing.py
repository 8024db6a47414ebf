"""Editing: what a person changes in the arguments of a request before they say yes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.arguments import read_args
from agentgate_cli.exits import Failure
from agentgate_cli.style import note, say
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_client import ApprovalsClient, ApprovalView, EditTerms

HEAD = "Change what is to be another, save, and close; what you leave as it is stays so."
"""Said before the editor opens."""


def terms_of(pairs: tuple[str, ...], unset: tuple[str, ...]) -> EditTerms | None:
    """Make an edit of ``--set`` and ``--unset``; None: there are none.

    Raises:
        click.UsageError: they can't be right.
    """
    from agentgate_client import EditTerms

    if not pairs and not unset:
        return None
    try:
        return EditTerms(set=read_args(None, pairs), unset=unset)
    except ValueError as error:
        raise click.UsageError(f"{error}: see --set and --unset") from None


async def by_hand(view: ApprovalView) -> EditTerms:
    """Let a person change the arguments of a request in their editor (``$VISUAL``, ``$EDITOR``).

    Args:
        view: the request, all of it.

    Raises:
        Failure: it was not saved, nothing was changed, or it is no JSON object any more.
        click.UsageError: there is no editor.
    """
    import msgspec

    from agentgate_cli.editor import edited

    if view.shortened and "args" in view.shortened:
        raise Failure("the arguments are too long to be edited here: see --set")
    asked: dict[str, Any] = msgspec.json.decode(view.args)
    text = msgspec.json.format(msgspec.json.encode(asked), indent=2).decode() + "\n"
    note(HEAD)
    saved = await edited(text, ".json")
    if saved == text:
        raise Failure("nothing was changed, and nothing was answered: the approval still waits")
    try:
        wanted = msgspec.json.decode(saved, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        text = f"what was saved is no JSON object ({error}): the approval still waits"
        raise Failure(text) from None
    return difference(asked, wanted)


def difference(asked: dict[str, Any], wanted: dict[str, Any]) -> EditTerms:
    """Return the edit that makes the one of the other: only what differs, so that what is hidden
    from the person stays what it is.

    Raises:
        Failure: there is no difference.
    """
    from agentgate_client import EditTerms
    from agentgate_proto.records.edit import differs

    changed = {name: wanted[name] for name in wanted if differs(asked, wanted, name)}
    gone = tuple(name for name in asked if name not in wanted)
    try:
        return EditTerms(set=changed, unset=gone)
    except ValueError as error:
        raise Failure(f"{error}: nothing was answered, the approval still waits") from None


async def confirm(client: ApprovalsClient, rid: str, edit: EditTerms, *, confirmed: bool) -> None:
    """Show what an edit makes of a request, and let the person confirm it.

    Raises:
        AgentGateError: it can't be approved so.
        Failure: the person does not mean it.
        click.UsageError: there is nobody to ask.
    """
    from agentgate_cli.terminal import Terminal

    signature, *changes = await difference_shown(client, rid, edit)
    if confirmed:
        return
    if not Terminal.is_there():
        raise click.UsageError(f"this would mean: {'; '.join(changes)}; add --yes to mean it")
    say(signature)
    for line in changes:
        say(f"  {line}")
    if not click.confirm("Do you mean that?"):
        raise Failure("nothing was answered: the approval still waits")


async def difference_shown(client: ApprovalsClient, rid: str, edit: EditTerms) -> list[str]:
    """Return what an edit makes of a request, in lines: its signature, and each argument's change.

    Raises:
        AgentGateError: it can't be approved so.
    """
    preview = await client.preview_edit(rid, edit)
    return [printable(preview.signature), *map(printable, preview.changes)]
