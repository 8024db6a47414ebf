"""The gate: wires connections, ledger, store, tools and people. It holds no rules.

Events of connections go in at ``handle``; what the ledger then wants done is done in ``_drain``,
in order, until there is nothing left. Nothing here waits: what takes time is a task or a thread
that reports back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import anyio

from agentgate_proto.connection.events import (
    Answered,
    AuthAsked,
    BodyOffered,
    Called,
    Closed,
    Event,
    HttpRequested,
    MessageReceived,
    Received,
    Unread,
    UpgradeAsked,
)
from agentgate_proto.ledger.effects import (
    ApprovalChanged,
    Decided,
    Effect,
    Question,
    Revoked,
    Run,
    Stop,
    Write,
)
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.storage import Restored
from agentgate_server.approvals.codes import Codes
from agentgate_server.approvals.desk import Desk
from agentgate_server.approvals.editing import Editor
from agentgate_server.approvals.watchers import Watchers
from agentgate_server.audit.recorder import AuditRecorder
from agentgate_server.faces.entrance import Entrance
from agentgate_server.faces.face import FaceFactory, FaceRouter, Surroundings
from agentgate_server.gate.authenticator import Authenticator
from agentgate_server.gate.backlog import Backlog
from agentgate_server.gate.calls import Calls
from agentgate_server.gate.door import Door
from agentgate_server.gate.explaining import Explainer
from agentgate_server.gate.face_calls import FaceCalls
from agentgate_server.gate.gauging import Gauging
from agentgate_server.gate.judge import Judge
from agentgate_server.gate.pacing import Pacing
from agentgate_server.gate.providing import Providing
from agentgate_server.gate.reloading import Reloader
from agentgate_server.gate.request_ids import Rids
from agentgate_server.gate.responses import Responder
from agentgate_server.gate.running import Running
from agentgate_server.gate.store_reports import LEDGER, StoreReports
from agentgate_server.gate.timekeeping import Timekeeper
from agentgate_server.gate.web import Web
from agentgate_server.identity.keyring import Keyring
from agentgate_server.observing import Observers
from agentgate_server.policy import Policy
from agentgate_server.relay.link import OpenUpstreams
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.agents import AgentDesk
from agentgate_server.sessions.desk import Conversations, SessionDesk
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import Reply
from agentgate_server.sockets.rounds import Rounds
from agentgate_server.store.engine import Engine
from agentgate_server.store.numbering import Numbering
from agentgate_server.store.writer import StoreWriter
from agentgate_server.tools.catalogue import Catalogue, Changing
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp.offers import Offers
from agentgate_server.tools.runner import Runner

log = logging.getLogger(__name__)


class Gate:
    """One gateway's inside.

    Args:
        policy: what may be done.
        catalogue: the tools.
        tokens: who is who.
        engine: where requests are kept.
        runner: runs tools.
        limits: of the ledger.
        masker: hides secrets from people.
        observers: hears what happens.
        codes: the one-time codes of approvers.
        conversations: what sessions are set up with; None: there are none.
        upstreams: the gateways behind this one; None: there are none.
        faces: make the faces besides the HTTP one.
        dialogues: are told who can be asked while a tool runs; None: no tool asks.
        offers: what MCP servers offer besides tools; None: there are none.
        utc: the clock of the ledger, UTC seconds.
        monotonic: the clock of the connections, in seconds.
        rids: makes the id of a request that comes now; unguessable, unless a test wants to guess.

    Attributes:
        desk_type: what the desk of the sessions is made of; a test may put another one here.
    """

    desk_type: Callable[..., SessionDesk] = SessionDesk

    def __init__(
        self,
        *,
        policy: Policy,
        catalogue: Catalogue,
        tokens: Keyring,
        engine: Engine,
        runner: Runner,
        limits: LedgerLimits,
        masker: Masker | None = None,
        observers: Observers | None = None,
        codes: Codes | None = None,
        conversations: Conversations | None = None,
        upstreams: OpenUpstreams | None = None,
        faces: Iterable[FaceFactory] = (),
        dialogues: Dialogues | None = None,
        offers: Offers | None = None,
        utc: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = anyio.current_time,
        rids: Callable[[float], str] | None = None,
    ) -> None:
        masker, self.upstreams = masker or Masker(), upstreams
        self.providing = Providing(catalogue, tokens, monotonic, self._spawn)
        catalogue, self.utc = self.providing.catalogue, utc
        self.observers, self.peers = observers or Observers(), dict[int, Peer]()
        self.rounds, self.numbering = Rounds(), Numbering()
        self.judge = Judge(policy, catalogue, self.observers)
        self.ledger = Ledger(self.judge.decide, limits, self.judge.again)
        self.sessions: SessionDesk | None = None
        reports = StoreReports(
            *(self.ledger, self.numbering, self.observers),
            sessions=lambda: self.sessions,
            failed=self.ledger_failed,
            utc=utc,
            drain=self.drain,
        )
        backlog, committed = Backlog(self.rounds, self.ledger, utc), self.observers.committed
        self.writer = StoreWriter(engine, reports, committed=committed, backlog=backlog)
        self.pacing = Pacing(self.writer.ask, self.peers, self._spawn, monotonic)
        self.audit = AuditRecorder(self.writer, self.ledger.to_tell, self.observers.capped, utc)
        self.running, runner.room = Running(catalogue, runner, self._finished), backlog
        editor = Editor(catalogue, masker, limits)
        self.desk = Desk(self.ledger, masker, codes or Codes(), editor, utc, catalogue)
        self.desk.is_agent = lambda name: any(a.name == name for a in tokens.principals)
        self.watchers = Watchers(self.desk.reach)
        self.desk.channels.append(self.watchers)
        self.authenticator = Authenticator(
            tokens,
            self.ledger,
            self.peers,
            audit=self.audit,
            observers=self.observers,
            retention_s=limits.retention_s,
            utc=utc,
            monotonic=monotonic,
            drain=self.drain,
        )
        self.responder = Responder(self.observers, self.authenticator.accept)
        self.calls = Calls(
            catalogue,
            self.ledger,
            self.desk,
            self.watchers,
            judge=self.judge,
            writer=self.writer,
            masker=masker,
            observers=self.observers,
            utc=utc,
            rids=rids or Rids().new,
            reload=self.reload,
            providing=self.providing,
            explainer=Explainer(self.judge, masker, tokens, self.ledger.objection_to_listing),
            epoch=lambda: self.authenticator.epoch,
            upstreams=upstreams,
            spawn=self._spawn,
            charged=self.rounds.charged,
        )
        self.agents: AgentDesk | None = None
        if conversations is not None:
            self.sessions = self.desk_type(
                conversations,
                numbering=self.numbering,
                ledger=self.ledger,
                writer=self.writer,
                catalogue=catalogue,
                expect=self.judge.expect,
                ask=self.calls.ask_for_session,
                observers=self.observers,
                spawn=self._spawn,
                utc=utc,
                drain=self.drain,
            )
            told, named = (self.audit, self.observers), conversations.agents
            self.agents = AgentDesk(self.sessions, named, *told, self._spawn, monotonic)
            self.authenticator.named_agents = self.agents.ids
            self.calls.serve_sessions(self.sessions, self.agents, self._spawn)
            self.authenticator.banished = self.sessions.banish
        entrance, reach = Entrance(self.authenticator, monotonic), self.desk.reach
        self.web = Web(
            self.authenticator, entrance, self._spawn, self.calls, self.ledger, self.peers, reach
        )
        doors = [self.ledger.close_door]
        if self.sessions is not None:
            doors.append(self.sessions.sessions.close_door)
        self.door = Door(*doors)
        sides = self.ledger, self.writer, self.calls, self.observers
        self.face_calls = FaceCalls(*sides, utc=utc, wake=self._drain_soon)
        if dialogues is not None:
            dialogues.find = self.face_calls.askers
        self.judge.replaced = self.face_calls.tools_changed
        for source in catalogue.live:
            if isinstance(source, Changing):
                source.changed = self.face_calls.tools_changed
        parts = self.sessions, self.agents, self.providing.desk, upstreams, self.face_calls, offers
        decide, health = self.calls.decide, self.web.parts
        around = Surroundings(entrance, self._spawn, decide, *parts, reports=health)
        self.closing, self.watchers.looks = around.closing, around.approval_changed
        self.gauges = Gauging(
            peers=self.peers,
            ledger=self.ledger,
            writer=self.writer,
            desk=self.desk,
            catalogue=catalogue,
            sessions=self.sessions,
            providers=self.providing.desk,
            upstreams=upstreams,
            running=lambda: self.running.count,
            clients=around.clients,
            utc=utc,
        )
        self.faces = FaceRouter([self.web, *(make(around) for make in faces)], self.web, entrance)
        self.reloader: Reloader
        self.timekeeper = Timekeeper(self.ledger.next_deadline, self.wake, utc)
        self._draining = self._repeating = self._handling = self._will_drain = False

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Restore what a former process left, then work until cancelled."""
        restored = await anyio.to_thread.run_sync(self.writer.engine.restore)
        async with anyio.create_task_group() as tasks:
            self.running.tasks = tasks
            tasks.start_soon(self.writer.run)
            if self.sessions is not None:
                tasks.start_soon(self.sessions.run)
            self.take_up(restored)
            task_status.started()
            await self.timekeeper.run()

    def take_up(self, restored: Restored) -> None:
        """Go on from what a former process left. Call once, before anything else."""
        self.authenticator.epoch = restored.epoch
        self.face_calls.take_up(restored.seal)
        self.desk.codes.used_before(restored.coded_at)
        self.ledger.restore(restored, self.utc(), self.running.changed(restored.active))
        if self.sessions is not None:
            self.sessions.restore(restored.sessions)
        self.authenticator.banish()
        self.drain()

    # Connections

    def handle(self, peer: Peer, event: Event) -> None:
        """Act on what a connection says; see :class:`agentgate_server.sockets.peer.Handler`."""
        self._handling = True
        try:
            self._take(peer, event)
        finally:
            self._handling = False
        self.drain()

    def _take(self, peer: Peer, event: Event) -> None:
        match event:
            case Called() | Unread():
                self.calls.take(peer, event)
            case Received(rids=rids):
                self.ledger.received(peer.number, rids)
                self.observers.received(peer.name, rids)
            case AuthAsked(auth=auth):
                self.authenticator.authenticate(peer, auth.token)
            case Answered():
                self.providing.answered(peer, event)
            case HttpRequested() | UpgradeAsked() | MessageReceived():
                self.faces.handle(peer, event)
            case BodyOffered():
                self.faces.offered(peer, event)
            case Closed(code=code, reason=reason, cap=cap):
                log.debug("connection %d closed: %s %s", peer.number, code, reason)
                if cap:
                    self.observers.capped(peer.name or peer.address, cap)
                self.faces.handle(peer, event)
                principal = peer.connection.principal
                if self.peers.pop(peer.number, None) is not None and principal is not None:
                    self.observers.disconnected(principal, code)
                self.calls.closed(peer)
                self.ledger.detach(peer.number)

    def judge_again(self) -> None:
        """Another policy is in force: what waits for people must meet it, too."""
        self.ledger.judge_again(self.utc())
        self.drain()

    def reload(self, reply: Reply) -> None:
        """Read policy and principals anew; the reply gets the report."""
        self._spawn(self.reloader.answer, reply)

    def _spawn(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        self.running.spawn(self.rounds.charged(function), *args)

    # The ledger's surroundings

    def _finished(self, rid: str, outcome: Outcome) -> None:
        self.ledger.finished(rid, outcome, self.utc())
        self.drain()

    def ledger_failed(self, upto: int, reason: str) -> None:
        """Those of the ledger's writes up to this number that are not durable were not made."""
        self.ledger.write_failed(upto, reason, self.utc())

    def wake(self) -> None:
        """Let the ledger do what is due."""
        self.ledger.handle_timer(self.utc())
        self._repeating = True  # a request ends by the timer only if it was asked about
        self.drain()
        self._repeating = False

    # Effects

    def drain(self) -> None:
        """Do all that the ledger wants done. A tool that returns at once adds to it."""
        if self._draining:
            return
        self._draining = True
        try:
            while True:
                while (effect := self.ledger.next_effect()) is not None:
                    self._do(effect)
                told = self.face_calls.drain_once()
                if self.sessions is not None:
                    told |= self.sessions.drain_once()
                if not told:
                    break
        finally:
            self._draining = False
        self.timekeeper.look()

    def _drain_soon(self) -> None:
        """Drain when whoever calls has returned; after an event that is done anyway."""
        if self._handling or self._draining or self._will_drain:
            return
        self._will_drain = True
        self._spawn(self._drain_now)

    async def _drain_now(self) -> None:
        self._will_drain = False
        self.drain()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Write(number, change, urgent):
                if not self._repeating:
                    self.observers.written(change)
                self.writer.submit(self.numbering.next(LEDGER, number), change, urgent=urgent)
            case Question(query, token):
                self.pacing.ask(query, token)
            case Run():
                self.observers.started(effect.rid, effect.tool)
                self.running.start(effect)
            case Stop(rid):
                self.running.stop(rid)
            case ApprovalChanged(record):
                self.observers.approval_changed(record)
                self.desk.changed(record)
            case Decided():
                self.desk.decided(effect)
            case Revoked():
                self.desk.revoked(effect)
            case _:
                if self.face_calls.owns(effect.link):
                    self.face_calls.told(effect)
                    return
                if effect.link < 0 and self.sessions is not None:
                    self.sessions.tools.told(effect)
                    return
                peer = self.peers.get(effect.link)
                if peer is not None:
                    self.responder.respond(peer, effect)
                    peer.poke()
