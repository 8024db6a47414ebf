"""The invariants of the ledger, checked at every effect against what the test did.

A plain reference: it remembers what was asked, decided, started and told, and looks at the disk;
it knows nothing of how the ledger works, except in ``check``, which looks for tables that leak.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import replace
from tests.proto.ledger_grants import GrantChecker
from tests.proto.ledger_tables import check_tables

from agentgate_proto import limits
from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.abandoning import CHANGED, GONE
from agentgate_proto.ledger.admission import OTHER_CONTENT, Asked
from agentgate_proto.ledger.effects import (
    Answer,
    AnswerCancel,
    AnswerPending,
    Attached,
    Decided,
    Refusal,
    Run,
    TakenOver,
    TurnedAway,
    Waiting,
)
from agentgate_proto.ledger.live import Verdict
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.records.storage import FindTwin

if TYPE_CHECKING:
    from tests.proto.ledger_world import Connection, Frame, RequestId, World

FOR_EVER_S = 1e9
"""Further back than any clock is set here."""

Key = tuple[str, str, "RequestId"]
"""Principal, client id, request id; of clients that name themselves."""


class Sent:
    """A request as its client sent it."""

    def __init__(self, connection: Connection, asked: Asked) -> None:
        self.asked = asked
        self.connection = connection
        self.principal = connection.principal
        self.client_id = connection.client_id
        self.got = asked.args if asked.bound is None else asked.bound
        self.digest = digest_of(asked.tool, canonical_args(self.got))
        self.contents = {self.digest, digest_of(asked.tool, canonical_args(asked.args))}

    @property
    def key(self) -> Key:
        return self.principal, self.client_id, self.asked.request_id


class Checker:
    """See the module."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests: dict[str, Sent] = {}
        self.contents: dict[Key, set[str]] = defaultdict(set)
        self.judgements: dict[str, tuple[Decision, bool]] = {}
        self.judged_last: dict[str, Decision] = {}
        self.left_over: set[str] = set()
        self.starts: Counter[str] = Counter()
        self.write_starts_by_key: Counter[Key] = Counter()
        self.write_starts_by_act: Counter[tuple[str, str]] = Counter()
        self.unknown: set[tuple[str, str]] = set()
        self.outcomes: dict[str, Outcome] = {}
        self.outcome_by_key: dict[Key, Outcome] = {}
        self.failed: set[str] = set()
        self.tickets: dict[str, tuple[str, bool, str]] = {}
        self.won: dict[str, bool] = {}
        self.withdrawn: set[str] = set()
        self.received: set[str] = set()
        self.under_way: dict[int, dict[RequestId, str]] = defaultdict(dict)
        self.collects: dict[int, list[RequestId | None]] = defaultdict(list)
        self.collected_upto: Counter[int] = Counter()
        self.cancels: dict[tuple[int, RequestId], str] = {}
        self.grants = GrantChecker(world)
        self.repeats: set[str] = set()
        self.taken_over: set[str] = set()
        self.ran: dict[str, str] = {}
        self.edits: defaultdict[str, list[tuple[str, Edit | None]]] = defaultdict(list)
        self.yes: defaultdict[str, set[str]] = defaultdict(set)

    # What the test does

    def asked(self, connection: Connection, asked: Asked) -> None:
        sent = self.requests[asked.rid] = Sent(connection, asked)
        if connection.client_id:
            self.contents[sent.key] |= sent.contents
        elif connection.open:
            self.under_way[connection.number].setdefault(asked.request_id, asked.rid)
        if self._is_certain_repeat(sent):
            self.repeats.add(asked.rid)

    def hearing(self, connection: Connection, rid: str, request_id: RequestId) -> None:
        """A connection wants to hear of a request: its outcome is the answer to this id, too."""
        sent = self.requests.get(rid)
        if sent is not None:
            key = connection.principal, connection.client_id, request_id
            self.contents[key] |= sent.contents

    def _is_certain_repeat(self, sent: Sent) -> bool:
        """Whether a write need not run whatever comes, because one like it runs or has run (I2).

        With a window without end; of what comes back within one, see the tests.
        """
        asked = sent.asked
        if asked.join_s < FOR_EVER_S or asked.idempotency_key or not sent.client_id:
            return False
        if asked.effects is Effects.READ:
            return False
        thing = (sent.principal, sent.digest)
        alike = [
            record
            for record in (live.record for live in self.world.ledger._lifecycle.live.values())
            if (record.principal, record.digest) == thing
        ]
        newest = self.world.store.answer(FindTwin(*thing, -FOR_EVER_S))
        has_run = isinstance(newest, Record) and newest.outcome is not None
        has_run = has_run and newest.outcome.status is Status.EXECUTED
        return has_run and not alike

    def judged(self, record: Record, args: Any, decision: Decision) -> None:
        sent = self.requests[record.rid]
        assert args == sent.asked.args
        assert record.rid not in self.judgements, "a request is judged once"
        self.grants.judging(record.rid)
        self.judgements[record.rid] = decision, (record.principal, record.digest) in self.unknown

    def judged_again(self, record: Record, args: Any, decision: Decision) -> None:
        edit = self.world.edits.get(record.digest)
        got = self.requests[record.rid].got if edit is None else json.loads(bytes(edit.args))
        assert args == got
        assert record.phase is Phase.WAITING, "only what waits is judged again"
        self.judged_last[record.rid] = decision

    def finished(self, rid: str, outcome: Outcome) -> None:
        sent = self.requests[rid]
        thing = (sent.principal, self.ran[rid])
        row = self.world.store.rows.get(rid)
        if outcome.status is Status.UNKNOWN:
            self.unknown |= {thing, (sent.principal, sent.digest)}
        elif row is not None and (row.warning or row.edit):
            self.unknown.discard(thing)

    def deciding(self, ticket: str, rid: str, verdict: Verdict) -> None:
        self.tickets[ticket] = rid, verdict.approve, verdict.approver
        self.edits[rid].append((verdict.approver, verdict.edit))
        decision, _ = self.judgements.get(rid, (None, False))
        if verdict.approve and decision and (verdict.verified or not decision.code):
            self.yes[rid].add(verdict.approver)

    def collecting(self, connection: Connection, call_id: RequestId | None) -> None:
        if connection.open:
            self.collects[connection.number].append(call_id)

    def cancelling(self, connection: Connection, call_id: RequestId, request_id: RequestId) -> None:
        delivery = self.world.ledger._delivery
        link = delivery.links.get(connection.number)
        if link is None:
            return
        rid = delivery.rid_of(link, request_id)
        if rid:
            live = self.world.ledger._lifecycle.live[rid]
            if delivery.caller_of(live, link, request_id) is not live.callers[0]:
                rid = ""  # it had joined, and leaves
        self.cancels[connection.number, call_id] = rid

    def acknowledged(self, connection: Connection, rids: list[str]) -> None:
        if connection.open:
            self.received.update(rids)

    def write_failed(self, upto: int) -> None:
        """Outcomes that could not be stored are told live."""
        lifecycle = self.world.ledger._lifecycle
        for entry in lifecycle.journal._entries:
            if entry.number <= upto and entry.rid in lifecycle.live:
                self.failed.add(entry.rid)
                callers = lifecycle.live[entry.rid].callers
                self.failed.update(caller.record.rid for caller in callers if caller.record)

    def killed(self) -> None:
        self.tickets.clear()
        self.failed.clear()
        self.cancels.clear()
        self.collects.clear()
        self.grants.killed()
        rows = self.world.store.restore()
        self.left_over = {row.rid for row in rows.active}
        may_have_run = [
            *rows.unknown,
            *(
                row
                for row in rows.active
                if row.phase is Phase.RUNNING and row.effects is Effects.WRITE
            ),
        ]
        self.unknown = {(row.principal, row.digest) for row in may_have_run}
        self.unknown |= {(row.principal, row.as_approved.digest) for row in may_have_run}

    # What the ledger does

    def started(self, run: Run) -> None:
        sent = self.requests[run.rid]
        disk = self.world.store.rows.get(run.rid)
        self.ran[run.rid] = digest_of(run.tool, run.args)
        edit = disk.edit if disk is not None else None
        if edit is None:
            assert (run.tool, json.loads(run.args)) == (sent.asked.tool, sent.got)
        else:
            assert disk is not None
            assert self.ran[run.rid] == edit.digest, "something else runs than was approved"
            assert (disk.approver, edit) in self.edits[run.rid], "nobody has made that of it"
        assert run.rid not in self.world.running, "it runs already"
        assert run.rid not in self.withdrawn, "its caller was told that it will not run"
        assert disk is None or disk.outcome is None, "it is over"
        assert run.rid not in self.repeats, "what it repeats has run"
        if sent.asked.effects is Effects.WRITE:  # I2
            assert disk is not None, "the intention is not durable"
            assert disk.phase is Phase.RUNNING, "the intention is not durable"
            assert not self.starts[run.rid], "started twice"
            if sent.client_id:
                self.write_starts_by_key[sent.key] += 1
                assert self.write_starts_by_key[sent.key] == 1
            if sent.asked.idempotency_key:
                act = (sent.principal, sent.asked.idempotency_key)
                self.write_starts_by_act[act] += 1
                assert self.write_starts_by_act[act] == 1
        self.starts[run.rid] += 1
        decision, was_unknown = self.judgements[run.rid]  # I4
        if decision.action is Action.ALLOW and not (
            was_unknown and decision.ask_again_after_unknown
        ):
            return
        assert disk is not None, "nobody said yes"
        if disk.grant and not disk.expires_at:
            self.grants.started(disk, decision, was_unknown=was_unknown)
            return
        assert disk.decided_at, "nobody said yes"
        said_yes = {disk.approver, *(said.approver for said in disk.endorsements)}
        assert said_yes <= self.yes[run.rid], "they did not, or not with a code"
        last = self.judged_last[run.rid]
        assert last.action is not Action.DENY, "the policy denied it when the yes came"
        needed = max(last.approvers, decision.approvers)
        assert len(said_yes) >= disk.approvers_needed >= needed, "too few said yes"
        assert disk.digest == sent.digest, "something else was approved"
        yes = (disk.approver, disk.edit)
        assert yes in self.edits[run.rid], "they said yes to something else"
        assert any(row.phase is Phase.APPROVED for row in self.world.store.history[run.rid])

    def announced(self, record: Record) -> None:
        self._assert_durable(record)
        assert record.expires_at, "nobody was to be asked"

    def decision_told(self, decided: Decided) -> None:
        rid, approve, by = self.tickets.pop(decided.ticket)
        if decided.record is not None:
            self._assert_durable(decided.record)
            assert decided.record.rid == rid
        if decided.problem:
            assert not decided.won
        elif decided.won and decided.record and decided.record.phase is Phase.WAITING:
            assert approve, "a no ends it"
            assert by in [said.approver for said in decided.record.endorsements]
            assert len(decided.record.endorsements) < decided.record.approvers_needed
        elif decided.won:  # I5
            assert rid not in self.won, "two won"
            self.won[rid] = approve
            assert decided.record is not None
            assert decided.record.approver == by
            yes = decided.record.phase is Phase.APPROVED
            no = decided.record.outcome is not None and (
                decided.record.outcome.code == ErrorCode.DENIED_BY_PERSON
            )
            assert (yes, no) == (approve, not approve)
        elif decided.record is not None:
            assert decided.record.phase is not Phase.WAITING, "it still waits: why not taken?"

    def sent(self, connection: Connection, frame: Frame) -> None:
        number = connection.number
        assert connection.open, "nothing is sent where nobody is"
        if connection.client_id:
            attached = any(isinstance(a, Attached) for a in connection.sent)
            first = isinstance(frame, Attached | TurnedAway | TakenOver)
            assert attached or first, "nothing overtakes the auth result"
        elif self.collects[number]:
            match frame:
                case AnswerPending(call_id=call_id) | Refusal(request_id=call_id):
                    assert call_id in self.collects[number], "an old client takes it for the reply"
                case _:
                    raise AssertionError("an old client takes it for the reply")
        match frame:
            case Answer():
                self._answered(connection, frame)
            case Refusal():
                self._refused(connection, frame)
            case AnswerPending():
                self._collected(connection, frame)
            case AnswerCancel():
                self._cancelled(connection, frame)
            case Waiting(_, record):
                joined = self.world.ledger._delivery.joined.get(record.rid)
                if joined is None:  # who only hears is told under an id of its own
                    asked = self.requests[record.rid]
                    own = {"client_id": asked.client_id, "request_id": asked.asked.request_id}
                    self._assert_durable(replace(record, **own))
                else:
                    assert joined.approval is not None, "nobody is asked"
                assert (record.principal, record.client_id) == (
                    connection.principal,
                    connection.client_id,
                )

    def _answered(self, connection: Connection, answer: Answer) -> None:
        request_id = answer.request_id
        own = self.under_way[connection.number].pop(request_id, None)
        if connection.client_id:
            allowed = self.contents[connection.principal, connection.client_id, request_id]
        elif own is not None:
            allowed = self.requests[own].contents
        else:
            assert isinstance(request_id, int)
            assert request_id < self.collected_upto[connection.number], "not this process's"
            old = [sent for sent in self.requests.values() if not sent.client_id]
            allowed = {each for sent in old for each in sent.contents}
        self._told_of_people(answer.outcome)
        if answer.outcome.status is Status.EXECUTED:
            source = self.requests[json.loads(bytes(answer.outcome.data))["run"]]
            assert source.principal == connection.principal  # I8
            assert source.contents & allowed, "the answer to another question"
        if answer.rid:
            sent = self.requests[answer.rid]
            assert (sent.principal, sent.client_id) == (
                connection.principal,
                connection.client_id,
            )  # I8
            assert sent.asked.request_id == request_id
            self._outcome_told(answer.rid, answer.outcome)
            if answer.joined_at:
                self._told_of_the_past(answer)

    def _told_of_people(self, outcome: Outcome) -> None:
        """What ran is told as it ran."""
        if outcome.status is not Status.EXECUTED:
            return
        rid = json.loads(bytes(outcome.data))["run"]
        row = self.world.store.rows.get(rid)
        if row is None or row.edit is None:
            assert outcome.edited is UNSET, "nobody has edited it"
        else:
            assert outcome.edited == row.edit.for_agent, "it is not told that it was edited"

    def _told_of_the_past(self, answer: Answer) -> None:
        """Nothing was run: it is the outcome of what had ended before this was asked."""
        row = self.world.store.rows.get(answer.rid)
        assert row is not None or answer.rid in self.failed, "it has no row of its own"
        if row is None:
            return
        first = self.world.store.rows[row.joined]
        assert (first.principal, first.digest) == (row.principal, row.digest)
        assert (first.outcome, first.resolved_at) == (answer.outcome, answer.joined_at)
        assert not self.starts[answer.rid], "it has run"

    def _outcome_told(self, rid: str, outcome: Outcome) -> None:
        """I3, and that what must be durable first was."""
        row = self.world.store.rows.get(rid)
        if row is not None and row.outcome is not None:
            assert outcome == row.outcome
        elif row is not None:
            assert rid in self.failed, "told before it was durable"
            assert row.phase is not Phase.WAITING, "told before it was durable"
        else:
            decision, _ = self.judgements.get(rid, (None, False))
            asked = decision is not None and decision.action is Action.ASK
            withdrawn = outcome.status is Status.CANCELLED or outcome in (CHANGED, GONE)
            # it had joined, and nothing knew of it
            assert not asked or withdrawn or rid in self.failed, "told before it was durable"
            write = self.requests[rid].asked.effects is Effects.WRITE
            assert not (write and outcome.status is Status.EXECUTED) or rid in self.failed

    def _refused(self, connection: Connection, refusal: Refusal) -> None:
        collects = self.collects[connection.number]
        if refusal.request_id in collects:
            collects.remove(refusal.request_id)
            return
        assert refusal.request_id is not None
        if OTHER_CONTENT in refusal.message:
            return
        rid = self.under_way[connection.number].pop(refusal.request_id, None)
        if refusal.code is ErrorCode.INTERNAL_ERROR and "being finished" not in refusal.message:
            assert "nothing was run" in refusal.message
            if rid is not None:
                assert not self.starts[rid]
            key = (connection.principal, connection.client_id, refusal.request_id)
            if "cannot store" in refusal.message:
                assert not self.write_starts_by_key[key]

    def _collected(self, connection: Connection, reply: AnswerPending) -> None:
        number = connection.number
        self.collects[number].remove(reply.call_id)
        if isinstance(reply.call_id, int) and not connection.client_id:
            self.collected_upto[number] = max(self.collected_upto[number], reply.call_id)
        assert len(reply.records) <= limits.PENDING_ROWS_MAX  # I9
        assert not reply.more or reply.records, "more of nothing"
        for row in reply.records:
            self._assert_durable(row)
            assert (row.principal, row.client_id) == (
                connection.principal,
                connection.client_id,
            )  # I8
            assert row.outcome is not None
            for other in self.world.connections.values():
                on_their_way = other.in_flight[-limits.UNACKED_MAX :]
                again = row.rid in self.received  # had, but that could not be stored
                assert again or not (other.open and row.rid in on_their_way), "it is on its way"
            if not connection.client_id:
                assert row.request_id not in self.under_way[number]

    def _cancelled(self, connection: Connection, answer: AnswerCancel) -> None:
        assert answer.call_id is not None
        rid = self.cancels.pop((connection.number, answer.call_id))
        if answer.status == "cancelled" and rid:
            assert not self.won.get(rid), "both were told that they came first"
            assert not self.starts[rid], "it has run"
            self.withdrawn.add(rid)

    def _taken_over_by(self, row: Record) -> set[str]:
        """What a repeat's client need not be told any more under the ids that it used before."""
        return {
            rid
            for rid, other in self.world.store.rows.items()
            if (other.principal, other.client_id) == (row.principal, row.client_id)
            if rid == row.joined or other.joined == row.joined
        }

    def _assert_durable(self, record: Record) -> None:
        states = self.world.store.history.get(record.rid, [])
        plain = replace(record, delivered=False)
        assert plain in [replace(state, delivered=False) for state in states], "not durable"

    # At any moment

    def woken(self) -> None:
        """I10: a timer that has fired does not want to fire at once."""
        deadline = self.world.ledger.next_deadline()
        assert deadline is None or deadline > self.world.now, "the timer spins"

    def check(self) -> None:
        """What holds between any two calls."""
        for row in self.world.store.rows.values():
            if row.joined:
                self.taken_over |= self._taken_over_by(row)
        for rid, row in self.world.store.rows.items():
            if row.outcome is None:
                continue
            assert self.outcomes.setdefault(rid, row.outcome) == row.outcome  # I3
            if row.client_id:
                key = (row.principal, row.client_id, row.request_id)
                assert self.outcome_by_key.setdefault(key, row.outcome) == row.outcome
            had = rid in self.received or rid in self.taken_over
            assert not row.delivered or had, "nobody has it"  # I6
        check_tables(self.world)
        self.grants.check()
