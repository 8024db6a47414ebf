"""A case: one request before the rules, and what a rule that does not match misses.

Deciding, explaining and replaying all ask here, so that they cannot disagree. A rule's rate is not
looked at: only a decision may count a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.policy.naming import Resolver
from agentgate_server.policy.readings import Request
from agentgate_server.policy.rules import ToolRule

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The defaults of a tool that has none."""


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
        defaults: what the tool takes for arguments that are left out.
    """

    __slots__ = (
        "_request",
        "_whole",
        "agent",
        "args",
        "defaults",
        "effects",
        "now",
        "resolver",
        "tool",
    )

    def __init__(
        self,
        agent: str,
        tool: str,
        effects: Effects,
        args: Mapping[str, Any],
        now: float,
        resolver: Resolver | None,
        defaults: Mapping[str, Any] = NOTHING,
    ) -> None:
        self.agent = agent
        self.tool = tool
        self.effects = effects
        self.args = args
        self.now = now
        self.resolver = resolver
        self.defaults = defaults
        self._request: Request | None = None
        self._whole: Request | None = None

    @property
    def request(self) -> Request:
        """What the request may be taken for; made when a rule first needs it."""
        if self._request is None:
            self._request = Request(self.tool, self.args, self.resolver)
        return self._request

    def fits_whole(self, tool_rule: ToolRule) -> bool:
        """Whether a rule's pattern and conditions match with defaults for what is left out.

        To leave an argument out is one more spelling of its default, so a deny or ask rule matches
        either. An allow rule is about what is given: ``get_weather(London)`` stays allowed, and a
        condition on what is left out does not hold.
        """
        if tool_rule.rule.decision.action is Action.ALLOW:
            return False
        if self.defaults.keys() <= self.args.keys():
            return False
        if self._whole is None:
            self._whole = Request(self.tool, {**self.defaults, **self.args}, self.resolver)
        return tool_rule.matches(self._whole)

    def miss(self, tool_rule: ToolRule) -> Miss | None:
        """Return why a rule does not match, its rate aside; None: it does."""
        rule = tool_rule.rule
        if not rule.concerns(self.agent, self.effects):
            return Miss.CALLER
        if not tool_rule.is_open:
            request = self._request or self.request
            fits = tool_rule.matches(request) or (self.defaults and self.fits_whole(tool_rule))
            if not fits:
                return Miss.ARGUMENTS
        if rule.hours is not None and not rule.hours.contain(self.now):
            return Miss.HOURS
        return None
