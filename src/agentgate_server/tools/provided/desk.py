"""The desk of the providers: takes their offers, and runs calls of their tools.

What is decided is decided by :class:`agentgate_proto.providing.providers.Providers`; here it is
done: a call is sent on its provider's link, and whoever waits for it is woken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol
from uuid import uuid4

import anyio
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.providing.effects import Ask, Check, Drop, Offer, Over, Refusal
from agentgate_proto.providing.providers import Providers
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.jsonrpc import ErrorObject
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool
from agentgate_server.tools.catalogue import nobody_asks
from agentgate_server.tools.provided.schema import ArgumentSchema, SchemaError
from agentgate_server.tools.provided.tool import ProvidedTool
from agentgate_server.tools.python import NAME
from agentgate_server.tools.tool import Tool

TOOL = re.compile(r"(.+)\.[a-zA-Z_][a-zA-Z0-9_]{0,63}")
"""The name of a provided tool: its principal, and what the provider calls it."""

Done = Callable[[Over], None]
"""Takes the end of a call, at once and without waiting."""


class ProviderLink(Protocol):
    """The connection of a provider, on whatever face."""

    def ask(self, request: str, call: CallTool) -> bool:
        """Ask for a tool; the answer goes to ``ProviderDesk.answered`` under this id.

        Returns:
            Whether that was sent; False: it certainly was not.
        """
        ...

    def drop(self, request: str, call: str) -> None:
        """Nobody waits for this answer any more; let the provider stop the call if it can."""
        ...


class Taken(Protocol):
    """Says of a name whether a tool that is not provided has it."""

    def __call__(self, name: str) -> bool:
        """See the class."""
        ...


class Running:
    """A call that somebody waits for.

    Attributes:
        over: how it ended, once it has.
        changed: set when it has ended, or has got another deadline.
    """

    def __init__(self) -> None:
        self.over: Over | None = None
        self.changed = anyio.Event()

    def finish(self, over: Over) -> None:
        """Take its end."""
        self.over = over
        self.changed.set()


class ProviderDesk:
    """See the module; a source of live tools for the catalogue.

    Args:
        monotonic: the clock, in seconds.
        may_provide: whether this is the name of a principal that may provide tools: requests for
            its tools wait for it a while.
        is_taken: whether a name is that of a tool that is not provided.

    Attributes:
        changed: see :class:`agentgate_server.tools.catalogue.Changing`.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        may_provide: Callable[[str], bool],
        is_taken: Taken = lambda name: False,
    ) -> None:
        self.providers = Providers()
        self.is_taken = is_taken
        self.changed: Callable[[], None] = nobody_asks
        self._monotonic = monotonic
        self._may_provide = may_provide
        self._links: dict[int, ProviderLink] = {}
        self._waiting: dict[str, Done] = {}
        self._rearm: dict[str, anyio.Event] = {}
        self._tools: dict[str, tuple[Offer, ProvidedTool]] = {}

    # From the faces

    def offer(
        self,
        number: int,
        link: ProviderLink,
        principal: str,
        client_id: str,
        tools: Sequence[OfferedTool],
        checks: Sequence[Check | SchemaError] = (),
    ) -> list[str] | Refusal:
        """A connection offers these tools, in place of all that it has offered before.

        Answer the provider, and then call ``drain``: calls may have waited for it.

        Args:
            number: of the connection; no face's connection has that of another.
            link: how it is asked.
            principal, client_id: whose it is, and of which of its clients.
            tools: all of them.
            checks: of each what ``check_of`` says, where there was time to ask it before.

        Returns:
            Their names here, or why they are not taken.
        """
        offered: list[tuple[OfferedTool, Check]] = []
        names = [f"{principal}.{each.name}" for each in tools]
        checks = checks or [check_of(each) for each in tools]
        for name, each, check in zip(names, tools, checks, strict=True):
            if not NAME.fullmatch(name):
                text = f"{name!r} can't be a tool's name: give the principal a plainer name"
                return Refusal(ErrorCode.INVALID_PARAMS, text)
            if self.is_taken(name):
                text = f"the gateway has a tool {name} of its own: give this one another name"
                return Refusal(ErrorCode.ALREADY_SETTLED, text)
            if isinstance(check, SchemaError):
                return Refusal(ErrorCode.INVALID_PARAMS, f"tool {each.name}: {check}")
            offered.append((each, check))
        refusal = self.providers.offer(number, principal, client_id, offered, self._monotonic())
        if refusal is not None:
            return refusal
        self._links[number] = link
        self.changed()
        return names

    def leave(self, number: int) -> None:
        """A connection is over; without effect if it has offered nothing."""
        if self._links.pop(number, None) is not None:
            self.providers.leave(number, self._monotonic())
            self.changed()
            self.drain()

    def answered(
        self, number: int, request: str, result: msgspec.Raw, error: ErrorObject | None
    ) -> None:
        """A provider has answered a request."""
        self.providers.answered(number, request, result, error)
        self.drain()

    # For the catalogue

    def owns(self, name: str) -> bool:
        """See :class:`agentgate_server.tools.catalogue.LiveTools`."""
        return self.providers.get(name) is not None

    def get(self, name: str) -> Tool | None:
        """See :class:`agentgate_server.tools.catalogue.LiveTools`."""
        offer = self.providers.get(name)
        return self._tool_of(offer) if offer is not None else None

    def __iter__(self) -> Iterator[Tool]:
        return map(self._tool_of, list(self.providers))

    def to_run(self, name: str, effects: Effects, call: str) -> Tool | None:
        """See :class:`agentgate_server.tools.catalogue.LiveTools`."""
        form = TOOL.fullmatch(name)
        if form is None or not (self.providers.get(name) or self._may_provide(form[1])):
            return None
        return ProvidedTool.for_call(name, effects, call, self.run)

    # Calls

    def begin(self, call: str, tool: ProvidedTool, args: dict[str, Any], done: Done) -> None:
        """Ask for a tool; ``done`` is called once, perhaps at once, unless it is cancelled."""
        self._waiting[call] = done
        try:
            self.providers.call(call, tool.name, tool.effects, args, self._monotonic())
        except BaseException:
            del self._waiting[call]
            raise
        self.drain()

    def cancel(self, call: str) -> None:
        """Nobody waits for a call any more; without effect if it is over."""
        self._waiting.pop(call, None)
        self.providers.cancel(call)
        self.drain()

    def tick(self) -> None:
        """End the calls whose time is over."""
        self.providers.handle_timer(self._monotonic())
        self.drain()

    async def run(self, tool: ProvidedTool, args: dict[str, Any]) -> Over:
        """Ask for a tool and wait for its end; if the caller is cancelled, so is the call."""
        call = tool.call or str(uuid4())
        running = Running()
        self.begin(call, tool, args, running.finish)
        try:
            while running.over is None:
                running.changed = self._rearm[call] = anyio.Event()
                due = self.providers.deadline_of(call)
                assert due is not None, "a call that is not over has a deadline"
                with anyio.move_on_after(max(0.0, due - self._monotonic())):
                    await running.changed.wait()
                self.tick()
        finally:
            self._rearm.pop(call, None)
            tool.progress.was_asked = self.providers.may_have_run(call)
            self.cancel(call)
        return running.over

    def drain(self) -> None:
        """Do all that the machine wants done."""
        while (effect := self.providers.next_effect()) is not None:
            match effect:
                case Ask(link=number, request=request, params=call):
                    if not self._links[number].ask(request, call):
                        self.providers.not_sent(number, request)
                    changed = self._rearm.get(call.call)
                    if changed is not None:
                        changed.set()
                case Drop(link=number, request=request, call=call_id):
                    self._links[number].drop(request, call_id)
                case Over(call=call_id):
                    done = self._waiting.pop(call_id, None)
                    if done is not None:
                        done(effect)

    def _tool_of(self, offer: Offer) -> ProvidedTool:
        """Return the tool of an offer, made once; those of other offers are let go of."""
        known = self._tools.get(offer.name)
        if known is None or known[0] is not offer:
            if len(self._tools) > 2 * len(list(self.providers)):
                now = self.providers.get
                self._tools = {n: each for n, each in self._tools.items() if now(n) is each[0]}
            known = self._tools[offer.name] = offer, ProvidedTool.of(offer, self.run)
        return known[1]


def check_of(tool: OfferedTool) -> Check | SchemaError:
    """Return what checks the arguments of a tool, or why there is none. It takes a millisecond."""
    try:
        return ArgumentSchema(tool.args).problem
    except SchemaError as error:
        return error
