"""The tool desk: sessions ask for tools as clients of the ledger, each with a link of its own.

So policy, approvals, audit and I1 to I7 hold for a model's calls as for any other request. A
session collects what it has missed before it asks for anything, as our SDK does after a reconnect,
and it says that it has an outcome when that is in its log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import anyio
import msgspec

from agentgate_proto.ledger.effects import (
    Answer,
    AnswerCancel,
    AnswerPending,
    Attached,
    Effect,
    Refusal,
    TakenOver,
    TurnedAway,
    Waiting,
)
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import rfc3339
from agentgate_proto.sessions.sessions import Sessions

log = logging.getLogger(__name__)

CLIENT = "session:"
"""What the client ids of sessions begin with, and no other's."""

COLLECT = "collect"
CANCEL = "cancel:"
"""Names of our own calls of the ledger; a session's requests are answered by other effects."""

AGAIN_S = 1.0
"""Pause before the ledger is asked again for what it could not say."""

Ask = Callable[[int, str, str, dict[str, Any]], None]
"""Asks for a tool: link, request id, tool, arguments."""


class SessionLink:
    """The link of one session.

    Attributes:
        number: of the link; negative, for connections have the others.
        session, principal: whose.
        queue: calls that wait until it has collected.
        ready: it has.
        outcomes: what it has collected so far.
        rids: of outcomes that are not acknowledged, by call.
    """

    def __init__(self, number: int, session: str, principal: str) -> None:
        self.number = number
        self.session = session
        self.principal = principal
        self.queue: dict[str, tuple[str, dict[str, Any]]] = {}
        self.ready = False
        self.outcomes: dict[str, Outcome] = {}
        self.rids: dict[str, str] = {}


class ToolDesk:
    """See the module.

    Args:
        sessions: hears what became of calls.
        ledger: where requests live.
        ask: asks for a tool.
        spawn: starts an async function in a task.
        utc: the clock of ledger and sessions.
        drain: lets ledger and sessions do what they want done.
    """

    def __init__(
        self,
        sessions: Sessions,
        ledger: Ledger,
        ask: Ask,
        spawn: Callable[..., None],
        utc: Callable[[], float],
        drain: Callable[[], None],
    ) -> None:
        self._sessions = sessions
        self._ledger = ledger
        self._ask = ask
        self._spawn = spawn
        self._utc = utc
        self._drain = drain
        self._links: dict[str, SessionLink] = {}
        self._by_number: dict[int, SessionLink] = {}
        self._last = 0

    # What the sessions want

    def open(self, session: str, principal: str) -> None:
        """Let a session ask for tools; ``tools_open`` follows."""
        self._last -= 1
        link = SessionLink(self._last, session, principal)
        self._links[session] = link
        self._by_number[link.number] = link
        self._attach(link)

    def close(self, session: str) -> None:
        """It asks for no more."""
        link = self._links.pop(session)
        del self._by_number[link.number]
        self._ledger.detach(link.number)

    def ask(self, session: str, call: str, tool: str, args: msgspec.Raw) -> None:
        """Ask for a tool."""
        link = self._links[session]
        decoded: dict[str, Any] = msgspec.json.decode(args)
        if link.ready:
            self._ask(link.number, call, tool, decoded)
        else:
            link.queue[call] = tool, decoded

    def cancel(self, session: str, call: str) -> None:
        """Withdraw a request; ``tool_cancelled`` follows."""
        link = self._links[session]
        if link.queue.pop(call, None) is not None:
            self._sessions.tool_cancelled(session, call, "unknown_request", self._utc())
        else:
            self._ledger.cancel(link.number, f"{CANCEL}{call}", call, self._utc())

    def acknowledge(self, session: str, call: str) -> None:
        """An outcome is in the session's log."""
        link = self._links.get(session)
        rid = link.rids.pop(call, "") if link is not None else ""
        if link is not None and rid:
            self._ledger.received(link.number, (rid,))

    # What the ledger tells

    def told(self, effect: Effect) -> None:
        """Take what the ledger wants the link of a session told."""
        link = self._by_number.get(getattr(effect, "link", 0))
        if link is None:
            return  # it was closed meanwhile
        now = self._utc()
        match effect:
            case Attached():
                self._ledger.collect(link.number, COLLECT)
            case AnswerPending():
                self._collected(link, effect, now)
            case Answer(request_id=call, outcome=outcome, rid=rid):
                if rid:
                    link.rids[str(call)] = rid
                self._sessions.tool_ended(link.session, str(call), outcome, now)
            case AnswerCancel(call_id=call_id, status=status):
                call = str(call_id).removeprefix(CANCEL)
                self._sessions.tool_cancelled(link.session, call, status, now)
            case Waiting(record=record):
                approval = {
                    "approval": record.rid,
                    "rule": record.description or record.rule,
                    "signature": record.signature,
                    "expires_at": rfc3339(record.expires_at),
                }
                call = str(record.request_id)
                self._sessions.tool_waiting(link.session, call, approval, now)
            case Refusal():
                self._refused(link, effect, now)
            case TurnedAway():
                self._spawn(self.later, self._attach_again, link)
            case TakenOver():
                log.error("session %s lost its link to another client", link.session)
            case _:
                raise AssertionError(f"not for a session: {effect!r}")

    def refused(self, number: int, call: str, code: int, message: str) -> None:
        """A request was not taken: there is no such tool, or its arguments do not fit."""
        link = self._by_number.get(number)
        if link is not None:
            outcome = Outcome(status=Status.FAILED, code=code, message=message)
            self._sessions.tool_ended(link.session, call, outcome, self._utc())

    def _attach(self, link: SessionLink) -> None:
        client = f"{CLIENT}{link.session}"
        self._ledger.attach(link.number, link.principal, client, progress=True)

    def _collected(self, link: SessionLink, reply: AnswerPending, now: float) -> None:
        for record in reply.records:
            assert record.outcome is not None, "what is collected is done"
            link.outcomes[str(record.request_id)] = record.outcome
            link.rids[str(record.request_id)] = record.rid
        if reply.more:
            self._ledger.collect(link.number, COLLECT)
            return
        outcomes, link.outcomes = link.outcomes, {}
        pending = [str(call) for call in reply.pending if str(call) not in outcomes]
        link.ready = True
        self._sessions.tools_open(link.session, outcomes, pending, now)
        queue, link.queue = link.queue, {}
        for call, (tool, args) in queue.items():
            self._ask(link.number, call, tool, args)

    def _refused(self, link: SessionLink, refusal: Refusal, now: float) -> None:
        if refusal.request_id == COLLECT:
            self._spawn(self.later, self._collect_again, link)
            return
        outcome = Outcome(status=Status.FAILED, code=refusal.code, message=refusal.message)
        self._sessions.tool_ended(link.session, str(refusal.request_id), outcome, now)

    async def later(self, act: Callable[[SessionLink], None], link: SessionLink) -> None:
        """Do something about a link after a pause."""
        await anyio.sleep(AGAIN_S)
        act(link)

    def _attach_again(self, link: SessionLink) -> None:
        if self._links.get(link.session) is link:
            self._ledger.detach(link.number)
            self._attach(link)
            self._drain()

    def _collect_again(self, link: SessionLink) -> None:
        if self._links.get(link.session) is link:
            self._ledger.collect(link.number, COLLECT)
            self._drain()
