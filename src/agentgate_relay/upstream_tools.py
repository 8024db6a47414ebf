"""The tools of one upstream, as they are offered here.

What there is comes from ``list_tools``, which is asked on every connection and then now and then.
While the link is down the tools stay as they were: a call waits for the link within a bound, and
then says that nothing was run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import anyio
import msgspec

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.ledger.relaying import Behind, passed_on
from agentgate_proto.limits import DESCRIPTION_CHARS_MAX, HOPS_MAX, NAME_CHARS_MAX
from agentgate_proto.records.decision import Action
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects, Record
from agentgate_proto.rpc.behalf import TOO_FAR, told
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import Expectation, ToolList, ToolRow
from agentgate_relay.ending import outcome_of
from agentgate_relay.gateway_link import GatewayLink
from agentgate_server.errors import ArgumentError, EndedElsewhere, NotStarted, WithWords
from agentgate_server.tools.catalogue import nobody_asks
from agentgate_server.tools.provided.schema import ArgumentSchema, SchemaError
from agentgate_server.tools.python import NAME
from agentgate_server.tools.tool import AsyncTool

log = logging.getLogger(__name__)

EXPECTS = {
    Expectation.ALLOW: Action.ALLOW,
    Expectation.ASK: Action.ASK,
    Expectation.DEPENDS: None,
}

TOOLS_MAX = 1_000
"""Tools of one upstream: each is listed to every agent."""

TOOLS_BYTES_MAX = 2_097_152
"""What an upstream says of them, as JSON: a listing of several is one message."""


@dataclass(slots=True)
class Progress:
    """How far a call has come.

    Attributes:
        was_asked: the upstream was asked, or may have been.
    """

    was_asked: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class UpstreamTool(AsyncTool):
    """One tool of an upstream.

    Attributes:
        there: its name there.
        link: to the upstream.
        record: returns a request that is under way, by its rid.
        epoch: returns that of this gateway.
        fits: what its arguments must be like; None: only the upstream can say.
        call: the rid of the one request that it is made for; "": of any, and it can't run.
        progress: of that request.
        has_turned: it was let through as one that reads, and writes by now.
    """

    there: str
    link: GatewayLink
    record: Callable[[str], Record | None]
    epoch: Callable[[], str]
    fits: ArgumentSchema | None = None
    call: str = ""
    progress: Progress = field(default_factory=Progress)
    has_turned: bool = False

    @property
    def may_have_run(self) -> bool:
        """See ``Tool``: what waits for the link has not."""
        return self.progress.was_asked

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool``; by the schema that was listed, so that nobody is asked in vain."""
        if self.fits is not None and (problem := self.fits.problem(args)):
            raise ArgumentError(problem)

    async def run(self, args: dict[str, Any]) -> Any:
        """Have it run there, once, for whoever asked here."""
        if self.has_turned:
            raise NotStarted(f"{self.name} is not what was asked for: now it says that it writes")
        record = self.record(self.call)
        assert record is not None, "a tool runs for a request"
        relayed = passed_on(record, self.epoch())
        if len(relayed.hops) > HOPS_MAX:
            code = ErrorCode.RELAY_LOOP
            raise EndedElsewhere(Outcome(status=Status.FAILED, code=code, message=TOO_FAR))
        behalf, approved = told(relayed)
        request = ToolRequest(
            tool=self.there,
            args=args,
            idempotency_key=record.rid if self.effects is Effects.WRITE else "",
            why=record.why,
            on_behalf_of=behalf,
            approved=approved,
            must_ask=relayed.must_ask,
        )
        await self._wait_for_link()
        self.progress.was_asked = True
        try:
            driver = self.link.driver
            settled = await driver.settled("tool_request", request, self.link.config.timeout_s)
        except AgentGateError as error:
            raise EndedElsewhere(outcome_of(error, record, self.link.name)) from None
        if settled.word or settled.edited is not None:
            return WithWords(settled.result, settled.word, settled.edited)
        return settled.result

    async def _wait_for_link(self) -> None:
        """Wait until calls go out; not for ever, because somebody waits."""
        wait_s = self.link.config.wait_s
        with anyio.move_on_after(wait_s):
            while not self.link.state.is_up:
                await self.link.wait_changed()
            return
        raise NotStarted(f"the gateway {self.link.name} is {self.link.state}")


class UpstreamTools:
    """All of them; a source of live tools for the catalogue.

    Args:
        link: to the upstream.
        record: returns a request that is under way, by its rid.
        epoch: returns that of this gateway.

    Attributes:
        changed: see :class:`agentgate_server.tools.catalogue.Changing`.
    """

    def __init__(
        self,
        link: GatewayLink,
        record: Callable[[str], Record | None],
        epoch: Callable[[], str],
    ) -> None:
        self.link = link
        self._record = record
        self._epoch = epoch
        self._prefix = f"{link.name}."
        self.changed: Callable[[], None] = nobody_asks
        self._tools: dict[str, UpstreamTool] = {}
        self._rows: list[ToolRow] = []

    @property
    def names(self) -> list[str]:
        """Under which names they are offered."""
        return list(self._tools)

    def get(self, name: str) -> UpstreamTool | None:
        """Return the tool of this name, as it was listed last."""
        return self._tools.get(name)

    def to_run(self, name: str, effects: Effects, call: str) -> UpstreamTool | None:
        """Return what runs a request that was let through; the list may not be there yet."""
        if not name.startswith(self._prefix):
            return None
        found, there = self._tools.get(name), name.removeprefix(self._prefix)
        has_turned = found is not None and (effects, found.effects) == (Effects.READ, Effects.WRITE)
        if found is None or found.effects is not effects:
            if not self._offers(there):
                return None
            found = self._tool(unlisted(there, effects), None)
        return replace(found, call=call, progress=Progress(), has_turned=has_turned)

    def __iter__(self) -> Iterator[UpstreamTool]:
        return iter(list(self._tools.values()))

    def listed(self, result: Any) -> None:
        """Take the answer to ``list_tools``; what is no answer changes nothing."""
        try:
            rows = msgspec.convert(result, ToolList).tools
        except msgspec.ValidationError as error:
            log.warning("gateway %s lists no tools: %s", self.link.name, error)
            return
        offered = [row for row in rows if self._offers(row.name)]
        kept = list(fitting(offered))
        if len(kept) < len(offered):
            text = "gateway %s offers %d tools, and there is room for %d: name fewer in its 'tools'"
            log.warning(text, self.link.name, len(offered), len(kept))
        self._replace(kept)

    def _replace(self, rows: Iterable[ToolRow]) -> None:
        before, rows_before = self._tools, self._rows
        self._rows = list(rows)
        self._tools = {tool.name: tool for tool in map(self._tool_of, self._rows)}
        if before.keys() != self._tools.keys():
            count = len(self._tools)
            what = "tool" if count == 1 else "tools"
            log.info("gateway %s offers %d %s here", self.link.name, count, what)
        if rows_before != self._rows:
            self.changed()

    def _offers(self, there: str) -> bool:
        """Whether a name there is one that we offer."""
        fits = len(self._prefix) + len(there) <= NAME_CHARS_MAX and NAME.fullmatch(there)
        return bool(fits) and any(fnmatchcase(there, each) for each in self.link.config.tools)

    def _tool_of(self, row: ToolRow) -> UpstreamTool:
        try:
            fits = ArgumentSchema(row.args)
        except SchemaError as error:
            log.debug("arguments of %s%s are not checked here: %s", self._prefix, row.name, error)
            fits = None
        return self._tool(row, fits)

    def _tool(self, row: ToolRow, fits: ArgumentSchema | None) -> UpstreamTool:
        link, config = self.link, self.link.config
        expects = EXPECTS[row.decision]
        return UpstreamTool(
            name=self._prefix + row.name,
            description=row.description[:DESCRIPTION_CHARS_MAX],
            effects=row.effects,
            schema=row.args,
            backend="gateway",
            origin=f"{row.name} at {config.url.place}",
            timeout_s=None,
            title=row.title[:NAME_CHARS_MAX],
            returns=row.returns,
            form=row.form,
            behind=Behind(gateway=link.name, approvals=config.approvals, expects=expects),
            there=row.name,
            link=link,
            record=self._record,
            epoch=self._epoch,
            fits=fits,
        )


def fitting(rows: Iterable[ToolRow]) -> Iterator[ToolRow]:
    """Yield the first tools, as many as there is room for."""
    size = 0
    for number, row in enumerate(rows):
        size += len(msgspec.json.encode(row))
        if number >= TOOLS_MAX or size > TOOLS_BYTES_MAX:
            return
        yield row


def unlisted(there: str, effects: Effects) -> ToolRow:
    """A tool of which no more is known than that it was let through."""
    depends = Expectation.DEPENDS
    return ToolRow(name=there, description="", effects=effects, args={}, decision=depends)
