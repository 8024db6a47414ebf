"""The calls of a client on a pipe: who waits for what, and what is said meanwhile.

A *call* is what the client wants answered; an *ask* is the request at the gateway. A call has at
most one ask. When a hold is over, the call is answered and the ask goes on without it: kept for
whoever asks for the same, or for its outcome by the id that was told.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

import msgspec

from agentgate_proto.faces.mcp.bridge_events import LookUp
from agentgate_proto.faces.mcp.bridge_looking import Look
from agentgate_proto.faces.mcp.names import PERMIT
from agentgate_proto.faces.mcp.permit import denied, permit_result, waiting_answer
from agentgate_proto.faces.mcp.progress import Progress
from agentgate_proto.faces.mcp.replies import success
from agentgate_proto.faces.mcp.results import (
    error_result,
    outcome_result,
    pending_result,
    refused_result,
    running_result,
)
from agentgate_proto.faces.mcp.wishes import Call
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.results import ToolRow

BEAT_S: Final = 10.0
"""From one sign of life to the next: clients give up after 60 s without one."""

CALLS_MAX: Final = 500
"""Calls of one client that are not answered: a model makes a handful at once."""

KEPT_MAX: Final = 100
"""Asks that go on without a call, with what they came to; beyond it the oldest are left to the
gateway, which has their outcomes, too."""


class Refusal(msgspec.Struct, frozen=True):
    """A request was not taken: nothing was run.

    Attributes:
        code: why (``ErrorCode``).
        message: the gateway's own words.
        retry_after_s: when to try again; None: nobody said.
    """

    code: int
    message: str
    retry_after_s: float | None = None


class Want(NamedTuple):
    """What is asked for.

    Attributes:
        tool: its name in the catalogue.
        args: a JSON object.
        canonical: the same as it is compared.
        key: idempotency key, or "".
        join_s: an identical request that ended so long ago at most is this one.
        row: the tool; None: a client's own, of which nothing is known.
    """

    tool: str
    args: msgspec.Raw
    canonical: bytes
    key: str
    join_s: float
    row: ToolRow | None


class Ask:
    """A request at the gateway.

    Attributes:
        number: names it here.
        tool, args, key: what was asked for; ``args`` canonical.
        name: the tool's published name.
        row: the tool.
        rid: the gateway's own id; "": not known here.
        expires_at: until when a person can answer, UTC seconds; 0.0: nobody is asked.
        rule: which wants a person asked.
        end: what came of it.
        ended_at: when that came here, monotonic seconds.
        joined_at: of the outcome, as for ``outcome_result``.
        call: who waits for it.
    """

    __slots__ = (
        "args",
        "call",
        "end",
        "ended_at",
        "expires_at",
        "joined_at",
        "key",
        "name",
        "number",
        "rid",
        "row",
        "rule",
        "tool",
    )

    def __init__(self, number: int, want: Want, name: str) -> None:
        self.number = number
        self.tool, self.args, self.key = want.tool, want.canonical, want.key
        self.name, self.row = name, want.row
        self.rid = self.rule = ""
        self.expires_at = self.ended_at = self.joined_at = 0.0
        self.end: Outcome | Refusal | None = None
        self.call: ClientCall | None = None

    @property
    def id(self) -> str:
        """By which a client can ask for its outcome."""
        return self.rid or f"here-{self.number}"

    def holds(self, since: float) -> bool:
        """Whether it is under way, or has ended since then so that asking again gets the same: what
        failed may be tried again, and what is unknown is for a person to look at."""
        if self.end is None:
            return True
        return (
            isinstance(self.end, Outcome)
            and self.end.status in (Status.EXECUTED, Status.DENIED)
            and self.ended_at >= since
        )


class ClientCall:
    """A call that is not answered yet.

    Attributes:
        wish: what the client wants.
        version: the revision that it speaks.
        since: when it came.
        ask: what it waits for; None: for the list of tools, or for a request to be looked up.
        look: its look at a request, of which its ask here is a picture; None: it asks itself.
        beat_at: when to say something; None: the client does not want to hear of it.
        hold_at: until when it can be held; None: there is no limit.
    """

    __slots__ = ("ask", "beat_at", "hold_at", "look", "progress", "since", "version", "wish")

    def __init__(self, wish: Call, version: str, now: float, hold_s: float | None) -> None:
        self.wish = wish
        self.version = version
        self.since = now
        self.ask: Ask | None = None
        self.look: Look | None = None
        token = wish.meta.progress_token
        self.progress = None if isinstance(token, msgspec.UnsetType) else Progress(token)
        self.beat_at = None if self.progress is None else now + BEAT_S
        self.hold_at = None if hold_s is None else now + hold_s

    @property
    def is_permit(self) -> bool:
        """Whether the client asks for a tool of its own."""
        return self.wish.name == PERMIT

    def response(self, result: bytes) -> bytes:
        """The answer as a whole."""
        return success(self.wish.id, result)

    def refused(self, why: Refusal) -> bytes:
        """The answer where nothing was taken."""
        if self.is_permit:
            return self.response(denied(why.message, self.version))
        pause = why.retry_after_s
        result = refused_result(why.code, why.message, self.version, retry_after_s=pause)
        return self.response(result)

    def ended(self, ask: Ask) -> bytes:
        """The answer where it is over."""
        end = ask.end
        if isinstance(end, Refusal):
            return self.refused(end)
        assert end is not None, "it has ended"
        if self.is_permit:
            return self.response(permit_result(end, self.version))
        result = outcome_result(
            end,
            tool=ask.name,
            row=ask.row,
            version=self.version,
            rid=ask.rid,
            joined_at=ask.joined_at,
        )
        return self.response(result)

    def held(self, away: str, now: float) -> bytes:
        """The answer where the client can't be held any longer.

        Args:
            away: why the gateway can't be reached; "": it can.
            now: the time.
        """
        gone_s, ask = now - self.since, self.ask
        if self.is_permit:
            return self.response(waiting_answer(self.version))
        if ask is not None and ask.expires_at:
            result = pending_result(
                tool=ask.name,
                rid=ask.id,
                expires_at=ask.expires_at,
                version=self.version,
                gone_s=gone_s,
            )
        elif away or ask is None:
            text = (
                f"There is no answer after {gone_s:.0f} s: {away or 'the gateway is slow'}. Call "
                f"{self.wish.name} again with the same arguments: if the call got through, that "
                "joins it and never runs it twice."
            )
            result = error_result(text, self.version)
        else:
            result = running_result(tool=ask.name, rid=ask.id, version=self.version, gone_s=gone_s)
        return self.response(result)

    def told(self, text: str, now: float) -> bytes | None:
        """A sign of life; None: the client does not want to hear of it."""
        if self.progress is None:
            return None
        self.beat_at = now + BEAT_S
        return self.progress.ours(text)


class Calls:
    """All calls and asks of one client.

    Attributes:
        open: calls that are not answered, by their ids.
    """

    def __init__(self) -> None:
        self.open: dict[RequestId, ClientCall] = {}
        self._asks: dict[int, Ask] = {}
        self._kept: OrderedDict[int, Ask] = OrderedDict()
        self._last_number = 0

    def next_number(self) -> int:
        """Return a number that nothing had before."""
        self._last_number += 1
        return self._last_number

    def ask(self, number: int) -> Ask | None:
        """Return an ask that is under way, or None."""
        return self._asks.get(number)

    def looking(self, number: int) -> tuple[ClientCall, Look] | None:
        """Return the call that has asked this question, and its look."""
        for call in self.open.values():
            if call.look is not None and call.look.number == number:
                return call, call.look
        return None

    def look(self, call: ClientCall, rid: str = "") -> LookUp:
        """Let a call look at a request; without ``rid`` once more."""
        if call.look is None:
            call.look = Look(rid)
        call.look.begins(self.next_number())
        return LookUp(call.look.number, call.look.rid)

    def begin(self, call: ClientCall, want: Want, name: str = "") -> Ask:
        """Make the ask of a call; ``name``: the published one of the tool, if not the call's."""
        ask = Ask(self.next_number(), want, name or call.wish.name)
        self._asks[ask.number] = ask
        self.bind(call, ask)
        return ask

    def bind(self, call: ClientCall, ask: Ask) -> None:
        """Let a call wait for an ask."""
        call.ask, ask.call = ask, call
        self._kept.pop(ask.number, None)

    def kept(self, tool: str, args: bytes, key: str, since: float) -> Ask | None:
        """Return the ask for the very same that goes on without a call, or has ended since then in
        a way that holds for who asks again."""
        for ask in self._kept.values():
            if (ask.tool, ask.args, ask.key) == (tool, args, key) and ask.holds(since):
                return ask
        return None

    def kept_as(self, told: str) -> Ask | None:
        """Return the ask that goes on without a call and has this id."""
        return next((ask for ask in self._kept.values() if ask.id == told), None)

    def close(self, call: ClientCall) -> None:
        """A call is answered, or not wanted any more."""
        self.open.pop(call.wish.id, None)
        if call.ask is not None:
            call.ask.call = None

    def end(self, ask: Ask) -> None:
        """An ask is over, and told."""
        self._asks.pop(ask.number, None)
        self._kept.pop(ask.number, None)

    def keep(self, call: ClientCall, ask: Ask) -> None:
        """Let an ask go on without its call; what was only looked at does so anyway."""
        if call.look is not None:
            self.end(ask)
            return
        self._kept[ask.number] = ask
        while len(self._kept) > KEPT_MAX:
            oldest = self._kept.popitem(last=False)[1]
            self._asks.pop(oldest.number, None)

    def next_deadline(self) -> float | None:
        """Return when the next call wants something said, or can't be held longer."""
        times = [call.beat_at for call in self.open.values()]
        times += [call.hold_at for call in self.open.values()]
        times += [call.look.at for call in self.open.values() if call.look is not None]
        return min((at for at in times if at is not None), default=None)
