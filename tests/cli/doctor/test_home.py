"""The doctor tries Home Assistant, against its stand-in."""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from tests.cli.doctor.ward import HOME_TOKEN, diagnose, found, home, shaking, write_well
from tests.client.conftest import Certificates, certificates  # noqa: F401 - a fixture

from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    json_response,
    text_response,
)

pytestmark = pytest.mark.anyio

POLICY = {
    "rules": [{"effects": "read", "action": "allow"}],
    "defaults": [{"pattern": "*", "action": "ask"}],
}


def write(folder: Path, url: str, **more: object) -> None:
    write_well(folder, permissions=POLICY, services=home(url, **more))


async def test_a_house_that_is_there_is_well(tmp_path: Path) -> None:
    async with HomeAssistant(token=HOME_TOKEN) as house:
        write(tmp_path, house.url)
        assert await diagnose(tmp_path) == []
        assert not house.acts


async def test_a_policy_that_lets_agents_open_the_house_unasked(tmp_path: Path) -> None:
    async with HomeAssistant(token=HOME_TOKEN) as house:
        write(tmp_path, house.url)
        policy = tmp_path / "permissions.yaml"
        policy.write_text("rules:\n- {tool: ha_call_service, action: allow}\n")
        said = await diagnose(tmp_path)
        text = "agent may lock.unlock without anybody being asked: lock.all_doors, Back door, Front"
        step = '{pattern: "ha_call_service(lock.*)", action: ask}'
        found(said, "home_assistant", text, step, "warning")
        assert not any("Blinds" in each.text for each in said)
        asks = "rules:\n- {pattern: 'ha_call_service(lock.*)', action: ask}\n"
        policy.write_text(f"{asks}- {{tool: ha_call_service, action: allow}}\n")
        assert not [each for each in await diagnose(tmp_path) if each.probe == "home_assistant"]


async def test_a_token_that_is_no_longer_known(tmp_path: Path) -> None:
    async with HomeAssistant(token="another") as house:
        write(tmp_path, house.url)
        said = await diagnose(tmp_path)
        found(said, "home_assistant", "does not know the token (401)", "HOME_ASSISTANT_TOKEN")
        assert HOME_TOKEN not in repr(said)


async def test_a_token_of_no_administrator(tmp_path: Path) -> None:
    async with HomeAssistant(token=HOME_TOKEN) as house:
        house.is_administrator = False
        write(tmp_path, house.url)
        said = await diagnose(tmp_path)
        found(said, "home_assistant", "is no administrator", "as an administrator", "warning")


@pytest.mark.parametrize("status", [404, 426, 502])
async def test_a_proxy_that_passes_on_no_websockets(tmp_path: Path, status: int) -> None:
    def without(request: HttpRequest) -> HttpResponse | None:
        return text_response("no", status) if request.target == "/api/websocket" else None

    async with HomeAssistant(token=HOME_TOKEN) as house:
        house.fault = without
        write(tmp_path, house.url)
        text = f"its WebSocket can't be used (it answered {status}"
        found(await diagnose(tmp_path), "home_assistant", text, "the headers Upgrade", "warning")


@pytest.mark.parametrize(
    ("status", "headers", "text", "step"),
    [
        (404, {}, "is not Home Assistant", "address of its web page"),
        (403, {}, "has banned this machine", "ip_bans.yaml"),
        (400, {}, "does not trust the proxy", "http.trusted_proxies"),
        (301, {"location": "https://ha.example/x"}, "leads elsewhere", "url to https://ha.example"),
        (502, {}, "it is not up", "start Home Assistant"),
        (500, {}, "it answers 500", "Home Assistant's log"),
        (200, {}, "is not Home Assistant", "address of its web page"),
    ],
)
async def test_what_answers_otherwise_is_explained(
    tmp_path: Path, status: int, headers: dict[str, str], text: str, step: str
) -> None:
    def other(_request: HttpRequest) -> HttpResponse:
        answer = text_response("<html>", status)
        return HttpResponse(status=status, body=answer.body, headers={**answer.headers, **headers})

    async with HomeAssistant(token=HOME_TOKEN) as house:
        house.fault = other
        write(tmp_path, house.url)
        found(await diagnose(tmp_path), "home_assistant", text, step)


@pytest.mark.parametrize(
    ("url", "text", "step"),
    [
        ("http://127.0.0.1:9", "the connection was refused", "correct the port (8123"),
        ("http://no-such-house.invalid:8123", "can't be resolved", "address in numbers"),
    ],
)
async def test_a_house_that_is_not_there(tmp_path: Path, url: str, text: str, step: str) -> None:
    write(tmp_path, url)
    found(await diagnose(tmp_path), "home_assistant", text, step)


@pytest.mark.parametrize(
    ("answer", "text"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks no TLS"), (b"", "closed before it stood")],
)
async def test_tls_to_a_house_that_has_none(tmp_path: Path, answer: bytes, text: str) -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def refuse(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            if answer:
                await stream.send(answer)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, refuse)
        port = listener.extra(SocketAttribute.local_port)
        write(tmp_path, f"https://127.0.0.1:{port}")
        found(await diagnose(tmp_path), "home_assistant", text, "write http://")
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("which", "ca", "text", "step"),
    [
        ("server", False, "certificate is not good", "services.homeassistant.ca"),
        ("elsewhere", True, "certificate is not good", "a name that is in its certificate"),
        ("expired", True, "certificate is not good", "renew the certificate"),
    ],
)
async def test_a_certificate_of_the_house_that_is_not_good(
    tmp_path: Path,
    certificates: Certificates,  # noqa: F811 - the fixture
    which: str,
    ca: bool,
    text: str,
    step: str,
) -> None:
    context = certificates.gateway(getattr(certificates, which))
    async with shaking(context) as port:
        more = {"ca": str(certificates.ca)} if ca else {}
        write(tmp_path, f"https://127.0.0.1:{port}", **more)
        found(await diagnose(tmp_path), "home_assistant", text, step)


async def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    write(tmp_path, "https://127.0.0.1:9", ca="ca.pem")
    found(await diagnose(tmp_path), "home_assistant", "can't be used", "services.homeassistant.ca")


@pytest.mark.parametrize(("off_s", "words"), [(-3_600, "ahead of"), (3_600, "behind")])
async def test_a_clock_that_is_another_than_that_of_the_house(
    tmp_path: Path, off_s: float, words: str
) -> None:
    def dated(request: HttpRequest) -> HttpResponse | None:
        if not request.target.endswith("/config"):
            return None
        answer = json_response({"version": "2026.11.0"})
        date = formatdate(time.time() + off_s, usegmt=True)
        return HttpResponse(body=answer.body, headers={**answer.headers, "date": date})

    async with HomeAssistant(token=HOME_TOKEN) as house:
        house.fault = dated
        write(tmp_path, house.url)
        said = await diagnose(tmp_path)
        found(said, "clock", f"60 min {words} that of Home Assistant", "timedatectl set-ntp true")


async def test_a_phone_that_has_another_name_now(tmp_path: Path) -> None:
    async with HomeAssistant(token=HOME_TOKEN) as house:
        house.phones.add("mobile_app_pixel_9")
        people = [{"service": "mobile_app_pixel_8", "name": "ann"}]
        messenger = {"companion": {"people": people}}
        write_well(tmp_path, permissions=POLICY, services=home(house.url), messenger=messenger)
        text = "Home Assistant has no notify.mobile_app_pixel_8"
        found(await diagnose(tmp_path), "companion", text, "what there is (mobile_app_pixel_9)")
        house.phones.add("mobile_app_pixel_8")
        assert await diagnose(tmp_path) == []
        assert not house.phones.phones["mobile_app_pixel_8"].received
        house.phones.phones.clear()
        found(await diagnose(tmp_path), "companion", text, "open the companion app on that phone")
