"""Whether the policy lets an agent open the house without asking anybody."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agentgate_cli.doctor.probe import doubtful
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_cli.starter.house_rules import Proposal
    from agentgate_server.checking.files import Look
    from agentgate_server.policy.linting import Finding

TOOL = "ha_call_service"

OPENS = {
    "lock": "unlock",
    "alarm_control_panel": "alarm_disarm",
    "cover": "open_cover",
    "valve": "open_valve",
}
"""The service that lets somebody in, by domain."""


def open_doors(look: Look, states: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Ask the policy about each lock, alarm, garage door, gate and valve that there is.

    Args:
        look: with the policy, the tools, and those who may ask.
        states: of the house.
    """
    from agentgate_cli.starter.house_rules import propose

    return [
        doubt_of(agent, kind, names)
        for kind in propose(states)
        for agent, names in allowed(look, kind)
    ]


def allowed(look: Look, kind: Proposal) -> Iterator[tuple[str, list[str]]]:
    """The agents that may open things of a kind, each with the names of those things."""
    from agentgate_proto.principal import Role
    from agentgate_proto.records.decision import Action
    from agentgate_proto.records.request import Effects

    if look.policy is None or look.catalogue is None or TOOL not in look.catalogue.names:
        return
    meaning = look.catalogue.lenient_meaning_of(TOOL)
    for agent in (each.name for each in look.principals or () if each.role is Role.AGENT):
        names = []
        for entity, name in kind.entities:
            found = look.policy.explain(
                agent=agent,
                tool=TOOL,
                effects=Effects.WRITE,
                args={"domain": kind.domain, "service": OPENS[kind.domain], "entity_id": entity},
                now=time.time(),
                meaning=meaning,
            )
            if found.decision.action is Action.ALLOW:
                names.append(name)
        if names:
            yield agent, names


def doubt_of(agent: str, kind: Proposal, names: list[str]) -> Finding:
    """Say that an agent may open something."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return doubtful(
        f"{printable(agent)} may {kind.domain}.{OPENS[kind.domain]} without anybody being asked: "
        f"{', '.join(map(printable, names[:4]))}{more}",
        f'in permissions.yaml: {{pattern: "{kind.patterns[0]}", action: ask}}',
    )
