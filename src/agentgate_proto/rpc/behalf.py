"""On whose behalf a relay asks, and where that has been: what gateways tell each other.

Only the role ``relay`` may say so. What it says is kept in the audit beside its own name; the
policy decides about the relay, as about any principal.

A relay passes a request on with its own epoch added to the hops, so whatever way the gateways are
connected, a request that comes back to one finds itself there.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.errors import ErrorCode, exception_for
from agentgate_proto.limits import HOPS_MAX, NAME_CHARS_MAX
from agentgate_proto.principal import Role
from agentgate_proto.records.request import Relayed

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Hops = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=HOPS_MAX)]

TOO_FAR = f"{HOPS_MAX} gateways have passed it on already: no more may"


class OnBehalf(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked at first, and the gateways between.

    Attributes:
        principal: the principal of the first gateway.
        hops: the ``epoch`` of each gateway that has passed it on, the first one's first. A gateway
            that finds itself among them refuses (-32018).
    """

    principal: Id
    hops: Hops


class RelayedApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A person has said yes at the relay. It counts where the relay is trusted with that
    (``approves`` of its principal); elsewhere a person is asked here.

    Attributes:
        approver: who.
        approval: the id of the approval there.
    """

    approver: Id
    approval: Id


def objection_to(
    behalf: OnBehalf | None, role: Role, epoch: str, *, says_more: bool = False
) -> tuple[ErrorCode, str] | None:
    """Say why a request may not come like this, or None.

    Args:
        behalf: for whom it is.
        role: of who says so.
        epoch: of this gateway.
        says_more: it says something else that only a relay may say.
    """
    if (behalf is not None or says_more) and role is not Role.RELAY:
        text = f"only a relay asks on behalf of others, and this is the role {role.value}"
        return ErrorCode.INVALID_PARAMS, text
    if behalf is not None and epoch in behalf.hops:
        text = "the request was here before: these gateways pass it on in a circle"
        return ErrorCode.RELAY_LOOP, text
    return None


def heard(behalf: OnBehalf | None, approved: RelayedApproval | None, must_ask: bool) -> Relayed:
    """Make what is kept of what a relay says.

    Args:
        behalf: for whom it asks; None: for itself.
        approved: who said yes there, if the relay is trusted with that; else None.
        must_ask: it leaves it to this gateway to ask a person.
    """
    return Relayed(
        principal=behalf.principal if behalf is not None else "",
        hops=behalf.hops if behalf is not None else (),
        must_ask=must_ask,
        approver=approved.approver if approved is not None else "",
        approval=approved.approval if approved is not None else "",
    )


def told(relayed: Relayed) -> tuple[OnBehalf, RelayedApproval | None]:
    """Make what a relay says, of what ``ledger.relaying`` wants said."""
    behalf = OnBehalf(principal=relayed.principal, hops=relayed.hops)
    if not relayed.approver:
        return behalf, None
    return behalf, RelayedApproval(approver=relayed.approver, approval=relayed.approval)


def passed_on(principal: str, hops: tuple[str, ...], epoch: str) -> OnBehalf:
    """Make what a gateway says when it passes something on.

    Args:
        principal: who asked at first.
        hops: where it has been before.
        epoch: of this gateway.

    Raises:
        AgentGateError: it has been at too many (-32018).
    """
    if len(hops) >= HOPS_MAX:
        raise exception_for(ErrorCode.RELAY_LOOP, TOO_FAR)
    return OnBehalf(principal=principal, hops=(*hops, epoch))
