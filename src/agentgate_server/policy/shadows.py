"""Shadows: rules that never decide, because an earlier one always does.

Only what is certain is said: each request that the later rule matches must be matched by one and
the same earlier rule, whatever the hour and whoever asks. That several earlier rules together may
leave nothing over is not looked at.
"""

from __future__ import annotations

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.policy.globs import Glob
from agentgate_server.policy.patterns import Pattern
from agentgate_server.policy.rules import Rule, ToolRule

STATES_MAX = 2_000
"""Pairs of places in two patterns that a comparison looks at; beyond, they count as unrelated."""

OTHER_CHAR = "\ue000"
"""Stands for every character that neither pattern names; for private use, so no pattern has it."""


def always_first(earlier: ToolRule, later: ToolRule, effects: Effects) -> bool:
    """Whether, for one tool, the earlier rule matches all that the later one matches.

    Args:
        earlier, later: two rules as that tool sees them.
        effects: of the tool.
    """
    first, second = earlier.rule, later.rule
    if first.rate is not None or first.effects not in (None, effects):
        return False
    if first.hours is not None and first.hours != second.hours:
        return False
    if first.agents and not covers_agents(first, second):
        return False
    return earlier.is_open or matches_more(earlier, later)


def covers_agents(first: Rule, second: Rule) -> bool:
    """Whether every agent of the second rule is one of the first."""
    return bool(second.agents) and all(
        any(takes_all_of(wide, narrow) for wide in first.agents) for narrow in second.agents
    )


def matches_more(earlier: ToolRule, later: ToolRule) -> bool:
    """Whether the earlier rule's pattern and conditions match wherever those of the later do."""
    first, second = earlier.rule, later.rule
    if first.decision.action is Action.ALLOW:
        # An allow rule is strict in more ways than one can compare: it must say the same.
        return (
            second.decision.action is Action.ALLOW
            and text_of(earlier) == text_of(later)
            and set(first.conditions) == set(second.conditions)
            and first.other_args == second.other_args
        )
    if earlier.pattern is not None and not (
        later.pattern is not None and is_wider(first.pattern, second.pattern)
    ):
        return False
    # A condition means more in a deny or ask rule than in an allow rule.
    if second.decision.action is Action.ALLOW:
        return not first.conditions
    return set(first.conditions) <= set(second.conditions)


def text_of(tool_rule: ToolRule) -> str | None:
    """Return the pattern of a rule, if the tool's requests are compared with it."""
    pattern = tool_rule.rule.pattern
    return None if tool_rule.pattern is None or pattern is None else pattern.text


def is_wider(wide: Pattern | None, narrow: Pattern | None) -> bool:
    """Whether one pattern matches all that another does, in each of its forms."""
    if wide is None or narrow is None:
        return wide is None
    return (
        takes_all_of(wide.written, narrow.written)
        and takes_all_of(wide.folded, narrow.folded)
        and takes_all_of(wide.numeric, narrow.numeric)
    )


def takes_all_of(wide: Glob, narrow: Glob) -> bool:
    """Whether every text that the narrow glob matches is matched by the wide one.

    Both are followed through all texts at once. Globs with classes are only equal to themselves.
    """
    if wide.pattern == narrow.pattern:
        return True
    if wide.classes or narrow.classes:
        return False
    letters = [*dict.fromkeys([*wide.literals, *narrow.literals]), OTHER_CHAR]
    todo = [(narrow.start, wide.start)]
    seen = set(todo)
    while todo:
        inner, outer = todo.pop()
        if narrow.is_done(inner) and not wide.is_done(outer):
            return False
        for letter in letters:
            state = narrow.step(inner, letter), wide.step(outer, letter)
            if state[0] and state not in seen:
                seen.add(state)
                todo.append(state)
        if len(seen) > STATES_MAX:
            return False
    return True
