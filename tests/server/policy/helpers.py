"""What the tests of the policy share."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agentgate_proto.records.decision import Decision
from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy

LIGHT = {"domain": "light", "service": "turn_on", "entity_id": "light.bedroom"}


def decide(
    policy: Policy | str,
    tool: str,
    args: dict[str, Any] | None = None,
    *,
    agent: str = "house",
    effects: Effects = Effects.WRITE,
    now: float = 0.0,
) -> Decision:
    """Decide one request."""
    if isinstance(policy, str):
        policy = Policy.parse(policy)
    return policy.decide(agent=agent, tool=tool, effects=effects, args=args or {}, now=now)


def action(policy: Policy | str, tool: str, args: dict[str, Any] | None = None, **more: Any) -> str:
    """Decide one request; only the action, as a word."""
    return decide(policy, tool, args, **more).action.value


def rules(*lines: str) -> Policy:
    """Make a policy of rules in YAML's flow form, without defaults."""
    return Policy.parse("rules:\n" + "".join(f"  - {{{line}}}\n" for line in lines))


def unknown_tools(policy: Policy, *names: str) -> list[str]:
    """Say which rules are about none of these tools, in the order of the file."""
    by_line = sorted(policy.rules, key=lambda rule: rule.number)
    found = ((rule.decision.rule, policy.unknown_tool(rule, names)) for rule in by_line)
    return [f"{place}: {text}" for place, text in found if text]


def nested(levels: int, value: Any) -> Any:
    """Wrap a value in so many objects."""
    for _ in range(levels):
        value = {"x": value}
    return value


json_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["lock.front", "all", "{{ x }}", "a, b", '["lock.front"]', "light.a", "..", "%6c", "5", ""]
    )
)
json_keys = st.sampled_from(
    [
        "domain",
        "service",
        "entity_id",
        "Entity-ID",
        "target",
        "area_id",
        "data",
        "where",
        "amount",
        "entities",
        "a.b",
        "",
    ]
) | st.text(max_size=5)
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_keys, inner, max_size=4),
    max_leaves=12,
)
json_args = st.dictionaries(json_keys, json_values, max_size=5)
tools = st.sampled_from(
    [
        "ha_call_service",
        "ha_get_state",
        "ha_fire_event",
        "ha_get_states",
        "ha_other",
        "restart",
        "x",
    ]
)
