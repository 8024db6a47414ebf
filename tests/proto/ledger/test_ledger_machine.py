"""Everything that can happen to a ledger, in any order, with the invariants checked throughout."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from tests.chance import examples
from tests.proto.ledger_checker import FOR_EVER_S
from tests.proto.ledger_clients import Client, OldClient, SdkClient
from tests.proto.ledger_policy import allow, ask, deny
from tests.proto.ledger_records import edit_of
from tests.proto.ledger_world import World

from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.outcome import executed, failed, unknown

LIMITS = LedgerLimits(
    waiting_max=3,
    joined_max=2,
    approval_s=100.0,
    requests_per_minute=10_000,
    write_retry_s=1.0,
    grants_max=3,
    grants_of_agent_max=2,
    grants_over_max=2,
)
TOOLS = [
    *("read", "write", "carefree_write", "ask_read", "ask_write", "ask_write", "grave_write"),
    "forbidden_write",
]

tools = st.sampled_from(TOOLS)
asking = st.sampled_from(["ask_write", "ask_write", "ask_read", "grave_write"])
windows = st.sampled_from([0.0, 0.0, 60.0, FOR_EVER_S])
places = st.integers(0, 1_000)
clients = st.integers(0, 4)
few = st.integers(1, 4)
people = st.sampled_from(["dora", "emil", "finn"])
yes_mostly = st.sampled_from([True, True, False])
grants = st.sampled_from(
    [
        None,
        GrantTerms(uses=3),
        GrantTerms(minutes=2),
        GrantTerms(minutes=1, uses=2, any_args=("n",)),
        GrantTerms(uses=1, any_args=("no such argument",)),
    ]
)

edits = st.sampled_from([None, None, None, 1, 2, 7])
words = st.sampled_from(["", "", "not at night"])

OTHER_POLICIES = [ask(), ask(), ask(approvers=2), ask(code=True), allow(), deny()]


class LedgerMachine(RuleBasedStateMachine):
    """Requests, people, tools, connections, the disk, the clock and the process itself."""

    @initialize()
    def begin(self) -> None:
        self.world = World(LIMITS)
        self.world.definitions = dict.fromkeys(TOOLS, "d0")
        self.looks: dict[int, int] = {}
        self.clients: list[Client] = [
            SdkClient(self.world, "ann", "c1"),
            SdkClient(self.world, "ann", "c2"),
            SdkClient(self.world, "bob", "c1"),
            OldClient(self.world, "ann"),
            OldClient(self.world, "bob"),
        ]

    # Clients

    @rule(which=clients)
    def connect(self, which: int) -> None:
        self.clients[which].connect()

    @rule(
        which=clients,
        tool=tools,
        content=st.integers(1, 2),
        key=st.sampled_from(["", "", "k"]),
        join_s=windows,
    )
    def request(self, which: int, tool: str, content: int, key: str, join_s: float) -> None:
        client = self.clients[which]
        if client.online is not None:
            client.request(tool, {"n": content}, key and f"{key}-{tool}", join_s)

    @rule(
        which=clients,
        tool=asking,
        content=st.integers(1, 2),
        at_rest=st.booleans(),
        join_s=windows,
    )
    def somebody_asks(
        self, which: int, tool: str, content: int, at_rest: bool, join_s: float
    ) -> None:
        """What is usual, in one step, so that what comes after it is reached often enough."""
        client = self.clients[which]
        if client.online is None:
            client.connect()
            self.world.sync()
            client.read()
        if client.online is not None:
            client.request(tool, {"n": content}, join_s=join_s)
        if at_rest:
            self.world.sync()

    @rule(which=clients, place=places)
    def send_again(self, which: int, place: int) -> None:
        client = self.clients[which]
        if client.calls and client.online is not None and client.client_id:
            client.send(list(client.calls)[place % len(client.calls)])

    @rule(which=clients, place=places)
    def send_other_content_under_the_same_id(self, which: int, place: int) -> None:
        client = self.clients[which]
        if client.calls and client.online is not None and client.client_id:
            request_id = list(client.calls)[place % len(client.calls)]
            self.world.receive(client.online, request_id, "write", n=3)

    @rule(which=clients, place=places)
    def cancel(self, which: int, place: int) -> None:
        client = self.clients[which]
        if client.calls and client.online is not None and client.client_id:
            request_id = list(client.calls)[place % len(client.calls)]
            self.world.cancel(client.online, client.next_id(), request_id)

    @rule(which=st.integers(0, 2), place=places)
    def look(self, which: int, place: int) -> None:
        """A client hears of what is under way, without asking for it; or wants to no more."""
        client, lives = self.clients[which], list(self.world.ledger._lifecycle.live)
        if client.online is not None and lives:
            looked = client.next_id()
            if self.world.hear(client.online, lives[place % len(lives)], looked) and place % 3:
                self.looks[which] = looked

    @rule(which=st.integers(0, 2), withdraws=st.booleans())
    def look_away(self, which: int, withdraws: bool) -> None:
        client = self.clients[which]
        if client.online is None or which not in self.looks:
            return
        if withdraws:
            self.world.cancel(client.online, client.next_id(), self.looks[which])
        else:
            self.world.hear_no_more(client.online, self.looks.pop(which))

    @rule(which=clients)
    def collect(self, which: int) -> None:
        if self.clients[which].online is not None:
            self.clients[which].collect()

    @rule(which=clients)
    def read(self, which: int) -> None:
        self.clients[which].read()

    @rule(which=clients, outcomes=few)
    def acknowledge(self, which: int, outcomes: int) -> None:
        self.clients[which].acknowledge(outcomes)

    @rule(place=places)
    def a_connection_breaks(self, place: int) -> None:
        """Any connection, one that was left half dead too, and even one that is gone already."""
        connections = list(self.world.connections.values())
        if connections:
            self.world.lose(connections[-1 - place % min(len(connections), 6)])

    @rule(which=clients)
    def a_connection_dies_and_nobody_notices(self, which: int) -> None:
        connection = self.clients[which].connection
        if connection is not None:
            connection.reachable = False

    @rule(place=places, tool=tools)
    def a_stale_socket_still_delivers(self, place: int, tool: str) -> None:
        gone = [a for a in self.world.connections.values() if not a.open]
        if gone:
            connection = gone[place % len(gone)]
            self.world.receive(connection, 1, tool, n=1)
            self.world.collect(connection, 2)
            self.world.cancel(connection, 3, 1)
            self.world.ack(connection)

    @rule(which=st.integers(3, 4))
    def an_old_client_starts_over(self, which: int) -> None:
        client = self.clients[which]
        assert isinstance(client, OldClient)
        client.start_over()

    # People and tools

    @rule(
        place=places,
        approve=yes_mostly,
        by=people,
        verified=yes_mostly,
        grant=grants,
        edited=edits,
        word=words,
    )
    def decide(
        self,
        place: int,
        approve: bool,
        by: str,
        verified: bool,
        grant: GrantTerms | None,
        edited: int | None,
        word: str,
    ) -> None:
        rids = list(self.world.checker.requests)[-8:]
        waiting = self.world.waiting
        if waiting and place % 3:
            rids = waiting
        if rids:
            rid = rids[place % len(rids)]
            sent, edit = self.world.checker.requests[rid], None
            if edited is not None and approve and sent.got != {"n": edited}:
                edit = edit_of(dict(sent.got), sent.asked.tool, n=edited)
            said: dict[str, Any] = {"verified": verified, "grant": grant, "word": word}
            self.world.decide(rid, approve=approve, by=by, edit=edit, **said)

    @rule(by=people, grant=grants, at_rest=st.booleans())
    def all_say_yes(self, by: str, grant: GrantTerms | None, at_rest: bool) -> None:
        """Several people at the same moment."""
        for rid in self.world.waiting:
            self.world.approve(rid, by=by, verified=True, grant=grant)
            self.world.approve(rid, by="dora", verified=True)
        if at_rest:
            self.world.sync()

    @rule(decision=st.sampled_from([None, None, deny(), ask(approvers=2), ask(code=True)]))
    def another_policy_for_what_people_edit(self, decision: Decision | None) -> None:
        self.world.edit_policy = decision

    @rule(place=places)
    def revoke(self, place: int) -> None:
        ids = [*self.world.store.grants, "no such grant"]
        self.world.revoke(ids[place % len(ids)])

    @rule()
    def decide_about_nothing(self) -> None:
        self.world.decide("no such approval", approve=True)

    @precondition(lambda self: self.world.running)
    @rule(place=places, how=st.sampled_from(["well", "well", "badly", "who knows"]))
    def finish(self, place: int, how: str) -> None:
        rid = list(self.world.running)[place % len(self.world.running)]
        outcome = {"badly": failed("no"), "who knows": unknown("stopped")}.get(how)
        self.world.finish(rid, outcome)

    @rule(place=places)
    def a_tool_is_reported_that_does_not_run(self, place: int) -> None:
        rids = [rid for rid in self.world.checker.requests if rid not in self.world.running]
        if rids:
            rid = rids[place % len(rids)]
            self.world.ledger.finished(rid, executed(b"0"), self.world.now)
            self.world.drain()

    @rule(tool=tools, by=people, is_late=st.booleans())
    def a_tool_becomes_another(self, tool: str, by: str, is_late: bool) -> None:
        """At any time; a yes of the last moment does not count for it."""
        if is_late:
            for rid in self.world.waiting:
                self.world.approve(rid, by=by, verified=True)
        self.world.change(tool)

    @rule(tool=asking, decision=st.sampled_from(OTHER_POLICIES))
    def another_policy_is_in_force(self, tool: str, decision: Decision) -> None:
        """What waits meets it; and so does each yes while nobody has said that it is another."""
        self.world.policy[tool] = decision
        self.world.ledger.judge_again(self.world.now)
        self.world.drain()

    # Disk, clock, process

    @rule(entries=few)
    def the_store_works(self, entries: int) -> None:
        self.world.report()
        self.world.work(entries)

    @rule()
    def the_store_reports(self) -> None:
        self.world.report()

    @rule()
    def the_store_does_all(self) -> None:
        self.world.sync()

    @rule(entries=few)
    def the_store_fails(self, entries: int) -> None:
        self.world.report()
        self.world.work(entries, "disk full")

    @rule(entries=few)
    def the_store_cannot_be_read(self, entries: int) -> None:
        self.world.report()
        self.world.work(entries, "disk gone", unreadable=True)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 40.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(seconds=st.sampled_from([-100_000.0, -50.0, 50.0, 100_000.0]))
    def the_clock_jumps(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.world.tick()

    @rule()
    def kill(self) -> None:
        self.world.kill()

    # The end

    def teardown(self) -> None:
        if hasattr(self, "world") and sys.exc_info()[0] is None:
            settle(self.world, self.clients)


def settle(world: World, clients: list[Client]) -> None:
    """Faults stop; within a bounded number of steps every call is answered (I1, I6, I10)."""
    for connection in world.connections.values():
        if connection.open and not connection.reachable:
            world.lose(connection)  # keep-alive finds out
    for step in range(12):
        deadline = world.ledger.next_deadline() or 0.0  # far ahead, if the clock was set back
        world.wait(max(deadline - world.now, LIMITS.approval_s))
        world.tick()
        world.sync()
        for rid in list(world.running):
            world.finish(rid)
        world.sync()
        for client in clients:
            missed = world.store.was_unreadable and isinstance(client, OldClient)
            if client.online is None or (missed and client.waiting and step > 5):
                client.connect()
            world.sync()
            client.read()
            world.sync()
            client.acknowledge()
    ledger = world.ledger
    assert not ledger._lifecycle.live, "it goes on"
    assert ledger.next_deadline() is None or ledger._lifecycle.deciding._expiries
    for row in world.store.rows.values():
        assert row.outcome is not None
    for client in clients:
        for call in client.waiting.values():
            stored = any(rid in world.store.rows for rid in call.rids)
            assert not client.client_id, "our SDK hears of every call"
            assert not stored, "an old client hears of every outcome that was kept"


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    report_multiple_bugs=False,
    max_examples=examples(100),
    stateful_step_count=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
