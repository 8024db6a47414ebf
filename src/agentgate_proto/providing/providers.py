"""Providers: which connected client offers which tools, and every call for one of them.

Theory of operation. A tool belongs to a principal, and one connection of it offers it: a newer one
of the same client takes over, one of another client is refused. A call that has not been sent to
anybody waits, for a while, until its tool is offered. One that has been sent stays with that very
connection: only its answer counts. If it goes away first, nobody knows what became of a ``write``;
a ``read`` waits, within its own time, and is asked again under the same id, so that a provider
which has run it answers from its memory.

Nothing here waits: what is to be done comes out by ``next_effect``. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import (
    PROVIDED_ALL_MAX,
    PROVIDED_BYTES_MAX,
    PROVIDED_CALLS_BYTES_MAX,
    PROVIDED_CALLS_MAX,
    PROVIDED_OF_PRINCIPAL_MAX,
    PROVIDER_BACK_S,
)
from agentgate_proto.providing.effects import Ask, Check, Drop, Effect, End, Offer, Over, Refusal
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.decoding import check_nesting
from agentgate_proto.rpc.jsonrpc import UNREADABLE, ErrorObject, encode
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool, ToolCalled

NOTHING_DONE = frozenset(
    {ErrorCode.METHOD_NOT_FOUND, ErrorCode.INVALID_PARAMS, ErrorCode.LIMIT_EXCEEDED}
)
"""Errors by which a provider says that it has not run the tool."""


class Provider:
    """A connection that offers tools.

    Attributes:
        offers: by name.
        size: bytes of what it says of them.
        asked: the calls that wait for its answers, by the id of the request.
    """

    __slots__ = ("asked", "client_id", "link", "offers", "principal", "size")

    def __init__(self, link: int, principal: str, client_id: str) -> None:
        self.link = link
        self.principal = principal
        self.client_id = client_id
        self.offers: dict[str, Offer] = {}
        self.size = 0
        self.asked: dict[str, Call] = {}


class Call:
    """A call that is not over.

    Attributes:
        owner: whose tool it is.
        until: when it is over at the latest.
        provider, request: who is asked, and under which id; None: it waits for a provider.
        asks: how often it was sent: if ever, it may have run.
    """

    __slots__ = (
        "args",
        "asks",
        "effects",
        "id",
        "name",
        "owner",
        "provider",
        "request",
        "size",
        "until",
    )

    def __init__(
        self, call_id: str, name: str, effects: Effects, args: dict[str, Any], until: float
    ) -> None:
        self.id = call_id
        self.name = name
        self.owner = owner_of(name)
        self.effects = effects
        self.args = args
        self.size = len(encode(args))
        self.until = until
        self.provider: Provider | None = None
        self.request = ""
        self.asks = 0


class Load(msgspec.Struct):
    """The calls for one principal's tools."""

    calls: int = 0
    size: int = 0


class Providers:
    """See the module."""

    def __init__(self) -> None:
        self._providers: dict[int, Provider] = {}
        self._offers: dict[str, Offer] = {}
        self._calls: dict[str, Call] = {}
        self._loads: dict[str, Load] = {}
        self._effects: deque[Effect] = deque()
        self._deadlines: list[tuple[float, str]] = []
        self._last_request = 0

    # Output

    def next_effect(self) -> Effect | None:
        """Return the next thing to do, or None."""
        return self._effects.popleft() if self._effects else None

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        return self._deadlines[0][0] if self._deadlines else None

    def get(self, name: str) -> Offer | None:
        """Return what is offered under a name now, or None."""
        return self._offers.get(name)

    @property
    def connections(self) -> int:
        """How many connections provide tools."""
        return len(self._providers)

    @property
    def offered(self) -> int:
        """How many tools are offered."""
        return len(self._offers)

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._offers.values())

    # Input: connections

    def offer(
        self,
        link: int,
        principal: str,
        client_id: str,
        tools: Sequence[tuple[OfferedTool, Check]],
        now: float,
    ) -> Refusal | None:
        """A connection offers these tools, in place of all that it has offered before.

        Args:
            link: the connection.
            principal, client_id: whose it is, and of which of its clients.
            tools: each with what checks its arguments.
            now: monotonic seconds.

        Returns:
            Why they are not taken; None: they are.
        """
        offers = {
            name: Offer(name=name, link=link, tool=tool, check=check)
            for name, (tool, check) in ((f"{principal}.{each[0].name}", each) for each in tools)
        }
        size = len(encode([tool for tool, _ in tools]))
        refusal = self._objection(principal, client_id, tools, offers, size)
        if refusal is not None:
            return refusal
        for each in [a for a in self._of(principal) if a.client_id == client_id]:
            if each.link != link:
                self.leave(each.link, now)
        provider = self._providers.setdefault(link, Provider(link, principal, client_id))
        for name in provider.offers:
            del self._offers[name]
        provider.offers, provider.size = offers, size
        self._offers.update(offers)
        for call in list(self._calls.values()):
            if call.provider is None and call.name in offers:
                self._ask(call, offers[call.name], now)
        return None

    def leave(self, link: int, now: float) -> None:
        """A connection is over; without effect if it has offered nothing."""
        provider = self._providers.pop(link, None)
        if provider is None:
            return
        for name in provider.offers:
            del self._offers[name]
        for call in provider.asked.values():
            call.provider = None
            if call.effects is Effects.WRITE:
                text = f"{provider.principal} left while {call.name} ran; it may have taken effect"
                self._end(call, End.UNKNOWN, text=text)
        provider.asked.clear()

    def answered(
        self, link: int, request: str, result: msgspec.Raw, error: ErrorObject | None
    ) -> None:
        """An answer came on a connection; what nobody waits for there counts for nothing."""
        provider = self._providers.get(link)
        call = provider.asked.pop(request, None) if provider is not None else None
        if call is None:
            return
        call.provider = None
        if error is None:
            try:
                called = msgspec.json.decode(result, type=ToolCalled)
                check_nesting(called.data)
            except UNREADABLE as why:
                self._end(call, nobody_knows(call), text=f"{call.name} gave an odd answer: {why}")
            else:
                self._end(call, End.DONE, called.data)
        elif error.code in NOTHING_DONE:
            self._end(call, End.NOT_STARTED, text=error.message)
        elif error.code == ErrorCode.OUTCOME_UNKNOWN:
            self._end(call, nobody_knows(call), text=error.message)
        else:
            self._end(call, End.FAILED, text=error.message)

    def not_sent(self, link: int, request: str) -> None:
        """What ``Ask`` wanted sent has certainly not been: the connection is ending."""
        provider = self._providers.get(link)
        call = provider.asked.pop(request, None) if provider is not None else None
        if call is not None:
            call.provider = None
            call.asks -= 1

    # Input: calls and time

    def call(
        self, call_id: str, name: str, effects: Effects, args: dict[str, Any], now: float
    ) -> None:
        """Ask for a tool; ``Over`` follows.

        Args:
            call_id: names the call, and no other one ever.
            name: of the tool. It need not be offered at this moment.
            effects: that the decision was made for.
            args: the arguments.
            now: monotonic seconds.
        """
        assert call_id not in self._calls, "a call's id is its own"
        call = Call(call_id, name, effects, args, now + PROVIDER_BACK_S)
        load = self._loads.setdefault(call.owner, Load())
        self._calls[call_id] = call
        load.calls += 1
        load.size += call.size
        if load.calls > PROVIDED_CALLS_MAX or load.size > PROVIDED_CALLS_BYTES_MAX:
            text = f"{call.owner} is busy: {load.calls - 1} calls are under way there"
            self._end(call, End.NOT_STARTED, text=text)
        elif (offer := self._offers.get(name)) is not None:
            self._ask(call, offer, now)
        else:
            self._push_deadline(call)

    def deadline_of(self, call_id: str) -> float | None:
        """Return when a call is over at the latest; None: it is over."""
        call = self._calls.get(call_id)
        return call.until if call is not None else None

    def cancel(self, call_id: str) -> None:
        """Nobody waits for a call any more; without effect if it is over. No ``Over`` follows."""
        call = self._calls.get(call_id)
        if call is not None:
            self._drop(call)
            self._forget(call)

    def may_have_run(self, call_id: str) -> bool:
        """Whether a provider was asked for a call that is not over."""
        call = self._calls.get(call_id)
        return call is not None and call.asks > 0

    def handle_timer(self, now: float) -> None:
        """End the calls whose time is over."""
        while self._deadlines and self._deadlines[0][0] <= now:
            call = self._calls.get(heappop(self._deadlines)[1])
            if call is None or call.until > now:
                continue  # it is over, or was given more time, which is in the heap as well
            if call.provider is not None:
                self._drop(call)
                self._end(call, nobody_knows(call), text=f"{call.name} did not answer in time")
            elif call.asks:
                text = f"{call.owner} left while {call.name} ran, and did not come back in time"
                self._end(call, End.FAILED, text=text)
            else:
                text = f"{call.name} is not offered now: {call.owner} is not connected"
                self._end(call, End.NOT_STARTED, text=text)

    # One call

    def _ask(self, call: Call, offer: Offer, now: float) -> None:
        """Send a call, if the tool is what it was when the call was allowed."""
        if offer.tool.effects is not call.effects:
            text = f"{call.name} is not what was asked for: now it says that it "
            self._end(call, End.NOT_STARTED, text=f"{text}{offer.tool.effects.value}s")
            return
        problem = offer.check(call.args)
        if problem:
            self._end(call, End.NOT_STARTED, text=problem)
            return
        if not call.asks:
            call.until = now + offer.tool.timeout_s
            self._push_deadline(call)
        self._last_request += 1
        call.request = f"tools-{self._last_request}"
        call.provider = self._providers[offer.link]
        call.provider.asked[call.request] = call
        call.asks += 1
        params = CallTool(
            call=call.id,
            tool=offer.tool.name,
            args=call.args,
            timeout_s=max(0.0, call.until - now),
        )
        self._effects.append(Ask(offer.link, call.request, params))

    def _drop(self, call: Call) -> None:
        if call.provider is not None:
            del call.provider.asked[call.request]
            self._effects.append(Drop(call.provider.link, call.request, call.id))

    def _end(self, call: Call, end: End, data: Any = None, text: str = "") -> None:
        self._forget(call)
        self._effects.append(Over(call.id, end, data, text))

    def _forget(self, call: Call) -> None:
        del self._calls[call.id]
        load = self._loads[call.owner]
        load.calls -= 1
        load.size -= call.size
        if not load.calls:
            del self._loads[call.owner]
        if len(self._deadlines) > 2 * len(self._calls):
            self._deadlines = [due for due in self._deadlines if due[1] in self._calls]
            heapify(self._deadlines)

    def _push_deadline(self, call: Call) -> None:
        heappush(self._deadlines, (call.until, call.id))

    # Offers

    def _of(self, principal: str) -> list[Provider]:
        return [each for each in self._providers.values() if each.principal == principal]

    def _objection(
        self,
        principal: str,
        client_id: str,
        tools: Sequence[tuple[OfferedTool, Check]],
        offers: Mapping[str, Offer],
        size: int,
    ) -> Refusal | None:
        """Say why tools are not taken, or None."""
        if len(offers) < len(tools):
            return Refusal(ErrorCode.INVALID_PARAMS, "two of the tools have one name")
        others = [each for each in self._of(principal) if each.client_id != client_id]
        for other in others:
            for name in offers:
                if name in other.offers:
                    text = (
                        f"{name} is offered by another client of {principal} that is connected "
                        f"(client_id {other.client_id!r}): give each device a token of its own, or "
                        "its tools other names"
                    )
                    return Refusal(ErrorCode.ALREADY_SETTLED, text)
        count = sum(len(each.offers) for each in others) + len(offers)
        if count > PROVIDED_OF_PRINCIPAL_MAX:
            text = f"{principal} would offer {count} tools: at most {PROVIDED_OF_PRINCIPAL_MAX}"
            return Refusal(ErrorCode.LIMIT_EXCEEDED, text)
        total = sum(each.size for each in others) + size
        if total > PROVIDED_BYTES_MAX:
            text = f"what {principal} says of its tools has {total} bytes: at most "
            return Refusal(ErrorCode.LIMIT_EXCEEDED, f"{text}{PROVIDED_BYTES_MAX}")
        mine = sum(len(each.offers) for each in self._of(principal) if each not in others)
        if len(self._offers) - mine + len(offers) > PROVIDED_ALL_MAX:
            text = f"{PROVIDED_ALL_MAX} tools are provided to this gateway already"
            return Refusal(ErrorCode.LIMIT_EXCEEDED, text)
        return None


def owner_of(name: str) -> str:
    """Return the principal whose tool has a name."""
    return name.rpartition(".")[0]


def nobody_knows(call: Call) -> End:
    """How a call is over of which it is not known whether it ran to its end."""
    return End.UNKNOWN if call.effects is Effects.WRITE else End.FAILED
