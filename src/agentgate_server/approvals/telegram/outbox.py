"""The outbox: brings every message of the chat to the truth, one call after the other.

It never gives up: a failed call comes again after a pause, in the newest words. Nothing in the
gate waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import msgspec

from agentgate_proto.backoff import Backoff
from agentgate_proto.messages import ApprovalView
from agentgate_proto.rates import TokenBucket
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.notes import Notes
from agentgate_server.approvals.telegram.api import (
    Api,
    ApiError,
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
)
from agentgate_server.approvals.telegram.looks import Looks
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
        looks: what messages show.
        find: how the approval of a note stands; None: nobody knows it any more.
        asked: is told each approval that the chat shows with its buttons.

    Attributes:
        board: what the messages show.
        problem: why nothing goes out at present, or "".
    """

    def __init__(
        self,
        api: Api,
        notes: Notes,
        clock: Clock,
        chat_id: int,
        looks: Looks,
        find: Callable[[str], Awaitable[ApprovalView | None]],
        asked: Callable[[str], None],
    ) -> None:
        self.api = api
        self.notes = notes
        self.clock = clock
        self.chat_id = chat_id
        self.find = find
        self.asked = asked
        self.board = Board(looks.announced, looks.of)
        self.problem = ""
        self._wake = anyio.Event()
        self._backoff = Backoff()
        per_minute = PER_MINUTE_PRIVATE if chat_id > 0 else PER_MINUTE_GROUP
        self._pace = TokenBucket(per_minute, clock.now())

    def changed(self, view: ApprovalView) -> None:
        """An approval was opened, or moved on."""
        self.board.changed(view)
        self._wake.set()

    def found_stray(self, chat_id: int, message_id: int, view: ApprovalView | None) -> None:
        """Somebody tapped on this message; its approval stands so, or nobody knows it."""
        self.board.found_stray(chat_id, message_id, view)
        self._wake.set()

    def show_grant(self, rid: str, words: str, ends: float) -> None:
        """See :meth:`Board.show_grant`."""
        self.board.show_grant(rid, words, ends)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while not await self._try(self._remember):
            pass
        while True:
            self._wake = anyio.Event()
            try:
                step = self.board.next_step()
                if step is None:
                    await self._wake.wait()
                elif isinstance(step, Send | Edit) and (pause := self._pace.take(self.clock.now())):
                    await self.clock.sleep(pause)  # what to say may change meanwhile
                else:
                    await self._try(partial(self._take, step))
            except Exception:
                # A bug with one approval must not keep all others away.
                log.exception("an approval can't be shown on Telegram")
                self.board.skip()

    async def _remember(self) -> None:
        """Take up what a former life left: approvals may have moved on meanwhile."""
        for rid, value in (await self.notes.all(CARDS_MAX)).items():
            note = msgspec.json.decode(value, type=Remembered)
            view = None if rid in self.board.cards else await self.find(rid)
            self.board.remembered(rid, note, view)
            if note.shown:
                self.asked(rid)

    async def _take(self, step: Step) -> None:
        """Take one step, or find that it can't be taken."""
        try:
            await self._do(step)
        except GoneError:
            assert isinstance(step, Edit), "nothing else is about a message that is there"
            self.board.gone(step)
        except RefusedError as error:
            assert isinstance(step, Send | Edit), "nothing else asks Telegram"
            log.error("Telegram refuses the message of approval %s: %s", step.rid, error)
            self.board.refused(step)
        except MovedError as error:
            log.error("%s", error)
            self.chat_id = error.chat_id

    async def _do(self, step: Step) -> None:
        match step:
            case Send(_, html):
                self.board.sent(step, self.chat_id, await self.api.send(self.chat_id, html))
            case Keep(rid, note):
                await self.notes.put(rid, msgspec.json.encode(note).decode())
                self.board.kept(step)
            case Edit(rid, chat_id, message_id, look):
                if look is None:
                    await self.api.take_buttons(chat_id, message_id)
                else:
                    await self.api.edit(chat_id, message_id, look.html, look.rows)
                self.board.edited(step)
                if look is not None and look.rows:
                    self.asked(rid)
            case Forget(rid):
                self.notes.drop(rid)

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
