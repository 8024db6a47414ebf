"""The outbox: brings every notification to the truth, one call after the other."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

import msgspec

from agentgate_proto.faces.answer_tickets import AnswerTicket, AnswerTickets, key_of
from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.delivery import Delivery
from agentgate_server.approvals.link import Link
from agentgate_server.approvals.push.board import Board, Forget, Keep, Note, Prepare, Show, Step
from agentgate_server.approvals.push.notification import Button, Loudness, Notification
from agentgate_server.approvals.push.sender import Place, Sender
from agentgate_server.approvals.push.text import held_back, text_of, title_of
from agentgate_server.approvals.sending import RefusedError
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.approvals.turns import CARDS_MAX
from agentgate_server.secrets.secret import Secret

log = logging.getLogger(__name__)

TICKET_BYTES = 32
"""Of chance in a ticket."""

SAID_YES = "You have said yes."
ELSEWHERE = "It can't be approved here: do it in a terminal, or in the console."


class Outbox:
    """See the module.

    Args:
        sender: makes the calls.
        places: where people are asked.
        tickets: what can be answered with.
        link: to the gate.
        asks_per_minute: how often a place rings for one agent.

    Attributes:
        board: what the notifications show.
        delivery: takes its steps.
    """

    def __init__(
        self,
        sender: Sender,
        places: Iterable[Place],
        tickets: AnswerTickets,
        link: Link,
        asks_per_minute: int,
    ) -> None:
        self.sender = sender
        self.places = {place.key: place for place in places}
        self.tickets = tickets
        self.link = link
        self.clock = link.clock
        asks, lines = Notifying(asks_per_minute), Summaries(held_back)
        self.board = Board(self.places, self._render, asks, lines)
        self.delivery: Delivery[Step] = Delivery(
            sender.name,
            link.clock,
            sender.per_minute,
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
        """An approval was opened, or moved on; with its end its tickets are good no more."""
        if view.status != "waiting":
            self.tickets.over(view.id)
        self.board.turns.changed(view, self.clock.now())
        self.delivery.wake()

    def show_again(self, rid: str, place: str) -> None:
        """See :meth:`Board.show_again`."""
        self.board.show_again(rid, place)
        self.delivery.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        await self.delivery.run(self._remember)

    def _render(self, view: ApprovalView, place: str) -> Notification:
        """What is shown of an approval; its buttons have no tickets."""
        loudness, note, buttons = loudness_of(view), "", tuple[Button, ...]()
        if view.status == "waiting":
            buttons = self.sender.buttons(view)
            note = "" if any(each.approve for each in buttons) else ELSEWHERE
            if self.places[place].person in view.approved_by:
                buttons, note = tuple(each for each in buttons if not each.approve), SAID_YES
        if loudness is Loudness.GONE and not self.sender.shows_gone:
            return Notification(view.id, "", "", loudness)
        text = text_of(view, self.sender.text_bytes_max, note=note)
        return Notification(view.id, title_of(view), text, loudness, buttons)

    # What a former life left

    async def _remember(self) -> None:
        """Take up what a former life left: approvals may have moved on meanwhile."""
        notes = await self.link.notes.all(CARDS_MAX)
        for rid in notes:
            self.board.turns.expect(rid)
        for rid, value in notes.items():
            view = await self.link.find(rid)
            note = self._read(rid, value)
            if view is None and rid not in self.board.turns.cards:
                self.link.notes.drop(rid)
                continue
            card = self.board.remembered(rid, note, view, self.clock.now())
            if card.view.status == "waiting":
                self._take_up(card.view, note)

    def _take_up(self, view: ApprovalView, note: Note) -> None:
        """Let the tickets of a former life count: of people who may answer still."""
        for key, noted in note.items():
            place = self.places.get(key)
            if place is None:
                continue
            for ticket, approve in noted.keys.items():
                self.tickets.add(ticket, self._ticket(view, place, approve=approve))
            if noted.shown:
                self.link.asked(view.id)

    def _read(self, rid: str, value: str) -> Note:
        """Read a note; of one that nobody can read, nothing is known."""
        try:
            return msgspec.json.decode(value, type=Note)
        except msgspec.DecodeError as error:
            log.error("the note of approval %s is of no use: %s", rid, error)
            return {}

    def _ticket(self, view: ApprovalView, place: Place, *, approve: bool) -> AnswerTicket:
        until = datetime.fromisoformat(view.expires_at).timestamp()
        return AnswerTicket(view.id, approve, place.person, self.sender.name, until)

    # Steps

    async def _take(self, step: Step) -> None:
        match step:
            case Prepare():
                self._prepare(step)
            case Keep(rid, note):
                await self.link.notes.put(rid, msgspec.json.encode(note).decode())
                self.board.kept(step)
            case Show():
                await self._show(step)
            case Tell():
                await self._tell(step)
            case Forget(rid):
                self.link.notes.drop(rid)
                self.board.turns.make_up(self.link.waiting, self.clock.now())

    def _prepare(self, step: Prepare) -> None:
        """Make tickets for one place; nobody knows them until they are sent."""
        view, place = self.board.turns.cards[step.rid].view, self.places[step.place]
        made, keys = list[Button](), dict[str, bool]()
        room = self.tickets.has_room(len(step.buttons))
        for button in step.buttons:
            text = secrets.token_urlsafe(TICKET_BYTES)
            made.append(replace(button, ticket=Secret(text)))
            if room:
                key = key_of(text)
                keys[key] = button.approve
                self.tickets.add(key, self._ticket(view, place, approve=button.approve))
        if not room:
            log.error("%s: too many buttons wait to be tapped; new ones do nothing", place.person)
        self.tickets.spend(self.board.prepared(step, tuple(made), keys))

    async def _show(self, step: Show) -> None:
        sent = step.notification
        if not step.is_first and sent.loudness is Loudness.ASK:
            sent = replace(sent, loudness=Loudness.SILENT)  # it has rung for this
        try:
            await self.sender.send(self.places[step.place], sent)
        except RefusedError as error:
            if str(error) != self.board.problem:
                log.error("%s: %s", self.sender.name, error)
            self.board.refused(step, str(error), self.clock.now())
            return
        keys = [key_of(each.ticket.value) for each in sent.buttons]
        self.tickets.spend(self.board.shown(step, keys))
        if sent.loudness in (Loudness.ASK, Loudness.SILENT):
            self.link.asked(step.rid)

    async def _tell(self, step: Tell) -> None:
        """Say how many asks of an agent are held back, in one line that the next one replaces."""
        is_new = not step.message_id
        if is_new:
            self.link.capped(step.agent)
        tag = f"held-{sha256(step.agent.encode('utf-8', 'replace')).hexdigest()[:16]}"
        loudness = Loudness.NEWS if is_new else Loudness.SILENT if step.count else Loudness.GONE
        line = Notification(tag, "agentgate", step.text, loudness)
        for place in self.places.values():
            try:
                await self.sender.send(place, line)
            except RefusedError as error:
                log.debug("%s: a line was refused: %s", self.sender.name, error)
        self.board.turns.summaries.told(step, 0, 1, self.clock.now())


def calls(step: Step) -> bool:
    """Whether a step calls the service."""
    return isinstance(step, Show | Tell)


def loudness_of(view: ApprovalView) -> Loudness:
    """How what became of an approval comes: loudly only if somebody may have to act."""
    if view.status == "waiting":
        return Loudness.ASK
    if view.outcome in ("failed", "unknown"):
        return Loudness.NEWS
    return Loudness.GONE
