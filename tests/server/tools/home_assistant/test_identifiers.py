"""What may stand in a call where Home Assistant expects a name."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_server.errors import ArgumentError
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.home_assistant import identifiers
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl
from agentgate_server.tools.tool import Tool

CONFIG = HomeAssistantConfig(url=HomeAssistantUrl("http://127.0.0.1:1"), token=Secret("t" * 40))


def tool(name: str) -> Tool:
    found = Catalogue(HomeAssistant(CONFIG).tools).get(name)
    assert found is not None
    return found


LIGHT = {"domain": "light", "service": "turn_on", "entity_id": "light.bedroom"}
FIT: list[tuple[str, dict[str, Any]]] = [
    ("ha_get_state", {"entity_id": "sensor.temp"}),
    ("ha_get_states", {}),
    ("ha_get_states", {"domain": "light"}),
    ("ha_get_states", {"domain": ["light", "lock"]}),
    ("ha_call_service", LIGHT),
    ("ha_call_service", {**LIGHT, "entity_id": ["light.a", "light.b"]}),
    ("ha_call_service", {**LIGHT, "entity_id": "all"}),
    ("ha_call_service", {**LIGHT, "brightness": 5, "effect": "Rainbow, [slow] *please*"}),
    ("ha_call_service", {"domain": "light", "service": "turn_on", "area_id": "living-room"}),
    ("ha_call_service", {"domain": "light", "service": "on", "device_id": ["3f" * 16]}),
    ("ha_call_service", {"domain": "a", "service": "b", "target": {"entity_id": "light.a"}}),
    ("ha_call_service", {"domain": "a", "service": "b", "return_response": True}),
    ("ha_call_service", {"domain": "script", "service": "1584605506836"}),
    ("ha_call_service", {"domain": "script", "service": "3d_printer_off"}),
    ("ha_call_service", {"domain": "script", "service": "s" * 255}),
    ("ha_call_service", {**LIGHT, "entity_id": "3_day_blinds.left"}),
    ("ha_fire_event", {"event_type": "doorbell"}),
    ("ha_fire_event", {"event_type": "ios.action_fired", "door": {"x": [1]}}),
]


@pytest.mark.parametrize(("name", "args"), FIT)
def test_plain_names_fit(name: str, args: dict[str, Any]) -> None:
    tool(name).check(args)


NOT_NAMES: list[Any] = [
    "",
    " light",
    "light\n",
    "Light",
    "li ght",
    "light/../lock",
    "light%2f",
    "light?x",
    "light#",
    "ligh\u0442",
    "light\u200b",
    "\uff4cight",
    "*",
    "l" * 256,
    ["light"],
    {"light": 1},
    5,
    True,
    None,
]


@pytest.mark.parametrize("value", NOT_NAMES)
@pytest.mark.parametrize("key", ["domain", "service"])
def test_a_domain_or_service_that_is_no_plain_name_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"'{key}' must be a plain name"):
        tool("ha_call_service").check({**LIGHT, key: value})


@pytest.mark.parametrize(
    "value", [*NOT_NAMES, "5", "light", "light.a, light.b", "{{ x }}", "a.b.c", "5.5"]
)
def test_an_entity_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="must be an entity such as"):
        tool("ha_get_state").check({"entity_id": value})
    with pytest.raises(ArgumentError, match="must be an entity such as"):
        tool("ha_call_service").check({**LIGHT, "entity_id": [value]})


@pytest.mark.parametrize(
    "value", [5, None, "", "a b", "hall,porch", "{{ x }}", {"a": 1}, ["ok", 5]]
)
@pytest.mark.parametrize("key", identifiers.TARGET_KEYS)
def test_a_target_that_is_no_name_is_refused_wherever_it_stands(key: str, value: Any) -> None:
    named = {"domain": "light", "service": "turn_on"}
    for args in ({**named, key: value}, {**named, "target": {key: value}}):
        with pytest.raises(ArgumentError, match=f"argument '{key}' must be"):
            tool("ha_call_service").check(args)


@pytest.mark.parametrize("value", [*NOT_NAMES, "5", "l" * 65, "a.b.c"])
def test_an_event_type_that_is_no_plain_name_is_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="argument 'event_type' must be a plain name"):
        tool("ha_fire_event").check({"event_type": value})


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("ha_get_state", {}, "missing argument 'entity_id'"),
        ("ha_get_state", {"entity_id": "a.b", "x": 1}, "unknown argument 'x', the arguments are"),
        ("ha_get_states", {"area_id": "a"}, "unknown argument 'area_id', the arguments are"),
        ("ha_get_states", {"entity_id": "a"}, "'entity_id' must be an entity such as"),
        ("ha_get_states", {"entity_id": []}, "'entity_id' must name something, or be left out"),
        ("ha_get_states", {"entity_id": ["a.b"] * 101}, "names 101, and may at most 100"),
        ("ha_get_states", {"area": ""}, "'area' must be the id or name of an area, or a list"),
        ("ha_get_states", {"floor": [5]}, "'floor' must be the id or name of a floor"),
        ("ha_get_states", {"name": ["a"]}, "'name' must be a part of a name, found list"),
        ("ha_get_states", {"after": 5}, "'after' must be what 'next' of the last page says"),
        ("ha_get_states", {"full": "yes"}, "'full' must be true or false, found 'yes'"),
        ("ha_get_states", {"limit": 0}, "'limit' must be a whole number from 1 to 1,000"),
        ("ha_get_states", {"limit": True}, "'limit' must be a whole number"),
        ("ha_get_states", {"domain": 5}, "argument 'domain' must be a plain name"),
        ("ha_call_service", {"domain": "light"}, "missing argument 'service'"),
        ("ha_call_service", {**LIGHT, "target": []}, "'target' must be an object, found list"),
        ("ha_call_service", {**LIGHT, "target": {"x": 1}}, "target takes entity_id"),
        ("ha_call_service", {**LIGHT, "target": {"entity_id": "a.b"}}, "is there twice"),
        ("ha_call_service", {**LIGHT, "return_response": "yes"}, "must be true or false"),
        ("ha_call_service", {**LIGHT, "entity_id": ["a.b"] * 501}, "names 501, and may at most"),
        ("ha_fire_event", {}, "missing argument 'event_type'"),
    ],
)
def test_the_error_says_what_to_write(name: str, args: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        tool(name).check(args)


def test_what_is_shown_of_a_wrong_value_is_short_and_plain() -> None:
    assert identifiers.shown("\u043e" * 100) == "'" + "\\u043e" * 13 + "…"
    assert identifiers.shown({"secret": 1}) == "dict"


def test_a_target_takes_its_place_in_the_body() -> None:
    data = identifiers.service_data(
        {**LIGHT, "target": {"area_id": "hall"}, "return_response": True, "brightness": 5}
    )
    assert data == {"entity_id": "light.bedroom", "area_id": "hall", "brightness": 5}


@pytest.mark.parametrize(
    "url", ["homeassistant.local", "http://h/?x=1", "http://h/api", "http://h/api/", "ftp://h"]
)
def test_a_url_that_will_not_do_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        HomeAssistantUrl(url)


@pytest.mark.parametrize("url", ["http://192.168.1.5:8123/", "https://ha.example/home", "http://h"])
def test_any_address_of_a_page_will_do(url: str) -> None:
    assert HomeAssistantUrl(url) == url.rstrip("/")
