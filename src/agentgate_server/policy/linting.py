"""Linting: what a policy says that is most likely not meant.

A policy that loads can still be wrong: a rule that never decides, a name that nobody has, an allow
that allows too much. Each finding names its rule and says what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.documents.errors import did_you_mean
from agentgate_server.policy.conditions import Condition
from agentgate_server.policy.engine import Policy
from agentgate_server.policy.globs import tokenize
from agentgate_server.policy.rules import Rule, ToolRule
from agentgate_server.policy.shadows import always_first
from agentgate_server.policy.shapes import misfit
from agentgate_server.policy.spelling import squeeze
from agentgate_server.policy.tool import Tool
from agentgate_server.policy.values import never_received, spelled_otherwise

WILD = re.compile(r"\[[^]]*\]|[*?]")
"""What stands for other characters in a pattern."""

NAMES_SHOWN_MAX = 5
"""Names of tools that one finding lists."""


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """It cannot be meant so."""
    WARNING = "warning"
    """It may be meant so: look again."""
    NOTE = "note"
    """Nothing is wrong: it is good to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at.

    Attributes:
        level: how bad it is.
        message: what is wrong and what to do.
        file: where, or "".
        line: of the file; 0: no line is to blame.
        step: what to do next, where the message does not say it.
    """

    level: Level
    message: str
    file: str = ""
    line: int = 0
    step: str = ""

    @property
    def place(self) -> str:
        """Where it is, as compilers write it, or ""."""
        return f"{self.file}:{self.line}" if self.line else self.file


NO_TOOLS = (
    "this gateway has no tools yet, so this rule, and maybe others, is about none: name some in "
    "config.yaml, under tools or services"
)
"""Of a gateway that is not finished; each rule would be told so, and none is to blame."""


def lint(
    policy: Policy,
    *,
    file: str,
    tools: Sequence[Tool],
    agents: Iterable[str],
    sources: Iterable[str] = (),
    errors_only: bool = False,
) -> list[Finding]:
    """Look a policy over.

    Args:
        policy: the policy.
        file: what findings call its file.
        tools: all tools of the gateway.
        agents: the names of all agents.
        sources: who may offer further tools while the gateway runs, as ``<source>.<tool>``; "":
            somebody may, under any name.
        errors_only: leave out warnings; to find those takes longer, with the square of the rules.

    Returns:
        the findings, by line.
    """
    linter = Linter(policy, file, tools, tuple(agents), tuple(sources), errors_only=errors_only)
    for rule in policy.rules:
        linter.look_at(rule)
    return sorted(linter.findings, key=lambda finding: (finding.line, finding.level))


def may_ask(policy: Policy, *, tools: Iterable[Tool], agents: Iterable[str]) -> bool:
    """Whether some request of some agent can come before a person."""
    names = tuple(agents)
    return any(
        Action.ASK in policy.possible(agent=agent, tool=tool.name, effects=tool.effects)
        for tool in tools
        for agent in names
    )


class Linter:
    """One walk over the rules; collects findings."""

    def __init__(
        self,
        policy: Policy,
        file: str,
        tools: Sequence[Tool],
        agents: tuple[str, ...],
        sources: tuple[str, ...] = (),
        *,
        errors_only: bool,
    ) -> None:
        self.policy = policy
        self.file = file
        self.tools = tools
        self.agents = agents
        self.sources = sources
        self.errors_only = errors_only
        self.has_no_tools = False
        self.findings: list[Finding] = []
        self.known = {
            tool.name: {each.rule.number: each for each in policy.rules_for(tool.name)}
            for tool in tools
        }

    def look_at(self, rule: Rule) -> None:
        """Look one rule over."""
        for condition in rule.conditions:
            self.look_at_condition(rule, condition)
        concerned = self.concerned(rule)
        if self.errors_only:
            return
        self.look_at_agents(rule)
        self.look_at_pattern(rule)
        for condition in rule.conditions:
            self.look_at_members(rule, condition)
        if not concerned:
            return
        shadows = [self.shadow(tool, tool_rule) for tool, tool_rule in concerned]
        if all(shadows) and not self.decides_later(rule):
            by = ", ".join(dict.fromkeys(shadow for shadow in shadows if shadow))
            self.find(Level.WARNING, rule, f"never decides: {by} comes first and matches it all")
            return
        alive = [pair for pair, shadow in zip(concerned, shadows, strict=True) if not shadow]
        self.look_at_bounds(rule, alive)
        self.look_at_arguments(rule, [tool for tool, _ in alive])
        for condition in rule.conditions:
            for text in spelled_otherwise(condition, rule, [tool for tool, _ in alive]):
                self.find(Level.WARNING, rule, text)
        for tool, tool_rule in alive:
            self.look_at_unseen(rule, tool, tool_rule)

    def find_unknown(self, rule: Rule, text: str) -> None:
        """Note that a rule is about none of the tools; once, where there are none at all."""
        if self.tools:
            self.find(Level.ERROR, rule, text)
        elif not self.errors_only and not self.has_no_tools:
            self.has_no_tools = True
            self.find(Level.WARNING, rule, NO_TOOLS)

    def look_at_unseen(self, rule: Rule, tool: Tool, tool_rule: ToolRule) -> None:
        """Warn of a rule that holds whenever a default can't be seen."""
        if rule.decision.action is Action.ALLOW or tool_rule.is_open:
            return
        for name in sorted(tool.unseen):
            text = f"what {tool.name} gets as {name} where it is left out can't be seen, so this"
            self.find(Level.WARNING, rule, f"{text} rule matches then: give it a default of JSON")

    def concerned(self, rule: Rule) -> list[tuple[Tool, ToolRule]]:
        """Return the tools that a rule is about, or note that it can match no request of any."""
        unknown = self.policy.unknown_tool(rule, [tool.name for tool in self.tools])
        if unknown and self.may_come(rule):
            return []
        if unknown:
            self.find_unknown(rule, unknown)
            return []
        concerned = [
            (tool, tool_rule)
            for tool in self.tools
            if (tool_rule := self.known[tool.name].get(rule.number)) is not None
            and rule.effects in (None, tool.effects)
        ]
        if not concerned:
            text = f"is about tools that {rule.effects}, and none of these does: it never matches"
            self.find(Level.ERROR, rule, text)
            return []
        for condition in rule.conditions:
            for text in never_received(condition, [tool for tool, _ in concerned]):
                self.find(Level.ERROR, rule, text)
        misfits = [
            "" if tool_rule.pattern is None else misfit(tool, tool_rule.pattern)
            for tool, tool_rule in concerned
        ]
        if rule.pattern is not None and all(misfits):
            text = f'no request of {listed([tool.name for tool, _ in concerned])} can match "'
            self.find(Level.ERROR, rule, f'{text}{rule.pattern.text}": {misfits[0]}')
            return []
        return concerned

    def may_come(self, rule: Rule) -> bool:
        """Whether a rule is about tools of a source that may offer them later: ``<source>.<tool>``.
        Which it will offer, and how it will spell them, nobody knows yet."""
        return any(rule.for_tool(name) is not None for name in self.examples_for(rule))

    def examples_for(self, rule: Rule) -> list[str]:
        """Names that tools of sources could have, among them some that a rule means if it means
        any. A tool of an upstream may have further dots: the upstream's own sources."""
        meant = [glob.pattern for glob in rule.tools]
        meant += [] if rule.pattern is None else [rule.pattern.text.partition("(")[0]]
        shorts = ["x"]
        for text in meant:
            example = WILD.sub(an_example, text)
            shorts += [example.partition(".")[2], example.rpartition(".")[2]]
        named = [f"{each}.{short}" for each in self.sources if each for short in shorts if short]
        return [
            *named,
            *([WILD.sub(an_example, text) for text in meant] if "" in self.sources else []),
        ]

    def look_at_condition(self, rule: Rule, condition: Condition) -> None:
        """A list of values none of which passes the condition's own other tests."""
        members = condition.members
        if members is not None and not any(map(condition.fits, members)):
            text = f"args.{condition.name} can never hold: no value of its list passes its tests"
            self.find(Level.ERROR, rule, text)

    def look_at_pattern(self, rule: Rule) -> None:
        """Brackets that fnmatch takes otherwise than a reader of signatures would."""
        pieces = [] if rule.pattern is None else tokenize(rule.pattern.text)
        for piece in pieces:
            if len(piece) > 1 and '"' in piece:
                text = f"{piece} is one of these characters in a pattern: for [ itself write [[]"
                self.find(Level.WARNING, rule, text)
        opened, closed = pieces.count("("), pieces.count(")")
        if opened > closed and pieces[-1] == ")":
            text = f"has {opened} ( and {closed} ) in its pattern: most likely one is missing"
            self.find(Level.WARNING, rule, text)

    def look_at_members(self, rule: Rule, condition: Condition) -> None:
        """Values of a list that look like patterns."""
        values = (*(condition.members or ()), *condition.excluded)
        for value in values:
            if isinstance(value, str) and "*" in value:
                text = (
                    f'args.{condition.name}: "{value}" in a list is this very text: only a text '
                    "that stands alone is a pattern"
                )
                self.find(Level.WARNING, rule, text)

    def look_at_agents(self, rule: Rule) -> None:
        """Names of agents that nobody has."""
        for glob in rule.agents:
            if not any(glob.matches(agent) for agent in self.agents):
                hint = did_you_mean(glob.pattern, self.agents)
                text = f'there is no agent "{glob.pattern}"{hint or ": see principals and tokens"}'
                self.find(Level.WARNING, rule, text)

    def look_at_bounds(self, rule: Rule, concerned: list[tuple[Tool, ToolRule]]) -> None:
        """An allow that lets a tool write whatever it is told to."""
        if rule.decision.action is not Action.ALLOW:
            return
        if not all(condition.takes_all for condition in rule.conditions):
            return
        names = [
            tool.name
            for tool, tool_rule in concerned
            if tool.effects is Effects.WRITE
            and tool_rule.pattern is None
            and tool.schema.get("properties", True)
        ]
        if names:
            text = (
                f"allows {listed(names)}, which can change things, with any arguments: "
                "say in args which, or ask"
            )
            self.find(Level.WARNING, rule, text)

    def look_at_arguments(self, rule: Rule, tools: list[Tool]) -> None:
        """Conditions on arguments that none of the tools has."""
        if not all(tool.schema.get("additionalProperties") is False for tool in tools):
            return
        known = {name for tool in tools for name in tool.schema.get("properties", ())}
        squeezed = {squeeze(name) for name in known}
        fields = [tool.names for tool in tools]
        inner = None if None in fields else squeezed.union(*(each for each in fields if each))
        for condition in rule.conditions:
            path = set(condition.path)
            if path <= inner if inner is not None else path & squeezed:
                continue
            near = did_you_mean(condition.keys[0], known)
            if not path.isdisjoint(squeezed):
                near = did_you_mean(condition.keys[-1], inner or ())
            names = listed([tool.name for tool in tools])
            self.find(Level.WARNING, rule, f"{names} has no argument {condition.name!r}{near}")

    def shadow(self, tool: Tool, later: ToolRule) -> str:
        """Return the rule that always decides before this one for a tool, or ""."""
        return self.shadow_of(tool.name, later, tool.effects)

    def shadow_of(self, name: str, later: ToolRule, effects: Effects) -> str:
        """The same, for a name."""
        for earlier in self.policy.rules_for(name):
            if earlier.rule is later.rule:
                return ""
            if always_first(earlier, later, effects):
                return earlier.rule.decision.rule
        return ""

    def decides_later(self, rule: Rule) -> bool:
        """Whether a rule may decide about tools of sources, which nobody knows yet."""
        for name in self.examples_for(rule):
            later = rule.for_tool(name)
            if later is not None and not self.shadow_of(name, later, rule.effects or Effects.WRITE):
                return True
        return False

    def find(self, level: Level, rule: Rule, message: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(level=level, message=message, file=self.file, line=rule.line))


def an_example(wild: re.Match[str]) -> str:
    """Return a character that stands for others in a pattern."""
    return wild[0][1] if len(wild[0]) > 2 else "x"


def listed(names: Sequence[str]) -> str:
    """Write names in a row, the first few of many."""
    shown = ", ".join(names[:NAMES_SHOWN_MAX])
    more = len(names) - NAMES_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown
