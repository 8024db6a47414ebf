"""The channel: wires what the other files do."""

from __future__ import annotations

import anyio
from telegram import Update

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.decisions import Decisions
from agentgate_server.approvals.link import Link
from agentgate_server.approvals.needs import Needs
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

CHANNEL = "telegram"


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
        desk, clock = needs.desk, needs.clock
        self.chat_id = config.chat_id
        self.api = Api(config)
        self.people = People(config.names, clock)
        self.notices = Notices(clock)
        self.link = Link(CHANNEL, needs)
        self.outbox = Outbox(self.api, self.link, config, asks_per_minute, Renderer(desk))
        desk.hears_mutes.append(self.outbox.delivery.wake)
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
                tasks.start_soon(self.link.keep_running, self.outbox.run)
                tasks.start_soon(self.link.keep_running, self.notices.run)
                # A tap may be about what a former life left.
                await self.outbox.delivery.remembered.wait()
                tasks.start_soon(self.link.keep_running, self.updates.run)
        finally:
            with anyio.CancelScope(shield=True):
                await self.api.close()

    async def _handle(self, update: Update) -> None:
        if update.callback_query is not None:
            await self.callbacks.tapped(update.callback_query)
        elif update.message is not None:
            moved_to = update.message.migrate_to_chat_id
            if moved_to and update.message.chat.id == self.outbox.chat_id:
                self.outbox.moved(moved_to)
            await self.commands.wrote(update.message)
