"""The doctor sees who is at the gateway's address, and asks a gateway how it is."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.doctor.ward import diagnose, found, write_well
from tests.held_ports import held_port
from tests.server.certificates import make

from agentgate_cli.doctor.storage import holder_of
from agentgate_cli.standins.http_server import HttpServer, json_response, text_response
from agentgate_server.config import load_config
from agentgate_server.gateway import Gateway
from agentgate_server.store.files import OwnedFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def port() -> Iterator[int]:
    with held_port() as number:
        yield number


def gateway(folder: Path) -> Gateway:
    def load() -> object:
        return load_config(folder / "config.yaml", environment={})

    return Gateway(load(), load=load)  # type: ignore[arg-type]


async def test_a_gateway_that_runs_and_one_that_does_not_are_well(
    tmp_path: Path, port: int
) -> None:
    write_well(tmp_path, gateway={"port": port})
    assert await diagnose(tmp_path) == []
    async with gateway(tmp_path):
        assert holder_of(tmp_path / "gate.db")
        assert await diagnose(tmp_path) == []
    assert not holder_of(tmp_path / "gate.db")
    assert await diagnose(tmp_path) == []


async def test_a_gateway_that_runs_with_tls(tmp_path: Path, port: int) -> None:
    make(tmp_path, "one")
    (tmp_path / "one.key").chmod(0o600)
    tls = {"cert": str(tmp_path / "one.pem"), "key": str(tmp_path / "one.key")}
    write_well(tmp_path, gateway={"port": port, "tls": tls})
    async with gateway(tmp_path):
        assert await diagnose(tmp_path) == []
        write_well(tmp_path, gateway={"port": port})
        found(await diagnose(tmp_path), "gateway", "does not answer", "kill ")


async def test_what_a_gateway_says_of_its_parts(tmp_path: Path, port: int) -> None:
    write_well(tmp_path, gateway={"port": port})
    async with gateway(tmp_path) as running:
        (tmp_path / "permissions.yaml").write_text("rules: [{tool: x, action: dney}]\n")
        await running.reload()
        found(await diagnose(tmp_path), "gateway", "it says of policy", "'agent-gate reload'")


async def test_the_port_is_another_programs(tmp_path: Path) -> None:
    async def page(_request: object) -> object:
        return text_response("hello")

    async with HttpServer(page) as other:  # type: ignore[arg-type]
        write_well(tmp_path, gateway={"port": other.port})
        said = await diagnose(tmp_path)
        found(said, "gateway", f"another program has 127.0.0.1:{other.port}", "gateway.port: ")
        found(said, "gateway", "another program", f"ss -ltnp sport = :{other.port}")


async def test_the_port_is_one_of_a_program_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_cli.health.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        write_well(tmp_path, gateway={"port": mute.getsockname()[1]})
        found(await diagnose(tmp_path), "gateway", "another program has", "gateway.port: ")


async def test_the_port_is_another_gateways(tmp_path: Path, port: int) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    write_well(tmp_path / "one", gateway={"port": port})
    write_well(tmp_path / "two", gateway={"port": port})
    async with gateway(tmp_path / "one"):
        said = await diagnose(tmp_path / "two")
        found(said, "gateway", "another gateway is at", "gateway.port: ")


async def test_a_port_that_is_for_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_addresses: object, _port: int) -> list[socket.socket]:
        raise PermissionError(errno.EACCES, "Permission denied")

    write_well(tmp_path, gateway={"port": 443})
    monkeypatch.setattr("agentgate_server.sockets.binding.bound", refuse)
    said = await diagnose(tmp_path)
    found(said, "gateway", "port 443 is for the system", "one above 1023 (gateway.port)")


async def test_the_database_is_another_gateways(tmp_path: Path, port: int) -> None:
    write_well(tmp_path, gateway={"port": port})
    owned = OwnedFile(tmp_path / "gate.db")
    try:
        found(await diagnose(tmp_path), "gateway", "locked by another gateway (pid ", "ps -p ")
    finally:
        owned.release()


async def test_a_gateway_that_answers_nothing_of_the_kind(tmp_path: Path) -> None:
    async def short(_request: object) -> object:
        return json_response({"hello": "world"})

    async with HttpServer(short) as other:  # type: ignore[arg-type]
        write_well(tmp_path, gateway={"port": other.port})
        owned = OwnedFile(tmp_path / "gate.db")
        try:
            found(await diagnose(tmp_path), "gateway", "does not answer", "start it anew")
        finally:
            owned.release()
