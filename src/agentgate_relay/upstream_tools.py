"""The tools of one upstream, as they are offered here.

What there is comes from ``list_tools``, which is asked on every connection and then now and then.
While the link is down the tools stay as they were: a call waits for the link within a bound, and
then says that nothing was run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import anyio
import msgspec

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.ledger.relaying import Behind, passed_on
from agentgate_proto.limits import HOPS_MAX, NAME_CHARS_MAX
from agentgate_proto.records.decision import Action
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects, Record
from agentgate_proto.rpc.behalf import TOO_FAR, told
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import Expectation, ToolList, ToolRow
from agentgate_relay.ending import outcome_of
from agentgate_relay.gateway_link import GatewayLink
from agentgate_server.errors import EndedElsewhere, NotStarted
from agentgate_server.observing.context import current_rid
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


@dataclass(frozen=True, eq=False, kw_only=True)
class UpstreamTool(AsyncTool):
    """One tool of an upstream.

    Attributes:
        there: its name there.
        link: to the upstream.
        record: returns a request that is under way, by its rid.
        epoch: returns that of this gateway.
    """

    there: str
    link: GatewayLink
    record: Callable[[str], Record | None]
    epoch: Callable[[], str]

    def check(self, args: dict[str, Any]) -> None:
        """The upstream looks at them, before it asks anybody."""

    async def run(self, args: dict[str, Any]) -> Any:
        """Have it run there, once, for whoever asked here."""
        record = self.record(current_rid.get())
        assert record is not None, "a tool runs for a request"
        relayed = passed_on(record, self.epoch())
        if len(relayed.hops) > HOPS_MAX:
            code = ErrorCode.RELAY_LOOP
            raise EndedElsewhere(Outcome(status=Status.FAILED, code=code, message=TOO_FAR))
        behalf, approved = told(relayed)
        request = ToolRequest(
            tool=self.there,
            args=args,
            idempotency_key=record.rid,
            on_behalf_of=behalf,
            approved=approved,
            must_ask=relayed.must_ask,
        )
        await self._wait_for_link()
        try:
            driver = self.link.driver
            return await driver.call("tool_request", request, self.link.config.timeout_s)
        except AgentGateError as error:
            raise EndedElsewhere(outcome_of(error, record, self.link.name)) from None

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
        self._tools: dict[str, UpstreamTool] = {}

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
        found = self._tools.get(name)
        if found is not None and found.effects is effects:
            return found
        there = name.removeprefix(self._prefix)
        return self._tool(there, "", effects, {}, None) if self._offers(there) else None

    def __iter__(self) -> Iterator[UpstreamTool]:
        return iter(list(self._tools.values()))

    def listed(self, result: Any) -> None:
        """Take the answer to ``list_tools``; what is no answer changes nothing."""
        try:
            rows = msgspec.convert(result, ToolList).tools
        except msgspec.ValidationError as error:
            log.warning("gateway %s lists no tools: %s", self.link.name, error)
            return
        if len(rows) > TOOLS_MAX:
            log.warning(
                "gateway %s has %d tools; %d are kept", self.link.name, len(rows), TOOLS_MAX
            )
        self._replace(row for row in rows[:TOOLS_MAX] if self._offers(row.name))

    def _replace(self, rows: Iterable[ToolRow]) -> None:
        before = self._tools
        self._tools = {tool.name: tool for tool in map(self._tool_of, rows)}
        if before.keys() != self._tools.keys():
            log.info("gateway %s offers %d tools here", self.link.name, len(self._tools))

    def _offers(self, there: str) -> bool:
        """Whether a name there is one that we offer."""
        fits = len(self._prefix) + len(there) <= NAME_CHARS_MAX and NAME.fullmatch(there)
        return bool(fits) and any(fnmatchcase(there, each) for each in self.link.config.tools)

    def _tool_of(self, row: ToolRow) -> UpstreamTool:
        expects = EXPECTS[row.decision]
        return self._tool(row.name, row.description, row.effects, row.args, expects)

    def _tool(
        self,
        there: str,
        description: str,
        effects: Effects,
        schema: dict[str, Any],
        expects: Action | None,
    ) -> UpstreamTool:
        link = self.link
        behind = Behind(gateway=link.name, approvals=link.config.approvals, expects=expects)
        return UpstreamTool(
            name=self._prefix + there,
            description=description,
            effects=effects,
            schema=schema,
            backend="gateway",
            origin=f"{there} at {link.config.url.place}",
            timeout_s=None,
            behind=behind,
            there=there,
            link=link,
            record=self._record,
            epoch=self._epoch,
        )
