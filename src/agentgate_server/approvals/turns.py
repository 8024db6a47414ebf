"""Turns: the approvals that one channel shows, and which of them it looks at next. No I/O.

The rules that every channel keeps, whatever it shows and how. A new ask waits until it has its turn
(:mod:`agentgate_proto.quotas.notifying`). From then on what is shown of it is brought to the truth
as often as that changes. What asks and what tells how it ended take turns: neither a flood of asks
nor one of answers keeps the other away. What is refused goes behind the others, and comes again
after a pause that grows. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.summaries import Summaries, Tell

CARDS_MAX = 10_000
"""Approvals that one channel shows: about 40 MB. Those beyond it are asked when others have
gone."""

REFUSED_S = 60.0
"""The first pause before what a service has refused is tried again; doubles …"""

REFUSED_MAX_S = 3_600.0
"""… up to this: it may be a matter of what is said, of the place, or of a library."""

Silent = Mapping[str, float]
"""Agents whose new asks are not told of, each with the seconds for which that goes on."""


class Card(Protocol):
    """One approval of a channel, with what the channel has to know of it."""

    view: ApprovalView


C = TypeVar("C", bound=Card)


class Turns(Generic[C]):
    """See the module.

    Args:
        new: makes the card of an approval that was not known.
        asks: says which ask is told of next.
        summaries: say how many are not.

    Attributes:
        cards: by approval.
        overflowed: there was no room for an approval that may wait still.
    """

    def __init__(
        self, new: Callable[[ApprovalView], C], asks: Notifying, summaries: Summaries
    ) -> None:
        self.new = new
        self.asks = asks
        self.summaries = summaries
        self.cards: dict[str, C] = {}
        self.overflowed = False
        self._expected: set[str] = set()
        self._asking: dict[str, None] = {}
        self._telling: dict[str, None] = {}
        self._tells_next = False
        self._later: dict[str, tuple[float, str]] = {}

    @property
    def refused(self) -> list[str]:
        """Why what is tried again later was refused, one text for each approval."""
        return [why for _, why in self._later.values() if why]

    # What happened

    def changed(self, view: ApprovalView, now: float) -> None:
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
            card = self.cards[view.id] = self.new(view)
        if view.status == "waiting":
            self.asks.opened(view.id, view.agent, now)
        else:
            self.asks.over(view.id, view.status, now)
        if not self.asks.is_held(view.id):
            self.put(card)

    def expect(self, rid: str) -> None:
        """This approval is being looked up; what happens to it meanwhile counts."""
        self._expected.add(rid)

    def looked_up(self, rid: str) -> None:
        """Nothing is expected of this approval any more."""
        self._expected.discard(rid)

    def remembered(self, rid: str, view: ApprovalView | None, now: float) -> C | None:
        """Somebody was told of this approval in a former life; the caller puts its card.

        Args:
            rid: the approval, which was expected.
            view: how it stood when it was looked up; None: nobody knows it.
            now: seconds.

        Returns:
            its card, with what has happened meanwhile; None: nobody knows it.
        """
        self._expected.discard(rid)
        card = self.cards.get(rid)
        if card is None and view is not None:
            card = self.cards[rid] = self.new(view)
        if card is not None and card.view.status == "waiting":
            self.asks.known(rid, card.view.agent, now)
        return card

    def put(self, card: C) -> None:
        """Look at an approval again, behind the others."""
        rid, waits = card.view.id, card.view.status == "waiting"
        self._later.pop(rid, None)
        to, other = (self._asking, self._telling) if waits else (self._telling, self._asking)
        other.pop(rid, None)
        to[rid] = None

    def told(self, card: C) -> None:
        """People were shown how an approval stands: it is the other kind's turn."""
        self._tells_next = card.view.status == "waiting"

    def later(self, rid: str, at: float, why: str = "") -> None:
        """Others go first, and this approval comes again then.

        Args:
            rid: the approval.
            at: seconds.
            why: what was refused.
        """
        self._take_out(rid)
        self._later[rid] = at, why

    def done(self, card: C) -> bool:
        """What is shown of an approval is the truth.

        Returns:
            whether that is for ever: its card is gone.
        """
        self._take_out(card.view.id)
        if not is_over(card.view):
            return False
        del self.cards[card.view.id]
        return True

    # What to do

    def wake(self, now: float) -> None:
        """Look at what has waited for its time."""
        for rid in [rid for rid, (at, _) in self._later.items() if at <= now]:
            self.put(self.cards[rid])

    def first(self, now: float, silent: Silent) -> C | None:
        """The approval that is to be looked at; None: none. An ask that has its turn is counted."""
        if not self._asking and (rid := self.asks.turn(now, silent)):
            self._asking[rid] = None
        queues = (
            (self._telling, self._asking) if self._tells_next else (self._asking, self._telling)
        )
        rid = next((next(iter(queue)) for queue in queues if queue), "")
        return self.cards[rid] if rid else None

    def next_line(self, now: float, silent: Silent) -> Tell | None:
        """The line to tell next of asks that are held back; None: all lines are true."""
        return self.summaries.next_step(self.asks.held(now, silent), now)

    def next_deadline(self, now: float, silent: Silent) -> float | None:
        """Return when there is something to do though nothing happens, or None."""
        times = [at for at, _ in self._later.values()]
        times += [now + left for left in silent.values()]
        held = self.asks.held(now, silent)
        others = self.asks.next_deadline(now, silent), self.summaries.next_deadline(held)
        times += [at for at in others if at is not None]
        return min(times) if times else None

    def make_up(self, waiting: Callable[[], Iterable[ApprovalView]], now: float) -> None:
        """Ask what has found no room before, when there is some.

        Args:
            waiting: the approvals that wait now.
            now: seconds.
        """
        if self.overflowed and len(self.cards) < CARDS_MAX // 2:
            self.overflowed = False
            for view in waiting():
                self.changed(view, now)

    def _take_out(self, rid: str) -> None:
        self._asking.pop(rid, None)
        self._telling.pop(rid, None)


def pause_after(refusals: int) -> float:
    """How long to wait after so many refusals in a row, at least one; in seconds."""
    return min(REFUSED_S * 2.0 ** min(refusals - 1, 10), REFUSED_MAX_S)


def is_over(view: ApprovalView) -> bool:
    """Whether nothing more will happen to an approval."""
    if view.status == "waiting":
        return False
    return view.status != "approved" or bool(view.outcome)
