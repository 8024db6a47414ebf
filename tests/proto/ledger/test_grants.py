"""Grants in the ledger: given with an approval, used, revoked, kept over restarts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.ledger_policy import ask, deny
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.approval import grant_view
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.outcome import unknown
from agentgate_proto.records.request import Phase, Relayed

TEN_MINUTES = GrantTerms(minutes=10, any_args=("n",))


class Granted:
    """A world in which a person has answered one ask with a grant."""

    def __init__(
        self,
        terms: GrantTerms = TEN_MINUTES,
        limits: LedgerLimits | None = None,
        tool: str = "ask_write",
    ) -> None:
        self.world = World(limits)
        self.client: Connection = self.world.client()
        self.tool = tool
        self.last_id = 0
        self.first = self.ask(1)
        self.world.sync()
        self.world.approve(self.first, grant=terms)
        self.world.sync()
        if self.first in self.world.running:
            self.world.finish(self.first)
        self.world.sync()

    def ask(self, n: int, **args: Any) -> str:
        self.last_id += 1
        return self.world.receive(self.client, self.last_id, self.tool, n=n, **args)

    @property
    def listed(self) -> list[tuple[str, int]]:
        """How each grant stands, newest first, and how often it was used."""
        grants = self.world.ledger.grants(self.world.now)
        return [(end or "active", grant.uses) for grant, end in grants]

    @property
    def grant_id(self) -> str:
        ((grant, _),) = self.world.ledger.grants(self.world.now)
        return grant.id


def test_a_grant_is_durable_in_one_change_with_its_approval() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    world.approve(rid, grant=TEN_MINUTES)
    assert world.ledger.grants(world.now) == []
    world.work(1)
    assert world.phase(rid) is Phase.APPROVED
    assert [grant.rid for grant in world.store.grants.values()] == [rid]
    world.report()
    assert [end for _, end in world.ledger.grants(world.now)] == [""]
    assert world.approvals[rid].grant in world.store.grants


def test_what_a_grant_covers_runs_without_asking_and_says_so() -> None:
    granted = Granted()
    world = granted.world
    rid = granted.ask(7)
    world.sync()
    assert list(world.running) == [rid]
    row = world.store.rows[rid]
    assert (row.rule, row.grant, row.expires_at) == ("test:2 (grant by ann)", granted.grant_id, 0)
    assert granted.listed == [("active", 2)]


@pytest.mark.parametrize("tool", ["ask_write", "ask_read"])
def test_the_use_is_durable_before_the_tool_starts(tool: str) -> None:
    granted = Granted(GrantTerms(uses=2, any_args=("n",)), tool=tool)
    world = granted.world
    rid = granted.ask(7)
    assert not world.running
    world.cancel(granted.client, 90, granted.last_id)
    assert granted.client.cancels == {90: "stopping"}
    assert not world.stopped, "there is nothing to stop yet"
    world.kill()
    assert granted.listed == [("active", 1)]
    granted.client = world.client()
    rid = granted.ask(8)
    world.sync()
    assert list(world.running) == [rid]
    world.kill()
    assert granted.listed == [("used up", 2)]


def test_a_read_under_a_grant_runs_again_after_a_crash_and_is_one_use() -> None:
    granted = Granted(GrantTerms(uses=2, any_args=("n",)), tool="ask_read")
    rid = granted.ask(7)
    granted.world.sync()
    granted.world.kill()
    assert list(granted.world.running) == [rid]
    assert granted.listed == [("used up", 2)]


def test_a_use_that_could_not_be_stored_is_given_back() -> None:
    granted = Granted(GrantTerms(uses=2, any_args=("n",)))
    world = granted.world
    granted.ask(7)
    assert granted.listed == [("used up", 2)]
    world.fail()
    assert granted.client.refusals[2].code is ErrorCode.INTERNAL_ERROR
    assert granted.listed == [("active", 1)]
    world.wait(1)
    rid = granted.ask(8)
    world.sync()
    assert list(world.running) == [rid]


def test_a_use_is_not_given_back_to_what_was_revoked_or_has_more() -> None:
    granted = Granted(GrantTerms(uses=2, any_args=("n",)))
    granted.ask(7)
    granted.world.revoke(granted.grant_id)
    granted.world.fail()
    assert granted.listed == [("revoked", 1)], "though a use that was the last had ended it"
    many = Granted()
    many.ask(7)
    many.world.revoke(many.grant_id)
    many.world.fail()
    assert many.listed == [("revoked", 1)]


def test_when_the_uses_are_up_people_are_asked_again() -> None:
    granted = Granted(GrantTerms(uses=2, any_args=("n",)))
    granted.ask(7)
    granted.world.sync()
    rid = granted.ask(8)
    granted.world.sync()
    assert granted.world.waiting == [rid]


def test_a_grant_of_one_use_is_the_approval_itself() -> None:
    granted = Granted(GrantTerms(uses=1))
    assert granted.listed == [("used up", 1)]


def test_when_the_time_is_up_people_are_asked_again_even_if_the_clock_goes_back() -> None:
    granted = Granted()
    granted.world.wait(600)
    rid = granted.ask(7)
    granted.world.sync()
    assert granted.world.waiting == [rid]
    granted.world.wait(-600)
    assert granted.listed == [("expired", 1)]
    ticket = granted.world.revoke(granted.grant_id)
    granted.world.sync()
    assert granted.world.revoked[ticket].end == "expired"
    assert granted.listed == [("revoked", 1)], "so that no restart brings it back"


def test_a_list_ends_what_has_expired_too() -> None:
    granted = Granted()
    granted.world.wait(600)
    assert granted.listed == [("expired", 1)]


def test_what_it_does_not_cover_is_asked() -> None:
    granted = Granted()
    world = granted.world
    other_args = granted.ask(1, extra=1)
    other_agent = world.receive(world.client("bob"), 1, "ask_write", n=1)
    other_tool = world.receive(granted.client, 50, "ask_read", n=1)
    world.sync()
    assert world.waiting == [other_args, other_agent, other_tool]


def test_a_no_of_the_policy_beats_it_and_so_does_a_demand_for_more_than_a_tap() -> None:
    granted = Granted()
    world = granted.world
    world.policy["ask_write"] = deny()
    granted.ask(2)
    world.sync()
    assert granted.client.outcomes[2].code == ErrorCode.DENIED_BY_POLICY
    world.policy["ask_write"] = ask(code=True)
    coded = granted.ask(3)
    world.policy["ask_write"] = ask(approvers=2)
    two = granted.ask(4)
    world.sync()
    assert world.waiting == [coded, two]


def test_what_may_have_run_is_asked_about_all_the_same() -> None:
    granted = Granted()
    world = granted.world
    rid = granted.ask(7)
    world.sync()
    world.finish(rid, unknown("stopped"))
    again = granted.ask(7)
    world.sync()
    assert world.waiting == [again]
    assert world.approvals[again].warning


def test_it_outlives_the_process() -> None:
    granted = Granted()
    granted.world.kill()
    granted.client = granted.world.client()
    rid = granted.ask(7)
    granted.world.sync()
    assert list(granted.world.running) == [rid]


def test_what_has_expired_meanwhile_does_not() -> None:
    granted = Granted()
    granted.world.now += 600
    granted.world.kill()
    assert granted.listed == [("expired", 1)]


def test_revoking_counts_at_once_and_is_told_when_it_is_durable() -> None:
    granted = Granted()
    world = granted.world
    ticket = world.revoke(granted.grant_id, by="bea")
    rid = granted.ask(7)
    assert ticket not in world.revoked
    world.sync()
    told = world.revoked[ticket]
    assert (told.end, told.problem) == ("revoked", "")
    assert told.grant is not None
    assert grant_view(told.grant, told.end).revoked_by == "bea"
    assert world.waiting == [rid]
    world.kill()
    assert granted.listed == [("revoked", 1)]


def test_a_revocation_that_cannot_be_stored_holds_here_and_is_written_again() -> None:
    granted = Granted()
    world = granted.world
    ticket = world.revoke(granted.grant_id)
    world.fail()
    assert world.revoked[ticket].problem == "disk full"
    assert granted.listed == [("revoked", 1)]
    deadline = world.ledger.next_deadline()
    assert deadline is not None
    world.wait(deadline - world.now)
    world.sync()
    world.kill()
    assert granted.listed == [("revoked", 1)]


def test_revoking_twice_is_harmless_and_what_is_none_is_said_to_be_none() -> None:
    granted = Granted()
    world = granted.world
    one, two = world.revoke(granted.grant_id, by="bea"), world.revoke(granted.grant_id, by="cid")
    world.sync()
    for ticket in (one, two):
        told = world.revoked[ticket].grant
        assert told is not None
        assert told.revoked_by == "bea"
    assert world.revoked[world.revoke("g?")].grant is None


def test_an_approval_that_could_not_be_stored_makes_no_grant() -> None:
    world = World(LedgerLimits(grants_max=1))
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    world.approve(rid, grant=TEN_MINUTES)
    world.fail()
    assert world.waiting == [rid]
    assert world.ledger.grants(world.now) == []
    world.approve(rid, grant=TEN_MINUTES)
    world.sync()
    assert len(world.ledger.grants(world.now)) == 1


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (LedgerLimits(grants_max=1), "1 grants are in force already"),
        (LedgerLimits(grants_of_agent_max=1), "1 grants of agent are in force already"),
    ],
)
def test_so_many_are_in_force_and_no_more(limits: LedgerLimits, words: str) -> None:
    granted = Granted(GrantTerms(minutes=10), limits)
    world = granted.world
    rid = granted.ask(2)
    world.sync()
    ticket = world.approve(rid, grant=TEN_MINUTES)
    told = world.decided[ticket]
    assert (told.code, words in told.problem) == (ErrorCode.LIMIT_EXCEEDED, True)
    world.revoke(granted.grant_id)
    world.approve(rid, grant=TEN_MINUTES)
    world.sync()
    assert list(world.running) == [rid]


def test_one_that_is_being_written_takes_its_place_already() -> None:
    world = World(LedgerLimits(grants_max=1))
    client = world.client()
    one, two = (world.receive(client, n, "ask_write", n=n) for n in (1, 2))
    world.sync()
    world.approve(one, grant=TEN_MINUTES)
    ticket = world.approve(two, grant=TEN_MINUTES)
    assert world.decided[ticket].code is ErrorCode.LIMIT_EXCEEDED


def test_of_two_grants_for_one_tool_the_other_goes_on() -> None:
    granted = Granted(GrantTerms(minutes=10))
    world = granted.world
    other = granted.ask(2)
    world.sync()
    world.approve(other, grant=GrantTerms(minutes=10))
    world.sync()
    world.finish(other)
    world.sync()
    world.revoke(f"g{granted.first}")
    one, two = granted.ask(1), granted.ask(2)
    world.sync()
    assert world.waiting == [one]
    assert list(world.running) == [two]
    assert granted.listed == [("active", 2), ("revoked", 1)]


def test_an_argument_that_is_none_is_said_to_be_none() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    ticket = world.approve(rid, grant=GrantTerms(minutes=1, any_args=("m",)))
    assert world.decided[ticket].code is ErrorCode.INVALID_PARAMS
    assert world.waiting == [rid]


def test_what_is_over_is_listed_for_a_while_and_then_forgotten() -> None:
    granted = Granted(limits=LedgerLimits(grants_over_s=100.0))
    granted.world.wait(690)
    assert granted.listed == [("expired", 1)]
    granted.world.wait(20)
    assert granted.listed == []


def test_so_many_that_are_over_are_listed_and_no_more() -> None:
    granted = Granted(GrantTerms(uses=1), LedgerLimits(grants_over_max=1))
    rid = granted.ask(2)
    granted.world.sync()
    granted.world.approve(rid, grant=GrantTerms(uses=1))
    granted.world.sync()
    ((grant, end),) = granted.world.ledger.grants(granted.world.now)
    assert (grant.rid, end) == (rid, "used up")


def test_a_grant_that_is_forgotten_gets_no_use_back() -> None:
    granted = Granted(GrantTerms(uses=2, any_args=("n",)), LedgerLimits(grants_over_max=0))
    granted.ask(7)
    assert granted.listed == []
    granted.world.fail()
    assert granted.listed == []


def test_an_approval_is_found_while_it_waits() -> None:
    granted = Granted()
    rid = granted.ask(1, other=1)
    assert granted.world.ledger.approval(rid) is None, "it is not durable yet"
    granted.world.sync()
    found = granted.world.ledger.approval(rid)
    assert found is not None
    assert found.rid == rid
    assert granted.world.ledger.approval(granted.first) is None


def test_a_grant_that_a_relay_got_for_one_does_not_cover_another() -> None:
    granted = Granted()
    ann = Relayed(principal="ann", hops=("front",))
    world, client = granted.world, granted.client
    first = world.receive(client, 10, "ask_write", relayed=ann, n=3)
    world.sync()
    assert world.waiting == [first], "that of the relay itself is none of hers"
    world.approve(first, grant=TEN_MINUTES)
    world.sync()
    for request_id, relayed, covered in (
        (11, ann, True),
        (12, Relayed(principal="bob", hops=("front",)), False),
    ):
        rid = world.receive(client, request_id, "ask_write", relayed=relayed, n=request_id)
        world.sync()
        assert (rid in world.running) == covered
