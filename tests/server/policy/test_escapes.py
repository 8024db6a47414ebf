"""No spelling of an entity or a value escapes a deny: disguises upon disguises, in every place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.server.policy.helpers import action, rules
from tests.server.policy.test_robustness import INVISIBLE, disguises, json_args

ENTITY_DENIED = {
    form: rules(form, 'pattern: "*", action: allow')
    for form in (
        'pattern: "ha_call_service(lock.*)", action: deny',
        'pattern: "*(*lock.front*)", action: deny',
        'pattern: "ha_call_service(*, lock.front)", action: deny',
        'args: {entity_id: "lock.*"}, action: deny',
        "args: {entity_id: [lock.front, lock.back]}, action: deny",
        "tool: ha_call_service, args: {entity_id: {not_in: [light.hall]}}, action: deny",
        'tool: "ha_*", args: {entity_id: {pattern: "lock.*", not_in: [lock.shed]}}, action: deny',
    )
}
VALUE_DENIED = {
    form: rules(form, 'pattern: "*", action: allow')
    for form in (
        'pattern: "restart(kube-system*)", action: deny',
        'pattern: "restart(*kube-system*)", action: deny',
        "args: {where: kube-system}, action: deny",
        "args: {where: [kube-system, dmz]}, action: deny",
        'args: {where: "kube-*"}, action: deny',
        "tool: restart, args: {where: {not_in: [dev]}}, action: deny",
    )
}

Change = Callable[[Any], Any]


@st.composite
def spelled(draw: st.DrawFn, name: str) -> str:
    """A name that is read as the same."""
    return "".join(
        draw(st.sampled_from(disguises(char))) + draw(st.sampled_from(INVISIBLE)) for char in name
    )


def as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


BLANKS = st.sampled_from([" ", "\n", "\t", "\u00a0", "\u2003", ""])
TEXT_CHANGES: list[Change] = [
    lambda text: quote(text, safe=""),
    lambda text: f"{text} ",
    lambda text: f"\n{text}",
    lambda text: f"light.a, {text}",
    lambda text: f"{text},light.a",
    as_json,
    lambda text: as_json([text]),
]
ANY_CHANGES: list[Change] = [
    lambda value: [value],
    lambda value: ["light.a", value],
    lambda value: {"entity_id": value},
    lambda value: {"a": {"b": value}},
    as_json,
]


@st.composite
def disguised(draw: st.DrawFn, name: str) -> Any:
    """A name in a few disguises, one upon the other."""
    value: Any = draw(spelled(name))
    for change in draw(st.lists(st.sampled_from(TEXT_CHANGES), max_size=2)):
        value = change(value)
    for change in draw(st.lists(st.sampled_from(ANY_CHANGES), max_size=2)):
        value = change(value)
    return value


ENTITY_PLACES: list[Change] = [
    lambda value: {"entity_id": value},
    lambda value: {"Entity-Id": value},
    lambda value: {"target": {"entity_id": value}},
    lambda value: {"target": value},
    lambda value: {"data": {"entity_id": value}},
    lambda value: {"service_data": {"target": {"entity_id": value}}},
    lambda value: {"entity_id": "light.a", "data": {"entity_id": value}},
]


@given(
    form=st.sampled_from(sorted(ENTITY_DENIED)),
    value=disguised("lock.front"),
    place=st.sampled_from(ENTITY_PLACES),
    more=json_args,
)
@settings(deadline=None, max_examples=150)
def test_an_entity_does_not_escape_a_deny(
    form: str, value: Any, place: Change, more: dict[str, Any]
) -> None:
    args = {**more, **place(value), "domain": "homeassistant", "service": "turn_off"}
    assert action(ENTITY_DENIED[form], "ha_call_service", args) == "deny"


@given(
    form=st.sampled_from(sorted(VALUE_DENIED)),
    value=disguised("kube-system"),
    name=spelled("where"),
)
@settings(deadline=None, max_examples=150)
@example(next(iter(sorted(VALUE_DENIED))), "kube-system", "where")
def test_a_value_does_not_escape_a_deny(form: str, value: Any, name: str) -> None:
    assert action(VALUE_DENIED[form], "restart", {name: value}) == "deny"
