"""Comparing: an approval that waits, beside what people have said to its agent about its tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio.lowlevel
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.difference import changed_lines
from agentgate_proto.records.edit import changed_names
from agentgate_proto.records.request import Record, rfc3339
from agentgate_proto.rpc.listing import short_text
from agentgate_proto.rpc.replay_methods import ApprovalCompared, LastApproved
from agentgate_server.gate.past_calls import PastCalls
from agentgate_server.gate.replays import SIGNATURE_BYTES_MAX, Gone
from agentgate_server.policy import person_sees
from agentgate_server.secrets.masking import Masker

COMPARED_MAX = 5_000
"""Calls of an agent that are looked through for those that people were asked about."""

ENOUGH = f"only its last {COMPARED_MAX:,} calls were looked at"


async def compare(
    record: Record, calls: PastCalls, masker: Masker, is_there: Callable[[], bool]
) -> ApprovalCompared:
    """Compare an approval with those before it.

    Args:
        record: the approval.
        calls: read its agent's.
        masker: hides secrets in what is shown.
        is_there: whether somebody still waits for the answer.

    Raises:
        Gone: nobody does.
        StoreError: the store could not be read.
    """
    last: Record | None = None
    said = {"approved": 0, "denied": 0}
    left = COMPARED_MAX
    while left > 0 and (page := await calls.page()):
        for before in page:
            if not is_there():
                raise Gone
            await anyio.lowlevel.checkpoint()
            left -= 1
            answer = answer_to(before) if before.tool == record.tool else ""
            if answer and before.rid != record.rid:
                said[answer] += 1
                if answer == "approved" and last is None:
                    last = before
    return ApprovalCompared(
        last=None if last is None else last_of(last, masker),
        changes=() if last is None else changes(last.as_approved, record, masker),
        times_approved=said["approved"],
        times_denied=said["denied"],
        doubt=ENOUGH if left <= 0 else "",
    )


def answer_to(record: Record) -> str:
    """What people have said of a call: approved or denied; "": nobody did."""
    if record.joined or not record.decided_at or not record.expires_at:
        return ""
    was_denied = record.outcome is not None and (
        record.outcome.code == ErrorCode.DENIED_BY_PERSON or approval_status(record) == "denied"
    )
    return "denied" if was_denied else "approved"


def last_of(record: Record, masker: Masker) -> LastApproved:
    """Show the last call that people approved, as it ran."""
    args = msgspec.json.decode(masker.shown(bytes(record.as_approved.args)))
    signature = person_sees(record.tool, args)
    return LastApproved(
        id=record.rid,
        at=rfc3339(record.decided_at),
        decided_by=record.approver,
        signature=short_text(signature, SIGNATURE_BYTES_MAX) or signature,
    )


def changes(last: Record, record: Record, masker: Masker) -> tuple[str, ...]:
    """Say what differs, without secrets; what differs in truth has a line, though it may look the
    same."""
    old: dict[str, Any] = msgspec.json.decode(last.args)
    new: dict[str, Any] = msgspec.json.decode(record.args)
    names = changed_names(old, new)
    shown_old, shown_new = (
        msgspec.json.decode(masker.shown(bytes(each.args))) for each in (last, record)
    )
    return changed_lines(shown_old, shown_new, names)
