"""Phones that are pushed notifications, with tickets on their buttons: a second channel.

What is to be shown, the tickets, and what is noted of them are the gateway's own. What is simulated
is the service in between, which takes its time, loses calls or their answers, and two people who
tap: once, twice, on what is old, and when it is too late.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from tests.sim.links import Link
from tests.sim.people import Answer

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.answer_tickets import AnswerTicket, key_of
from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView, approval_view
from agentgate_proto.records.request import Phase
from agentgate_proto.records.storage import DropNote, ListNotes, PutNote
from agentgate_server.approvals.push.board import (
    Board,
    Forget,
    Keep,
    Note,
    Prepare,
    Show,
)
from agentgate_server.approvals.push.notification import Button, Loudness, Notification
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.secrets.secret import Secret
from agentgate_server.store.engine import StoreError

if TYPE_CHECKING:
    from tests.sim.gateway import Life
    from tests.sim.world import World

CHANNEL = "push"
PLACES = {"anns phone": "ann", "bens phone": "ben"}
NOTES_MAX = 10_000
LATENCY_S = 0.2
AGAIN_S = 1.0
LOOKS_MAX = 20
"""Looks at whether a note is on the disk, until it is written again."""


class Phones:
    """The phones, which outlive processes, and who taps on them.

    Attributes:
        said: for which ticket what was taken.
        up_since: when the present process knew all tickets that were noted.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.plan.chance("phones")
        self.tickets = 0
        self.up_since = 0.0
        self.said: dict[str, str] = {}

    def notified(self, place: str, notification: Notification) -> None:
        """A notification has arrived: its person thinks, and taps, or does not."""
        self.world.count("notifications")
        rng, plan = self.rng, self.world.plan
        for button in notification.buttons:
            if rng.random() > 0.3:
                continue
            think = rng.random() * plan.human_s
            tap = Tap(self.world, self, notification.tag, PLACES[place], button)
            self.world.timeline.after(think, tap.send)
            if rng.random() < plan.human_trouble:
                again = rng.choice((0.0, 0.01, 1.0, plan.ledger.approval_s))
                self.world.timeline.after(think + again, tap.send)

    def unknown(self, tap: Tap, sent_at: float) -> None:
        """The gateway says that this is no ticket: then none is on the disk that waits for it."""
        world = self.world
        world.count("tickets unknown")
        record = world.disk.kept.get(tap.rid)
        if sent_at < self.up_since or record is None or record.phase is not Phase.WAITING:
            return
        try:
            notes = world.disk.answer(ListNotes(CHANNEL, 1, tap.rid))
        except StoreError:
            return
        assert isinstance(notes, dict)
        note = msgspec.json.decode(notes.get(tap.rid, "{}"), type=Note)
        if any(key_of(tap.ticket) in noted.keys for noted in note.values()):
            world.fail(f"a button for {tap.rid} is none, and it still waits")

    def taken(self, ticket: str, rid: str) -> None:
        """The gateway says that an answer by this ticket counts."""
        self.world.count("tickets taken")
        if ticket in self.said:
            self.world.fail(f"I4: a ticket for {rid} counts twice")
        self.said[ticket] = rid


class Tap(Answer):
    """What one button sends, as often as it is tapped."""

    __slots__ = ("phones", "ticket")

    def __init__(self, world: World, phones: Phones, rid: str, by: str, button: Button) -> None:
        super().__init__(world, rid, by, yes=button.approve, grant=None)
        self.phones = phones
        self.ticket = button.ticket.value

    def send(self) -> None:
        """Tap the button."""
        life = self.world.life
        if life is not None and life.accepting:
            self.world.oracle.consent.answers(self, self.by)
            Call(self.world, self)


class Call:
    """One request of a phone."""

    def __init__(self, world: World, tap: Tap) -> None:
        self.tap = tap
        self.link: Link | None = None
        self.read = bytearray()
        self.sent_at = world.timeline.now
        world.dial(self, 1)

    def dialed(self, link: Link, dial: int) -> None:
        """The socket is open."""
        self.link = link
        body = b'{"ticket": "%s"}' % self.tap.ticket.encode()
        link.up.put(
            b"POST /api/answers HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )

    def dial_failed(self, why: str, dial: int) -> None:
        """Nobody is there."""

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self.read += data

    def hear_end(self, reason: str) -> None:
        """The response is complete, or never will be."""
        status = bytes(self.read[9:12])
        if not reason and status == b"200":
            self.tap.phones.taken(self.tap.ticket, self.tap.rid)
            self.tap.result(None)
        elif not reason and status == b"404":
            self.tap.phones.unknown(self.tap, self.sent_at)
        elif status == b"409":
            self.tap.error(ErrorCode.ALREADY_SETTLED, "", None)
        if self.link is not None:
            self.link.let_go(self)

    def window_opens(self) -> None:
        """There is nothing more to send."""


class PushLife:
    """The channel in one life of the gateway: the board, and what it wants done.

    Args:
        life: whose channel it is.
        phones: where it shows approvals.
    """

    name = CHANNEL
    problem = ""

    def __init__(self, life: Life, phones: Phones) -> None:
        self.life = life
        self.phones = phones
        self.answers = life.gate.web.answers
        self.answers.over_http.add(CHANNEL)
        self.board = Board(PLACES, render, Notifying(60), Summaries(lambda a, n: f"{n} of {a}"))
        self.busy = False

    def take_up(self) -> None:
        """See what a former life has shown."""
        try:
            found = self.life.world.disk.answer(ListNotes(CHANNEL, NOTES_MAX))
        except StoreError:
            self._later(self.take_up)
            return
        assert isinstance(found, dict)
        for rid, value in found.items():
            record = self.life.world.disk.kept.get(rid)
            if record is None:
                continue
            note, view = msgspec.json.decode(value, type=Note), approval_view(record)
            self.board.turns.expect(rid)
            card = self.board.remembered(rid, note, view, self._now())
            if card.view.status == "waiting":
                for place, noted in note.items():
                    for key, approve in noted.keys.items():
                        self.answers.tickets.add(key, ticket(view, place, approve=approve))
        self.phones.up_since = self.life.world.timeline.now
        self._wake()

    def approval_changed(self, view: ApprovalView) -> None:
        """See :class:`agentgate_server.approvals.channel.Channel`."""
        if view.status != "waiting":
            self.answers.tickets.over(view.id)
        self.board.turns.changed(view, self._now())
        self._wake()

    def _now(self) -> float:
        return self.life.clock.now()

    def _later(self, act: object, *args: object, seconds: float = AGAIN_S) -> None:
        self.life.world.timeline.after(seconds, self.life.enter, act, *args)

    def _wake(self) -> None:
        if not self.busy:
            self.busy = True
            self._later(self._turn, seconds=0.0)

    def _turn(self) -> None:
        """Take the next step."""
        now = self._now()
        step = self.board.next_step(now, {})
        match step:
            case None:
                self.busy = False
                deadline = self.board.next_deadline(now, {})
                if deadline is not None:
                    self._later(self._wake, seconds=max(deadline - now, AGAIN_S))
                return
            case Prepare():
                self._prepare(step)
            case Keep(rid, note):
                value = msgspec.json.encode(note).decode()
                self.life.gate.ledger.note(PutNote(CHANNEL, rid, value))
                self.life.gate.drain()
                self._later(self._kept, step, value, 0, seconds=0.05)
                return
            case Show():
                self._show(step)
                return
            case Forget(rid):
                self.life.gate.ledger.note(DropNote(CHANNEL, rid))
                self.life.gate.drain()
            case Tell():
                self.board.turns.summaries.told(step, 0, 1, now)
        self._later(self._turn, seconds=0.0)

    def _prepare(self, step: Prepare) -> None:
        view = self.board.turns.cards[step.rid].view
        made, keys = [], {}
        for button in step.buttons:
            self.phones.tickets += 1
            text = f"ticket {self.phones.tickets} of {self.life.world.plan.seed}"
            made.append(Button(button.label, button.approve, ticket=Secret(text)))
            keys[key_of(text)] = button.approve
            given = ticket(view, step.place, approve=button.approve)
            self.answers.tickets.add(key_of(text), given)
        self.answers.tickets.spend(self.board.prepared(step, tuple(made), keys))

    def _kept(self, step: Keep, value: str, looks: int) -> None:
        """Go on when the note is on the disk; write it again if it does not get there."""
        disk = self.life.world.disk
        try:
            is_kept = disk.answer(ListNotes(CHANNEL, 1, step.rid)) == {step.rid: value}
        except StoreError:
            is_kept = False
        if is_kept:
            self.board.kept(step)
            self._turn()
        elif looks < LOOKS_MAX and disk.kept.get(step.rid) is not None:
            self._later(self._kept, step, value, looks + 1, seconds=0.1)
        elif disk.kept.get(step.rid) is None and step.rid in disk.gone:
            self.board.kept(step)  # retention was quicker, and nothing is left to be shown
            self._turn()
        else:
            self._later(self._turn)

    def _show(self, step: Show) -> None:
        """Send a notification: it may be lost, or its receipt."""
        trouble = self.phones.rng.random()
        if trouble < 0.1:
            self._later(self._turn)
            return
        self.life.world.timeline.after(
            LATENCY_S, self.phones.notified, step.place, step.notification
        )
        if trouble < 0.2:
            self._later(self._turn)
        else:
            self._later(self._shown, step, seconds=LATENCY_S)

    def _shown(self, step: Show) -> None:
        keys = [key_of(each.ticket.value) for each in step.notification.buttons]
        self.answers.tickets.spend(self.board.shown(step, keys))
        self._turn()


def ticket(view: ApprovalView, place: str, *, approve: bool) -> AnswerTicket:
    """A ticket of one place for one answer."""
    until = datetime.fromisoformat(view.expires_at).timestamp()
    return AnswerTicket(view.id, approve, PLACES[place], CHANNEL, until)


def render(view: ApprovalView, place: str) -> Notification:
    """What is shown of an approval."""
    if view.status != "waiting":
        words = f"{view.status} {view.outcome}"
        return Notification(view.id, words, "", Loudness.GONE)
    yes, no = Button("Approve", approve=True), Button("Deny", approve=False)
    buttons = (no,) if PLACES[place] in view.approved_by else (yes, no)
    return Notification(view.id, "asked", view.signature, Loudness.ASK, buttons)
