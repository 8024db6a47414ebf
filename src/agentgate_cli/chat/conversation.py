"""A conversation: what is said goes to the gateway, what comes of it to the output."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import click

from agentgate_cli.chat import words
from agentgate_cli.chat.asking import MakeAttendant
from agentgate_cli.chat.output import Output
from agentgate_cli.chat.screen import TICK_S
from agentgate_cli.figures import packed
from agentgate_cli.finding import naming_model
from agentgate_cli.inspect import context_bar, width_of_terminal
from agentgate_cli.style import dim
from agentgate_cli.text import printable
from agentgate_client import AgentGateClient, AgentGateError, Event, Run, RunCancelled, Session
from agentgate_proto.records.session import EventKind

CONTEXT_WAIT_S = 3.0
"""How long the context bar may take: a vendor may be asked to count. Without it there is none."""

BAR_CHARS = 20


@asynccontextmanager
async def ticking(output: Output) -> AsyncIterator[None]:
    """Let an output draw what changes, as long as the block lasts."""
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick, output)
        try:
            yield
        except Exception as error:  # kept whole: a task group would wrap it
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def tick(output: Output) -> None:
    """Let an output draw, for ever."""
    while True:
        await anyio.sleep(TICK_S)
        output.tick()


class Conversation:
    """One client's talk in a session.

    Args:
        client: connected.
        session: where is talked.
        output: where it is shown.
        attendant: makes who looks after approvals.
        model: another model than the session's; "": that.
    """

    def __init__(
        self,
        client: AgentGateClient,
        session: Session,
        output: Output,
        attendant: MakeAttendant,
        model: str = "",
    ) -> None:
        self.client = client
        self.session = session
        self.output = output
        self.model = model
        self.status = ""
        self._attendant = attendant

    async def say(self, text: str) -> str:
        """Say something, and show what comes of it; return how the run ended.

        Raises:
            AgentGateError: the message was not taken, or the run can't be followed.
        """
        run = self.session.send(text, model=self.model)
        with naming_model():
            await run.started()
        return await self._follow(run, run.id)

    async def join(self) -> str:
        """Show the run that is under way, from its beginning; return how it ended, or "" if there
        is none."""
        view = await self.session.refresh()
        if not view.run:
            return ""
        async with self.session.attach() as stream:
            return await self._follow(stream, view.run)

    async def cancel(self) -> RunCancelled:
        """End the run that is under way, and say what still runs."""
        cancelled = await self.session.cancel()
        names = [each.tool for each in cancelled.still_running]
        if names:
            self.output.note(words.still_running_line(names))
        return cancelled

    async def _context(self) -> tuple[str, str]:
        """Draw how full the context is, and say it; two empty texts if that is not to be had in
        time."""
        with anyio.move_on_after(CONTEXT_WAIT_S):
            try:
                inspection = await self.session.inspect(model=self.model)
            except AgentGateError:
                return "", ""
            width = min(BAR_CHARS, max(width_of_terminal() - 4, 4))
            about = "" if inspection.counted else "about "
            figures = f"{about}{inspection.tokens:,} of {inspection.context_tokens:,} tokens"
            return context_bar(inspection, width), f"context {figures}"
        return "", ""

    async def _follow(self, events: Run | AsyncIterator[Event], run: str) -> str:
        attendant = self._attendant(self.client, self.output)
        ended: dict[str, Any] = {}
        try:
            async with ticking(self.output), anyio.create_task_group() as tasks:
                tasks.start_soon(attendant.work)
                failure: AgentGateError | OSError | None = None
                try:
                    async for event in events:
                        self.output.take(event)
                        await attendant.take(event)
                        if event.kind == EventKind.RUN_ENDED and event.data.get("run") == run:
                            ended = event.data
                            break
                except (AgentGateError, OSError) as error:  # OSError: nobody reads what is printed
                    failure = error
                tasks.cancel_scope.cancel()
            if failure is not None:
                raise failure
        finally:
            self.output.close()
        self.status = words.text_in(ended, "status")
        await self._sum_up(ended)
        return self.status

    async def _sum_up(self, ended: dict[str, Any]) -> None:
        """Show what the run took, and how full the context is now."""
        if not ended or not self.output.sums_up:
            return
        cost = words.cost_line(ended)
        drawn, figures = await self._context()
        if not drawn:
            self.output.note(dim(cost))
            return
        framed = f"{dim('▕')}{drawn}{dim('▏')}"
        width = width_of_terminal()
        beside = width - len(click.unstyle(framed)) - 1
        for line in packed([framed, *packed([dim(figures), dim(cost)], beside, dim(" · "))], width):
            self.output.note(line)

    @property
    def prompt_name(self) -> str:
        """The model's name, for the prompt."""
        return printable(self.model or self.session.view.model)
