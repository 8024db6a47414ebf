"""Home Assistant as a gateway holds it: its health, and what the policy is told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import AGENT, http, raw_client, serving, until

from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, text_response
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.quotas.news import REASONS_MAX
from agentgate_server.backends.circuit_breaker import State
from agentgate_server.errors import NotStarted, ToolError
from agentgate_server.policy import Policy
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant import backend as backends
from agentgate_server.tools.home_assistant import watching
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl

pytestmark = pytest.mark.anyio
TOKEN = "long-lived-token-0123456789"
POLICY = """
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
defaults:
  - {pattern: "*", action: allow}
"""


def config(url: str, **more: Any) -> HomeAssistantConfig:
    return HomeAssistantConfig(url=HomeAssistantUrl(url), token=Secret(TOKEN), **more)


def refuses(*refused: str) -> Any:
    """Refuse some templates, as an older version would."""

    def fault(request: HttpRequest) -> HttpResponse | None:
        body = request.body.decode()
        if any(template.replace('"', '\\"') in body for template in refused):
            return text_response("no such function", 400)
        return None

    return fault


async def test_a_look_learns_the_house_and_says_that_it_is_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with anyio.fail_after(10):
        async with StandIn(token=TOKEN) as home:
            backend = HomeAssistant(config(home.url))
            assert backend.health() == {"status": "failing", "names": "unknown"}
            await backend.look()
            await backend.look()
            assert backend.health() == {"status": "ok", "names": "known"}
            assert backend.house("area_id", "garden") == {"lock.back"}
            assert home.calls[0].kind == "api"
            assert caplog.messages == ["Home Assistant runs"]
            await backend.api.aclose()


async def test_a_house_that_goes_away_is_warned_of_once_and_its_names_still_hold(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(10):
        async with StandIn(token=TOKEN) as home:
            backend = HomeAssistant(config(home.url))
            await backend.look()
            port = home.server.port
        await backend.look()
        await backend.look()
        assert backend.problem.startswith("Home Assistant could not be reached")
        assert backend.health() == {"status": "failing", "names": "known"}
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        async with StandIn(token=TOKEN, port=port):
            await backend.look()
            assert backend.problem == ""
        await backend.api.aclose()


async def test_an_older_version_is_known_as_far_as_it_tells(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(10):
        async with StandIn(token=TOKEN) as home:
            home.fault = refuses("floors()", "labels()")
            backend = HomeAssistant(config(home.url))
            await backend.look()
            await backend.look()
            assert backend.house("area_id", "garden") == {"lock.back"}
            assert backend.house("floor_id", "ground") is None
            assert backend.health() == {"status": "ok", "names": "partly known"}
            assert len(caplog.messages) == 1
            assert "floors can't be resolved" in caplog.text
            assert "labels can't be resolved" in caplog.text
            await backend.api.aclose()


async def test_a_wrong_token_is_warned_of_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with anyio.fail_after(10):
        async with StandIn(token="another-token-0123456789") as home:
            backend = HomeAssistant(config(home.url))
            await backend.look()
            assert "refuses the gateway's token" in caplog.text
            assert TOKEN not in caplog.text
            assert backend.house("area_id", "garden") is None
            await backend.api.aclose()


async def test_an_outage_is_told_once_however_long_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sick: dict[str, Any] = {}

    def fault(request: HttpRequest) -> HttpResponse | None:
        return text_response(sick["words"], sick["status"]) if sick else None

    def warnings() -> int:
        return sum("its tools will fail" in record.getMessage() for record in caplog.records)

    with anyio.fail_after(10):
        async with StandIn(token=TOKEN) as home:
            home.fault = fault
            backend = HomeAssistant(config(home.url))
            await backend.look()
            sick.update(words="starting", status=503)
            for _ in range(20):  # after some the circuit is open, and says until when
                await backend.try_to_look()
                assert backend.health()["status"] == "failing"
            assert warnings() == 1
            sick.clear()
            circuit = backend.api.reads.circuit
            circuit.succeeded(circuit.admit(anyio.current_time() + 3_600))
            await backend.look()
            assert "Home Assistant runs" in caplog.text
            sick.update(words="starting", status=503)
            await backend.look()
            assert warnings() == 2, "another outage is news"
            await backend.api.aclose()


async def test_https_to_a_house_that_has_none_is_told_in_words() -> None:
    async def complain(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with anyio.fail_after(10):
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as plain,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(plain.serve, complain)
            port = plain.extra(anyio.abc.SocketAttribute.local_port)
            backend = HomeAssistant(config(f"https://127.0.0.1:{port}"))
            await backend.look()
            assert "it speaks no TLS there: write http://, or another port" in backend.problem
            await backend.api.aclose()
            tasks.cancel_scope.cancel()


async def test_an_outage_with_ever_new_words_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    backend = HomeAssistant(config("http://127.0.0.1:9"))
    for number in range(50):
        backend.note(f"no route, attempt {number}, {'again' * number}", "")
    assert len(caplog.records) == REASONS_MAX
    await backend.api.aclose()


async def test_a_circuit_that_calls_have_opened_is_told_as_an_outage() -> None:
    backend = HomeAssistant(config("http://127.0.0.1:9"))
    backend.problem = ""
    while backend.api.reads.circuit.state is not State.OPEN:
        with pytest.raises(NotStarted):
            await backend.api.get("/api/", timeout_s=1)
    await backend.look()
    assert "nothing is sent to it" in backend.problem
    await backend.api.aclose()


def test_certificates_that_are_none_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"services\.homeassistant\.ca: .* can't be used"):
        HomeAssistant(config("https://h", ca=tmp_path / "missing.pem"))


async def test_a_gateway_serves_the_tools_and_says_how_the_house_is(tmp_path: Path) -> None:
    async with StandIn(token=TOKEN) as home:
        services = {"homeassistant": {"url": home.url, "token": TOKEN}}
        policy = Policy.parse(POLICY)
        async with serving(tmp_path, policy=policy, services=services) as gateway:
            assert policy.resolver is not None
            assert policy.resolver("area_id", "hall"), "known before the first request is taken"
            _, _, body = await http(gateway, "GET", "/health")
            assert body["home_assistant"] == {"status": "ok", "names": "known"}
            async with raw_client(gateway) as client:
                await client.next(Authenticated)
                hall = {"domain": "light", "service": "turn_off", "area_id": "hall"}
                asked = {"tool": "ha_call_service", "args": hall}
                await client.request(1, "tool_request", asked)
                answer = await client.next(Answered)
                assert answer.error is None
                everything = {**asked, "args": {**hall, "domain": "homeassistant"}}
                await client.request(2, "tool_request", everything)
                answer = await client.next(Answered)
                assert answer.error.code == -32003
            assert [call.data for call in home.acts] == [{"area_id": "hall"}]


async def test_a_gateway_starts_without_the_house(tmp_path: Path) -> None:
    services = {"homeassistant": {"url": "http://127.0.0.1:9", "token": TOKEN}}
    async with serving(tmp_path, policy=Policy.parse(POLICY), services=services) as gateway:
        status, _, body = await http(gateway, "GET", "/health", token=AGENT)
        assert status == 200
        assert body["home_assistant"]["status"] == "failing"
        assert TOKEN not in str(body)


async def test_a_look_that_fails_in_a_way_nobody_thought_of_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(rendered: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr(backends, "read_house", broken)
    monkeypatch.setattr(watching, "read_rows", broken)
    with anyio.fail_after(10):
        async with StandIn(token=TOKEN) as home, anyio.create_task_group() as tasks:
            backend = HomeAssistant(config(home.url))
            tasks.start_soon(backend.watch)
            await until(lambda: "could not be looked at" in caplog.text, "the warning")
            assert "the link to Home Assistant failed" in caplog.text
            assert backend.health() == {"status": "failing", "names": "unknown"}
            tasks.cancel_scope.cancel()
        await backend.api.aclose()


@pytest.mark.parametrize("text", ["unavailable", "{}", "[1, 2"])
async def test_an_answer_that_is_not_understood_is_told_and_trusted_in_nothing(text: str) -> None:
    def fault(request: HttpRequest) -> HttpResponse | None:
        return text_response(text) if b"area_name(a)" in request.body else None

    with anyio.fail_after(10):
        async with StandIn(token=TOKEN) as home:
            home.fault = fault
            backend = HomeAssistant(config(home.url))
            await backend.look()
            assert backend.house("area_id", "garden") is None
            assert backend.house("device_id", "d1") == {"light.bedroom"}
            assert "unexpected answer to" in backend.unresolved
            await backend.api.aclose()


async def test_a_house_that_does_not_answer_does_not_hold_up_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "FIRST_LOOK_S", 0.05)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as silent:
        port = silent.extra(anyio.abc.SocketAttribute.local_port)
        backend = HomeAssistant(config(f"http://127.0.0.1:{port}"))
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                await tasks.start(backend.watch)
                assert backend.health() == {"status": "failing", "names": "unknown"}
                tasks.cancel_scope.cancel()
            await backend.api.aclose()
