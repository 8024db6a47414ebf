"""What the methods about approvals answer, as the SDK reads it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_client.decoding import view_from
from agentgate_proto.records.approval import ApprovalView, GrantView
from agentgate_proto.records.mute import MuteView

Approvals = list[ApprovalView]
Grants = list[GrantView]
Mutes = list[MuteView]


def view_of(result: Any) -> ApprovalView:
    """Make an approval of decoded JSON.

    Raises:
        AgentGateError: it is none.
    """
    return view_from(result, ApprovalView)


def rows_of(result: Any) -> ApprovalRows:
    """Take a page of approvals out of a result. Raises as ``view_of``."""
    return view_from(result, ApprovalRows)


class ApprovalRows(msgspec.Struct, frozen=True):
    """The result of ``list_approvals`` and ``watch_approvals``."""

    approvals: Approvals
    more: bool = False


class OneApproval(msgspec.Struct, frozen=True):
    """The result of ``list_approvals`` for one id."""

    approvals: Annotated[Approvals, msgspec.Meta(min_length=1)]


class GrantRows(msgspec.Struct, frozen=True):
    """The result of ``list_grants``."""

    grants: Grants
    more: bool = False


class Preview(msgspec.Struct, frozen=True):
    """The result of ``preview_grant``."""

    words: str
