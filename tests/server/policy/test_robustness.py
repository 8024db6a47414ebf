"""Whatever the arguments are, a decision comes out, and never a careless one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from tests.server.policy.helpers import action, decide, json_args, tools

from agentgate_proto.decision import Action
from agentgate_server.policy import Policy

ALL_KINDS = """
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
  - {pattern: "*(*secret*)", action: ask}
  - {tool: "*", args: {where: {not_in: [dev]}, amount: {min: 5, max: 9}}, action: deny}
  - {args: {entity_id: "lock.*"}, action: ask}
  - {args: {domain: lock}, action: ask}
  - {args: {target.area_id: hall}, action: deny}
  - {args: {a.b: [1, x, null, true]}, other_args: true, action: allow}
  - {args: {entity_id: "light.*", domain: "*", service: "*"}, action: allow}
  - {pattern: "ha_get_state(light.*)", action: allow}
  - {pattern: "restart(*)", args: {where: {pattern: "d*", not_in: [dmz]}}, action: allow}
  - {args: {amount: {max: 3}}, rate: 5/min, action: allow}
"""
POLICY = Policy.parse(ALL_KINDS)
EVERYTHING_DENIED = Policy.parse('rules:\n  - {pattern: "*", action: deny}\n')
ONE_DENIED = Policy.parse(
    'rules:\n  - {pattern: "*(lock.*)", action: deny}\n  - {pattern: "*", action: allow}\n'
)


@settings(max_examples=400)
@given(tools, json_args)
def test_any_arguments_are_decided(tool: str, args: dict[str, Any]) -> None:
    assert decide(POLICY, tool, args).action in Action


@given(tools, json_args)
def test_a_rule_against_everything_holds_for_everything(tool: str, args: dict[str, Any]) -> None:
    assert action(EVERYTHING_DENIED, tool, args) == "deny"


@given(tools, json_args)
def test_the_same_request_is_decided_the_same_way_after_a_detour_over_the_wire(
    tool: str, args: dict[str, Any]
) -> None:
    again = msgspec.json.decode(msgspec.json.encode(args))
    assert action(ONE_DENIED, tool, args) == action(ONE_DENIED, tool, again)


@given(json_args)
def test_an_entity_is_found_among_any_other_arguments(args: dict[str, Any]) -> None:
    args["entity_id"] = "lock.front"
    assert action(ONE_DENIED, "ha_get_state", args) == "deny"
    args["target"] = {"entity_id": args.pop("entity_id")}
    args |= {"domain": "homeassistant", "service": "turn_off"}
    assert action(ONE_DENIED, "ha_call_service", args) == "deny"


def endless(levels: int) -> Any:
    value: Any = "lock.front"
    for level in range(levels):
        value = [value] if level % 2 else {"data": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        endless(50_000),
        10**5_000,
        -(10**5_000),
        float("nan"),
        float("inf"),
        "\ud800",
        "[" * 100_000,
        '["' * 50_000,
        "\u0301" * 200_000,
        "%25" * 200_000,
        "a," * 200_000,
        "\U0001f600" * 50_000,
        {"\ud800": 1},
        {str(n): n for n in range(10_000)},
        object(),
        {1, 2},
        b"bytes",
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("key", ["entity_id", "domain", "target", "where", "amount", "data", "x"])
@pytest.mark.parametrize("tool", ["ha_call_service", "restart"])
def test_extreme_values_are_decided_and_never_allowed_by_a_rule_with_limits(
    tool: str, key: str, value: Any
) -> None:
    args = {"domain": "light", "service": "turn_on", key: value}
    assert action(POLICY, tool, args) in ("deny", "ask")
