"""The stand-in for Home Assistant answers as the real one does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

from agentgate_cli.standins.home_assistant import Call, HomeAssistant
from agentgate_cli.standins.http_server import text_response
from agentgate_server.tools.home_assistant import templates

pytestmark = pytest.mark.anyio
DAY = "2026-03-10T00:00:00%2B00:00"
TOKEN = "long-lived-token-0123456789"


@asynccontextmanager
async def asking(**headers: str) -> AsyncIterator[tuple[HomeAssistant, httpx2.AsyncClient]]:
    with anyio.fail_after(10):
        async with HomeAssistant(token=TOKEN) as home:
            sent = {"Authorization": f"Bearer {TOKEN}", **headers}
            async with httpx2.AsyncClient(base_url=home.url, headers=sent) as client:
                yield home, client


async def test_it_runs() -> None:
    async with asking() as (home, client):
        answer = await client.get("/api/")
        assert (answer.status_code, answer.json()) == (200, {"message": "API running."})
        assert home.calls == [Call(kind="api")]


async def test_without_the_token_nothing_is_answered_or_noted() -> None:
    async with asking(Authorization="Bearer wrong") as (home, client):
        for path in ("/api/", "/api/states", "/api/states/lock.front"):
            assert (await client.get(path)).status_code == 401
        assert (await client.post("/api/services/lock/unlock", json={})).status_code == 401
        assert home.calls == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "/api/states/light.attic", None, 404, '{"message":"Entity not found."}'),
        ("POST", "/api/services/light/explode", b"{}", 400, "400: Bad Request"),
        ("POST", "/api/services/['light']/turn_on", b"{}", 400, "400: Bad Request"),
        ("POST", "/api/services/light/turn_on", b"{", 400, "Data should be valid JSON."),
        ("POST", "/api/services/light/turn_on", b"[]", 400, "400: Bad Request"),
        ("POST", "/api/services/light/turn_on", b'{"target":{}}', 400, "400: Bad Request"),
        ("POST", "/api/services/light/turn_on?return_response", b"{}", 400, "does not support"),
        ("POST", "/api/events/ring", b"[", 400, "should be valid JSON"),
        ("POST", "/api/events/ring", b"[]", 400, "should be a JSON object"),
        ("POST", "/api/template", b'{"template":"{{ 1 }}"}', 400, "Error rendering template"),
        ("POST", "/api/template", b"[]", 400, "Invalid JSON specified."),
        ("POST", "/api/states", b"{}", 405, "405: Method Not Allowed"),
        ("GET", "/api/nothing", None, 404, "404: Not Found"),
        ("POST", "/api/services/notify/notify", b'{"title":"x"}', 400, "400: Bad Request"),
        ("POST", "/api/services/notify/notify", b'{"message":"x","a":1}', 400, "400: Bad Request"),
        ("POST", "/api/services/notify/notify", b'{"message":"x","data":1}', 400, "400: Bad"),
        ("GET", "/api/history/period/soon?filter_entity_id=a.b", None, 400, "Invalid datetime"),
        ("GET", f"/api/history/period/{DAY}", None, 400, "filter_entity_id is missing"),
        ("GET", f"/api/history/period/{DAY}?filter_entity_id=a", None, 400, "Invalid filter_"),
        ("GET", "/api/logbook/soon", None, 400, "Invalid datetime"),
        ("GET", f"/api/logbook/{DAY}?end_time=soon", None, 400, "Invalid end_time"),
        ("GET", f"/api/logbook/{DAY}?entity=a", None, 500, "Server got itself in trouble"),
    ],
)
async def test_errors_are_those_of_the_real_one(
    method: str, path: str, body: bytes | None, status: int, text: str
) -> None:
    async with asking() as (home, client):
        answer = await client.request(method, path, content=body)
        assert answer.status_code == status
        assert text in answer.text
        assert home.acts == []


async def test_a_service_changes_states_and_tells_which() -> None:
    async with asking() as (home, client):
        answer = await client.post("/api/services/light/turn_on", json={"area_id": ["kitchen"]})
        changed = answer.json()
        assert [(each["entity_id"], each["state"]) for each in changed] == [("light.kitchen", "on")]
        assert home.home.entities["light.kitchen"].state == "on"
        state = (await client.get("/api/states/light.kitchen")).json()
        assert state["state"] == "on"
        assert state["last_changed"] > "2026-01-02"


@pytest.mark.parametrize(
    ("domain", "service", "data", "changed"),
    [
        ("lock", "unlock", {"entity_id": "lock.front, lock.back"}, {"lock.front", "lock.back"}),
        ("lock", "unlock", {"entity_id": "lock.all_doors"}, {"lock.front", "lock.back"}),
        ("lock", "unlock", {"entity_id": "group.everything"}, {"lock.front", "lock.back"}),
        ("lock", "unlock", {"device_id": "d3"}, {"lock.front"}),
        ("lock", "unlock", {"device_id": "d4"}, {"lock.front"}),
        ("lock", "unlock", {"label_id": "outside"}, {"lock.front", "lock.back"}),
        ("lock", "unlock", {"floor_id": "ground"}, {"lock.front"}),
        ("lock", "unlock", {"entity_id": "all"}, {"lock.front", "lock.back"}),
        ("light", "toggle", {"entity_id": ["light.hall"]}, {"light.hall"}),
        ("homeassistant", "turn_off", {"area_id": "hall"}, {"light.hall", "climate.hall"}),
        ("light", "turn_on", {"entity_id": "lock.front"}, set()),
        ("notify", "notify", {"message": "hi"}, set()),
    ],
)
async def test_targets_are_found_as_the_real_one_does(
    domain: str, service: str, data: dict[str, Any], changed: set[str]
) -> None:
    async with asking() as (_, client):
        answer = await client.post(f"/api/services/{domain}/{service}", json=data)
        assert {each["entity_id"] for each in answer.json()} == changed


async def test_a_slow_service_is_answered_in_time_and_goes_on() -> None:
    async with asking() as (home, client):
        home.delays["light.turn_off"] = 0.1
        home.limit_s = 0.01
        answer = await client.post("/api/services/light/turn_off", json={"entity_id": "light.hall"})
        assert (answer.status_code, answer.json()) == (200, [])
        while home.home.entities["light.hall"].state == "on":
            await anyio.sleep(0.005)


async def test_a_dropped_call_was_heard_but_not_answered() -> None:
    async with asking() as (home, client):
        home.dropped.add("lock.unlock")
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.post("/api/services/lock/unlock", json={"entity_id": "lock.front"})
        assert home.acts == [
            Call(kind="service", name="lock.unlock", data={"entity_id": "lock.front"})
        ]


async def test_events_are_noted() -> None:
    async with asking() as (home, client):
        answer = await client.post("/api/events/ring", json={"door": "front"})
        assert answer.json() == {"message": "Event ring fired."}
        assert home.acts == [Call(kind="event", name="ring", data={"door": "front"})]


async def test_it_can_fail_as_told() -> None:
    async with asking() as (home, client):
        home.fault = lambda request: text_response("busy", 503)
        assert (await client.get("/api/")).status_code == 503


async def test_our_templates_are_rendered_as_text() -> None:
    async with asking() as (_, client):
        page = {"after": "ground", "count": 5}
        asked = {"template": templates.FLOORS, "variables": page}
        answer = await client.post("/api/template", json=asked)
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.json() == [["upstairs", "Upstairs", ["bedroom"]]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/camera_proxy/camera.porch?token={token}", 200),
        ("/api/camera_proxy/camera.porch?token=wrong", 403),
        ("/api/camera_proxy/camera.porch", 403),
        ("/api/camera_proxy/camera.attic?token={token}", 404),
        ("/api/camera_proxy/light.hall?token=", 404),
    ],
)
async def test_a_picture_is_given_to_whoever_has_its_token(path: str, status: int) -> None:
    async with asking(Authorization="none") as (home, client):
        token = home.home.entities["camera.porch"].token
        answer = await client.get(path.format(token=token))
        assert answer.status_code == status
        assert (answer.headers["content-type"] == "image/gif") == (status == 200)
    async with asking() as (home, client):
        attributes = (await client.get("/api/states/camera.porch")).json()["attributes"]
        assert attributes["access_token"] == token
        assert attributes["entity_picture"].endswith(f"camera.porch?token={token}")
        assert (await client.get(attributes["entity_picture"])).status_code == 200


async def test_a_template_that_renders_too_much_is_refused() -> None:
    async with asking() as (home, client):
        home.home.areas["hall"].name = "H" * 262_144
        asked = {"template": templates.AREAS, "variables": {"after": "", "count": 5}}
        answer = await client.post("/api/template", json=asked)
        assert answer.status_code == 400
        assert "exceeded maximum size of 262144 characters" in answer.json()["message"]
        asked["variables"] = {"after": "hall", "count": 5}
        assert (await client.post("/api/template", json=asked)).status_code == 200
