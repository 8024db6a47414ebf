"""The gate: wires connections, ledger, store, tools and people. It holds no rules.

Events of connections go in at ``handle``; what the ledger then wants done is done in ``_drain``,
in order, until there is nothing left. Nothing here waits: what takes time is a task or a thread
that reports back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import anyio

from agentgate_proto.connection.base import AUTH_FAILED
from agentgate_proto.connection.events import (
    AuthAsked,
    Called,
    Closed,
    Event,
    HttpRequested,
    Received,
)
from agentgate_proto.ledger.effects import (
    ApprovalChanged,
    Decided,
    Effect,
    Question,
    Revoked,
    Run,
    Stop,
    Token,
    Write,
)
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Answer as StoreAnswer
from agentgate_proto.records.storage import Restored
from agentgate_proto.rpc.messages import AuthResult
from agentgate_server.approvals.codes import Codes
from agentgate_server.approvals.desk import Desk
from agentgate_server.approvals.watchers import Watchers
from agentgate_server.audit.teller import Audit
from agentgate_server.gate.calls import Calls
from agentgate_server.gate.reloading import Reloader
from agentgate_server.gate.request_ids import new_rid
from agentgate_server.gate.responses import respond
from agentgate_server.gate.running import Running
from agentgate_server.gate.web import Web
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.login_throttle import LoginThrottle
from agentgate_server.identity.tokens import hash_token
from agentgate_server.observing import Observing
from agentgate_server.policy import Policy
from agentgate_server.secrets.masking import Masker
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import Reply
from agentgate_server.store.engine import Engine
from agentgate_server.store.writer import StoreWriter
from agentgate_server.tools.catalogue import Catalogue
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
        observing: hears what happens.
        codes: the one-time codes of approvers.
        utc: the clock of the ledger, UTC seconds.
        monotonic: the clock of the connections, in seconds.
        rids: makes the id of a request that comes now; unguessable, unless a test wants to guess.
    """

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
        observing: Observing | None = None,
        codes: Codes | None = None,
        utc: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = anyio.current_time,
        rids: Callable[[float], str] = new_rid,
    ) -> None:
        self.policy = policy
        self.tokens = tokens
        self.limits = limits
        self.masker = masker or Masker()
        self.utc = utc
        self.monotonic = monotonic
        self.rids = rids
        self.observing = observing or Observing()
        self.ledger = Ledger(self._judge, limits)
        self.writer = StoreWriter(engine, self, committed=self.observing.committed)
        self.audit = Audit(self.writer)
        self.running = Running(catalogue, runner, self._finished)
        self.desk = Desk(self.ledger, self.masker, codes or Codes(), utc)
        self.watchers = Watchers(self.desk.reach)
        self.desk.channels.append(self.watchers)
        self.calls = Calls(self, catalogue)
        self.web = Web(self)
        self.peers: dict[int, Peer] = {}
        self.epoch = ""
        self.reloader: Reloader
        self._login_throttle = LoginThrottle()
        self._alarm = anyio.Event()
        self._armed: float | None = None
        self._draining = False
        self._repeating = False

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Restore what a former process left, then work until cancelled."""
        restored = await anyio.to_thread.run_sync(self.writer.engine.restore)
        async with anyio.create_task_group() as tasks:
            self.running.tasks = tasks
            tasks.start_soon(self.writer.run)
            self.take_up(restored)
            task_status.started()
            await self._keep_time()

    def take_up(self, restored: Restored) -> None:
        """Go on from what a former process left. Call once, before anything else."""
        self.epoch = restored.epoch
        self.desk.codes.used_before(restored.coded_at)
        self.ledger.restore(restored, self.utc())
        self._banish()
        self.drain()

    # Connections

    def handle(self, peer: Peer, event: Event) -> None:
        """Act on what a connection says; see :class:`agentgate_server.sockets.peer.Handler`."""
        match event:
            case Called(id=request_id, params=params):
                self.calls.take(peer, request_id, params)
            case Received(rids=rids):
                self.ledger.received(peer.number, rids)
                self.observing.received(peer.name, rids)
            case AuthAsked(auth=auth):
                self._authenticate(peer, auth.token)
            case HttpRequested():
                self.web.serve(peer, event)
            case Closed(code=code, reason=reason):
                log.debug("connection %d closed: %s %s", peer.number, code, reason)
                principal = peer.connection.principal
                if self.peers.pop(peer.number, None) is not None and principal is not None:
                    self.observing.disconnected(principal, code)
                self.watchers.remove(peer)
                self.ledger.detach(peer.number)
            case _:
                pass  # nothing else needs the gate
        self.drain()

    def identify(self, peer: Peer, token: str) -> Principal | float:
        """Return whose token it is, or for how many seconds the peer may not ask (0: it is wrong).

        Wrong tokens are counted by address.
        """
        now = self.monotonic()
        pause = self._login_throttle.blocked_s(peer.address, now)
        if pause:
            return pause
        self.look_at_tokens()
        principal = self.tokens.identify(token)
        if principal is None:
            self._login_throttle.failed(peer.address, now)
            self.observing.login_failed(peer.address)
            self.audit.login_failed(peer.address, now)
            return 0.0
        return principal

    def _authenticate(self, peer: Peer, token: str) -> None:
        principal = self.identify(peer, token)
        auth = peer.connection.auth
        assert auth is not None, "the connection has asked"
        if not isinstance(principal, Principal):
            if principal:
                text = "too many wrong tokens from this address"
                peer.connection.turn_away(text, principal)
            else:
                peer.connection.refuse_auth("Invalid token")
            return
        self.peers[peer.number] = peer
        peer.token_hash = hash_token(token)
        peer.connection.principal = principal
        self.observing.connected(principal, peer.address)
        if principal.role is Role.AGENT:
            self.ledger.attach(peer.number, principal.name, auth.client_id, progress=auth.progress)
        else:
            self.accept(peer, principal, 0)

    def accept(self, peer: Peer, principal: Principal, highest_id: int) -> None:
        """Tell a connection that it is authenticated."""
        result = AuthResult(
            principal=principal.name,
            role=principal.role,
            highest_id=highest_id,
            epoch=self.epoch,
            retention_s=self.limits.retention_s,
        )
        peer.connection.accept_auth(principal, result)
        peer.poke()

    def look_at_tokens(self) -> None:
        """Let what ``agent-gate token`` has changed count from now on."""
        before = self.tokens.principals
        if self.tokens.refresh():
            self.audit.principals_changed(before, self.tokens.principals)
            self.close_strangers()

    def reload(self, reply: Reply) -> None:
        """Read policy and principals anew; the reply gets the report."""
        assert self.running.tasks is not None, "connections are served while the gate runs"
        self.running.tasks.start_soon(self.reloader.answer, reply)

    def close_strangers(self) -> None:
        """Close the connections whose tokens count no more; withdraw what nobody may ask now."""
        for peer in list(self.peers.values()):
            principal = peer.connection.principal
            if principal is None or self.tokens.vouches(peer.token_hash, principal):
                continue
            log.warning("the token of %s was revoked: connection closed", principal.name)
            peer.connection.close(AUTH_FAILED, "the token was revoked")
            peer.poke()
        self._banish()
        self.drain()

    def _banish(self) -> None:
        self.ledger.banish({principal.name for principal in self.tokens.principals}, self.utc())

    # The ledger's surroundings

    def _judge(self, record: Record, args: Mapping[str, Any], now: float) -> Decision:
        """Ask the policy; one that fails denies."""
        try:
            decision = self.policy.decide(
                agent=record.principal,
                tool=record.tool,
                effects=record.effects,
                args=args,
                now=now,
                meaning=self.running.catalogue.meaning_of(record.tool),
            )
        except Exception:
            log.exception("the policy failed on %s", record.tool, extra={"rid": record.rid})
            text = "the policy failed on this request; the gateway's log says how"
            decision = Decision(action=Action.DENY, rule="built-in", description=text)
        self.observing.decided(record, decision)
        return decision

    def _finished(self, rid: str, outcome: Outcome) -> None:
        self.ledger.finished(rid, outcome, self.utc())
        self.drain()

    def on_durable(self, upto: int) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        self.ledger.durable(upto)
        self.drain()
        self.observing.tidy(self.ledger.is_active)

    def on_write_failed(self, first: int, last: int, reason: str) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        log.error("the store took no writes (%d to %d): %s", first, last, reason)
        self.ledger.write_failed(last, reason, self.utc())
        self.drain()

    def on_answer(self, token: Any, answer: StoreAnswer) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        if isinstance(token, Token):
            self.ledger.answered(token, answer, self.utc())
        else:
            token(answer, "")
        self.drain()

    def on_answer_failed(self, token: Any, reason: str) -> None:
        """See :class:`agentgate_server.store.writer.StoreCallbacks`."""
        log.error("the store could not answer: %s", reason)
        if isinstance(token, Token):
            self.ledger.answer_failed(token, reason)
        else:
            token(None, reason)
        self.drain()

    async def _keep_time(self) -> None:
        """Wake the ledger when a deadline is due; its clock may jump, so look again at times."""
        while True:
            self._armed = deadline = self.ledger.next_deadline()
            pause = LOOK_AGAIN_S if deadline is None else deadline - self.utc()
            with anyio.move_on_after(min(max(pause, 0.0), LOOK_AGAIN_S)):
                await self._alarm.wait()
            self._alarm = anyio.Event()
            self.wake()

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
            while (effect := self.ledger.next_effect()) is not None:
                self._do(effect)
        finally:
            self._draining = False
        if self.ledger.next_deadline() != self._armed:
            self.rearm()

    def rearm(self) -> None:
        """The ledger wants to be woken at another time than it did."""
        self._alarm.set()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Write(number, change, urgent):
                if not self._repeating:
                    self.observing.written(change)
                self.writer.submit(number, change, urgent=urgent)
            case Question(query, token):
                self.writer.ask(query, token)
            case Run():
                self.observing.started(effect.rid, effect.tool)
                self.running.start(effect)
            case Stop(rid):
                self.running.stop(rid)
            case ApprovalChanged(record):
                self.observing.approval_changed(record)
                self.desk.changed(record)
            case Decided():
                self.desk.decided(effect)
            case Revoked():
                self.desk.revoked(effect)
            case _:
                peer = self.peers.get(effect.link)
                if peer is not None:
                    respond(self, peer, effect)
                    peer.poke()


LOOK_AGAIN_S = 60.0
"""The longest sleep of the ledger's timer: a system clock that was set is noticed within it."""
