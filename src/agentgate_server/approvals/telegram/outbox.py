"""The outbox: brings every message of the chat to the truth, one call after the other."""

from __future__ import annotations

import logging

import msgspec

from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.delivery import Delivery
from agentgate_server.approvals.link import Link
from agentgate_server.approvals.sending import RefusedError, SendError
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.approvals.telegram.api import Api, BlockedError, GoneError, MovedError
from agentgate_server.approvals.telegram.board import (
    Board,
    Edit,
    Forget,
    Keep,
    Remembered,
    Send,
    Step,
    Visit,
)
from agentgate_server.approvals.telegram.rendering import Renderer
from agentgate_server.approvals.telegram.text import summary_of
from agentgate_server.approvals.turns import CARDS_MAX
from agentgate_server.config import TelegramConfig

log = logging.getLogger(__name__)

PER_MINUTE_PRIVATE = 60
"""Telegram asks for about one message a second in a chat …"""

PER_MINUTE_GROUP = 20
"""… and for no more than 20 a minute in a group."""


class Outbox:
    """See the module.

    Args:
        api: the calls.
        link: to the gate.
        config: where people are asked.
        asks_per_minute: how often a phone rings for one agent.
        renderer: makes what messages show.

    Attributes:
        board: what the messages show.
        delivery: takes its steps.
        chat_id: where people are asked: that of the configuration, or what has become of it.
    """

    def __init__(
        self, api: Api, link: Link, config: TelegramConfig, asks_per_minute: int, renderer: Renderer
    ) -> None:
        self.api = api
        self.link = link
        self.clock = link.clock
        self.thread_id = config.message_thread_id
        self.configured = self.chat_id = config.chat_id
        asks = Notifying(asks_per_minute)
        self.board = Board(renderer.announced, renderer.of, asks, Summaries(summary_of))
        self.delivery: Delivery[Step] = Delivery(
            "Telegram",
            link.clock,
            PER_MINUTE_PRIVATE if self.chat_id > 0 else PER_MINUTE_GROUP,
            self.board,
            calls=calls,
            take=self._take,
            silent=link.silent,
        )

    @property
    def problem(self) -> str:
        """Why something does not go out at present, or ""."""
        return self.delivery.trouble or self.board.problem

    def changed(self, view: ApprovalView) -> None:
        """An approval was opened, or moved on."""
        self.board.turns.changed(view, self.clock.now())
        self.delivery.wake()

    def moved(self, chat_id: int) -> None:
        """The chat has a new id, which outlives restarts with the notes of what is asked there."""
        log.error("%s", MovedError(chat_id))
        former, self.chat_id = self.chat_id, chat_id
        self.board.moved(former)
        self.delivery.wake()

    def found_stray(self, chat_id: int, message_id: int, rid: str) -> None:
        """See :meth:`Board.found_stray`."""
        self.board.found_stray(chat_id, message_id, rid)
        self.delivery.wake()

    def show_grant(self, rid: str, words: str, ends: float) -> None:
        """See :meth:`Board.show_grant`."""
        self.board.show_grant(rid, words, ends)
        self.delivery.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        await self.delivery.run(self._remember)

    async def _remember(self) -> None:
        """Take up what a former life left: approvals may have moved on meanwhile."""
        notes = await self.link.notes.all(CARDS_MAX)
        for rid in notes:
            self.board.turns.expect(rid)
        places = self._places_in(notes)
        moved = [a.chat_id for a in places.values() if a.moved_from == self.configured != 0]
        if moved:
            self.chat_id = moved[-1]
        for rid, place in places.items():
            view = await self.link.find(rid)
            if place.chat_id != self.chat_id:
                # The chat is another one now: ask there, and bring the old message to the truth.
                self.board.found_stray(place.chat_id, place.message_id, rid)
                continue
            self.board.remembered(rid, place, view, self.clock.now(), noted=True)
            if place.shown:
                self.link.asked(rid)

    def _places_in(self, notes: dict[str, str]) -> dict[str, Remembered]:
        """Read the notes; one that nobody can read is left out."""
        places = {}
        for rid, value in notes.items():
            try:
                places[rid] = msgspec.json.decode(value, type=Remembered)
            except msgspec.DecodeError as error:
                log.error("the note of approval %s is of no use: %s", rid, error)
        return places

    async def _take(self, step: Step) -> None:
        """Take one step, or find that it can't be taken."""
        try:
            await self._do(step)
        except MovedError as error:
            if self._is_here(step):
                self.moved(error.chat_id)
            else:
                self._give_up(step, error)
        except (GoneError, RefusedError) as error:
            self._give_up(step, error)
        except BlockedError as error:
            if self._is_here(step):
                raise
            self._give_up(step, error)  # a former chat must not hold up the one there is now

    def _is_here(self, step: Step) -> bool:
        """Whether a step is about the chat where people are asked now."""
        match step:
            case Edit() | Visit():
                return step.chat_id == self.chat_id
            case Tell(message_id=found) if found:
                return step.chat_id == self.chat_id
            case _:
                return True

    def _give_up(self, step: Step, error: SendError) -> None:
        """What this message is to show can't be shown there."""
        now = self.clock.now()
        match step:
            case Visit():
                self.board.visited(step)
            case Tell() if isinstance(error, RefusedError):
                self.board.turns.summaries.told(
                    step, step.chat_id or self.chat_id, step.message_id, now
                )
            case Tell():
                self.board.turns.summaries.gone(step)
            case Edit() if not isinstance(error, RefusedError):
                self.board.gone(step)
            case Send() | Edit():
                log.error("Telegram refuses the message of approval %s: %s", step.rid, error)
                self.board.refused(step.rid, str(error), now)

    async def _do(self, step: Step) -> None:
        match step:
            case Send(_, html):
                self.board.sent(step, await self._send(html))
            case Tell(text=html, message_id=0):
                self.link.capped(step.agent)
                place = await self._send(html)
                now = self.clock.now()
                self.board.turns.summaries.told(step, place.chat_id, place.message_id, now)
            case Tell(_, _, html, chat_id, message_id):
                await self.api.edit(chat_id, message_id, html, ())
                self.board.turns.summaries.told(step, chat_id, message_id, self.clock.now())
            case Keep(rid, note):
                await self.link.notes.put(rid, msgspec.json.encode(note).decode())
                self.board.kept(step)
            case Edit(rid, chat_id, message_id, rendering):
                await self.api.edit(chat_id, message_id, rendering.html, rendering.rows)
                self.board.edited(step)
                if rendering.rows:
                    self.link.asked(rid)
            case Forget(rid):
                self.link.notes.drop(rid)
                self.board.turns.make_up(self.link.waiting, self.clock.now())
            case Visit():
                await self._visit(step)

    async def _send(self, html: str) -> Remembered:
        chat_id = self.chat_id
        sent = await self.api.send(chat_id, html, thread_id=self.thread_id)
        moved_from = self.configured if chat_id != self.configured else 0
        return Remembered(chat_id, sent, moved_from=moved_from)

    async def _visit(self, step: Visit) -> None:
        """Bring a message to the truth that is not on the board."""
        self.board.turns.expect(step.rid)
        view = await self.link.find(step.rid)
        if view is None or step.rid in self.board.turns.cards:
            # Nobody knows the approval any more, or another message asks about it.
            await self.api.take_buttons(step.chat_id, step.message_id)
        else:
            place = Remembered(step.chat_id, step.message_id)
            self.board.remembered(step.rid, place, view, self.clock.now(), noted=False)
        self.board.visited(step)


def calls(step: Step) -> bool:
    """Whether a step calls Telegram."""
    return isinstance(step, Send | Edit | Visit | Tell)
