"""A bridge from an MCP client's pipe to a gateway that comes and goes.

Theory of operation. The client talks in lines, in either era, message by message. What needs no
gateway is answered at once, so that a client that starts before its gateway does starts well. Tools
are asked for through our own client, which outlives restarts of the gateway: while it is away,
calls wait, lists wait a little, and who gave a token hears why. A token that the gateway does not
know is said at once, and what to do about it.

The list of tools is read on every connection and then now and then; the client is told when it is
another one than it has seen.

Effects are queued in order: drain ``next_event`` and send ``data_to_send`` after every verb.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp import replies
from agentgate_proto.faces.mcp.bridge_asking import asks, known, looked_for, standing, takes, wanted
from agentgate_proto.faces.mcp.bridge_calls import CALLS_MAX, Ask, Calls, ClientCall, Refusal
from agentgate_proto.faces.mcp.bridge_endings import FoundRow
from agentgate_proto.faces.mcp.bridge_events import (
    BridgeEvent,
    Ended,
    FindRequest,
    ListTools,
    WithdrawTool,
)
from agentgate_proto.faces.mcp.bridge_link import BridgeSettings, Link, LinkState
from agentgate_proto.faces.mcp.bridge_list import ToolShelf
from agentgate_proto.faces.mcp.dispatch import Gate, dispatch, version_of
from agentgate_proto.faces.mcp.eras import takes_batches
from agentgate_proto.faces.mcp.lines import LineReader, line
from agentgate_proto.faces.mcp.names import GATE_RESULT
from agentgate_proto.faces.mcp.replies import Code
from agentgate_proto.faces.mcp.wishes import (
    Answered,
    Begin,
    Call,
    Cancel,
    ListenFor,
    Nothing,
    Ready,
    RootsChanged,
)
from agentgate_proto.faces.mcp.wishes import ListTools as ToolsWanted
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.rpc.jsonrpc import Batch, Invalid, Message, Request, RequestId
from agentgate_proto.rpc.results import ToolRow

POLL_S: Final = 60.0
"""From one look at the list of tools to the next."""

RELIST_S: Final = 5.0
"""The same after one that failed, while there is no list at all."""

FRESH_S: Final = 1.0
"""A list this young is not read anew because of a name that is not in it."""


class Bridge:
    """See the module. Times are monotonic seconds.

    Args:
        gate: who we are, to the client.
        settings: what the user said.

    Attributes:
        link: how the gateway is.
    """

    def __init__(self, gate: Gate, settings: BridgeSettings) -> None:
        self.link = Link(settings.address)
        self._gate = gate
        self._settings = settings
        self._reader = LineReader()
        self._out: list[bytes] = []
        self._events: deque[BridgeEvent] = deque()
        self._agreed = ""
        self._calls = Calls()
        self._shelf = ToolShelf(settings.join_s)
        self._listed_at = float("-inf")
        self._listing = False
        self._poll_at: float | None = None

    # Output

    def next_event(self) -> BridgeEvent | None:
        """Return the next event, or None."""
        return self._events.popleft() if self._events else None

    def data_to_send(self) -> bytes:
        """Take what goes to the client: whole lines."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        times = (self._poll_at, self._shelf.next_deadline(), self._calls.next_deadline())
        return min((at for at in times if at is not None), default=None)

    # The client's side

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the client."""
        for message in self._reader.receive_data(data):
            self._receive(message, now)

    def receive_eof(self, now: float) -> None:
        """The client has closed its end, and wants us gone."""
        for message in self._reader.receive_eof():
            self._receive(message, now)
        self._events.append(Ended())

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._poll_at is not None and self._poll_at <= now:
            self._list()
        self._send_all(self._shelf.give_up(self.link.trouble, now))
        for call in list(self._calls.open.values()):
            if call.hold_at is not None and call.hold_at <= now:
                self._let_go(call, now)
                continue
            if call.look is not None and call.look.is_due(now):
                self._events.append(self._calls.look(call))
            if call.beat_at is not None and call.beat_at <= now:
                self._tell(call, now)

    # The gateway's side

    def link_up(self) -> None:
        """The gateway is there, for the first time or again."""
        self.link.state, self.link.why = LinkState.UP, ""
        self._listing = False
        self._list()

    def link_away(self, why: str, now: float) -> None:
        """It can't be reached; our client keeps trying."""
        was_up = self.link.is_up
        self.link.state, self.link.why = LinkState.AWAY, why
        self._listing, self._poll_at = False, None
        if was_up:
            for call in self._calls.open.values():
                self._tell(call, now)

    def link_refused(self, why: str) -> None:
        """It does not take us; what waits for it is told so. Our client has given up its calls."""
        self.link.state, self.link.why = LinkState.REFUSED, why
        self._listing, self._poll_at = False, None
        self._send_all(self._shelf.give_up(self.link.trouble))
        for call in list(self._calls.open.values()):
            if call.ask is None or call.look is not None:
                self._refuse(call, self._unusable())

    def listed(self, rows: list[ToolRow], now: float) -> None:
        """These are the tools."""
        self._listing = False
        self._listed_at, self._poll_at = now, now + POLL_S
        if self._shelf.listed(rows):
            self._send_all(self._shelf.news(self._agreed))
        self._send_all(self._shelf.take())
        for call in list(self._calls.open.values()):
            if call.ask is None and call.look is None:
                self._ask(call, now)

    def listing_failed(self, why: str, now: float) -> None:
        """The gateway did not say what tools there are."""
        self._listing = False
        if self.link.is_up:
            self.link.why = why
            self._poll_at = now + (RELIST_S if self._shelf.published is None else POLL_S)

    def waiting(self, number: int, expires_at: float, rule: str, now: float) -> None:
        """A person is asked about a request, until then (UTC seconds)."""
        ask = self._calls.ask(number)
        if ask is None:
            return
        ask.expires_at, ask.rule = expires_at, rule
        if ask.call is not None:
            self._tell(ask.call, now)
            if ask.call.hold_at is not None and not ask.rid:
                self._events.append(FindRequest(number, ask.tool))

    def named(self, number: int, rid: str) -> None:
        """The gateway knows a request by this id."""
        ask = self._calls.ask(number)
        if ask is not None:
            ask.rid = rid

    def settled(
        self, number: int, end: Outcome | Refusal, now: float, joined_at: float = 0.0
    ) -> None:
        """A request is over, or was not taken.

        Args:
            number: of the request.
            end: what came of it.
            now: the time.
            joined_at: as for ``outcome_result``.
        """
        ask = self._calls.ask(number)
        if ask is not None:
            ask.end, ask.ended_at, ask.joined_at = end, now, joined_at
            self._tell_end(ask)

    def found(self, number: int, row: FoundRow, now: float) -> None:
        """The request that ``LookUp`` was for."""
        found = self._calls.looking(number)
        if found is None:
            return
        call, look = found
        ask = call.ask or self._calls.begin(call, *known(row, self._shelf))
        look.goes_on(now)
        if takes(ask, row):
            self._tell(call, now)
        if row.outcome is not None:
            self.settled(ask.number, row.outcome, now)

    def not_found(self, number: int, why: Refusal, now: float) -> None:
        """There is no such request, or it can't be looked up."""
        found = self._calls.looking(number)
        if found is None:
            return
        call, look = found
        if call.ask is None or why.code == ErrorCode.NOT_FOUND:
            self._refuse(call, why)
        else:  # it was there
            look.goes_on(now, why.retry_after_s)

    # Messages of the client

    def _receive(self, message: Message | Batch, now: float) -> None:
        if isinstance(message, Batch):
            self._receive_batch(message, now)
            return
        if isinstance(message, Invalid):
            self._send(replies.failure(replies.NAMELESS, message.code, message.detail))
            return
        if isinstance(message, Request) and message.id in self._calls.open:
            text = "a call with this id is under way"
            self._send(replies.failure(message.id, Code.INVALID_REQUEST, text))
            return
        version = version_of(message, self._agreed)
        wish = dispatch(message, version, self._gate)
        match wish:
            case Ready(body=body):
                self._send(body)
            case Begin():
                self._agreed = wish.version
                self._send(wish.body)
            case ToolsWanted() if self.link.is_refused and self._shelf.published is None:
                self._send(self._shelf.failure(wish.id, self.link.trouble))
            case ToolsWanted():
                if (answer := self._shelf.want(wish, version, now)) is not None:
                    self._send(answer)
            case Call():
                self._call(wish, version, now)
            case Cancel():
                self._cancel(wish.request_id)
            case ListenFor():
                self._send(self._shelf.listen(wish))
            case _:
                assert isinstance(wish, Nothing | Answered | RootsChanged), "the gate has no more"

    def _receive_batch(self, batch: Batch, now: float) -> None:
        """Each message is answered by itself, when it is over."""
        if not takes_batches(self._agreed):
            text = "this revision has no batches"
            self._send(replies.failure(replies.NAMELESS, Code.INVALID_REQUEST, text))
            return
        for message in batch.messages:
            self._receive(message, now)

    def _send(self, message: bytes) -> None:
        self._out.append(line(message))

    def _send_all(self, messages: list[bytes]) -> None:
        self._out += map(line, messages)

    def _list(self) -> None:
        self._poll_at = None
        if not self._listing:
            self._listing = True
            self._events.append(ListTools())

    def _cancel(self, request_id: RequestId) -> None:
        """What the client does not want any more; an answered call is none."""
        self._shelf.forget(request_id)
        call = self._calls.open.get(request_id)
        if call is None:
            return
        ask = call.ask
        self._calls.close(call)
        if ask is not None and call.wish.name == GATE_RESULT:
            self._calls.keep(call, ask)  # to wait for it no more is not to want it no more
        elif ask is not None:
            self._calls.end(ask)
            self._events.append(WithdrawTool(ask.number))

    # Calls

    def _call(self, wish: Call, version: str, now: float) -> None:
        call = ClientCall(wish, version, now, self._settings.hold_s)
        if len(self._calls.open) >= CALLS_MAX:
            text = f"{CALLS_MAX} calls are waiting already"
            self._refuse(call, Refusal(ErrorCode.LIMIT_EXCEEDED, text))
            return
        self._calls.open[wish.id] = call
        if self.link.is_refused:
            self._refuse(call, self._unusable())
        elif wish.name == GATE_RESULT:
            self._look(call)
        elif self._shelf.published is not None:
            self._ask(call, now)

    def _look(self, call: ClientCall) -> None:
        """``gate_result``: of a request that is known here, or at the gateway."""
        try:
            rid = looked_for(call.wish)
        except ValueError as error:
            self._invalid(call, str(error))
            return
        ask = self._calls.kept_as(rid)
        if ask is not None:
            self._calls.bind(call, ask)
            self._tell_end(ask)
        else:
            self._events.append(self._calls.look(call, rid))

    def _ask(self, call: ClientCall, now: float) -> None:
        """Ask for the tool of a call, now that it is known what there is."""
        join_s = self._settings.join_s
        try:
            want = wanted(call.wish, self._shelf, join_s)
        except ValueError as error:
            if call.is_permit:
                self._refuse(call, Refusal(ErrorCode.INVALID_PARAMS, str(error)))
            else:
                self._invalid(call, str(error))
            return
        if want is None:
            self._unknown(call, now)
            return
        kept = self._calls.kept(want.tool, want.canonical, want.key, now - join_s)
        if kept is not None:
            self._calls.bind(call, kept)
            self._tell_end(kept)
            return
        ask = self._calls.begin(call, want)
        self._events.append(asks(ask.number, want, call.wish.meta.reason))

    def _unknown(self, call: ClientCall, now: float) -> None:
        """A tool that is not in the list: in a newer one it may be."""
        if self.link.is_up and self._listed_at + FRESH_S <= now:
            self._list()
        else:
            self._invalid(call, f"Unknown tool: {call.wish.name}; tools/list says what there is")

    def _invalid(self, call: ClientCall, text: str) -> None:
        self._send(replies.failure(call.wish.id, Code.INVALID_PARAMS, text))
        self._calls.close(call)

    def _refuse(self, call: ClientCall, why: Refusal) -> None:
        self._send(call.refused(why))
        self._calls.close(call)

    def _unusable(self) -> Refusal:
        return Refusal(ErrorCode.CONNECTION_LOST, self.link.trouble)

    def _tell_end(self, ask: Ask) -> None:
        """Answer who waits for an ask, if both is so: somebody waits, and it is over."""
        if ask.call is not None and ask.end is not None:
            self._send(ask.call.ended(ask))
            self._calls.close(ask.call)
            self._calls.end(ask)

    def _tell(self, call: ClientCall, now: float) -> None:
        """Say how far a call is."""
        text = standing(call, self.link)
        if (said := call.told(text, now)) is not None:
            self._send(said)

    def _let_go(self, call: ClientCall, now: float) -> None:
        """A call can't be held any longer; what it asked for goes on, if it can be found again."""
        ask = call.ask
        self._send(call.held(self.link.absence, now))
        self._calls.close(call)
        if ask is not None and call.is_permit:
            self._calls.end(ask)  # its client was told no
            self._events.append(WithdrawTool(ask.number))
        elif ask is not None:
            self._calls.keep(call, ask)
