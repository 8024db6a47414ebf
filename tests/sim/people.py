"""People who answer approvals: at a terminal, in a browser, and on a screen inside the gateway.

They see what channels show them, think, and answer: some twice, some against each other, some
much too late. What they are told is compared with the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from tests.sim.agents import COMES_BACK_S, Process
from tests.sim.links import Link
from tests.sim.tools import EDITED, FORBIDDEN_TONE

from agentgate_proto.client.events import ClientState, Settled, StateChanged
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.messages import (
    Auth,
    DecideApproval,
    WatchApprovals,
)

if TYPE_CHECKING:
    from tests.sim.world import World

encode = msgspec.json.encode
PEOPLE = ("ann", "ben", "cleo")
PLACES = ("screen", "terminal", "browser")
SEEN_MAX = 10_000


class Answer:
    """One answer of one person."""

    __slots__ = ("by", "edit", "grant", "rid", "word", "world", "yes")

    def __init__(
        self,
        world: World,
        rid: str,
        by: str,
        *,
        yes: bool,
        grant: GrantTerms | None,
        edit: EditTerms | None = None,
        word: str = "",
    ) -> None:
        self.world = world
        self.rid = rid
        self.by = by
        self.yes = yes
        self.grant = grant
        self.edit = edit
        self.word = word

    # As the reply to a decision on the screen

    def result(self, result: Any) -> None:
        """It was taken."""
        self.world.oracle.consent.answer_taken(self)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """It was not."""
        self.world.oracle.consent.answer_refused(self, int(code))


class Revocation:
    """The end of a grant, as somebody has asked for it."""

    def __init__(self, world: World, grant_id: str) -> None:
        self.world = world
        self.grant_id = grant_id

    def result(self, result: Any) -> None:
        """It is over."""
        self.world.oracle.consent.revoked(self.grant_id)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """It is not, or will be again."""
        self.world.count("revocations lost")


class People:
    """Everybody who answers; also the channel that is the screen.

    Attributes:
        seen: approvals that somebody has thought about already.
    """

    name = "screen"
    problem = ""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.plan.chance("people")
        self.seen: set[str] = set()
        self.tools: dict[str, str] = {}
        self.edits = world.plan.chance("edits")
        self.terminal = Terminal(world)

    def approval_changed(self, view: ApprovalView) -> None:
        """See :class:`agentgate_server.approvals.channel.Channel`."""
        self.world.oracle.consent.shown(view)
        if view.grant and self.rng.random() < 0.3:
            self.world.timeline.after(self.rng.random() * 20.0, self.revoke, view.grant)
        if view.status != "waiting" or view.id in self.seen:
            return
        self.seen.add(view.id)
        plan, rng = self.world.plan, self.rng
        if rng.random() < 0.1:
            return  # nobody cares
        self.tools[view.id] = view.tool
        yes = rng.random() < 0.8
        think = rng.random() * plan.human_s
        self._plan(view.id, think, yes=yes)
        if view.approvers_needed > 1:
            self._plan(view.id, think * 1.5, yes=yes)
        if rng.random() < plan.human_trouble:
            again = rng.choice((0.0, 0.0, 0.01, 1.0, plan.ledger.approval_s))
            self._plan(view.id, think + again, yes=yes if rng.random() < 0.5 else not yes)

    def _plan(self, rid: str, seconds: float, *, yes: bool) -> None:
        grant = self._draw_grant() if yes and self.rng.random() < 0.15 else None
        edit, word = self._draw_edit(rid, yes=yes), self.edits.choice(("", "", "not at night"))
        who = self.rng.choice(PEOPLE)
        answer = Answer(self.world, rid, who, yes=yes, grant=grant, edit=edit, word=word)
        self.world.timeline.after(seconds, self._give, answer, self.rng.choice(PLACES))

    def _draw_edit(self, rid: str, *, yes: bool) -> EditTerms | None:
        if not yes or self.tools.get(rid) not in EDITED or self.edits.random() > 0.25:
            return None
        tone = self.edits.choice(("low", "low", "high", FORBIDDEN_TONE))
        return EditTerms(set={"tone": tone})

    def _draw_grant(self) -> GrantTerms:
        minutes, uses = self.rng.choice(((0.5, None), (None, 2), (None, 5), (2.0, 3)))
        any_args = ("n",) if self.rng.random() < 0.7 else ()
        return GrantTerms(minutes=minutes, uses=uses, any_args=any_args)

    def revoke(self, grant_id: str) -> None:
        """Somebody does not want a grant any more."""
        life = self.world.life
        if life is not None:
            life.enter(self._revoke, grant_id)

    def _revoke(self, grant_id: str) -> None:
        life = self.world.life
        assert life is not None
        reply = Revocation(self.world, grant_id)
        life.gate.desk.revoke(
            grant_id, approver="ann", channel="screen", now=self.world.utc(), reply=reply
        )
        life.gate.drain()

    def _give(self, answer: Answer, place: str) -> None:
        life = self.world.life
        if place == "terminal" and self.terminal.open_now:
            self.world.oracle.consent.answers(answer, Terminal.WHO)
            self.terminal.decide(answer)
        elif place == "screen" and life is not None:  # up to the last moment of a shutdown
            self.world.oracle.consent.answers(answer, answer.by)
            life.enter(self._on_screen, answer)
        elif life is not None and life.accepting:
            self.world.oracle.consent.answers(answer, answer.by)
            Browser(self.world, answer)

    def _on_screen(self, answer: Answer) -> None:
        life = self.world.life
        assert life is not None
        life.gate.desk.decide(
            answer.rid,
            approve=answer.yes,
            approver=answer.by,
            channel="screen",
            now=self.world.utc(),
            reply=answer,
            grant=answer.grant,
            word=answer.word,
            edit=answer.edit,
        )
        life.gate.drain()


class Terminal(Process):
    """Somebody with ``agent-gate watch``: our client, with an approver's token."""

    WHO = "tess"

    def __init__(self, world: World) -> None:
        super().__init__(world, "tess's terminal", Auth(token=f"token of {self.WHO}"), 1.0)
        self.answers: dict[int, Answer] = {}

    @property
    def open_now(self) -> bool:
        """Whether she can answer."""
        return self.machine.state not in (ClientState.IDLE, ClientState.CLOSED)

    def decide(self, answer: Answer) -> None:
        """Answer an approval."""
        answer.by = self.WHO
        params = DecideApproval(
            id=answer.rid,
            decision="approve" if answer.yes else "deny",
            grant=answer.grant,
            word=answer.word,
            edit=answer.edit,
        )
        try:
            handle = self.machine.call("decide_approval", params, 60.0, self.clock.now())
        except AgentGateError:
            return
        self.answers[handle] = answer
        self.turn()

    def settled(self, event: Settled) -> None:
        """See :class:`Process`."""
        answer = self.answers.pop(event.handle, None)
        if answer is None:
            return
        if event.error is None:
            answer.result(event.result)
        else:
            answer.error(ErrorCode(event.error.code), event.error.message, event.error.data)

    def changed(self, event: StateChanged) -> None:
        """See :class:`Process`."""
        if event.state is ClientState.CONNECTED:
            self.machine.call("watch_approvals", WatchApprovals(), 60.0, self.clock.now())
        elif event.state is ClientState.CLOSED:
            self.world.timeline.after(COMES_BACK_S, self.open)

    def pushed(self, params: msgspec.Struct) -> None:
        """See :class:`Process`."""
        if isinstance(params, ApprovalView):
            self.world.oracle.consent.shown(params)


class Browser:
    """One request of plain HTTP, on a connection of its own."""

    def __init__(self, world: World, answer: Answer) -> None:
        self.world = world
        self.answer = answer
        self.link: Link | None = None
        self.read = bytearray()
        world.dial(self, 1)

    def dialed(self, link: Link, dial: int) -> None:
        """The socket is open."""
        self.link = link
        word = "approve" if self.answer.yes else "deny"
        terms = b"" if self.answer.grant is None else b', "grant": ' + encode(self.answer.grant)
        terms += b"" if self.answer.edit is None else b', "edit": ' + encode(self.answer.edit)
        terms += b', "word": ' + encode(self.answer.word)
        body = b'{"decision": "%s"%s}' % (word.encode(), terms)
        link.up.put(
            b"POST /api/approvals/%s HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n"
            b"Authorization: Bearer token of %s\r\nContent-Length: %d\r\n\r\n%s"
            % (self.answer.rid.encode(), self.answer.by.encode(), len(body), body)
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
            self.answer.result(None)
        elif status == b"409":
            self.answer.error(ErrorCode.ALREADY_SETTLED, "", None)
        if self.link is not None:
            self.link.let_go(self)

    def window_opens(self) -> None:
        """There is nothing more to send."""
