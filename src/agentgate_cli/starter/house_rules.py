"""Rules for what opens a house: proposed of what is there, for a person to look at.

Locks and alarms have a domain of their own, so one rule holds for those that come later, too. Of
covers and valves most are harmless or few, so the rule names each that is there now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

OPENINGS = frozenset({"garage", "gate", "door"})
"""Classes of covers behind which is the way in."""

NAMES_SHOWN_MAX = 4
"""Names in a question; a large house has more."""

CHOICES = ("deny", "ask", "none")
"""What a person may want of a kind; ``none``: no rule of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One kind of thing in the house, and what agents are to do about it.

    Attributes:
        title: what it is called.
        domain: of its services.
        entities: ids and names of those that are there.
        action: ``deny``, ``ask`` or ``none``.
        named: the rule names each, and holds for no other.
    """

    title: str
    domain: str
    entities: tuple[tuple[str, str], ...]
    action: str
    named: bool = False

    @property
    def shown(self) -> str:
        """Its things, for a question."""
        names = [name for _, name in self.entities[:NAMES_SHOWN_MAX]]
        more = len(self.entities) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")

    @property
    def patterns(self) -> list[str]:
        """What the rules match."""
        if not self.named:
            return [f"ha_call_service({self.domain}.*)"]
        return [f"ha_call_service({self.domain}.*, {entity})" for entity, _ in self.entities]

    def rules(self) -> str:
        """The rules, as YAML."""
        if self.action == "none":
            return ""
        who = "are for people" if self.action == "deny" else "are asked about"
        description = json.dumps(f"{self.title} {who}", ensure_ascii=False)
        return "".join(
            f"  - pattern: {json.dumps(pattern)}\n    action: {self.action}\n"
            f"    description: {description}\n\n"
            for pattern in self.patterns
        )


KINDS = (
    Proposal(title="Locks", domain="lock", entities=(), action="deny"),
    Proposal(title="Alarms", domain="alarm_control_panel", entities=(), action="deny"),
    Proposal(title="Garage doors and gates", domain="cover", entities=(), action="ask", named=True),
    Proposal(title="Valves", domain="valve", entities=(), action="ask"),
)
"""What is looked for, and what is proposed."""


def propose(states: Iterable[Mapping[str, Any]]) -> list[Proposal]:
    """Look at the states of a house; what it has none of is not asked about."""
    found: dict[str, list[tuple[str, str]]] = {kind.domain: [] for kind in KINDS}
    for state in states:
        entity, attributes = state.get("entity_id"), state.get("attributes")
        if not isinstance(entity, str) or not isinstance(attributes, Mapping):
            continue
        domain = entity.partition(".")[0]
        if domain == "cover" and attributes.get("device_class") not in OPENINGS:
            continue
        if domain in found and is_plain(entity):
            found[domain].append((entity, name_of(entity, attributes)))
    proposed = (replace(kind, entities=tuple(sorted(found[kind.domain]))) for kind in KINDS)
    return [each for each in proposed if each.entities]


def is_plain(entity: str) -> bool:
    """Whether an id can stand in a pattern; what is ill-formed matches every such rule anyway."""
    return entity.isascii() and entity.replace("_", "").replace(".", "").isalnum()


def name_of(entity: str, attributes: Mapping[str, Any]) -> str:
    """What people call it, in one line."""
    name = attributes.get("friendly_name")
    text = " ".join(str(name).split()) if isinstance(name, str) else ""
    return text[:60] if text.isprintable() and text else entity


def with_rules(policy: str, proposals: Sequence[Proposal]) -> str:
    """Put rules into the policy for houses, in the place of those that it has for any house.

    Args:
        policy: the starter policy.
        proposals: with the actions that a person chose.
    """
    head, rest = policy.split("rules:\n", 1)
    blocks = rest.split("\n\n")
    chosen = {each.domain for each in proposals}
    kept = [
        block
        for block in blocks
        if not any(f"ha_call_service({domain}.*)" in block for domain in chosen)
    ]
    first, *others = kept
    denied = "".join(each.rules() for each in proposals if each.action == "deny")
    asked = "".join(each.rules() for each in proposals if each.action == "ask")
    middle = f"{denied}{asked}".rstrip("\n")
    return f"{head}rules:\n" + "\n\n".join(filter(None, [first, middle, *others]))
