"""Target: the arguments of a request, before rules of every kind.

The first line is the tool, the rest the arguments as JSON.
"""

from __future__ import annotations

from typing import Any

import msgspec
from tests.server.policy.test_robustness import ALL_KINDS, ONE_DENIED

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy, display_of, signature_of

POLICY = Policy.parse(ALL_KINDS)
EVERYTHING_DENIED = Policy.parse('rules:\n  - {pattern: "*", action: deny}\n')


def run(data: bytes) -> None:
    """Decide it; a rule against all holds, and no place hides a name."""
    first, _, rest = data.partition(b"\n")
    try:
        tool = first.decode()
        args = msgspec.json.decode(rest, type=dict[str, Any])
    except (ValueError, RecursionError):
        return
    request: dict[str, Any] = {"agent": "house", "tool": tool, "effects": Effects.WRITE}
    for policy in (POLICY, EVERYTHING_DENIED, ONE_DENIED):
        explained = policy.explain(**request, args=args, now=0.0)
        decided = policy.decide(**request, args=args, now=0.0)
        assert explained.decision == decided or policy is POLICY  # which counts
        if policy is EVERYTHING_DENIED:
            assert decided.action is Action.DENY
        if policy is ONE_DENIED and "lock.front" in texts_of(args):
            assert decided.action is Action.DENY
    assert "\n" not in signature_of(tool, args) or "\n" in tool
    display_of(tool, args)


def texts_of(value: Any) -> set[str]:
    """All texts among the values, at any depth."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                found.add(text)
            case dict() as mapping:
                waiting += mapping.values()
            case list() as items:
                waiting += items
            case _:
                pass
    return found
