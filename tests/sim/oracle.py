"""The oracle: I1 to I10 as a plain model of what was asked, said, started and told.

It sees the world from outside (clients, people, tools, the disk) and each effect of the gate. It
knows nothing of how the gate works, but for the row of a request under way. Each check looks only
at what has just happened, so its price does not grow with the world.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from tests.sim.consent import Consent
from tests.sim.plan import AgentPlan, Ask
from tests.sim.repeats import Repeats
from tests.sim.session_oracle import SessionOracle
from tests.sim.timeline import NOON
from tests.sim.tools import WRITES

from agentgate_proto.client.calls import NOT_SENT, WITHDRAWN
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.ledger.admission import OTHER_CONTENT
from agentgate_proto.ledger.effects import (
    Answer,
    AnswerPending,
    ApprovalChanged,
    Decided,
    Effect,
    Refusal,
    Run,
    Write,
)
from agentgate_proto.records.decision import Action
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.records.storage import Put
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_server.sessions.tool_desk import CLIENT

if TYPE_CHECKING:
    from tests.sim.gateway import Life
    from tests.sim.old_agents import OldProcess
    from tests.sim.watched_gate import WatchedGate
    from tests.sim.world import World

    from agentgate_server.sockets.peer import Peer

DENIALS = (
    ErrorCode.DENIED_BY_PERSON,
    ErrorCode.APPROVAL_EXPIRED,
    ErrorCode.DENIED_BY_POLICY,
)
REFUSALS = (ErrorCode.LIMIT_EXCEEDED, ErrorCode.INVALID_PARAMS)
"""Errors that say of a request that its tool did not start."""

SESSION_REQUESTS = 1_000_000
"""Numbers of requests that sessions make lie above."""

LATE_S = 0.5
"""How much later than it wants the ledger may be woken."""

NO_CLAIM = ("nothing was run now", "being finished", OTHER_CONTENT)


class Oracle:
    """See the module.

    Attributes:
        outcomes: how requests ended, as their callers were told.
        two_at_once: principals of old clients that collected while another connection of theirs
            stood, as far as the gateway knew: it cannot know which process comes back.
        consent: what was allowed by whom.
        sessions: what holds of sessions besides.
        repeats: what need not run again.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.disk = world.disk
        self.fail = world.fail
        self.consent = Consent(world)
        self.sessions = SessionOracle(world)
        self.repeats = Repeats(world)
        self.disk.committed = self.sessions.committed
        self.outcomes: Counter[str] = Counter()
        self.ended: dict[int, str] = {}
        self.owner: dict[int, str] = {}
        self.never: set[int] = set()
        self.session_requests = 0
        self.starts: Counter[int] = Counter()
        self.starts_of: Counter[str] = Counter()
        self.started_as: dict[tuple[str, str, int | str], str] = {}
        self.by_content: dict[int, list[Ask]] = defaultdict(list)
        self.failed_writes: set[str] = set()
        self.told: dict[str, Outcome] = {}
        self.two_at_once: set[str] = set()

    # What agents do and hear

    def asks(self, agent: AgentPlan, ask: Ask) -> None:
        """An agent makes a request."""
        self.world.tell(agent.name, "asks", ask)
        self.owner[ask.content] = agent.principal
        self.by_content[ask.content].append(ask)

    def session_asks(self, principal: str, tool: str, content: int) -> int:
        """A session asks for a tool; return a number for that request."""
        plans = self.world.plan.agents
        place = next(at for at, agent in enumerate(plans) if agent.principal == principal)
        self.session_requests += 1
        ask = Ask(SESSION_REQUESTS + self.session_requests, place, 0.0, tool, content)
        self.asks(plans[place], ask)
        return ask.number

    def never_runs(self, number: int, content: int) -> None:
        """A session is told that the tool of a request has not run, and will not."""
        self.never.add(number)
        self._count_starts(content)

    def given_up(self, ask: Ask) -> None:
        """A caller has gone."""
        self.outcomes["given up"] += 1

    def settled(
        self, agent: AgentPlan, ask: Ask, result: Any, error: AgentGateError | None
    ) -> None:
        """A caller is told how its request ended."""
        self.world.tell(agent.name, "is told of", ask, error or result)
        if ask.number in self.ended:
            self.fail(f"I1: request {ask.number} of {agent.name} ends twice")
        if error is None:
            self.ended[ask.number] = "executed"
            self.outcomes["executed"] += 1
            if result != {"n": ask.content}:
                if not self.world.may_mistake(agent, ask):
                    self.fail(f"I8: {agent.name} asked for {ask.content} and is told {result!r}")
                self.world.count("mistaken for another's")
            elif not self.starts[result["n"]]:
                self.fail(f"I3: request {ask.number} is said to be executed and never started")
            return
        name = ErrorCode(error.code).name.lower()
        self.ended[ask.number] = name
        self.outcomes[name] += 1
        reused = error.code == ErrorCode.INVALID_REQUEST and OTHER_CONTENT in error.message
        if reused and not self.world.may_mistake(agent, ask):
            self.fail(f"I1: {agent.name} uses an id twice: {error.message}")
        if self.says_never(ask, error) and not self.world.may_mistake(agent, ask):
            self.never.add(ask.number)
            self._count_starts(ask.content)

    def says_never(self, ask: Ask, error: AgentGateError) -> bool:
        """Whether an error says that the tool did not start for this very request."""
        text = error.message
        if any(words in text for words in NO_CLAIM):
            return False
        if ask.tool not in WRITES:
            # It may have run before a crash, and been denied by a policy that came since.
            return error.code in DENIALS and error.code != ErrorCode.DENIED_BY_POLICY
        if error.code in DENIALS:
            return True
        if error.code == ErrorCode.CANCELLED:
            return WITHDRAWN in text or NOT_SENT in text
        return error.code in REFUSALS or "nothing was run" in text

    def _count_starts(self, content: int) -> None:
        """I2, over all that was asked with this content; a tool that reads may start again."""
        asks = self.by_content[content]
        starts = self.starts[content]
        most = len({ask.key or ask.number for ask in asks if ask.number not in self.never})
        most += self.disk.freed.get((content, True), 0)
        if starts > most and any(self.world.is_doubled(ask) for ask in asks):
            # One process has collected what the other, whose id it is too, then sends again
            most += self.disk.freed.get((content, False), 0)
        if starts > most and (asks[0].tool in WRITES or not most):
            what = f"{asks[0].tool}({content})"
            self.fail(f"I2: {what} started {starts} times; {most} of its requests may have run")

    def old_collects(self, process: OldProcess, call_id: int) -> None:
        """An old client asks for pending results; whatever comes next it takes for the reply."""
        process.agent.collect_id = call_id

    def old_reply(self, process: OldProcess, message: dict[str, Any]) -> None:
        """It takes this for the reply."""
        if message.get("id") != process.agent.collect_id:
            self.fail(f"{process.name} takes for the reply what is none: {message!r}")

    # What the gate is asked and does

    def asked(self, peer: Peer) -> None:
        """A request has reached the gate."""
        principal = peer.connection.principal
        if principal is None or principal.name in self.world.revoked:
            self.fail(f"I8: a request of {principal} is taken, and its token is revoked")

    def effect(self, gate: WatchedGate, effect: Effect) -> None:
        """The gate is about to do something."""
        match effect:
            case Write(change=Put(record=Record(phase=Phase.APPROVED) as record)):
                self.consent.approving(record, gate.judge.policy)
            case Write():
                pass
            case Answer():
                self._answered(gate, effect)
            case Run():
                self._started(gate, effect)
            case AnswerPending():
                self._collected(gate, effect)
            case ApprovalChanged(record):
                self.consent.announced(record)
            case Decided():
                self.consent.decided(effect)
            case Refusal(code=code):
                self.world.count(f"refused {ErrorCode(code).name.lower()}")
            case _:
                pass

    def _started(self, gate: WatchedGate, run: Run) -> None:
        rid = run.rid
        live = gate.ledger._lifecycle.live.get(rid)
        if live is None:
            self.fail(f"{rid} runs, and the ledger does not know it")
            return
        record = live.record
        if record.client_id.startswith(CLIENT):
            self.sessions.started(record)
        if run.tool == EXCEED_BUDGET:
            self.consent.may_run(record, self.disk.kept.get(rid))
            return
        content = msgspec.json.decode(run.args)["n"]
        self.world.tell("gateway", "starts", run.tool, content, "for", record.principal)
        if self.owner.get(content) is None:
            self.fail(f"nobody asked for {content}")
        self.starts[content] += 1
        self.starts_of[rid] += 1
        self._count_starts(content)
        row = self.disk.kept.get(rid)
        if rid in gate.tools.tasks_now:
            self.fail(f"{rid} runs already")
        if row is not None and row.outcome is not None:
            self.fail(f"{rid} is over and runs")
        if record.effects is Effects.WRITE:
            if row is None or row.phase is not Phase.RUNNING:
                self.fail(f"I2: the intention to run {run.tool} {content} is not durable")
            key = (record.principal, record.client_id, record.request_id)
            former = self.started_as.get(key, rid)
            if record.client_id and former != rid and former not in self.disk.gone:
                self.fail(f"I2: id {record.request_id} of {record.client_id} has run before")
            self.started_as[key] = rid
            if self.starts_of[rid] > 1:
                self.fail(f"I2: {run.tool} {content} starts again for the same request")
        self.repeats.started(record)
        self.consent.may_run(record, row)
        self.consent.runs(run, record, row)

    def finished(self, gate: WatchedGate, rid: str, outcome: Outcome) -> None:
        """A tool has ended."""
        row = self.disk.kept.get(rid)
        if outcome.status is Status.UNKNOWN:
            self.disk.unknown_at[rid] = self.world.timeline.now
        elif row is not None and row.warning:
            thing = (row.principal, row.digest)
            self.disk.unknown.pop(thing, None)
            self.disk.known_at[thing] = self.world.timeline.now

    def write_failed(self, gate: WatchedGate, last: int) -> None:
        """Writes were not made: the outcomes among them may be told all the same."""
        for entry in gate.ledger._lifecycle.journal._entries:
            if entry.number <= last:
                self.failed_writes.add(entry.rid)

    def _answered(self, gate: WatchedGate, answer: Answer) -> None:
        client = client_of(gate, answer.link)
        if not answer.rid or client is None:
            return
        row = self.disk.known(answer.rid)
        if row is None:
            live = gate.ledger._lifecycle.live.get(answer.rid)
            if live is None:
                if answer.rid not in gate.ledger._delivery.joined:
                    self.fail(f"{answer.rid} is answered, and nobody knows it")
                return
            self._told_early(live.record, answer.outcome)
            row = live.record
        elif row.outcome is None:
            if answer.rid not in self.failed_writes:
                self.fail(f"{row.signature} is answered before its outcome is durable")
        elif row.outcome != answer.outcome:
            self.fail(f"I3: {row.signature} is answered otherwise than on disk")
        if client[0] != row.principal:
            self.fail(f"I8: {row.signature} of {row.principal} goes to {client[0]}")
        elif client[1] != row.client_id or answer.request_id != row.request_id:
            self.fail(f"I8: {row.signature} goes to another client or id")
        self.consent.told(row, answer.outcome)
        told = self.told.setdefault(answer.rid, answer.outcome)
        if told != answer.outcome and answer.rid not in self.failed_writes:
            self.fail(f"I3: {row.signature} is answered in two ways")

    def _told_early(self, record: Record, outcome: Outcome) -> None:
        """An outcome is told of which nothing is on disk: only where nothing depends on it."""
        decision, _ = self.consent.judgements.get(record.rid, (None, False))
        first = self.disk.known(record.joined) if record.joined else None
        if first is not None and first.outcome == outcome:
            return  # it is on disk, as that of what this one is a repeat of
        if record.joined in self.failed_writes:
            return  # that could not be written, and is told all the same to whoever waits
        if outcome.status is Status.CANCELLED and not self.starts_of[record.rid]:
            return  # withdrawn before anything was kept of it
        if decision is not None and decision.action is Action.ASK:
            self.fail(f"{record.signature} is answered before its outcome is durable")
        if record.effects is Effects.WRITE and outcome.status is Status.EXECUTED:
            self.fail(f"{record.signature} is answered before its outcome is durable")

    def _collected(self, gate: WatchedGate, reply: AnswerPending) -> None:
        client = client_of(gate, reply.link)
        link = gate.ledger._delivery.links.get(reply.link)
        if link is not None and len(gate.ledger._delivery.links.of_old_clients(link.principal)) > 1:
            self.two_at_once.add(link.principal)
        for record in reply.records:
            row = self.disk.known(record.rid)
            if row is None or row.outcome is None or row.outcome != record.outcome:
                self.fail(f"{record.signature} is handed out and not on disk")
            if client is None:
                continue
            if client[0] != record.principal:
                self.fail(f"I8: {record.signature} is handed to {client[0]}")
            if client[1] != record.client_id:
                self.fail(f"I8: {record.signature} is handed to another client")

    def received(self, gate: WatchedGate, peer: Peer, rids: tuple[str, ...]) -> None:
        """I6: what is taken as received has been."""
        auth = peer.connection.auth
        for rid in rids:
            row = self.disk.kept.get(rid)
            if row is None or auth is None:
                continue
            self.world.look_for_receipt(row)

    def wakes(self, life: Life) -> None:
        """I10: a timer fires on time, unless the clock was set or the process stood still."""
        deadline = life.gate.ledger.next_deadline()
        if deadline is None or life.armed_by != self.world.utc_offset:
            return
        earliest = NOON + max(life.armed_at, life.frozen_until) + self.world.utc_offset
        late = self.world.utc() - max(deadline, earliest)
        if late > LATE_S:
            self.fail(f"I10: the ledger is woken {late:.1f} s late")

    def woken(self, gate: WatchedGate) -> None:
        """I10: a timer that has fired does not want to fire at once."""
        deadline = gate.ledger.next_deadline()
        if deadline is not None and deadline <= self.world.utc():
            self.fail("I10: the ledger's timer spins")


def client_of(gate: WatchedGate, link: int) -> tuple[str, str] | None:
    """Whose link it is: principal and client id; None: nobody's any more."""
    if link < 0 and gate.sessions is not None:
        mine = gate.sessions.tools._by_number.get(link)
        return None if mine is None else (mine.principal, f"{CLIENT}{mine.session}")
    peer = gate.peers.get(link)
    if peer is None or peer.connection.principal is None or peer.connection.auth is None:
        return None
    return peer.connection.principal.name, peer.connection.auth.client_id
