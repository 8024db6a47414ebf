"""A case: one request before the rules, and what a rule that does not match misses.

Deciding, explaining and replaying all ask here, so that they cannot disagree. A rule's rate is not
looked at: only a decision may count a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from agentgate_proto.record import Effects
from agentgate_server.policy.naming import Resolver
from agentgate_server.policy.readings import Request
from agentgate_server.policy.rules import ToolRule


class Miss(Enum):
    """Why a rule that is about the tool does not match a request."""

    CALLER = auto()
    """It is about other agents, or about tools with other effects."""
    ARGUMENTS = auto()
    """Its pattern or its conditions do not match what is asked."""
    HOURS = auto()
    """It is not the time for it."""


class Case:
    """One request, as rules are asked about it.

    Args:
        agent: name of the principal that asks.
        tool: the tool's real name, from the catalogue.
        effects: whether the tool reads or writes.
        args: the arguments, decoded JSON.
        now: UTC seconds since 1970.
        resolver: looks up what indirect names stand for.
    """

    __slots__ = ("_request", "agent", "args", "effects", "now", "resolver", "tool")

    def __init__(
        self,
        agent: str,
        tool: str,
        effects: Effects,
        args: Mapping[str, Any],
        now: float,
        resolver: Resolver | None,
    ) -> None:
        self.agent = agent
        self.tool = tool
        self.effects = effects
        self.args = args
        self.now = now
        self.resolver = resolver
        self._request: Request | None = None

    @property
    def request(self) -> Request:
        """What the request may be taken for; made when a rule first needs it."""
        if self._request is None:
            self._request = Request(self.tool, self.args, self.resolver)
        return self._request

    def miss(self, tool_rule: ToolRule) -> Miss | None:
        """Return why a rule does not match, its rate aside; None: it does."""
        rule = tool_rule.rule
        if not rule.concerns(self.agent, self.effects):
            return Miss.CALLER
        if not tool_rule.is_open:
            request = self._request or self.request
            if not tool_rule.matches(request):
                return Miss.ARGUMENTS
        if rule.hours is not None and not rule.hours.contain(self.now):
            return Miss.HOURS
        return None
