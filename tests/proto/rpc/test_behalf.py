from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.limits import HOPS_MAX
from agentgate_proto.principal import Role
from agentgate_proto.records.request import NOT_RELAYED, Relayed
from agentgate_proto.rpc.behalf import (
    OnBehalf,
    RelayedApproval,
    heard,
    objection_to,
    passed_on,
    told,
)

BEHALF = OnBehalf(principal="garden", hops=("first", "second"))
APPROVED = RelayedApproval(approver="ann", approval="r7")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.RELAY])
def test_only_a_relay_asks_on_behalf_of_others(role: Role) -> None:
    for refusal in (
        objection_to(BEHALF, role, "mine"),
        objection_to(None, role, "mine", says_more=True),
    ):
        assert refusal is not None
        assert refusal[0] is ErrorCode.INVALID_PARAMS
        assert role.value in refusal[1]
    assert objection_to(None, role, "mine") is None


def test_a_relay_may_ask_for_others_and_for_itself() -> None:
    assert objection_to(BEHALF, Role.RELAY, "mine") is None
    assert objection_to(None, Role.RELAY, "mine", says_more=True) is None


@pytest.mark.parametrize("epoch", BEHALF.hops)
def test_what_was_here_before_goes_in_a_circle(epoch: str) -> None:
    refusal = objection_to(BEHALF, Role.RELAY, epoch)
    assert refusal is not None
    assert refusal[0] is ErrorCode.RELAY_LOOP


def test_a_gateway_adds_itself_to_the_hops() -> None:
    assert passed_on("garden", (), "first") == OnBehalf(principal="garden", hops=("first",))
    assert passed_on("garden", ("first",), "second") == BEHALF


def test_what_was_at_too_many_gateways_is_not_passed_on() -> None:
    hops = tuple(f"gateway {number}" for number in range(HOPS_MAX))
    assert passed_on("garden", hops[:-1], "last").hops == (*hops[:-1], "last")
    with pytest.raises(AgentGateError, match="no more may") as caught:
        passed_on("garden", hops, "one more")
    assert caught.value.code == ErrorCode.RELAY_LOOP


def test_more_hops_than_may_be_are_no_parameters() -> None:
    hops = [f"gateway {number}" for number in range(HOPS_MAX + 1)]
    with pytest.raises(msgspec.ValidationError, match="length <= 8"):
        msgspec.convert({"principal": "garden", "hops": hops}, OnBehalf)


def test_what_a_relay_says_is_kept() -> None:
    assert heard(None, None, must_ask=False) == NOT_RELAYED
    assert heard(BEHALF, APPROVED, must_ask=True) == Relayed(
        principal="garden",
        hops=("first", "second"),
        must_ask=True,
        approver="ann",
        approval="r7",
    )


def test_what_is_told_the_next_gateway_is_what_it_keeps() -> None:
    for approved in (None, APPROVED):
        relayed = heard(BEHALF, approved, must_ask=False)
        assert told(relayed) == (BEHALF, approved)
