"""The outbox: brings every message of the chat to the truth, one call after the other.

It never gives up: a failed call comes again after a pause, in the newest words. Nothing in the
gate waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import anyio
import msgspec

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.quotas.news import News
from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.quotas.rates import TokenBucket
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.notes import Notes
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.approvals.telegram.api import (
    Api,
    ApiError,
    BlockedError,
    GoneError,
    LaterError,
    MovedError,
    RefusedError,
)
from agentgate_server.approvals.telegram.board import (
    CARDS_MAX,
    Board,
    Edit,
    Forget,
    Keep,
    Remembered,
    Send,
    Silent,
    Step,
    Visit,
)
from agentgate_server.approvals.telegram.rendering import Renderer
from agentgate_server.approvals.telegram.text import summary_of
from agentgate_server.config import TelegramConfig
from agentgate_server.store.engine import StoreError

log = logging.getLogger(__name__)

PER_MINUTE_PRIVATE = 60
"""Telegram asks for about one message a second in a chat …"""

PER_MINUTE_GROUP = 20
"""… and for no more than 20 a minute in a group."""

REST_S_MIN = 0.05
"""From one look at what is due to the next: a rounded time must not keep the machine busy."""


class Outbox:
    """See the module.

    Args:
        api: the calls.
        notes: what survives a restart.
        clock: what to wait on.
        config: where people are asked.
        asks_per_minute: how often a phone rings for one agent.
        renderer: makes what messages show.
        find: how the approval of a note stands; None: nobody knows it any more.
        waiting: the approvals that wait now.
        asked: is told each approval that the chat shows with its buttons.
        held_back: is told each agent that asks more than the phone rings for.
        silent: the agents that somebody has muted, each with the seconds that are left.

    Attributes:
        board: what the messages show.
        chat_id: where people are asked: that of the configuration, or what has become of it.
        remembered: is set when the board knows what a former life left.
    """

    def __init__(
        self,
        api: Api,
        notes: Notes,
        clock: Clock,
        config: TelegramConfig,
        asks_per_minute: int,
        renderer: Renderer,
        find: Callable[[str], Awaitable[ApprovalView | None]],
        waiting: Callable[[], Iterable[ApprovalView]],
        asked: Callable[[str], None],
        held_back: Callable[[str], None],
        silent: Callable[[], Silent],
    ) -> None:
        self.api = api
        self.notes = notes
        self.clock = clock
        self.thread_id = config.message_thread_id
        self.configured = self.chat_id = config.chat_id
        self.find = find
        self.waiting = waiting
        self.asked = asked
        self.held_back = held_back
        self.silent = silent
        self.remembered = anyio.Event()
        asks = Notifying(asks_per_minute)
        self.board = Board(renderer.announced, renderer.of, asks, Summaries(summary_of))
        self._trouble = ""
        self._news = News()
        self._slower = News()
        self._wake = anyio.Event()
        self._backoff = Backoff()
        per_minute = PER_MINUTE_PRIVATE if self.chat_id > 0 else PER_MINUTE_GROUP
        self._pace = TokenBucket(per_minute, clock.now())

    @property
    def problem(self) -> str:
        """Why something does not go out at present, or ""."""
        return self._trouble or self.board.problem

    def changed(self, view: ApprovalView) -> None:
        """An approval was opened, or moved on."""
        self.board.changed(view, self.clock.now())
        self._wake.set()

    def look_again(self) -> None:
        """Somebody was muted, or is not any more."""
        self._wake.set()

    def moved(self, chat_id: int) -> None:
        """The chat has a new id, which outlives restarts with the notes of what is asked there."""
        log.error("%s", MovedError(chat_id))
        former, self.chat_id = self.chat_id, chat_id
        self.board.moved(former)
        self._wake.set()

    def found_stray(self, chat_id: int, message_id: int, rid: str) -> None:
        """See :meth:`Board.found_stray`."""
        self.board.found_stray(chat_id, message_id, rid)
        self._wake.set()

    def show_grant(self, rid: str, words: str, ends: float) -> None:
        """See :meth:`Board.show_grant`."""
        self.board.show_grant(rid, words, ends)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while not await self._try(self._remember):
            pass
        self.remembered.set()
        while True:
            self._wake = anyio.Event()
            now, silent = self.clock.now(), self.silent()
            try:
                step = self.board.next_step(now, silent)
                if step is None:
                    await self._rest(self.board.next_deadline(now, silent), now)
                elif calls(step) and (pause := self._pace.take(now)):
                    await self.clock.sleep(pause)  # what to say may change meanwhile
                else:
                    await self._try(partial(self._take, step))
            except Exception:
                # A bug with one approval must not keep all others away.
                log.exception("an approval can't be shown on Telegram")
                self.board.skip("it can't be shown", now)

    async def _rest(self, deadline: float | None, now: float) -> None:
        """Wait for a change, or for the time to do something all the same."""
        if deadline is None:
            await self._wake.wait()
        else:
            await self.clock.wait(self._wake, max(deadline - now, REST_S_MIN))

    async def _remember(self) -> None:
        """Take up what a former life left: approvals may have moved on meanwhile."""
        notes = await self.notes.all(CARDS_MAX)
        for rid in notes:
            self.board.expect(rid)
        places = self._places_in(notes)
        moved = [a.chat_id for a in places.values() if a.moved_from == self.configured != 0]
        if moved:
            self.chat_id = moved[-1]
        for rid, place in places.items():
            view = await self.find(rid)
            if place.chat_id != self.chat_id:
                # The chat is another one now: ask there, and bring the old message to the truth.
                self.board.found_stray(place.chat_id, place.message_id, rid)
                continue
            self.board.remembered(rid, place, view, self.clock.now(), noted=True)
            if place.shown:
                self.asked(rid)

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

    def _give_up(self, step: Step, error: ApiError) -> None:
        """What this message is to show can't be shown there."""
        now = self.clock.now()
        match step:
            case Visit():
                self.board.visited(step)
            case Tell() if isinstance(error, RefusedError):
                self.board.summaries.told(step, step.chat_id or self.chat_id, step.message_id, now)
            case Tell():
                self.board.summaries.gone(step)
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
                self.held_back(step.agent)
                place = await self._send(html)
                now = self.clock.now()
                self.board.summaries.told(step, place.chat_id, place.message_id, now)
            case Tell(_, _, html, chat_id, message_id):
                await self.api.edit(chat_id, message_id, html, ())
                self.board.summaries.told(step, chat_id, message_id, self.clock.now())
            case Keep(rid, note):
                await self.notes.put(rid, msgspec.json.encode(note).decode())
                self.board.kept(step)
            case Edit(rid, chat_id, message_id, rendering):
                await self.api.edit(chat_id, message_id, rendering.html, rendering.rows)
                self.board.edited(step)
                if rendering.rows:
                    self.asked(rid)
            case Forget(rid):
                self.notes.drop(rid)
                self._make_up()
            case Visit():
                await self._visit(step)

    async def _send(self, html: str) -> Remembered:
        chat_id = self.chat_id
        sent = await self.api.send(chat_id, html, thread_id=self.thread_id)
        moved_from = self.configured if chat_id != self.configured else 0
        return Remembered(chat_id, sent, moved_from=moved_from)

    async def _visit(self, step: Visit) -> None:
        """Bring a message to the truth that is not on the board."""
        self.board.expect(step.rid)
        view = await self.find(step.rid)
        if view is None or step.rid in self.board.cards:
            # Nobody knows the approval any more, or another message asks about it.
            await self.api.take_buttons(step.chat_id, step.message_id)
        else:
            place = Remembered(step.chat_id, step.message_id)
            self.board.remembered(step.rid, place, view, self.clock.now(), noted=False)
        self.board.visited(step)

    def _make_up(self) -> None:
        """Ask what found no room on the board before, when there is some."""
        if self.board.overflowed and len(self.board.cards) < CARDS_MAX // 2:
            self.board.overflowed = False
            for view in self.waiting():
                self.board.changed(view, self.clock.now())

    async def _try(self, act: Callable[[], Awaitable[None]]) -> bool:
        """Do something; if it fails, say why and pause. Returns whether it worked."""
        try:
            await act()
        except LaterError as error:
            if (more := self._slower.failed(str(error), self.clock.now())) is not None:
                log.warning("%s%s", error, more)
            await self.clock.sleep(error.seconds)
        except (ApiError, StoreError) as error:
            self._trouble = str(error)
            now = self.clock.now()
            if (more := self._news.failed(str(error), now)) is not None:
                log.warning("approvals do not reach Telegram: %s%s", error, more)
            due = self._backoff.failed(now)
            assert due is not None, "attempts are not limited"
            await self.clock.sleep(due - now)
        else:
            self._trouble = ""
            self._slower.well(self.clock.now())
            if (after := self._news.well(self.clock.now())) is not None:
                log.info("approvals reach Telegram again%s", after)
            self._backoff.succeeded()
            return True
        return False


def calls(step: Step) -> bool:
    """Whether a step calls Telegram."""
    return isinstance(step, Send | Edit | Visit | Tell)
