"""The doctor connects to the servers of HTTP tools, and sends them nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from anyio.abc import SocketAttribute, SocketStream
from tests.cli.doctor.ward import CONFIG, diagnose, found, shaking, write_well
from tests.client.conftest import Certificates, certificates  # noqa: F401 - a fixture

from agentgate_cli.standins.http_server import HttpServer
from agentgate_names.lookups import Lookups

pytestmark = pytest.mark.anyio


def write(folder: Path, url: str, **more: Any) -> None:
    tool = {
        "description": "Wipes all",
        "backend": "plant",
        "request": {"method": "DELETE", "path": "/all"},
    }
    backend = {"url": url, "private": True, **more}
    text = yaml.safe_dump({"backends": {"plant": backend}, "tools": {"wipe": tool}})
    (folder / "plant.yaml").write_text(text)
    write_well(folder, tools={**CONFIG["tools"], "http": ["plant.yaml"]})


async def test_a_server_that_is_there_is_connected_to_and_asked_nothing(tmp_path: Path) -> None:
    asked = []

    async def answer(request: Any) -> None:
        asked.append(request)

    async with HttpServer(answer) as server:
        write(tmp_path, server.url)
        assert await diagnose(tmp_path) == []
        assert (server.connections, asked) == (1, [])


@pytest.mark.parametrize(
    ("url", "text", "step"),
    [
        (
            "http://127.0.0.1:9",
            "the connection was refused",
            "correct the port in backends.plant.url",
        ),
        ("http://no-such-plant.invalid", "can't be resolved", "this machine does not know"),
    ],
)
async def test_a_server_that_is_not_there(tmp_path: Path, url: str, text: str, step: str) -> None:
    write(tmp_path, url)
    found(await diagnose(tmp_path), "http_tools", text, step)


async def test_a_server_that_may_not_be_reached_where_its_name_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def here(_lookups: Lookups, _host: str) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(Lookups, "addresses", here)
    write(tmp_path, "http://plant.example:9", private=False)
    text = "leads to 127.0.0.1 (loopback), which it may not reach"
    found(await diagnose(tmp_path), "http_tools", text, "'private: true'")


async def test_tls_to_a_server_that_has_none(tmp_path: Path) -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def refuse(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, refuse)
        write(tmp_path, f"https://127.0.0.1:{listener.extra(SocketAttribute.local_port)}")
        found(await diagnose(tmp_path), "http_tools", "speaks no TLS", "write http:// in backends")
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("which", "ca", "step"),
    [
        ("server", False, "that signed it in backends.plant.ca"),
        ("elsewhere", True, "use a name that is in its certificate in backends.plant.url"),
        ("expired", True, "renew the certificate of 127.0.0.1"),
    ],
)
async def test_a_certificate_that_is_not_good(
    tmp_path: Path,
    certificates: Certificates,  # noqa: F811 - the fixture
    which: str,
    ca: bool,
    step: str,
) -> None:
    context = certificates.gateway(getattr(certificates, which))
    async with shaking(context) as port:
        more = {"ca": str(certificates.ca)} if ca else {}
        write(tmp_path, f"https://127.0.0.1:{port}", **more)
        found(await diagnose(tmp_path), "http_tools", "certificate is not good", step)


async def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    write(tmp_path, "https://127.0.0.1:9", ca="ca.pem")
    found(await diagnose(tmp_path), "http_tools", "can't be used", "give backends.plant.ca")
