"""Withdrawing: a caller does not want its request any more.

Cancel against approve: whichever is durable first wins, and both sides are told so. What has
started goes on, or is being stopped, and its outcome tells how that went.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from agentgate_proto.ledger.coalescing import Joining
from agentgate_proto.ledger.deciding import Deciding
from agentgate_proto.ledger.effects import AnswerCancel, Effect, Stop
from agentgate_proto.ledger.links import Link
from agentgate_proto.ledger.live import CANCELLED, Caller, Live
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Phase

Finish = Callable[[Live, Outcome, float], None]


class Withdrawing:
    """Ends what its caller does not want.

    Args:
        joining: knows what has joined what, and who waits where.
        deciding: lets people decide.
        effects: the ledger's output queue.
        finish: gives a request its outcome.
    """

    def __init__(
        self, joining: Joining, deciding: Deciding, effects: deque[Effect], finish: Finish
    ) -> None:
        self._joining = joining
        self._delivery = joining.delivery
        self._deciding = deciding
        self._effects = effects
        self._finish = finish

    def cancel(
        self,
        live: Live | None,
        link: Link,
        call_id: int | str | None,
        request_id: int | str,
        now: float,
    ) -> None:
        """Withdraw what a link asked for under an id; None: that is not under way."""
        if live is None:
            status = "too_late" if self._delivery.is_past(link, request_id) else "unknown_request"
            self._delivery.emit(link, AnswerCancel(link.number, call_id, status))
            return
        caller = self._delivery.caller_of(live, link, request_id)
        if caller is live.callers[0]:
            self.give_up(live, link, call_id, now)
        else:
            self.leave(live, caller, link, call_id, now)

    def give_up(self, live: Live, link: Link, call_id: int | str | None, now: float) -> None:
        """Withdraw a request for its first caller, if that is still possible.

        Those that joined it go on: with another approval if it waits for a person, with this very
        request if not, or if it is the same act by its key.
        """
        phase = live.record.phase
        wanted = bool(live.joined) and not live.withdrawn_at
        if phase is Phase.WAITING and not (wanted and self._joining.is_shared(live)):
            live.withdrawn_at = now
            self._note_cancel(live, link, call_id)
            self._deciding.withdrawals.count(live.record.principal, now)
            self._deciding.withdraw(live)
            return
        if wanted or (phase is Phase.DONE and not live.settling):
            status = "too_late"
        elif phase is Phase.RUNNING:
            status = "stopping"
            if live.started:
                self._effects.append(Stop(live.record.rid))
            else:
                live.withdrawn_at = now
        else:
            live.withdrawn_at = now
            self._note_cancel(live, link, call_id)
            return
        self._delivery.emit(link, AnswerCancel(link.number, call_id, status))

    def leave(
        self, live: Live, caller: Caller, link: Link, call_id: int | str | None, now: float
    ) -> None:
        """Withdraw a request that had joined another one; that one goes on.

        Who only hears of a request has none to withdraw.
        """
        withdrawn = live.record.outcome == CANCELLED
        past = live.record.phase in (Phase.RUNNING, Phase.DONE)
        if withdrawn and live.abandoned and live.settling:  # so is this one, in the same write
            self._note_cancel(live, link, call_id)
        elif caller.record is None or (past and (live.abandoned or not withdrawn)):
            self._delivery.emit(link, AnswerCancel(link.number, call_id, "too_late"))
        else:
            own = self._joining.part(live, caller)
            if own.key == live.key:  # the act goes on under this key
                own.record = replace(own.record, idempotency_key="")
            self._note_cancel(own, link, call_id)
            self._finish(own, CANCELLED, now)

    def answer_cancels(self, live: Live) -> None:
        """Say what came of the calls of ``cancel_request`` that waited for what is certain now."""
        outcome, status = live.record.outcome, "too_late"
        if live.record.phase is Phase.APPROVED:
            status = "stopping"
        elif outcome is None or outcome.status is Status.CANCELLED:
            status = "cancelled"
        for number, call_id in live.cancels:
            link = self._delivery.links.get(number)
            if link is not None:
                self._delivery.emit(link, AnswerCancel(number, call_id, status))
        live.cancels.clear()

    def _note_cancel(self, live: Live, link: Link, call_id: int | str | None) -> None:
        """Remember a call of ``cancel_request`` until it is certain what came of it."""
        live.cancels = [a for a in live.cancels if self._delivery.links.get(a[0]) is not None]
        live.cancels.append((link.number, call_id))
