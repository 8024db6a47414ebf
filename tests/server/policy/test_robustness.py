"""Whatever the arguments are, a decision comes out, and never a careless one."""

from __future__ import annotations

import fnmatch
import functools
import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.server.policy.helpers import action, decide, json_args, tools

from agentgate_proto.records.decision import Action
from agentgate_server.policy import Policy, signature_of
from agentgate_server.policy.confusables import SAME_SHAPE
from agentgate_server.policy.entities import ENTITY, MENTION

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


PATTERNS = [
    "*",
    "x*",
    "x",
    "x(*)",
    "*(a*)",
    "*lock.front*",
    "x(5*)",
    "*,*",
    "*(?)",
    "*[!a]",
    "*\\\\*",
]


@given(st.sampled_from(PATTERNS), tools, json_args)
def test_a_deny_pattern_catches_at_least_what_fnmatch_does(
    pattern: str, tool: str, args: dict[str, Any]
) -> None:
    policy = one_rule(pattern, "deny")
    if fnmatch.fnmatchcase(signature_of(tool, args), pattern):
        assert action(policy, tool, args) == "deny"


@given(st.sampled_from(PATTERNS), st.sampled_from(["restart", "x"]), json_args)
def test_an_allow_pattern_lets_through_at_most_what_fnmatch_does(
    pattern: str, tool: str, args: dict[str, Any]
) -> None:
    policy = one_rule(pattern, "allow")
    if not fnmatch.fnmatchcase(signature_of(tool, args), pattern):
        assert action(policy, tool, args) == "ask"


@functools.cache
def one_rule(pattern: str, wanted: str) -> Policy:
    return Policy.parse(
        msgspec.json.encode({"rules": [{"pattern": pattern, "action": wanted}]}).decode()
    )


INVISIBLE = ["", "\u200b", "\u00ad", "\u2060", "\u0301", "\u034f", "\ufeff", "\u3164", "\U000e0020"]


def disguises(char: str) -> list[str]:
    """The characters that pass for one."""
    alike = [chr(int(point, 16)) for point in SAME_SHAPE.get(char, "").split()]
    return [char, char.upper(), chr(ord(char) + 0xFEE0), *alike]


disguised = st.tuples(
    *(st.sampled_from(disguises(char)) for char in "lock.front"),
    *(st.sampled_from(INVISIBLE) for _ in range(10)),
).map(lambda drawn: "".join(a + b for a, b in zip(drawn[:10], drawn[10:], strict=True)))


@given(disguised, st.sampled_from([" ", "", "\n"]), st.integers(0, 5))
def test_no_disguise_of_a_name_escapes(name: str, space: str, place: int) -> None:
    name = space + name + space
    wrapped = [name, [name], {"entity_id": name}, msgspec.json.encode([name]).decode()]
    args = {"domain": "homeassistant", "service": "turn_off"}
    places: list[dict[str, Any]] = [
        {"entity_id": wrapped[0]},
        {"entity_id": wrapped[1]},
        {"target": wrapped[2]},
        {"entity_id": wrapped[3]},
        {"data": wrapped[2]},
        {"Entity-Id": wrapped[0]},
    ]
    assert action(ONE_DENIED, "ha_call_service", {**args, **places[place]}) == "deny"
    assert action(ONE_DENIED, "open", {"what": wrapped[place % 4]}) == "deny"


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
@pytest.mark.parametrize("key", ["entity_id", "domain", "target", "where", "amount"])
@pytest.mark.parametrize("tool", ["ha_call_service", "restart"])
def test_extreme_values_are_decided_and_never_allowed_by_a_rule_with_limits(
    tool: str, key: str, value: Any
) -> None:
    args = {"domain": "light", "service": "turn_on", key: value}
    assert action(POLICY, tool, args) in ("deny", "ask")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0" * 50_000 + "x",
            "0." * 25_000,
            "a" * 50_000 + " .",
            "a." * 25_000,
            "0a_" * 20_000 + " .",
        ),
        *(" " * 50_000 + ".", "/." * 25_000, "%25" * 20_000, "{" * 50_000, "light.a" * 10_000),
    ],
)
def test_no_text_holds_up_a_decision(text: str) -> None:
    for tool, args in (
        ("ha_call_service", {"domain": "notify", "service": "x", "message": text}),
        ("ha_call_service", {"domain": "light", "service": "turn_on", "entity_id": text}),
        ("restart", {"where": text, "amount": text}),
    ):
        began = time.thread_time()
        assert decide(POLICY, tool, args).action in Action
        assert time.thread_time() - began < 1.0


@given(st.text("a0_. ", max_size=12))
@example("0.a.b")
@example("a0.0a.b")
def test_words_are_stepped_over_whole_and_no_mention_is_lost(text: str) -> None:
    found = [each[0] for each in MENTION.finditer(text) if each[1]]
    assert found == ENTITY.findall(text)
