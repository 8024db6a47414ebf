"""The channel: wires what the other files do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator

import anyio
from telegram import Update

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.decisions import Decisions
from agentgate_server.approvals.needs import Needs
from agentgate_server.approvals.notes import Notes
from agentgate_server.approvals.telegram.api import Api
from agentgate_server.approvals.telegram.callbacks import Callbacks
from agentgate_server.approvals.telegram.codes import Prompts
from agentgate_server.approvals.telegram.commands import Commands
from agentgate_server.approvals.telegram.notices import Notices
from agentgate_server.approvals.telegram.outbox import Outbox
from agentgate_server.approvals.telegram.people import People
from agentgate_server.approvals.telegram.remarks import Remarks
from agentgate_server.approvals.telegram.rendering import Renderer
from agentgate_server.approvals.telegram.updates import Updates
from agentgate_server.config import TelegramConfig

log = logging.getLogger(__name__)

CHANNEL = "telegram"

START_AGAIN_S = 10.0
"""After so long a part that failed is started again."""


class TelegramChannel:
    """A :class:`~agentgate_server.approvals.channel.Channel` in a Telegram chat.

    Put it among the desk's channels before the gate runs, and then :meth:`run` it as a task.

    Args:
        config: the bot, the chat and its people.
        asks_per_minute: how often it rings for one agent.
        needs: what to work with.

    Raises:
        RuntimeError: the event loop is not asyncio's.
    """

    name = CHANNEL

    def __init__(self, config: TelegramConfig, asks_per_minute: int, needs: Needs) -> None:
        self.desk = desk = needs.desk
        self.observers = needs.observers
        self.clock = clock = needs.clock
        self.chat_id = config.chat_id
        self.api = Api(config)
        self.people = People(config.names, clock)
        self.notices = Notices(clock)
        self.notes = Notes(CHANNEL, desk.ledger, needs.writer, needs.drain)
        self.outbox = Outbox(
            self.api,
            self.notes,
            clock,
            config,
            asks_per_minute,
            Renderer(desk),
            find=self._find,
            waiting=self._waiting,
            asked=self._asked,
            held_back=self._held_back,
            silent=desk.silent,
        )
        desk.hears_mutes.append(self.outbox.look_again)
        decisions, prompts = Decisions(CHANNEL, desk, needs.drain), Prompts(clock)
        told = (self.notices, prompts, Remarks())
        self.callbacks = Callbacks(desk, decisions, self.people, self.api, self.outbox, *told)
        self.commands = Commands(
            desk, decisions, self.people, self.api, *told, self.outbox.board.asked_by
        )
        self.updates = Updates(self.api, clock, self._handle)

    @property
    def problem(self) -> str:
        """Why the channel does not work at present, or ""."""
        return self.outbox.problem or self.updates.problem

    def approval_changed(self, view: ApprovalView) -> None:
        """See :class:`~agentgate_server.approvals.channel.Channel`."""
        if self.chat_id:
            self.outbox.changed(view)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_running, self.outbox.run)
                tasks.start_soon(self._keep_running, self.notices.run)
                await self.outbox.remembered.wait()  # a tap may be about what a former life left
                tasks.start_soon(self._keep_running, self.updates.run)
        finally:
            with anyio.CancelScope(shield=True):
                await self.api.close()

    async def _keep_running(self, part: Callable[[], Awaitable[None]]) -> None:
        """Start a part again that a bug has ended: the gate must outlive its channels."""
        while True:
            try:
                await part()
            except Exception:
                log.exception("a part of the Telegram channel failed; it starts again")
            await self.clock.sleep(START_AGAIN_S)

    async def _handle(self, update: Update) -> None:
        if update.callback_query is not None:
            await self.callbacks.tapped(update.callback_query)
        elif update.message is not None:
            moved_to = update.message.migrate_to_chat_id
            if moved_to and update.message.chat.id == self.outbox.chat_id:
                self.outbox.moved(moved_to)
            await self.commands.wrote(update.message)

    async def _find(self, rid: str) -> ApprovalView | None:
        record = await self.notes.record(rid)
        return None if record is None else self.desk.view(record)

    def _waiting(self) -> Iterator[ApprovalView]:
        return (self.desk.view(record) for record in self.desk.ledger.waiting)

    def _asked(self, rid: str) -> None:
        """People see this approval."""
        self.desk.reach.reached(rid)
        self.observers.shown(CHANNEL)

    def _held_back(self, agent: str) -> None:
        """People are told how many asks of this agent they are not told of."""
        self.observers.capped(agent, "asks")
