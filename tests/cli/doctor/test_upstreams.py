"""The doctor connects to gateways behind this one: real gateways, over sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cli.doctor.ward import diagnose, found, write_well
from tests.client.conftest import Certificates, certificates  # noqa: F401 - a fixture

from agentgate_cli.standins.http_server import HttpResponse, HttpServer
from agentgate_server import tool
from agentgate_server.config import config_from_dict
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

RELAY, AGENT = "relay-token-0123456789", "garden-token-0123456789"


@tool(effects="read")
async def temperature(room: str) -> float:
    """How warm it is."""
    raise AssertionError("nobody asks for it")


def house(folder: Path, **gateway: Any) -> Gateway:
    """A gateway behind."""
    config = {
        "gateway": {"port": 0, "shutdown_s": 0.2, **gateway},
        "principals": [
            {"name": "office", "role": "relay", "token": RELAY},
            {"name": "garden", "role": "agent", "token": AGENT},
        ],
        "storage": {"path": str(folder / "house.db")},
    }
    policy = Policy.parse("defaults: [{pattern: '*', action: allow}]")
    return Gateway(config_from_dict(config, name="house"), tools=[temperature], policy=policy)


def write(folder: Path, url: str, **more: Any) -> None:
    write_well(folder, upstreams={"house": {"url": url, "token": RELAY, **more}})


async def test_a_gateway_that_is_there_and_has_the_tools(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        write(tmp_path, f"ws://127.0.0.1:{gateway.port}", tools=["temp*"])
        assert await diagnose(tmp_path) == []
        write(tmp_path, f"ws://127.0.0.1:{gateway.port}", tools=["temp*", "lock_*"])
        step = "correct upstreams.house.tools ('agent-gate tools' there lists them: temperature)"
        found(await diagnose(tmp_path), "upstreams", "house has no tool lock_*", step, "warning")


async def test_a_token_that_is_none_and_one_of_an_agent(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        url = f"ws://127.0.0.1:{gateway.port}"
        write(tmp_path, url, token="wrong-token-0123456789")
        said = await diagnose(tmp_path)
        found(said, "upstreams", "house does not take the token", "--role relay")
        assert "wrong-token" not in repr(said)
        write(tmp_path, url, token=AGENT)
        text = "house takes this gateway for garden, whose role is agent: no relay"
        found(await diagnose(tmp_path), "upstreams", text, "agent-gate token new NAME --role relay")


@pytest.mark.parametrize(
    ("url", "text", "step"),
    [
        ("ws://127.0.0.1:9", "nothing listens there", "correct the port in upstreams.house.url"),
        ("wss://no-such-house.invalid", "no address for the name", "name in upstreams.house.url"),
    ],
)
async def test_a_gateway_that_is_not_there(tmp_path: Path, url: str, text: str, step: str) -> None:
    write(tmp_path, url)
    found(await diagnose(tmp_path), "upstreams", text, step)


async def test_what_is_no_gateway(tmp_path: Path) -> None:
    async def answer(_request: object) -> HttpResponse:
        return HttpResponse(status=404, body=b"no")

    async with HttpServer(answer) as server:
        write(tmp_path, server.url.replace("http", "ws"))
        found(await diagnose(tmp_path), "upstreams", "HTTP 404", "takes no WebSockets")


@pytest.mark.parametrize(
    ("which", "ca", "step"),
    [
        ("server", False, "that signed its certificate in upstreams.house.ca"),
        ("elsewhere", True, "use a name that is in its certificate in upstreams.house.url"),
        ("expired", True, "renew the certificate there"),
    ],
)
async def test_a_certificate_that_is_not_accepted(
    tmp_path: Path,
    certificates: Certificates,  # noqa: F811 - the fixture
    which: str,
    ca: bool,
    step: str,
) -> None:
    files = {"cert": str(getattr(certificates, which)), "key": str(certificates.server_key)}
    async with house(tmp_path, tls=files) as gateway:
        more = {"ca": str(certificates.ca)} if ca else {}
        url = f"wss://127.0.0.1:{gateway.port}"
        write(tmp_path, url, **more)
        found(await diagnose(tmp_path), "upstreams", "certificate is not accepted", step)
        if which == "server":
            write(tmp_path, url, ca=str(certificates.ca))
            assert await diagnose(tmp_path) == []
            write(tmp_path, url.replace("wss", "ws"))
            found(await diagnose(tmp_path), "upstreams", "speak TLS there?", "write wss:// in")


async def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    write(tmp_path, "wss://127.0.0.1:9", ca="ca.pem")
    found(await diagnose(tmp_path), "upstreams", "can't be used", "give upstreams.house.ca")
