"""What a watcher of a session has seen: nothing of it may ever be something else (I11)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec

from agentgate_proto.records.session_views import GAP, SessionEvent


def events_in(event: SessionEvent) -> list[tuple[str, Any]]:
    """The events that are told as one, each with its kind; of a gap nothing."""
    data = msgspec.json.decode(event.data)
    if event.kind == GAP:
        return [(GAP, None)] * event.count
    if event.kind not in ("text", "thinking"):
        assert event.count == 1
        return [(event.kind, data)]
    edges = [0, *data.get("cuts", []), len(data["text"])]
    assert len(edges) == event.count + 1, "each delta has its cut"
    return [(event.kind, data["text"][a:b]) for a, b in pairwise(edges)]


class Seen:
    """What was seen under each offset."""

    def __init__(self) -> None:
        self.events: dict[int, tuple[str, Any]] = {}

    def take(self, event: SessionEvent) -> None:
        """See what follows."""
        for place, content in enumerate(events_in(event), event.offset):
            if content[0] != GAP:
                assert self.events.setdefault(place, content) == content
