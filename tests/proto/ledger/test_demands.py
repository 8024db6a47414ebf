"""A yes that must be signed with a passkey: what counts, what does not, and what is kept."""

from __future__ import annotations

from msgspec.structs import replace
from tests.proto.ledger_policy import ask
from tests.proto.ledger_world import World
from tests.proto.passkeys import proof

from agentgate_proto.audit.events import entry_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.demands import IN_THE_CONSOLE, SIGNED_OTHERWISE
from agentgate_proto.records.approval import approval_view
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.request import Phase


def asked(policy: Decision) -> tuple[World, str, str]:
    """A world in which people are asked about a request; its rid and its digest."""
    world = World()
    world.policy["ask_write"] = policy
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    return world, rid, world.approvals[rid].digest


def test_a_yes_takes_a_passkey_and_a_no_does_not() -> None:
    world, rid, digest = asked(ask(passkey=True))
    assert approval_view(world.approvals[rid]).needs_passkey
    refused = world.decided[world.approve(rid, verified=True)]
    assert (refused.code, refused.problem) == (ErrorCode.PASSKEY_NEEDED, IN_THE_CONSOLE)
    world.approve(rid, passkey=proof(rid, digest))
    world.sync()
    assert list(world.running) == [rid]
    assert approval_view(world.approvals[rid]).signed
    world, rid, _ = asked(ask(passkey=True))
    ticket = world.deny(rid)
    world.sync()
    assert world.decided[ticket].won


def test_what_was_signed_for_something_else_does_not_count() -> None:
    world, rid, digest = asked(ask(passkey=True))
    for other in (
        proof("another", digest),
        proof(rid, "0" * 64),
        proof(rid, digest, approve=False),
        proof(rid, digest, grant=GrantTerms(uses=3)),
    ):
        refused = world.decided[world.approve(rid, passkey=other)]
        assert (refused.code, refused.problem) == (ErrorCode.PASSKEY_NEEDED, SIGNED_OTHERWISE)
    assert world.waiting == [rid]


def test_a_no_may_be_signed_and_then_it_is_that_no() -> None:
    world, rid, digest = asked(ask())
    ticket = world.deny(rid, passkey=proof(rid, digest))
    assert world.decided[ticket].code is ErrorCode.PASSKEY_NEEDED
    assert world.waiting == [rid]
    signed = proof(rid, digest, approve=False)
    ticket = world.deny(rid, passkey=signed)
    world.sync()
    assert world.decided[ticket].won
    entry = entry_of(world.store.rows[rid])
    assert (entry.status, entry.passkey) == ("denied", signed)


def test_the_audit_has_what_was_signed() -> None:
    world, rid, digest = asked(ask(passkey=True))
    world.approve(rid, passkey=proof(rid, digest))
    world.sync()
    approved = replace(world.store.rows[rid], phase=Phase.APPROVED)
    entry = entry_of(approved)
    assert (entry.event, entry.passkey) == ("request.approved", proof(rid, digest))


def test_of_several_people_each_signs_and_each_signature_is_kept() -> None:
    world, rid, digest = asked(ask(approvers=2, passkey=True))
    assert world.decided[world.approve(rid, by="ann")].code is ErrorCode.PASSKEY_NEEDED
    world.approve(rid, by="ann", passkey=proof(rid, digest))
    world.sync()
    assert entry_of(world.store.rows[rid]).passkey == proof(rid, digest)
    assert world.decided[world.approve(rid, by="bea")].code is ErrorCode.PASSKEY_NEEDED
    other = proof(rid, digest, nonce=b"another nonce of this gateway")
    world.approve(rid, by="bea", passkey=other)
    world.sync()
    assert list(world.running) == [rid]
    row = world.store.rows[rid]
    assert [said.passkey for said in row.endorsements] == [proof(rid, digest), other]


def test_no_grant_for_what_takes_a_passkey_each_time() -> None:
    world, rid, digest = asked(ask(passkey=True))
    terms = GrantTerms(minutes=10)
    ticket = world.approve(rid, grant=terms, passkey=proof(rid, digest, grant=terms))
    assert world.decided[ticket].code is ErrorCode.INVALID_PARAMS


def test_a_grant_that_is_signed_is_given_with_these_terms() -> None:
    world, rid, digest = asked(ask())
    terms = GrantTerms(minutes=10)
    signed = proof(rid, digest, grant=terms)
    ticket = world.approve(rid, grant=GrantTerms(minutes=100), passkey=signed)
    assert world.decided[ticket].code is ErrorCode.PASSKEY_NEEDED
    ticket = world.approve(rid, grant=terms, passkey=signed)
    world.sync()
    assert world.decided[ticket].won


def test_a_policy_that_demands_it_from_now_on_is_met_by_what_waits() -> None:
    world, rid, digest = asked(ask())
    world.policy["ask_write"] = replace(ask(passkey=True), rule="test:9")
    world.ledger.judge_again(world.now)
    world.drain()
    world.sync()
    assert world.approvals[rid].needs_passkey
    assert world.decided[world.approve(rid)].code is ErrorCode.PASSKEY_NEEDED
    world.approve(rid, passkey=proof(rid, digest))
    world.sync()
    assert list(world.running) == [rid]


def test_what_takes_a_passkey_joins_nothing_that_takes_none() -> None:
    world, first, _ = asked(ask())
    world.policy["ask_write"] = ask(passkey=True)
    (client,) = world.connections.values()
    second = world.receive(client, 2, "ask_write", n=1)
    world.sync()
    assert world.waiting == [first, second]
