"""The board: what each message shows, what it should show, and what to do next. No I/O.

Take :meth:`Board.next_step`, do it, report it, and take the next; a step that failed is simply not
reported, and comes again, brought up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.telegram.rendering import Rendering

CARDS_MAX = 10_000
"""Approvals on the board: about 40 MB. Those beyond it are asked when others have gone."""

STRAYS_MAX = 1_000
"""Messages outside the board that wait to be brought to the truth; the oldest go first."""


class Remembered(msgspec.Struct, frozen=True):
    """The note of an approval.

    Attributes:
        chat_id, message_id: the message that shows it.
        shown: the digest of the last rendering that it had for certain, or "".
    """

    chat_id: int
    message_id: int
    shown: str = ""


@dataclass(slots=True, eq=False)
class Card:
    """One approval on the board.

    Attributes:
        view: the approval as it stands.
        place: its message; None: it was not sent yet.
        noted: what the store keeps of it.
        words: of the grant that somebody may confirm, or "".
        grant_ends: UTC seconds: when the grant of those words would end.
        refused: Telegram will not take it.
    """

    view: ApprovalView
    place: Remembered | None = None
    noted: Remembered | None = None
    words: str = ""
    grant_ends: float = 0.0
    refused: bool = False


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


Step = Send | Keep | Edit | Forget | Visit


class Board:
    """See the module.

    Args:
        announced: the HTML that is sent first.
        render: what a message shows when its approval stands like this, with the words of a grant
            that is to be confirmed.
    """

    def __init__(
        self,
        announced: Callable[[ApprovalView], str],
        render: Callable[[ApprovalView, str], Rendering],
    ) -> None:
        self.announced = announced
        self.render = render
        self.cards: dict[str, Card] = {}
        self.overflowed = False
        self._queue: dict[str, None] = {}
        self._expected: set[str] = set()
        self._strays: dict[tuple[int, int], str] = {}

    # What happened

    def changed(self, view: ApprovalView) -> None:
        """An approval was opened, or moved on."""
        card = self.cards.get(view.id)
        if card is not None:
            card.view = view
        elif view.status != "waiting" and view.id not in self._expected:
            return  # it was never shown here
        elif len(self.cards) >= CARDS_MAX:
            self.overflowed = True
            return
        else:
            self.cards[view.id] = Card(view)
        self._queue[view.id] = None

    def expect(self, rid: str) -> None:
        """This approval is being looked up; what happens to it meanwhile counts."""
        self._expected.add(rid)

    def remembered(
        self, rid: str, place: Remembered, view: ApprovalView | None, *, noted: bool
    ) -> None:
        """A message shows this approval since a former life.

        Args:
            rid: the approval, which was expected.
            place: the message, and what it is known to show.
            view: how the approval stood when it was looked up; None: nobody knows it.
            noted: the store knows of the message.
        """
        self._expected.discard(rid)
        card = self.cards.get(rid)
        if card is None and view is not None:
            card = self.cards[rid] = Card(view)
        if card is not None:
            card.place, card.noted = place, place if noted else None
            self._queue[rid] = None

    def found_stray(self, chat_id: int, message_id: int, rid: str) -> None:
        """Somebody's tap came too late: what they see of this approval may not be the truth."""
        card = self.cards.get(rid)
        place = card.place if card is not None else None
        if (
            card is not None
            and place
            and (place.chat_id, place.message_id) == (chat_id, message_id)
        ):
            card.place = msgspec.structs.replace(place, shown="")
            self._queue[rid] = None
            return
        self._strays[chat_id, message_id] = rid
        if len(self._strays) > STRAYS_MAX:
            del self._strays[next(iter(self._strays))]

    def show_grant(self, rid: str, words: str, ends: float) -> None:
        """Show what a grant would allow until then; no words: show the approval alone again.

        The next life knows nothing of these words. So its note must not say that the message shows
        the approval alone while it may show them: it would leave them there.
        """
        card = self.cards.get(rid)
        if card is not None:
            card.words, card.grant_ends = words, ends
            if card.place is not None:
                card.place = msgspec.structs.replace(card.place, shown="")
            self._queue[rid] = None

    def grant_ends(self, rid: str) -> float:
        """When the grant that its message shows would end; 0: it shows none."""
        card = self.cards.get(rid)
        return card.grant_ends if card is not None else 0.0

    def view_of(self, rid: str) -> ApprovalView | None:
        """The approval as it stands; None: it is not on the board."""
        card = self.cards.get(rid)
        return card.view if card is not None else None

    # What to do

    def next_step(self) -> Step | None:
        """Return what to do next, or None: every message shows the truth."""
        while self._queue:
            rid = next(iter(self._queue))
            step = self._step(self.cards[rid])
            if step is not None:
                return step
            del self._queue[rid]
            if is_over(self.cards[rid].view):
                del self.cards[rid]
                return Forget(rid)
        for (chat_id, message_id), rid in self._strays.items():
            return Visit(rid, chat_id, message_id)
        return None

    def _step(self, card: Card) -> Step | None:
        view, place = card.view, card.place
        if card.refused:
            return None
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

    def sent(self, step: Send, chat_id: int, message_id: int) -> None:
        """The message is there."""
        card = self.cards[step.rid]
        card.place = Remembered(chat_id, message_id)

    def kept(self, step: Keep) -> None:
        """The note is durable."""
        self.cards[step.rid].noted = step.note

    def edited(self, step: Edit) -> None:
        """The message has this rendering."""
        card = self.cards[step.rid]
        if card.place is not None:
            card.place = msgspec.structs.replace(card.place, shown=step.rendering.digest)

    def gone(self, step: Edit) -> None:
        """Somebody deleted the message; what still waits is asked again."""
        card = self.cards[step.rid]
        card.place = card.noted = None

    def refused(self, step: Send | Edit) -> None:
        """Telegram will never take this."""
        self.cards[step.rid].refused = True

    def visited(self, step: Visit) -> None:
        """The message was brought to the truth, or it can't be."""
        self._strays.pop((step.chat_id, step.message_id), None)
        self._expected.discard(step.rid)

    def skip(self) -> None:
        """What comes first can't be done at all; go on with the next."""
        if self._queue:
            self.cards[next(iter(self._queue))].refused = True
        elif self._strays:
            del self._strays[next(iter(self._strays))]


def is_over(view: ApprovalView) -> bool:
    """Whether nothing more will happen to an approval."""
    if view.status == "waiting":
        return False
    return view.status != "approved" or bool(view.outcome)
