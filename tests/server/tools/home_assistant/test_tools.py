"""The tools, each call over real HTTP to the stand-in."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest
from tests.server.tools.home_assistant.running import TOKEN, Tools, config, house

from agentgate_cli.standins.home_assistant import Call
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_cli.standins.http_server import HttpResponse, json_response, text_response
from agentgate_proto.quotas.places import RESERVED
from agentgate_server.backends import http_client
from agentgate_server.errors import ArgumentError, ToolFailed
from agentgate_server.tools.home_assistant import api
from agentgate_server.tools.home_assistant.backend import HomeAssistant

pytestmark = pytest.mark.anyio
OWN_MAX = api.WRITES_MAX * (RESERVED - 1) // RESERVED
"""Calls that run at once for one agent."""

LIGHT = {"domain": "light", "service": "turn_on", "entity_id": "light.bedroom"}
UNLOCK = {"domain": "lock", "service": "unlock", "entity_id": "lock.front"}


async def test_a_state_is_read_as_it_is() -> None:
    async with house() as (home, tools):
        state = await tools.data("ha_get_state", entity_id="sensor.temp")
        assert (state["entity_id"], state["state"]) == ("sensor.temp", "21.3")
        assert state["attributes"]["unit_of_measurement"] == "°C"
        assert home.acts == []


async def test_a_service_gets_the_other_arguments_as_its_body() -> None:
    async with house() as (home, tools):
        result = await tools.data("ha_call_service", **LIGHT, brightness=50, effect="Rainbow")
        assert [(each["entity_id"], each["state"]) for each in result["result"]] == [
            ("light.bedroom", "on")
        ]
        assert list(result) == ["result"]
        data = {"entity_id": "light.bedroom", "brightness": 50, "effect": "Rainbow"}
        assert home.acts == [Call(kind="service", name="light.turn_on", data=data)]


async def test_a_target_is_sent_where_the_rest_api_wants_it() -> None:
    async with house() as (home, tools):
        args = {"domain": "light", "service": "turn_off", "target": {"area_id": ["hall"]}}
        result = await tools.data("ha_call_service", **args)
        assert [each["entity_id"] for each in result["result"]] == ["light.hall"]
        assert home.acts[0].data == {"area_id": ["hall"]}


async def test_null_counts_as_left_out_where_that_is_no_value_of_the_service() -> None:
    async with house() as (home, tools):
        names = {"entity_id": None, "area_id": "hall", "device_id": None}
        for target in (names, {"target": names, "return_response": None}):
            args = {"domain": "light", "service": "turn_off", "transition": None, **target}
            await tools.data("ha_call_service", **args)
        data = {"area_id": "hall", "transition": None}
        assert [each.data for each in home.acts] == [data, data]
        assert len((await tools.data("ha_get_states", domain=None))["states"]) > 1
        outcome = tools.outcome("ha_call_service", domain=None, service="turn_off")
        with pytest.raises(ArgumentError, match="'domain' must be a plain name"):
            await outcome


async def test_a_service_that_responds_is_asked_to() -> None:
    async with house() as (_, tools):
        args = {"domain": "script", "service": "open_up", "return_response": True}
        result = await tools.data("ha_call_service", **args)
        assert result == {"result": [], "response": {"done": True}}


async def test_an_event_is_fired_with_its_data() -> None:
    async with house() as (home, tools):
        result = await tools.data("ha_fire_event", event_type="ring", door="front")
        assert result == {"message": "Event ring fired."}
        assert home.acts == [Call(kind="event", name="ring", data={"door": "front"})]


async def test_an_answer_that_came_late_is_not_called_done() -> None:
    async with house(slow_s=0.02) as (home, tools):
        home.delays["light.turn_on"] = 0.1
        home.limit_s = 0.03
        result = await tools.data("ha_call_service", **LIGHT)
        assert result["result"] == []
        assert result["completed"] == "unknown"
        assert "although the service still runs" in result["note"]


async def test_a_newer_version_that_takes_long_is_waited_for() -> None:
    async with house() as (home, tools):
        home.delays["light.turn_on"] = 0.05
        home.limit_s = None
        result = await tools.data("ha_call_service", **LIGHT)
        assert [each["state"] for each in result["result"]] == ["on"]
        assert "completed" not in result


async def test_a_connection_lost_after_the_call_leaves_it_unknown() -> None:
    async with house() as (home, tools):
        home.dropped.add("lock.unlock")
        outcome = await tools.outcome("ha_call_service", **UNLOCK)
        assert outcome.status == "unknown"
        assert "a request was sent to Home Assistant, but no answer came" in outcome.message
        assert len(home.acts) == 1


async def test_what_a_model_reads_of_a_house_is_short() -> None:
    async with house() as (_, tools):
        told = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in tools.backend.tools
        ]
        assert len(msgspec.json.encode(told)) < 4_300, "read before each answer, and paid for"
        for tool in tools.backend.tools:
            assert tool.schema["type"] == "object"
            assert all(each for each in tool.schema["properties"].values()), "each has a type"


async def test_a_name_and_a_list_of_one_are_the_same_to_tools_that_read() -> None:
    async with house() as (_, tools):
        one = await tools.data("ha_get_states", domain="lock", state="locked")
        assert await tools.data("ha_get_states", domain=["lock"], state=["locked"]) == one
        assert one["states"]


async def test_a_call_that_is_not_answered_in_time_leaves_it_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house() as (home, tools):
        home.delays["lock.unlock"] = 60
        home.limit_s = None
        monkeypatch.setattr(http_client, "MARGIN_S", 5.0)  # room for a machine that is late
        with anyio.move_on_after(5.3):
            outcome = await tools.outcome("ha_call_service", **UNLOCK)
        assert outcome.status == "unknown"
        assert "no answer within" in outcome.message


async def test_services_that_take_their_time_do_not_count_as_a_broken_house() -> None:
    async with house() as (home, tools):
        home.delays["script.open_up"] = 60
        home.limit_s = None
        for _ in range(6):
            with anyio.move_on_after(0.15):
                outcome = await tools.outcome("ha_call_service", domain="script", service="open_up")
            assert outcome.status == "unknown"
        assert len(home.acts) == 6
        assert await tools.data("ha_call_service", **LIGHT)


async def test_a_slow_service_holds_up_no_look_at_a_state() -> None:
    async with house() as (home, tools):
        home.delays["lock.unlock"] = 60
        home.limit_s = None
        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(lambda: tools.outcome("ha_call_service", **UNLOCK))
            while len(home.acts) < OWN_MAX:
                await anyio.sleep(0.005)
            state = await tools.data("ha_get_state", entity_id="lock.front")
            assert state["state"] == "locked"
            assert len(home.acts) == OWN_MAX
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        (
            "ha_call_service",
            {**LIGHT, "service": "explode"},
            "Home Assistant refused light.explode (400)",
        ),
        (
            "ha_call_service",
            {**LIGHT, "return_response": True},
            "Home Assistant refused light.turn_on (400: Service does not support responses.",
        ),
    ],
)
async def test_a_refusal_is_passed_on_in_its_words(
    name: str, args: dict[str, Any], text: str
) -> None:
    async with house() as (_, tools):
        outcome = await tools.outcome(name, **args)
        assert outcome.status == "failed"
        assert outcome.message.startswith(text)


async def test_a_wrong_token_is_said_to_be_wrong_and_never_shown() -> None:
    async with house(token="wrong-token-0123456789") as (home, tools):
        for outcome in (
            await tools.outcome("ha_get_state", entity_id="sensor.temp"),
            await tools.outcome("ha_call_service", **LIGHT),
        ):
            assert outcome.status == "failed"
            assert "refuses the gateway's token (401), so nothing was done" in outcome.message
            assert "wrong-token" not in outcome.message
        assert home.calls == []


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (text_response("500", 500), "failed", "failed at light.turn_on (500); a part of it may"),
        (json_response({"message": "no\nbulb"}, 500), "failed", "(500: no bulb)"),
        (text_response("Bad Gateway", 502), "unknown", "it may have been done"),
        (text_response("Gateway Timeout", 504), "unknown", "it may have been done"),
        (text_response("A timeout occurred", 524), "unknown", "it may have been done"),
        (text_response("Web server is down", 521), "failed", "nothing was done"),
        (text_response("busy", 503), "failed", "a part of it may have been done"),
        (HttpResponse(status=302, headers={"location": "/x"}), "failed", "redirects elsewhere"),
        (text_response("<html>"), "unknown", "answered 200, but no JSON"),
        (HttpResponse(body=b'"\xff"'), "unknown", "answered 200, but no JSON"),
        (HttpResponse(body=b""), "unknown", "answered 200, but no JSON"),
        (
            HttpResponse(body=b"x", headers={"content-encoding": "br"}),
            "unknown",
            "answered 200, but compressed (br) although it was asked not to; light.turn_on may",
        ),
    ],
)
async def test_other_answers_are_told_as_what_they_are(
    answer: HttpResponse, status: str, text: str
) -> None:
    async with house() as (home, tools):
        home.fault = lambda request: answer
        outcome = await tools.outcome("ha_call_service", **LIGHT)
        assert outcome.status == status
        assert text in outcome.message
        read = await tools.outcome("ha_get_state", entity_id="sensor.temp")
        assert read.status == "failed"


async def test_an_answer_with_a_mark_of_its_encoding_is_read() -> None:
    async with house() as (home, tools):
        home.fault = lambda request: HttpResponse(body=b"\xef\xbb\xbf[]")
        assert await tools.data("ha_call_service", **LIGHT) == {"result": []}


async def test_a_read_that_is_compressed_or_too_large_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house() as (home, tools):
        home.fault = lambda request: HttpResponse(body=b"x", headers={"content-encoding": "br"})
        outcome = await tools.outcome("ha_get_states")
        assert (outcome.status, outcome.message) == (
            "failed",
            "Home Assistant answered 200, but compressed (br) although it was asked not to",
        )
        with pytest.raises(ToolFailed, match=r"but compressed \(br\)"):
            await tools.backend.api.render("{{ 1 }}")
        home.fault = None
        monkeypatch.setattr(api, "BYTES_MAX", 3)
        with pytest.raises(ToolFailed, match="but with more than 3 bytes"):
            await tools.backend.api.get("/api/states")


async def test_a_house_that_is_away_gets_nothing() -> None:
    async with StandIn(token=TOKEN) as home:
        url = home.url
    backend = HomeAssistant(config(url))
    with anyio.fail_after(10):
        outcome = await Tools(backend).outcome("ha_call_service", **UNLOCK)
    await backend.api.aclose()
    assert outcome.status == "failed"
    assert "could not be reached: the connection was refused; nothing was sent" in outcome.message
