"""What a shell completes by asking the gateway: names of tools, ids of what waits and of grants.

A shell waits for it at each press of the key, so it is given little time; and where no gateway
answers, or anything else is amiss, nothing is offered and nothing is said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from agentgate_cli.beside import AGENT, PERSON
from agentgate_cli.remote import connected, remote_of
from agentgate_cli.text import printable, short_id

if TYPE_CHECKING:
    from agentgate_client import AgentGateClient, ApprovalsClient

WAIT_S = 1.0
"""For all of it, but what Python takes to start."""

HELP_CHARS_MAX = 80
"""Of what zsh and fish show beside a word."""

Row = tuple[str, str]
"""A word, and what it is."""


def complete_tools(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the tools that may be asked for."""

    async def tools(client: AgentGateClient) -> list[Row]:
        rows = await client.list_tools()
        return [(str(row["name"]), str(row["description"])) for row in rows]

    def ask() -> Awaitable[list[Row]]:
        from agentgate_client import AgentGateClient

        return told(AgentGateClient, ctx, AGENT, tools)

    return offered(ask, incomplete)


def complete_approvals(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the ids of what waits for a person."""

    async def waiting(client: ApprovalsClient) -> list[Row]:
        about = {view.id: f"{view.asker}: {view.signature}" for view in await client.list()}
        return shortened(about)

    def ask() -> Awaitable[list[Row]]:
        from agentgate_client import ApprovalsClient

        return told(ApprovalsClient, ctx, PERSON, waiting)

    return offered(ask, incomplete)


def complete_grants(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the ids of grants that are in force."""

    async def grants(client: ApprovalsClient) -> list[Row]:
        active = [view for view in await client.grants() if view.status == "active"]
        return shortened({view.id: view.words for view in active})

    def ask() -> Awaitable[list[Row]]:
        from agentgate_client import ApprovalsClient

        return told(ApprovalsClient, ctx, PERSON, grants)

    return offered(ask, incomplete)


async def told(
    kind: Any,
    ctx: click.Context,
    roles: Sequence[str],
    rows_of: Callable[[Any], Awaitable[list[Row]]],
) -> list[Row]:
    """Ask the gateway that the words before it name, or the configuration at hand.

    Args:
        kind: of client.
        ctx: of the command that is being typed.
        roles: of those whom it is for.
        rows_of: asks for the words.

    Raises:
        Exception: whatever stands in the way.
    """
    import anyio

    with ctx.scope(cleanup=False):
        remote = replace(remote_of(dict(ctx.params), roles), retries=0)
    with anyio.fail_after(WAIT_S):
        async with connected(kind, remote, on_state=lambda _: None) as client:
            return await rows_of(client)


def shortened(about: Mapping[str, str]) -> list[Row]:
    """Name things by the ends of their ids, as lists show them, where these are enough."""
    ends = [short_id(rid) for rid in about]
    return list(zip(ends if len({*ends}) == len(ends) else about, about.values(), strict=True))


def offered(ask: Callable[[], Awaitable[list[Row]]], incomplete: str) -> list[CompletionItem]:
    """Offer the words that begin so."""
    import logging

    import anyio

    logging.disable()  # what the SDK says of a gateway that is away would stand in the line
    try:
        rows: Iterable[Row] = anyio.run(ask)
    except Exception:  # whatever it is: the line that is being typed is no place to say so
        return []
    return [
        CompletionItem(word, help=printable(about.partition("\n")[0])[:HELP_CHARS_MAX])
        for word, about in rows
        if word.startswith(incomplete)
    ]
