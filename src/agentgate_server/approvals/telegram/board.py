"""The board: what each message shows, what it should show, and what to do next. No I/O.

Take :meth:`Board.next_step`, do it, report it, and take the next; a step that failed is simply not
reported, and comes again, brought up to date.

Which approval comes first, :mod:`agentgate_server.approvals.turns` says. Times are monotonic
seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.approvals.telegram.rendering import Rendering
from agentgate_server.approvals.turns import Silent, Turns, is_over, pause_after

STRAYS_MAX = 1_000
"""Messages outside the board that wait to be brought to the truth; the oldest go first."""


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """The note of an approval.

    Attributes:
        chat_id, message_id: the message that shows it.
        shown: the digest of the last rendering that it had for certain, or "".
        moved_from: the chat of the configuration that has become ``chat_id``; 0: it is that one.
    """

    chat_id: int
    message_id: int
    shown: str = ""
    moved_from: int = 0


@dataclass(slots=True, eq=False)
class Card:
    """One approval on the board.

    Attributes:
        view: the approval as it stands.
        place: its message; None: it was not sent yet.
        noted: what the store keeps of it.
        words: of the grant that somebody may confirm, or "".
        grant_ends: UTC seconds: when the grant of those words would end.
        refusals: how often Telegram has refused its message in a row.
    """

    view: ApprovalView
    place: Remembered | None = None
    noted: Remembered | None = None
    words: str = ""
    grant_ends: float = 0.0
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message without buttons; report ``sent``."""

    rid: str
    html: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Make the note durable; report ``kept``."""

    rid: str
    note: Remembered


@dataclass(frozen=True, slots=True)
class Edit:
    """Bring a message to this rendering; report ``edited`` or ``gone``."""

    rid: str
    chat_id: int
    message_id: int
    rendering: Rendering


@dataclass(frozen=True, slots=True)
class Forget:
    """The approval is over and its message says so: drop the note. Nothing to report."""

    rid: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Rendering up an approval, and bring this message of it to the truth; report ``visited``."""

    rid: str
    chat_id: int
    message_id: int


Step = Send | Keep | Edit | Forget | Visit | Tell


class Board:
    """See the module.

    Args:
        announced: the HTML that is sent first.
        render: what a message shows when its approval stands like this, with the words of a grant
            that is to be confirmed.
        asks: says which ask is told of next.
        summaries: say how many are not.
    """

    def __init__(
        self,
        announced: Callable[[ApprovalView], str],
        render: Callable[[ApprovalView, str], Rendering],
        asks: Notifying,
        summaries: Summaries,
    ) -> None:
        self.announced = announced
        self.render = render
        self.turns = Turns(Card, asks, summaries)
        self._strays: dict[tuple[int, int], str] = {}

    @property
    def problem(self) -> str:
        """What Telegram refuses at present, or ""."""
        refused = self.turns.refused
        if not refused:
            return ""
        return f"{len(refused)} messages are refused and tried again: {refused[0]}"

    # What happened

    def remembered(
        self, rid: str, place: Remembered, view: ApprovalView | None, now: float, *, noted: bool
    ) -> None:
        """A message shows this approval since a former life.

        Args:
            rid: the approval, which was expected.
            place: the message, and what it is known to show.
            view: how the approval stood when it was looked up; None: nobody knows it.
            now: seconds.
            noted: the store knows of the message.
        """
        card = self.turns.remembered(rid, view, now)
        if card is not None:
            card.place, card.noted = place, place if noted else None
            self.turns.put(card)

    def moved(self, chat_id: int) -> None:
        """A chat is another one now: what waits is asked there, and nobody can edit the former."""
        for card in self.turns.cards.values():
            if card.place is not None and card.place.chat_id == chat_id:
                card.place = card.noted = None
                self.turns.put(card)
        self.turns.summaries.moved(chat_id)

    def found_stray(self, chat_id: int, message_id: int, rid: str) -> None:
        """Somebody's tap came too late: what they see of this approval may not be the truth."""
        card = self.turns.cards.get(rid)
        place = card.place if card is not None else None
        if (
            card is not None
            and place
            and (place.chat_id, place.message_id) == (chat_id, message_id)
        ):
            card.place = msgspec.structs.replace(place, shown="")
            self.turns.put(card)
            return
        self._strays[chat_id, message_id] = rid
        if len(self._strays) > STRAYS_MAX:
            del self._strays[next(iter(self._strays))]

    def show_grant(self, rid: str, words: str, ends: float) -> None:
        """Show what a grant would allow until then; no words: show the approval alone again.

        The next life knows nothing of these words. So its note must not say that the message shows
        the approval alone while it may show them: it would leave them there.
        """
        card = self.turns.cards.get(rid)
        if card is not None:
            card.words, card.grant_ends = words, ends
            if card.place is not None:
                card.place = msgspec.structs.replace(card.place, shown="")
                self.turns.put(card)

    def grant_ends(self, rid: str) -> float:
        """When the grant that its message shows would end; 0: it shows none."""
        card = self.turns.cards.get(rid)
        return card.grant_ends if card is not None else 0.0

    def asked_by(self, chat_id: int, message_id: int) -> ApprovalView | None:
        """The approval that a message asks about; None: it is none of those on the board."""
        for card in self.turns.cards.values():
            place = card.place
            if place is not None and (place.chat_id, place.message_id) == (chat_id, message_id):
                return card.view
        return None

    def view_of(self, rid: str) -> ApprovalView | None:
        """The approval as it stands; None: it is not on the board."""
        card = self.turns.cards.get(rid)
        return card.view if card is not None else None

    # What to do

    def next_step(self, now: float, silent: Silent) -> Step | None:
        """Return what to do next, or None: every message shows the truth, as far as it may."""
        self.turns.wake(now)
        while (card := self.turns.first(now, silent)) is not None:
            step = self._step(card)
            if step is not None:
                return step
            if self.turns.done(card):
                return Forget(card.view.id)
        tell = self.turns.next_line(now, silent)
        if tell is not None:
            return tell
        for (chat_id, message_id), rid in self._strays.items():
            return Visit(rid, chat_id, message_id)
        return None

    def next_deadline(self, now: float, silent: Silent) -> float | None:
        """Return when there is something to do though nothing happens, or None."""
        return self.turns.next_deadline(now, silent)

    def _step(self, card: Card) -> Step | None:
        view, place = card.view, card.place
        if place is None:
            return Send(view.id, self.announced(view)) if view.status == "waiting" else None
        over = is_over(view)
        if card.noted != place and not over:
            return Keep(view.id, place)
        rendering = self.render(view, card.words if view.status == "waiting" else "")
        if place.shown != rendering.digest:
            return Edit(view.id, place.chat_id, place.message_id, rendering)
        return None

    # What was done

    def sent(self, step: Send, place: Remembered) -> None:
        """The message is there."""
        card = self.turns.cards[step.rid]
        card.place, card.refusals = place, 0

    def kept(self, step: Keep) -> None:
        """The note is durable."""
        self.turns.cards[step.rid].noted = step.note

    def edited(self, step: Edit) -> None:
        """The message has this rendering."""
        card = self.turns.cards[step.rid]
        card.refusals = 0
        self.turns.told(card)
        if card.place is not None:
            card.place = msgspec.structs.replace(card.place, shown=step.rendering.digest)

    def gone(self, step: Edit) -> None:
        """Somebody deleted the message; what still waits is asked again."""
        card = self.turns.cards[step.rid]
        card.place = card.noted = None

    def refused(self, rid: str, problem: str, now: float) -> None:
        """Telegram does not take this message; others go first, and it is tried again later."""
        card = self.turns.cards[rid]
        card.refusals += 1
        self.turns.later(rid, now + pause_after(card.refusals), problem)

    def visited(self, step: Visit) -> None:
        """The message was brought to the truth, or it can't be."""
        self._strays.pop((step.chat_id, step.message_id), None)
        self.turns.looked_up(step.rid)

    def skip(self, problem: str, now: float) -> None:
        """What comes first can't be done at all; go on with the next."""
        card = self.turns.first(now, {})
        if card is not None:
            self.refused(card.view.id, problem, now)
        elif self._strays:
            del self._strays[next(iter(self._strays))]
