"""Answering: what those are told who answer approvals, and in which order they see these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import itemgetter

from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.mute import MuteView
from agentgate_proto.records.request import Record


def muted_text(mute: MuteView) -> str:
    """Say what was done about an agent."""
    if not mute.until:
        return f"{mute.by} lets people be asked about {mute.agent} again"
    return f"nobody is asked about {mute.agent} until {mute.until}: muted by {mute.by}"


def by_turns(records: Sequence[Record]) -> list[Record]:
    """Records in order, the first of each principal before the second of any."""
    seen = Counter[str]()
    places = []
    for record in records:
        places.append(seen[record.principal])
        seen[record.principal] += 1
    return [record for _, record in sorted(zip(places, records, strict=True), key=itemgetter(0))]


def settled_text(view: ApprovalView) -> str:
    """Say what really happened to an approval that somebody answers too late."""
    by = f" by {view.decided_by} ({view.channel})" if view.decided_by else ""
    at = f" at {view.decided_at}" if view.decided_at else ""
    ended = f"; the tool ended as {view.outcome}" if view.outcome else ""
    why = f": {view.reason}" if view.reason else ""
    return f"Already {view.status}{by}{at}{ended}{why}"
