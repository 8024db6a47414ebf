"""The board: what each notification shows, what it should show, and what to do next. No I/O.

Take :meth:`Board.next_step`, do it, report it, and take the next; a step that failed is simply not
reported, and comes again, brought up to date.

Which approval comes first, :mod:`agentgate_server.approvals.turns` says. Times are monotonic
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.push.notification import Button, Notification
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.approvals.turns import Silent, Turns, pause_after

KEYS_MAX = 8
"""Tickets of one approval in one place; the oldest are spent, which no newer notification shows."""

REFUSALS_MAX = 5
"""After so many, a place is not told any more how an approval has ended."""


class Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the store keeps of an approval in one place.

    Attributes:
        shown: the digest of the last notification that arrived for certain, or "".
        keys: of the tickets that may be there, each with what it answers; newest last.
    """

    shown: str = ""
    keys: dict[str, bool] = {}


Note = dict[str, Noted]
"""By place."""


@dataclass(slots=True, eq=False)
class Spot:
    """One approval in one place.

    Attributes:
        noted: what is to be kept of it.
        tried: a notification may be there.
        offer: buttons whose tickets were not sent for certain yet.
        refusals: how often in a row it was refused there.
        retry_at: not before this.
    """

    noted: Noted = field(default_factory=Noted)
    tried: bool = False
    offer: tuple[Button, ...] = ()
    refusals: int = 0
    retry_at: float = 0.0


@dataclass(slots=True, eq=False)
class Card:
    """One approval.

    Attributes:
        view: as it stands.
        spots: by place.
        kept: what the store keeps of it; None: nothing.
    """

    view: ApprovalView
    spots: dict[str, Spot]
    kept: Note | None = None

    @property
    def note(self) -> Note:
        """What the store is to keep: nothing of places where nothing may be."""
        return {key: spot.noted for key, spot in self.spots.items() if spot.tried}


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make tickets for these buttons; report ``prepared``."""

    rid: str
    place: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """Make the note durable; report ``kept``."""

    rid: str
    note: Note


@dataclass(frozen=True, slots=True)
class Show:
    """Send a notification; report ``shown`` or ``refused``.

    Attributes:
        digest: what :meth:`Board.shown` notes; of the notification as it should be, however loud.
        is_first: nothing of this approval was seen there for certain.
    """

    rid: str
    place: str
    notification: Notification
    digest: str
    is_first: bool = field(default=True)


@dataclass(frozen=True, slots=True)
class Forget:
    """The approval is over and is shown so: drop the note. Nothing to report."""

    rid: str


Step = Prepare | Keep | Show | Forget | Tell


class Board:
    """See the module.

    Args:
        places: where people are asked.
        render: what is shown of an approval that stands like this, in this place.
        asks: says which ask is told of next.
        summaries: say how many are not.
    """

    def __init__(
        self,
        places: Iterable[str],
        render: Callable[[ApprovalView, str], Notification],
        asks: Notifying,
        summaries: Summaries,
    ) -> None:
        self.places = tuple(places)
        self.render = render
        self.turns = Turns(self._new, asks, summaries)
        self._problems: dict[str, str] = {}

    @property
    def problem(self) -> str:
        """What some place refuses at present, or ""."""
        return next(iter([*self._problems.values(), *self.turns.refused]), "")

    # What happened

    def remembered(self, rid: str, note: Note, view: ApprovalView | None, now: float) -> Card:
        """A former life has shown this approval.

        Args:
            rid: the approval, which was expected.
            note: what is known of its notifications.
            view: how it stood when it was looked up; None: nobody knows it.
            now: seconds.
        """
        card = self.turns.remembered(rid, view, now)
        assert card is not None, "one that nobody knows is forgotten by the caller"
        card.kept = note
        for place, spot in card.spots.items():
            if place in note:
                spot.noted, spot.tried = note[place], True
        self.turns.put(card)
        return card

    def show_again(self, rid: str, place: str) -> None:
        """What is shown of this approval there may be gone, or not be the truth."""
        card = self.turns.cards.get(rid)
        if card is not None and place in card.spots:
            spot = card.spots[place]
            spot.noted = Noted("", spot.noted.keys)
            self.turns.put(card)

    # What to do

    def next_step(self, now: float, silent: Silent) -> Step | None:
        """Return what to do next, or None: everything shows the truth, as far as it may."""
        self.turns.wake(now)
        while (card := self.turns.first(now, silent)) is not None:
            step = self._step(card, now)
            if step is not None:
                return step
            rid = card.view.id
            again = [s.retry_at for s in card.spots.values() if s.retry_at > now]
            if again:
                self.turns.later(rid, min(again))
            elif self.turns.done(card) and card.kept is not None:
                return Forget(rid)
        return self.turns.next_line(now, silent)

    def next_deadline(self, now: float, silent: Silent) -> float | None:
        """Return when there is something to do though nothing happens, or None."""
        return self.turns.next_deadline(now, silent)

    def _new(self, view: ApprovalView) -> Card:
        return Card(view, {place: Spot() for place in self.places})

    def _step(self, card: Card, now: float) -> Step | None:
        waits = card.view.status == "waiting"
        for place, spot in card.spots.items():
            if spot.retry_at > now or not (waits or spot.tried):
                continue
            wanted = self.render(card.view, place)
            digest = wanted.digest
            if spot.noted.shown == digest:
                continue
            if waits and spot.offer != wanted.buttons:
                return Prepare(card.view.id, place, wanted.buttons)
            spot.tried = True
            if waits and card.note != card.kept:
                return Keep(card.view.id, card.note)
            is_first = not spot.noted.shown
            sent = Notification(
                wanted.tag, wanted.title, wanted.text, wanted.loudness, spot.offer if waits else ()
            )
            return Show(card.view.id, place, sent, digest, is_first)
        if waits and card.note != (card.kept or {}):
            return Keep(card.view.id, card.note)
        return None

    # What was done

    def prepared(
        self, step: Prepare, buttons: tuple[Button, ...], keys: dict[str, bool]
    ) -> list[str]:
        """There are tickets with these keys for the buttons; return those that are too old."""
        spot = self.turns.cards[step.rid].spots[step.place]
        known = [*spot.noted.keys.items(), *keys.items()]
        spot.noted = Noted(spot.noted.shown, dict(known[-KEYS_MAX:]))
        spot.offer = buttons
        return [key for key, _ in known[:-KEYS_MAX]]

    def kept(self, step: Keep) -> None:
        """The note is durable."""
        self.turns.cards[step.rid].kept = step.note

    def shown(self, step: Show, keys: Iterable[str]) -> list[str]:
        """The notification is there, with the tickets of these keys; return the keys of others that
        may have been there before."""
        card = self.turns.cards[step.rid]
        spot, mine = card.spots[step.place], set(keys)
        self.turns.told(card)
        former = [key for key in spot.noted.keys if key not in mine]
        left = {key: yes for key, yes in spot.noted.keys.items() if key in mine}
        spot.noted = Noted(step.digest, left)
        spot.offer, spot.refusals, spot.retry_at = (), 0, 0.0
        self._problems.pop(step.place, None)
        return former

    def refused(self, step: Show, problem: str, now: float) -> None:
        """The place does not take it; others go first, and it gets it again later."""
        card = self.turns.cards[step.rid]
        spot = card.spots[step.place]
        spot.refusals += 1
        self._problems[step.place] = problem
        if card.view.status != "waiting" and spot.refusals >= REFUSALS_MAX:
            spot.noted, spot.retry_at = Noted(step.digest), 0.0
            return
        spot.retry_at = now + pause_after(spot.refusals)

    def skip(self, problem: str, now: float) -> None:
        """What comes first can't be done at all; go on with the next."""
        card = self.turns.first(now, {})
        if card is not None:
            self.turns.later(card.view.id, now + pause_after(1), problem)
