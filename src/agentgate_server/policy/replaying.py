"""Replaying: what a policy would have decided about requests that another one has decided.

Requests are taken one after the other and forgotten, save a few examples; so the work grows with
the history, what is held does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from agentgate_proto.records.decision import Action
from agentgate_proto.records.filling import without
from agentgate_proto.records.request import Effects
from agentgate_server.policy.engine import Policy
from agentgate_server.policy.meanings import Meaning, as_written

EXAMPLES_MAX = 3
"""Requests that are kept of each kind of change."""

KINDS_MAX = 1_000
"""Kinds of changes that are told apart: pairs of rules. The rest is counted together."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was decided once.

    Attributes:
        id: of the request, as ``agent-gate pending`` shows it.
        at: when it came, UTC seconds.
        agent, tool, effects: who asked for what.
        args: its arguments as JSON, as the tool got them.
        args_bytes: how long these were, if only their beginnings are kept; 0: they are whole.
        action: what was decided.
        rule: the rule that did.
        repeats_unknown: it was asked because an earlier one like it had ended as unknown.
        filled: the places in ``args`` that nobody had written.
    """

    id: str
    at: float
    agent: str
    tool: str
    effects: Effects
    args: bytes
    action: Action
    rule: str
    repeats_unknown: bool = False
    args_bytes: int = 0
    filled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """What two decisions that differ have in common with others; rules are "" for the rest."""

    old: Action
    new: Action
    old_rule: str = ""
    new_rule: str = ""


@dataclass(slots=True)
class Changes:
    """The requests of one kind.

    Attributes:
        count: how many there are.
        examples: the newest of them.
    """

    count: int = 0
    examples: list[Past] = field(default_factory=list)


@dataclass(slots=True)
class Replay:
    """What would change.

    Attributes:
        requests: how many were looked at.
        cut: how many of them were denied and are not kept whole, so that nobody can say how they
            would be decided.
        changes: those that would be decided otherwise.
    """

    requests: int = 0
    cut: int = 0
    changes: dict[Kind, Changes] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many would be decided otherwise."""
        return sum(each.count for each in self.changes.values())

    def note(self, kind: Kind, past: Past) -> None:
        """Count a request that would be decided otherwise."""
        if kind not in self.changes and len(self.changes) >= KINDS_MAX:
            kind = Kind(kind.old, kind.new)
        changes = self.changes.setdefault(kind, Changes())
        changes.count += 1
        changes.examples.append(past)
        del changes.examples[:-EXAMPLES_MAX]


def no_meaning(tool: str) -> Meaning:
    """The tools are not known."""
    return as_written


def replay(
    policy: Policy,
    requests: Iterable[Past],
    meaning_of: Callable[[str], Meaning] = no_meaning,
) -> Replay:
    """Decide requests again, each at its own time.

    Args:
        policy: the new policy. Its rates count what is replayed, so give it to nobody else.
        requests: what was asked, oldest first.
        meaning_of: returns what says what a tool gets for arguments, by its name; must not raise
            for arguments that the tool would refuse today.
    """
    outcome = Replay()
    for past in requests:
        outcome.requests += 1
        if past.args_bytes:
            outcome.cut += 1
            continue
        decision = policy.decide(
            agent=past.agent,
            tool=past.tool,
            effects=past.effects,
            args=without(msgspec.json.decode(past.args, type=dict), past.filled),
            now=past.at,
            meaning=meaning_of(past.tool),
        )
        new = decision.action
        if past.repeats_unknown and new is Action.ALLOW and decision.ask_again_after_unknown:
            new = Action.ASK
        if new is not past.action:
            outcome.note(Kind(past.action, new, past.rule, decision.rule), past)
    return outcome
