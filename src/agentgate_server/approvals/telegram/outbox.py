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
from agentgate_proto.quotas.rates import TokenBucket
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.notes import Notes
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
    Step,
    Visit,
)
from agentgate_server.approvals.telegram.rendering import Renderer
from agentgate_server.store.engine import StoreError

log = logging.getLogger(__name__)

PER_MINUTE_PRIVATE = 60
"""Telegram asks for about one message a second in a chat …"""

PER_MINUTE_GROUP = 20
"""… and for no more than 20 a minute in a group."""


class Outbox:
    """See the module.

    Args:
        api: the calls.
        notes: what survives a restart.
        clock: what to wait on.
        chat_id: where people are asked.
        renderer: makes what messages show.
        find: how the approval of a note stands; None: nobody knows it any more.
        waiting: the approvals that wait now.
        asked: is told each approval that the chat shows with its buttons.

    Attributes:
        board: what the messages show.
        remembered: is set when the board knows what a former life left.
        problem: why nothing goes out at present, or "".
    """

    def __init__(
        self,
        api: Api,
        notes: Notes,
        clock: Clock,
        chat_id: int,
        renderer: Renderer,
        find: Callable[[str], Awaitable[ApprovalView | None]],
        waiting: Callable[[], Iterable[ApprovalView]],
        asked: Callable[[str], None],
    ) -> None:
        self.api = api
        self.notes = notes
        self.clock = clock
        self.chat_id = chat_id
        self.find = find
        self.waiting = waiting
        self.asked = asked
        self.remembered = anyio.Event()
        self.board = Board(renderer.announced, renderer.of)
        self.problem = ""
        self._wake = anyio.Event()
        self._backoff = Backoff()
        per_minute = PER_MINUTE_PRIVATE if chat_id > 0 else PER_MINUTE_GROUP
        self._pace = TokenBucket(per_minute, clock.now())

    def changed(self, view: ApprovalView) -> None:
        """An approval was opened, or moved on."""
        self.board.changed(view)
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
            try:
                step = self.board.next_step()
                if step is None:
                    await self._wake.wait()
                elif calls(step) and (pause := self._pace.take(self.clock.now())):
                    await self.clock.sleep(pause)  # what to say may change meanwhile
                else:
                    await self._try(partial(self._take, step))
            except Exception:
                # A bug with one approval must not keep all others away.
                log.exception("an approval can't be shown on Telegram")
                self.board.skip()

    async def _remember(self) -> None:
        """Take up what a former life left: approvals may have moved on meanwhile."""
        notes = await self.notes.all(CARDS_MAX)
        for rid in notes:
            self.board.expect(rid)
        for rid, value in notes.items():
            try:
                place = msgspec.json.decode(value, type=Remembered)
            except msgspec.DecodeError as error:
                log.error("the note of approval %s is of no use: %s", rid, error)
                continue
            view = await self.find(rid)
            if place.chat_id != self.chat_id:
                # The chat is another one now: ask there, and bring the old message to the truth.
                self.board.found_stray(place.chat_id, place.message_id, rid)
                continue
            self.board.remembered(rid, place, view, noted=True)
            if place.shown:
                self.asked(rid)

    async def _take(self, step: Step) -> None:
        """Take one step, or find that it can't be taken."""
        try:
            await self._do(step)
        except MovedError as error:
            log.error("%s", error)
            self.chat_id = error.chat_id
            self._give_up(step, error)
        except (GoneError, RefusedError) as error:
            self._give_up(step, error)
        except BlockedError as error:
            if not isinstance(step, Edit | Visit) or step.chat_id == self.chat_id:
                raise
            self._give_up(step, error)  # a former chat must not hold up the one there is now

    def _give_up(self, step: Step, error: ApiError) -> None:
        """What this message is to show can't be shown there."""
        match step:
            case Visit():
                self.board.visited(step)
            case Edit() if not isinstance(error, RefusedError):
                self.board.gone(step)
            case Send() | Edit() if isinstance(error, RefusedError):
                log.error("Telegram refuses the message of approval %s: %s", step.rid, error)
                self.board.refused(step)

    async def _do(self, step: Step) -> None:
        match step:
            case Send(_, html):
                self.board.sent(step, self.chat_id, await self.api.send(self.chat_id, html))
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

    async def _visit(self, step: Visit) -> None:
        """Bring a message to the truth that is not on the board."""
        self.board.expect(step.rid)
        view = await self.find(step.rid)
        if view is None or step.rid in self.board.cards:
            # Nobody knows the approval any more, or another message asks about it.
            await self.api.take_buttons(step.chat_id, step.message_id)
        else:
            place = Remembered(step.chat_id, step.message_id)
            self.board.remembered(step.rid, place, view, noted=False)
        self.board.visited(step)

    def _make_up(self) -> None:
        """Ask what found no room on the board before, when there is some."""
        if self.board.overflowed and len(self.board.cards) < CARDS_MAX // 2:
            self.board.overflowed = False
            for view in self.waiting():
                self.board.changed(view)

    async def _try(self, act: Callable[[], Awaitable[None]]) -> bool:
        """Do something; if it fails, say why and pause. Returns whether it worked."""
        try:
            await act()
        except LaterError as error:
            log.warning("%s", error)
            await self.clock.sleep(error.seconds)
        except (ApiError, StoreError) as error:
            if str(error) != self.problem:
                log.warning("approvals do not reach Telegram: %s", error)
            self.problem = str(error)
            now = self.clock.now()
            due = self._backoff.failed(now)
            assert due is not None, "attempts are not limited"
            await self.clock.sleep(due - now)
        else:
            if self.problem:
                log.info("approvals reach Telegram again")
            self.problem = ""
            self._backoff.succeeded()
            return True
        return False


def calls(step: Step) -> bool:
    """Whether a step calls Telegram."""
    return isinstance(step, Send | Edit | Visit)
