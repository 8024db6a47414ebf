"""Relaying: what it means for a request that other gateways have to do with it.

A person is asked once. A gateway in front either has asked (``approver``), or leaves it to this one
(``must_ask``). Of a tool that is behind another gateway, this one either asks whenever that would
(``HERE``), and passes the yes on, or lets pass what its policy wants asked, and has that one ask
(``THERE``).

Nothing here allows what the policy denies, and a yes that was given elsewhere does not stand for
one of several people, nor for a one-time code.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Record, Relayed


class Approvals(StrEnum):
    """At which of two gateways a person is asked about the tools of the one behind."""

    HERE = "here"
    THERE = "there"


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """That a tool is behind another gateway.

    Attributes:
        gateway: its name here.
        approvals: where a person is asked.
        expects: what that gateway says to the tool in any case; None: it depends.
    """

    gateway: str
    approvals: Approvals
    expects: Action | None

    @property
    def may_ask(self) -> bool:
        """Whether a person may be asked there."""
        return self.expects is not Action.ALLOW


def weighed(decision: Decision, relayed: Relayed, behind: Behind | None) -> Decision:
    """Return what a decision of the policy comes to.

    Args:
        decision: of the policy here.
        relayed: what the gateway in front says, as far as that is trusted.
        behind: if the tool is not of this gateway.
    """
    if decision.action is Action.DENY:
        return decision
    if relayed.must_ask and decision.action is Action.ALLOW:
        why = "the gateway in front leaves it to a person here"
        decision = changed(decision, Action.ASK, why)
    takes_one = decision.approvers == 1 and not decision.code
    if decision.action is Action.ASK and relayed.approver and takes_one:
        decision = changed(decision, Action.ALLOW, f"approved in front, by {relayed.approver}")
    if behind is None:
        return decision
    if behind.approvals is Approvals.THERE:
        if decision.action is Action.ASK and takes_one:
            decision = changed(decision, Action.ALLOW, f"a person is asked at {behind.gateway}")
            decision = replace(decision, asks_there=True)
    elif behind.may_ask and decision.action is Action.ALLOW and not relayed.approver:
        decision = changed(decision, Action.ASK, f"{behind.gateway} asks")
    return decision


def expected(action: Action | None, behind: Behind | None) -> Action | None:
    """Return what to expect of a tool, given what the policy here says to it in any case; None: it
    depends. A person who is asked is one, wherever."""
    if behind is None or action is not Action.ALLOW:
        return action
    return behind.expects


def passed_on(record: Record, epoch: str) -> Relayed:
    """Return what the next gateway is told of a request that runs there.

    Args:
        record: the request as it is here.
        epoch: of this gateway.
    """
    relayed = record.relayed
    approver, approval = record.approver, record.rid
    if not approver and record.grant:
        approver, approval = "a grant", record.grant
    elif not approver:
        approver, approval = relayed.approver, relayed.approval
    return Relayed(
        principal=relayed.principal or record.principal,
        hops=(*relayed.hops, epoch),
        must_ask=relayed.asks_there and not approver,
        approver=approver,
        approval=approval if approver else "",
    )


def changed(decision: Decision, action: Action, why: str) -> Decision:
    """Another action, and why, beside the rule that was decided by."""
    return replace(decision, action=action, rule=f"{decision.rule} ({why})")
