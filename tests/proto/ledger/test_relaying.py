from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace
from tests.proto.ledger_records import record

from agentgate_proto.ledger.relaying import Approvals, Behind, expected, passed_on, weighed
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import NOT_RELAYED, Relayed

WAITING = record()
ALLOWS, ASKS, DENIES = (
    Decision(action=action, rule="p.yaml:3") for action in (Action.ALLOW, Action.ASK, Action.DENY)
)
MUST_ASK = Relayed(principal="garden", hops=("first",), must_ask=True)
APPROVED = Relayed(principal="garden", hops=("first",), approver="ann", approval="r1")
HERE, THERE = (
    Behind(gateway="house", approvals=approvals, expects=Action.ASK) for approvals in Approvals
)
WAYS = [NOT_RELAYED, MUST_ASK, APPROVED, replace(APPROVED, must_ask=True)]
PLACES = [
    None,
    HERE,
    THERE,
    replace(HERE, expects=Action.ALLOW),
    replace(THERE, expects=Action.ALLOW),
]


@pytest.mark.parametrize(("relayed", "behind"), list(itertools.product(WAYS, PLACES)))
def test_what_is_denied_stays_denied(relayed: Relayed, behind: Behind | None) -> None:
    assert weighed(DENIES, relayed, behind) == DENIES


@pytest.mark.parametrize("decision", [ALLOWS, ASKS])
def test_without_other_gateways_nothing_changes(decision: Decision) -> None:
    assert weighed(decision, NOT_RELAYED, None) == decision


def test_what_is_left_to_a_person_here_is_asked_where_it_would_be_allowed() -> None:
    found = weighed(ALLOWS, MUST_ASK, None)
    assert found.action is Action.ASK
    assert found.rule == "p.yaml:3 (the gateway in front leaves it to a person here)"
    assert weighed(ASKS, MUST_ASK, None) == ASKS


def test_a_yes_in_front_stands_for_one_here() -> None:
    found = weighed(ASKS, APPROVED, None)
    assert found.action is Action.ALLOW
    assert found.rule == "p.yaml:3 (approved in front, by ann)"
    assert weighed(ALLOWS, APPROVED, None) == ALLOWS
    assert weighed(ALLOWS, replace(APPROVED, must_ask=True), None).action is Action.ALLOW


@pytest.mark.parametrize("more", [{"approvers": 2}, {"code": True}])
@pytest.mark.parametrize("behind", PLACES)
def test_a_yes_in_front_is_none_of_several_and_no_code(
    more: dict[str, Any], behind: Behind | None
) -> None:
    demanding = replace(ASKS, **more)
    assert weighed(demanding, APPROVED, behind) == demanding
    assert weighed(demanding, NOT_RELAYED, behind) == demanding


def test_there_the_person_is_asked_at_the_gateway_behind() -> None:
    for place in (THERE, replace(THERE, expects=Action.ALLOW)):
        found = weighed(ASKS, NOT_RELAYED, place)
        assert (found.action, found.asks_there) == (Action.ALLOW, True)
        assert found.rule == "p.yaml:3 (a person is asked at house)"
        assert weighed(ALLOWS, NOT_RELAYED, place) == ALLOWS


def test_there_the_question_is_handed_on_until_the_last_gateway() -> None:
    assert weighed(ALLOWS, MUST_ASK, THERE).asks_there
    assert not weighed(ASKS, APPROVED, THERE).asks_there


def test_here_the_person_is_asked_whenever_the_gateway_behind_would() -> None:
    found = weighed(ALLOWS, NOT_RELAYED, HERE)
    assert (found.action, found.rule) == (Action.ASK, "p.yaml:3 (house asks)")
    assert weighed(ASKS, NOT_RELAYED, HERE) == ASKS
    assert weighed(ALLOWS, NOT_RELAYED, replace(HERE, expects=Action.ALLOW)) == ALLOWS
    assert weighed(ALLOWS, APPROVED, HERE) == ALLOWS, "somebody has been asked already"


@pytest.mark.parametrize(
    ("action", "expects", "comes_to"),
    [
        (Action.ALLOW, Action.ALLOW, Action.ALLOW),
        (Action.ALLOW, Action.ASK, Action.ASK),
        (Action.ALLOW, None, None),
        (Action.ASK, Action.ALLOW, Action.ASK),
        (Action.DENY, Action.ASK, Action.DENY),
        (None, Action.ASK, None),
    ],
)
@pytest.mark.parametrize("place", [HERE, THERE])
def test_a_person_who_is_asked_is_one_wherever(
    place: Behind, action: Action | None, expects: Action | None, comes_to: Action | None
) -> None:
    assert expected(action, replace(place, expects=expects)) == comes_to
    assert expected(action, None) == action


def test_the_next_gateway_hears_for_whom_it_is_and_where_it_has_been() -> None:
    first = passed_on(WAITING, "first")
    assert first == Relayed(principal=WAITING.principal, hops=("first",))
    second = passed_on(replace(WAITING, relayed=first, principal="office"), "second")
    assert second == Relayed(principal=WAITING.principal, hops=("first", "second"))


def test_the_next_gateway_asks_if_nobody_was_asked_before() -> None:
    left = replace(WAITING, relayed=Relayed(asks_there=True))
    assert passed_on(left, "first").must_ask
    answered = passed_on(replace(left, approver="ann"), "first")
    assert (answered.must_ask, answered.approver) == (False, "ann")


@pytest.mark.parametrize(
    ("said", "approver", "approval"),
    [
        ({"approver": "ann"}, "ann", WAITING.rid),
        ({"approver": "ann", "grant": "g1"}, "ann", WAITING.rid),
        ({"grant": "g1"}, "a grant", "g1"),
        ({"relayed": APPROVED}, "ann", "r1"),
        ({"relayed": APPROVED, "approver": "bob"}, "bob", WAITING.rid),
        ({}, "", ""),
    ],
)
def test_the_next_gateway_hears_who_has_said_yes(
    said: dict[str, Any], approver: str, approval: str
) -> None:
    told = passed_on(replace(WAITING, **said), "first")
    assert (told.approver, told.approval) == (approver, approval)
