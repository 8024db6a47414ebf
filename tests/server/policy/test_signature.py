from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.server.policy.helpers import LIGHT, json_values

from agentgate_proto.digest import canonical_args
from agentgate_proto.text.characters import is_hidden
from agentgate_server.policy import display_of, signature_of
from agentgate_server.policy.signature import UNREADABLE, show


@pytest.mark.parametrize(
    ("tool", "args", "signature"),
    [
        ("ha_call_service", LIGHT, "ha_call_service(light.turn_on, light.bedroom)"),
        ("ha_get_state", {"entity_id": "sensor.temp"}, "ha_get_state(sensor.temp)"),
        ("ha_get_states", {}, "ha_get_states"),
        ("ha_fire_event", {"event_type": "alarm", "x": 1}, "ha_fire_event(alarm)"),
        ("reboot", {}, "reboot"),
        ("mail", {"to": "bob", "about": "lunch"}, "mail(lunch, bob)"),
        ("set", {"level": 5, "on": True, "why": None}, "set(5, true, null)"),
        ("set", {"rgb": [255, 0.5], "of": {"b": 1, "a": "x"}}, 'set({"a":"x","b":1}, [255,0.5])'),
    ],
)
def test_signatures_have_the_form_of_seed_001(
    tool: str, args: dict[str, Any], signature: str
) -> None:
    assert signature_of(tool, args) == signature


@pytest.mark.parametrize(
    ("args", "signature"),
    [
        ({"domain": "light", "service": "turn_on"}, "(light.turn_on, )"),
        ({"domain": "light", "service": "off", "area_id": "x"}, '(light.off, {"area_id":"x"})'),
        (
            {"domain": "light", "service": "off", "target": {"entity_id": "light.a"}},
            '(light.off, {"target":{"entity_id":"light.a"}})',
        ),
        ({**LIGHT, "entity_id": ["light.a", "light.b"]}, '(light.turn_on, ["light.a","light.b"])'),
        ({**LIGHT, "device_id": 5}, '(light.turn_on, {"device_id":5,"entity_id":"light.bedroom"})'),
        ({"service": "turn_on"}, "(.turn_on, )"),
        ({"domain": "a.b", "service": ""}, '("a.b"."", )'),
        ({"domain": ["lock"], "service": None}, '(["lock"].null, )'),
        ({"domain": "null", "service": "x"}, '("null".x, )'),
        (
            {"domain": "x", "service": "y", "entity_id": {"area_id": "z"}},
            '(x.y, {"entity_id":{"area_id":"z"}})',
        ),
    ],
)
def test_a_service_shows_all_that_it_names(args: dict[str, Any], signature: str) -> None:
    assert signature_of("ha_call_service", args) == "ha_call_service" + signature


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Hello, world", "Hello,\\ world"),
        ("a) b", "a) b"),
        ("back\\slash", "back\\\\slash"),
        ("two\nlines\t", '"two\\nlines\\t"'),
        ("two\nlines", "two\\nlines"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("right\u202eleft", "right\\u202eleft"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("", '""'),
        (" dev", '" dev"'),
        ("5", '"5"'),
        ("true", '"true"'),
        ("-1e5", '"-1e5"'),
        ("-dev", "-dev"),
        ("12:30", "12:30"),
        ('"quoted"', '"\\"quoted\\""'),
        ('["a", "b"]', '"[\\"a\\",\\ \\"b\\"]"'),
        (["a, b"], '["a,\\ b"]'),
        ("Gr\u00fc\u00dfe an S\u00f8ren", "Gr\u00fc\u00dfe an S\u00f8ren"),
        ("\u041f\u0440\u0438\u0432\u0435\u0442", "\u041f\u0440\u0438\u0432\u0435\u0442"),
        ("l\u043eck", "l\\u043eck"),
        ("\u0430@example.org", "\\u0430@example.org"),
        ("1\u03360\ufe0f", "1\\u03360\\ufe0f"),
        (5, "5"),
        (5.0, "5.0"),
        (10**30, "1" + "0" * 30),
        pytest.param(10**5_000, UNREADABLE, id="huge number"),
        ("<unreadable>", '"<unreadable>"'),
    ],
)
def test_values_cannot_pass_for_something_else(value: Any, shown: str) -> None:
    assert signature_of("f", {"x": value}) == f"f({shown})"


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [deep(100_000), "[" * 100_000, {"x": {1, 2}}, "\ud800", ["\ud800"]],
    ids=["deep list", "many brackets", "set", "surrogate", "surrogate in a list"],
)
def test_what_is_no_json_has_a_signature_all_the_same(value: Any) -> None:
    assert signature_of("f", {"x": value}).startswith("f(")


@given(json_values, json_values, json_values, json_values)
@example("a,", " b", "a", ", b")
@example("a, b", "c", "a", "b, c")
@example("a,\\ b", "c", "a, b", "c")
@example('"', "", '""', "")
@example("5", 5, 5, "5")
@example("\n", "", "\\n", "")
@example("x\u200b", 0, "x\\u200b", 0)
def test_different_values_have_different_signatures(a: Any, b: Any, c: Any, d: Any) -> None:
    one, other = {"x": a, "y": b}, {"x": c, "y": d}
    if canonical_args(one) != canonical_args(other):
        assert signature_of("f", one) != signature_of("f", other)


@given(st.text(), st.text(), st.text(), st.text())
def test_different_texts_have_different_signatures(a: str, b: str, c: str, d: str) -> None:
    same = (a, b) == (c, d)
    one, other = signature_of("f", {"x": a, "y": b}), signature_of("f", {"x": c, "y": d})
    assert (one == other) is same


@given(json_values)
def test_signatures_print_on_one_line(value: Any) -> None:
    assert not any(map(is_hidden, signature_of("f", {"x": value})))


@pytest.mark.parametrize(
    ("args", "signature"),
    [
        ({"x": "\u05e9\u05dc\u05d5\u05dd"}, "f(\u05e9\u05dc\u05d5\u05dd)"),
        ({"x": "\u05d0", "y": "\u05d1"}, "f(\\u05d0, \\u05d1)"),
        ({"x": "\u05d0", "y": 5}, "f(\\u05d0, 5)"),
    ],
)
def test_values_that_run_right_to_left_do_not_change_places(
    args: dict[str, Any], signature: str
) -> None:
    assert signature_of("f", args) == signature


def test_long_values_are_folded_for_the_eye_only() -> None:
    args = {"body": "a" * 150 + "b" * 150, "to": "bob"}
    assert signature_of("mail", args) == f"mail({'a' * 150}{'b' * 150}, bob)"
    shown = display_of("mail", args, value_chars_max=60)
    assert shown == f"mail({'a' * 40}…(240 more characters)…{'b' * 20}, bob)"
    assert display_of("reboot", {}) == "reboot"


def test_key_order_does_not_matter() -> None:
    one = json.loads('{"b": {"d": 1, "c": 2}, "a": 3}')
    other = json.loads('{"a": 3, "b": {"c": 2, "d": 1}}')
    assert signature_of("f", one) == signature_of("f", other)


@pytest.mark.parametrize(
    "text", ["5", "-0.5", "1e5", "1E+5", "true", "false", "null", "NaN", "-Infinity", "9" * 5_000]
)
def test_a_text_that_would_pass_for_a_number_or_a_name_of_json_is_in_quotes(text: str) -> None:
    assert show(text) == f'"{text}"'


@pytest.mark.parametrize("text", ["01", "+1", "1.", ".5", "1_0", "-NaN", "truth", "Null", "-"])
def test_a_text_that_json_would_not_read_is_not(text: str) -> None:
    assert show(text) == text
