"""What Home Assistant tells with a state, and no agent gets."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import anyio
import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.tools.home_assistant.running import house

from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, json_response
from agentgate_server.tools.home_assistant.credentials import clean_text, without_credentials

KEY = "5ecre7f00d" * 4


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"access_token": KEY, "brand": "x"}, {"brand": "x"}),
        ({"Access-Token": KEY, "accessToken": KEY}, {}),
        ({"refresh_token": KEY, "client_secret": KEY, "api_key": KEY, "password": KEY}, {}),
        ({"pin": 4711, "door_code": "4711", "token": {"a": KEY}, "webhook_id": KEY}, {}),
        ({"stream_source": f"https://cam/{KEY}"}, {}),
        ({"access_token": None, "code_format": "number", "error_code": 5}, None),
        ({"tokens_used": 815, "code_arm_required": True}, None),
        (
            {"entity_picture": f"/api/camera_proxy/camera.x?token={KEY}"},
            {"entity_picture": "/api/camera_proxy/camera.x"},
        ),
        ({"entity_picture_local": f"/p/x?v={KEY}#{KEY}"}, {"entity_picture_local": "/p/x"}),
        ({"entity_picture": None}, None),
        ({"entity_picture": "/local/hall.png"}, None),
    ],
)
def test_what_is_a_credential_by_its_name_is_left_out(
    attributes: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    expected = attributes if expected is None else expected
    assert without_credentials(attributes) == expected
    state = {"entity_id": "camera.x", "state": "idle", "attributes": attributes}
    cleaned = {**state, "attributes": expected}
    assert without_credentials([state, {"changed": [state]}]) == [cleaned, {"changed": [cleaned]}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"/api/image_proxy/image.x?token={KEY}", "/api/image_proxy/image.x"),
        (f"/x?token={KEY}&cache=7", "/x?cache=7"),
        (f"/x?cache=7&token={KEY}&a=1", "/x?cache=7&a=1"),
        (f"/x?cache=7&amp;token={KEY}", "/x?cache=7"),
        (f"/media/a.mp4?authSig={KEY}", "/media/a.mp4"),
        (f"/x?AUTHSIG={KEY}&Access_Token={KEY}", "/x"),
        (f"https://h/x?user=bob&pwd={KEY}", "https://h/x?user=bob"),
        (f"https://s3/x?X-Amz-Signature={KEY}&X-Amz-Date=1", "https://s3/x?X-Amz-Date=1"),
        (f"https://h/#access_token={KEY}", "https://h/"),
        (f"see <img src='/x?token={KEY}'> now", "see <img src='/x'> now"),
        (f"two: /a?token={KEY} /b?token={KEY}", "two: /a /b"),
        (f"/x?tok%65n={KEY}", "/x"),
        (f"https://p/?url=http%3A%2F%2Fh%2Fx%3Ftoken%3D{KEY}&w=5", "https://p/?w=5"),
        (f"https://p/?url=http%253A%252F%252Fh%252Fx%253Ftoken%253D{KEY}&w=5", "https://p/?w=5"),
        (f"https://p/?src=rtsp%3A%2F%2Fbob%3A{KEY}%40cam", "https://p/"),
        (f"media://http%3A%2F%2Fh%2Fx%3Ftoken%3D{KEY}", "media://http://h/x"),
        (f"rtsp://bob:{KEY}@10.0.0.7:554/live/1", "rtsp://10.0.0.7:554"),
        (f"rtsps://10.0.0.1:7441/{KEY}?enableSrtp", "rtsps://10.0.0.1:7441"),
        (f"rtmp://cam/live/{KEY}", "rtmp://cam"),
        (f"http://bob:{KEY}@cam/x.jpg", "http://cam/x.jpg"),
        (f"http://bob:p@{KEY}@cam/x.jpg", "http://cam/x.jpg"),
        (f"http://bob:pass/{KEY}@cam/x.jpg", "http://cam/x.jpg"),
        (f"http://{KEY}@cam/x.jpg", "http://cam/x.jpg"),
        (f"http://h:8123/api/hls/{KEY}/playlist.m3u8", "http://h:8123/api/hls/•••/playlist.m3u8"),
        (f"/api/webhook/{KEY}", "/api/webhook/•••"),
        (f"https://hooks.nabu.casa/{KEY}", "https://hooks.nabu.casa/•••"),
        (f"/api/hassio_ingress/{KEY}/", "/api/hassio_ingress/•••/"),
        (f'{{"access_token": "{KEY}", "a": 1}}', '{"a":1}'),
        (f'[{{"url": "/x?token={KEY}"}}]', '[{"url":"/x"}]'),
        (f'"/x?token={KEY}" and [more', '"/x" and [more'),
        (f"[/x?token={KEY}", "[/x"),
    ],
)
def test_credentials_in_addresses_are_cut_out(text: str, expected: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == expected
    assert KEY not in cleaned
    assert clean_text(cleaned) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        *("", "on", "21.3", "Is it on? token of love", "100 %", "50%25", "#ff8800", "a=b&token"),
        *("https://cdn/img@2x.png?w=50&h=20", "http://192.168.1.5:8123/local/a@b.png"),
        *(
            "https://h:443?mail=a@b",
            "https://example.org/@me",
            "https://weather.org/?q=K%C3%B6ln#now",
        ),
        *('{"a": 1,  "b": "x"}', "[not JSON", "{{ states }}", "media-source://tts/say?message=hi"),
        *("bob@example.org", "https://h/?error_code=5", "/api/camera_proxy/camera.x"),
    ],
)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text
    assert without_credentials({"state": text, "n": [1, None, True, 1.5]}) == {
        "state": text,
        "n": [1, None, True, 1.5],
    }


def test_what_is_nested_too_deeply_is_not_passed_on() -> None:
    value: Any = {"access_token": KEY}
    for _ in range(100):
        value = [value]
    assert KEY not in str(without_credentials(value))


@pytest.mark.parametrize(
    "piece", ["%25", "a://", "a://b:", "?", "?a=%3F", "[", "{", "&", "rtsp://"]
)
def test_texts_of_any_kind_are_cleaned_in_a_moment(piece: str) -> None:
    text = piece * 20_000
    assert len(clean_text(text)) <= len(text)


parameters = st.sampled_from(["token", "authSig", "access_token", "api_key"]).map(
    lambda name: f"{name}={KEY}"
)
parameters |= st.sampled_from(["cache=7", "v=1", "x"])


@given(
    st.lists(parameters, min_size=1, max_size=4),
    st.sampled_from(["/x", "http://h:1/x", "rtsp://h/x", f"/api/hls/{KEY}/x"]),
    st.integers(0, 3),
)
def test_no_secret_is_left_wherever_it_stands(query: list[str], path: str, layers: int) -> None:
    text = f"{path}?{'&'.join(query)}"
    for layer in range(layers):
        encoded = quote(text, safe="")
        text = f"see http://p/{encoded}" if layer % 2 else f"http://p/?a=1&u={encoded}&b=2"
    cleaned = clean_text(text)
    assert KEY not in cleaned
    if KEY not in text:
        assert path.startswith("rtsp") or cleaned == text


@pytest.mark.anyio
async def test_no_state_hands_out_the_token_of_a_camera() -> None:
    async with house() as (home, tools):
        camera, player = (home.home.entities[name] for name in ("camera.porch", "media_player.tv"))

        async def sees(token: str) -> int:
            async with httpx2.AsyncClient(base_url=home.url) as stranger:
                url = f"/api/camera_proxy/camera.porch?token={token}"
                return (await stranger.get(url)).status_code

        assert await sees(camera.token) == 200, "with the token alone, the picture is anybody's"
        assert await sees("wrong") == 403
        found = [
            await tools.data("ha_get_state", entity_id="camera.porch"),
            await tools.data("ha_get_states", full=True),
            await tools.data("ha_get_states", domain=["camera", "media_player"], full=True),
            await tools.data(
                "ha_call_service",
                domain="camera",
                service="turn_on",
                entity_id="camera.porch",
            ),
        ]
        text = msgspec.json.encode(found).decode()
        assert camera.token not in text
        assert player.token not in text
        assert "access_token" not in text
        assert found[0]["attributes"] == {
            "friendly_name": "Porch",
            "entity_picture": "/api/camera_proxy/camera.porch",
        }
        (changed,) = found[3]["result"]
        assert changed["attributes"] == found[0]["attributes"]
        assert changed["state"] == "streaming"


@pytest.mark.anyio
async def test_answers_and_errors_of_services_are_cleaned_too() -> None:
    async with house() as (home, tools):
        source = f"rtsp://bob:{KEY}@cam/live"

        def answers(request: HttpRequest) -> HttpResponse:
            if "return_response" in request.query:
                response = {"camera.x": {"stream_source": source, "url": source}}
                return json_response({"changed_states": [], "service_response": response})
            return json_response({"message": f"can't open {source}"}, 500)

        home.fault = answers
        script = {"domain": "script", "service": "open_up"}
        with anyio.fail_after(5):
            result = await tools.data("ha_call_service", **script, return_response=True)
            outcome = await tools.outcome("ha_call_service", **script)
        assert result["response"] == {"camera.x": {"url": "rtsp://cam"}}
        assert "can't open rtsp://cam" in outcome.message
        assert KEY not in outcome.message
