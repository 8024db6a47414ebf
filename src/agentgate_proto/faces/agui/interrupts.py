"""Interrupts: approvals that a run of AG-UI ends with, and goes on from.

A run is interrupted when it has nothing to do any more but wait for people: of all calls of the
model's answer each has its result, or a person is asked about it. Where the next run is to go on
stands in the session's metadata, so that a page that was loaded anew, or a gateway that was started
again, finds it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from agentgate_proto.faces.agui.events import Event, interrupt
from agentgate_proto.faces.conversing import Said
from agentgate_proto.rpc.listing import shown_signature

STOPPED = "agui_stopped"
"""In the metadata of a session: where its run was interrupted."""


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run was interrupted.

    Attributes:
        run: of the gateway's.
        epoch, offset: what comes from here on was not told.
        open: calls without a result, with the approvals that they wait for.
    """

    run: str
    epoch: str
    offset: int
    open: dict[str, str]


class Interrupts:
    """See the module.

    Args:
        answered: approvals that a person answers with this request.

    Attributes:
        open: calls without a result, with their approvals, or "".
    """

    def __init__(self, answered: Collection[str] = ()) -> None:
        self.open: dict[str, str] = {}
        self._answered = frozenset(answered)
        self._asked: dict[str, Event] = {}

    def go_on(self, stopped: Stopped) -> None:
        """Go on where a run was interrupted."""
        self.open.update(stopped.open)

    def step(self) -> None:
        """The model is asked: nothing of before waits any more."""
        self.open.clear()
        self._asked.clear()

    def called(self, call: str) -> None:
        """The model has called a tool of the gateway's."""
        self.open[call] = ""

    def asked(self, said: Said) -> None:
        """A person is asked about a call, or whether to spend more."""
        call = said.call if said.call in self.open else ""
        self.open[said.call] = said.approval
        expires_at = said.expires_at if isinstance(said.expires_at, str) else None
        what = shown_signature(said.signature, said.approval)
        self._asked[said.approval] = interrupt(said.approval, call, what, expires_at, said.rule)

    def ended(self, call: str) -> None:
        """A call has its result."""
        self.open.pop(call, None)

    def due(self) -> list[Event]:
        """Return what people are to be asked, if the run waits for nothing else."""
        waiting = [each for each in self.open.values() if each and each not in self._answered]
        if len(waiting) < len(self.open):
            return []
        return [self._asked[each] for each in waiting if each in self._asked]


def stopped_in(metadata: msgspec.Raw) -> Stopped | None:
    """Take out of a session's metadata where its run was interrupted; None: it was not."""
    try:
        members = msgspec.json.decode(metadata, type=dict[str, Any])
        return msgspec.convert(members.get(STOPPED), Stopped | None)
    except msgspec.ValidationError:
        return None


def with_stopped(metadata: msgspec.Raw, stopped: Stopped) -> msgspec.Raw:
    """Note in a session's metadata where its run was interrupted."""
    members = msgspec.json.decode(metadata, type=dict[str, Any])
    return msgspec.Raw(msgspec.json.encode({**members, STOPPED: stopped}))
