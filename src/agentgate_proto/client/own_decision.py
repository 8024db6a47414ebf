"""A decision that is made again after a cut, and whose first making was durable.

The approver's client can't know whether the first one arrived, so it makes it again. If it did,
the gateway says that the approval is settled (-32009), and how. Where that is this very decision,
the answer to the second is the answer to the first.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.client.calls import Call
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.rpc.messages import DecideApproval

WAITING, APPROVED, DENIED = "waiting", "approved", "denied"


class Facts(msgspec.Struct, frozen=True):
    """What is read of an approval."""

    status: str
    decided_by: str = ""
    approved_by: list[str] = []
    edited: Any = None


def was_taken(call: Call, error: AgentGateError, principal: str) -> bool:
    """Whether an error says that a call is a decision that this client has made before.

    Args:
        call: any; only one that is made again can be meant.
        error: what it was answered.
        principal: who this client is; "": it was not told.
    """
    is_settled = error.code == ErrorCode.ALREADY_SETTLED
    if call.method != "decide_approval" or not call.is_repeat or not is_settled:
        return False
    try:
        made = msgspec.json.decode(call.params, type=DecideApproval)
        facts = msgspec.convert(error.data, Facts)
    except msgspec.ValidationError:
        return False
    decision, was_edited = made.decision, facts.edited is not None
    if was_edited is not (made.edit is not None):
        return False
    if decision == "approve" and principal and principal in facts.approved_by:
        return facts.status in (WAITING, APPROVED)
    wanted = APPROVED if decision == "approve" else DENIED
    return bool(principal) and (facts.status, facts.decided_by) == (wanted, principal)
