"""A case: one request before the rules, and what a rule that does not match misses.

Deciding, explaining and replaying all ask here, so that they cannot disagree. A rule's rate is not
looked at: only a decision may count a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any

from msgspec.structs import replace

from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Effects
from agentgate_server.policy.doubts import whys_of_match, whys_of_miss
from agentgate_server.policy.meanings import Meaning, Meant, as_written
from agentgate_server.policy.naming import Resolver
from agentgate_server.policy.readings import Request
from agentgate_server.policy.rules import Rule, ToolRule


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
        meaning: says what the tool gets for the arguments; may raise what it likes.
    """

    __slots__ = (
        "_given",
        "_is_known",
        "_meant",
        "_request",
        "_whole",
        "agent",
        "args",
        "effects",
        "meaning",
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
        meaning: Meaning = as_written,
    ) -> None:
        self.agent = agent
        self.tool = tool
        self.effects = effects
        self.args = args
        self.now = now
        self.resolver = resolver
        self.meaning = meaning
        self._is_known = False
        self._meant: Meant | None = None
        self._request: Request | None = None
        self._whole: Request | None = None
        self._given: Request | None = None

    @property
    def request(self) -> Request:
        """What the request may be taken for; made when a rule first needs it."""
        if self._request is None:
            self._request = Request(self.tool, self.args, self.resolver)
        return self._request

    @property
    def meant(self) -> Meant | None:
        """What the tool gets, if that is not just what is written; found out once."""
        if not self._is_known:
            self._meant = self.meaning(self.args)
            self._is_known = True
        return self._meant

    @property
    def whole(self) -> Request | None:
        """The request as the tool gets it, with all defaults; None: it says nothing more."""
        if self._whole is None and (meant := self.meant) is not None:
            self._whole = Request(self.tool, meant.whole, self.resolver)
        return self._whole

    @property
    def given(self) -> Request | None:
        """What is given, as the tool gets it; None: as it is written."""
        if self._given is None and (meant := self.meant) is not None and meant.given is not None:
            self._given = Request(self.tool, meant.given, self.resolver)
        return self._given

    def fits(self, tool_rule: ToolRule) -> bool:
        """Whether a rule's pattern and conditions match.

        To leave an argument out is one more spelling of its default, and what is written is one of
        what the tool makes of it, so a deny or ask rule matches either. An allow rule has to match
        both, and is about what is given: ``get_weather(London)`` stays allowed, and a condition on
        what is left out does not hold.
        """
        fits = tool_rule.matches(self._request or self.request)
        if tool_rule.rule.decision.action is Action.ALLOW:
            return fits and ((given := self.given) is None or tool_rule.matches(given))
        return fits or ((whole := self.whole) is not None and tool_rule.matches(whole))

    def completed(self, rules: Sequence[ToolRule], place: int) -> Decision:
        """Return what a deny or ask rule decides, with what others demand besides, and with why it
        matches where that can't be seen.

        A request that is about two rules that ask needs the most people of both, and a code if
        either demands one: an agent must not get rid of one demand by meeting the other as well.
        Rules that ask are tried from the most people to the fewest. The defaults are for what no
        rule is about, so they add nothing.

        Args:
            rules: those about the tool, in the order in which they are tried.
            place: of the one that decides.
        """
        decider = rules[place]
        decision = decider.rule.decision
        why = self.whys(decider, rules[:place])
        if decision.action is Action.ASK and not (decider.rule.is_default or decision.code):
            coded = (each for each in rules[place + 1 :] if asks_for_code(each.rule))
            more = next((each.rule for each in coded if self.miss(each) is None), None)
            if more is not None:
                rule = f"{decision.rule}, and for the code {more.decision.rule}"
                decision = replace(decision, code=True, rule=rule)
        return replace(decision, why=why) if why else decision

    def whys(self, decider: ToolRule | None, before: Sequence[ToolRule]) -> tuple[str, ...]:
        """Say by which doubts a rule decides: it matches by them, or one that allows does not.

        Args:
            decider: the rule; None: none matches.
            before: the rules that were tried before it.
        """
        if decider is not None and not decider.is_open:
            requests = (self.request, self.whole)
            matched = (each for each in requests if each is not None and decider.may_match(each))
            return next(map(partial(whys_of_match, decider), matched), ())
        why = () if self._request is None else whys_of_miss(self._request)
        is_near = any(
            each.rule.decision.action is Action.ALLOW and self.miss(each) is Miss.ARGUMENTS
            for each in (before if why else ())
        )
        return why if is_near else ()

    def miss(self, tool_rule: ToolRule) -> Miss | None:
        """Return why a rule does not match, its rate aside; None: it does."""
        rule = tool_rule.rule
        if not rule.concerns(self.agent, self.effects):
            return Miss.CALLER
        if not tool_rule.is_open and not self.fits(tool_rule):
            return Miss.ARGUMENTS
        if rule.hours is not None and not rule.hours.contain(self.now):
            return Miss.HOURS
        return None


def asks_for_code(rule: Rule) -> bool:
    """Whether a rule, and no default, demands a one-time code."""
    return rule.decision.action is Action.ASK and rule.decision.code and not rule.is_default
