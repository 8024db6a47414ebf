"""A decision that nothing written explains says which doubt it comes of, in a short sentence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from tests.server.policy.helpers import decide

from agentgate_proto.records.decision import WHY_CHARS_MAX, WHYS_MAX
from agentgate_server.policy import Policy

DOORS = """
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny, description: Doors stay shut}
  - {tool: pay, args: {to: mallory}, action: deny}
  - {pattern: "ha_call_service(light.*)", action: allow}
  - {tool: mail, args: {to: "*@example.org"}, other_args: true, action: allow}
"""
KNOWN = {
    ("area_id", "hall"): ["light.hall"],
    ("entity_id", "light.some"): ["light.hall", "*"],
}


def house(kind: str, name: str) -> Collection[str] | None:
    return KNOWN.get((kind, name))


def why(tool: str, args: dict[str, Any], policy: str = DOORS) -> tuple[str, tuple[str, ...]]:
    decision = decide(Policy.parse(policy, resolver=house), tool, args)
    return decision.action.value, decision.why


def service(name: str, **data: Any) -> dict[str, Any]:
    domain, _, verb = name.partition(".")
    return {"domain": domain, "service": verb, **data}


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (service("script.open_up"), "what script.open_up reaches is not known"),
        (
            service("automation.trigger", entity_id="automation.night"),
            "what automation.night reaches is not known",
        ),
        (service("homeassistant.turn_on", area_id="attic"), "what area attic holds is not known"),
        (service("homeassistant.turn_on", floor_id=5), "what floor holds is not known"),
        (
            service("homeassistant.turn_on", entity_id="light.some"),
            "all that light.some reaches is not known",
        ),
        (
            service("rest_command.open_garage"),
            "what the service rest_command.open_garage does is not known",
        ),
        (service("homeassistant.turn_on", entity_id="all"), "what all stands for is not known"),
        (
            service("homeassistant.turn_on", entity_id="{{ x }}"),
            "what {{ x }} stands for is not known",
        ),
        (
            service("homeassistant.turn_on", message="{{ x }}"),
            "message holds a template, which may name anything",
        ),
        ({"domain": "light"}, "which service it calls is not known"),
        (service("homeassistant.turn_on", entity_id=7), "what entity_id names is no text"),
        (
            service("homeassistant.turn_on", target={"odd": {"x": 1}}),
            "what target names is not understood",
        ),
        (
            service("homeassistant.turn_on", entity_id=",".join(["light.a"] * 600)),
            "entity_id names more than 500 things",
        ),
        (service("homeassistant.turn_on", data={"domain": 1}), "the domain in data is no text"),
        (service("homeassistant.turn_on", data={"domain": "?"}), "? is no domain"),
        (
            service("homeassistant.turn_on", text=" ".join(["a.b!"] * 501)),
            "text names more than 500 things",
        ),
        (
            service("homeassistant.turn_on", lines=[0] * 2_001),
            "its arguments are too many, or too deep, to be seen whole",
        ),
        (
            service("homeassistant.turn_on", a="x " * 100_000, b="x"),
            "b is too long to be looked at whole",
        ),
        (
            service("homeassistant.turn_on", data={"then": "lock.front"}),
            "names in its data may be acted on, or be passed on",
        ),
    ],
)
def test_each_doubt_names_itself(args: dict[str, Any], text: str) -> None:
    action, found = why("ha_call_service", args)
    assert action == "deny"
    assert text in found


@pytest.mark.parametrize(
    "args",
    [
        service("lock.unlock", entity_id="lock.front"),
        service("homeassistant.turn_on", entity_id="lock.front"),
        service("light.turn_on", area_id="hall"),
    ],
)
def test_what_is_written_needs_no_reason(args: dict[str, Any]) -> None:
    assert why("ha_call_service", args)[1] == ()


def test_a_rule_for_everything_matches_without_a_doubt() -> None:
    policy = 'rules: [{pattern: "*", action: deny}]'
    assert why("ha_call_service", service("script.open_up"), policy) == ("deny", ())


@pytest.mark.parametrize("defaults", ["", 'defaults: [{pattern: "*", action: deny}]'])
def test_an_allow_rule_that_a_doubt_keeps_from_matching_is_the_reason_too(defaults: str) -> None:
    policy = f'rules: [{{pattern: "ha_call_service(light.*)", action: allow}}]\n{defaults}'
    args = service("light.turn_on", area_id="attic")
    assert why("ha_call_service", args, policy) == (
        "deny" if defaults else "ask",
        ("what area attic holds is not known",),
    )


def test_without_an_allow_rule_a_doubt_changes_nothing_and_is_not_told() -> None:
    policy = 'rules: [{tool: x, action: allow}]\ndefaults: [{tool: "ha_*", action: ask}]'
    assert why("ha_call_service", service("script.x"), policy) == ("ask", ())


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"to": "m\u0430llory"}, "letters of to pass for others: it may be read as mallory"),
        ({"to": "mallory" * 2_000}, ""),
        ({"to": "MALLORY"}, ""),
        ({"to": "bob", "more": [0] * 2_001}, "it is too long, or names too much"),
    ],
)
def test_so_does_a_spelling(args: dict[str, Any], text: str) -> None:
    _, found = why("pay", args)
    assert text in "".join(found)
    assert bool(text) == bool(found)


def test_of_a_long_text_only_the_beginning_is_looked_at() -> None:
    policy = 'rules: [{pattern: "say(*secret*)", action: deny}]'
    assert why("say", {"text": "x" * 9_000}, policy) == (
        "deny",
        ("of text only the beginning is looked at",),
    )


def test_a_text_of_too_many_forms_says_so() -> None:
    policy = 'rules: [{tool: say, args: {text: "secret"}, action: deny}]'
    assert why("say", {"text": ",".join(f"a{n}" for n in range(6_000))}, policy) == (
        "deny",
        ("text may be read in more ways than are looked at",),
    )


def test_reasons_are_few_and_short() -> None:
    names = [f"{'x' * 300}_{number}" for number in range(9)]
    _, found = why("ha_call_service", service("homeassistant.turn_on", area_id=names))
    assert 0 < len(found) <= WHYS_MAX
    assert all(len(text) <= WHY_CHARS_MAX and text.isprintable() for text in found)


def test_what_is_denied_tells_the_words_of_the_rule_and_the_doubt() -> None:
    denied = decide(Policy.parse(DOORS), "ha_call_service", service("script.open_up"))
    assert denied.words == "Doors stay shut (what script.open_up reaches is not known)"
    plain = decide(Policy.parse(DOORS), "pay", {"to": "mallory"})
    assert (plain.words, plain.doubt) == ("", "")
