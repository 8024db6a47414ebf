"""The gateway as a whole: started, embedded, stopped, and what it leaves behind."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.server.embedded import (
    BOUND_S,
    POLICY,
    all_bytes,
    config,
    http,
    raw_client,
    serving,
    until,
)
from tests.server.store.samples import done

from agentgate_proto.connection.events import Answered, Authenticated, Closed
from agentgate_proto.records.storage import Put
from agentgate_proto.rpc.messages import GetPendingResults, ToolRequest
from agentgate_server.assembly import policy_of
from agentgate_server.checking.files import check
from agentgate_server.config import config_from_dict
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.sockets.binding import ListenError
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine

pytestmark = pytest.mark.anyio


async def test_clients_are_sent_back_with_1012_at_shutdown(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gateway._shut_down)
            assert (await client.next(Closed)).code == 1012
            await client.flush()


async def test_a_write_that_does_not_end_in_time_is_recorded_as_unknown(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="hang"))
        await until(lambda: gateway.gate.ledger.running, "the tool to run")
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(2, "get_pending_results", GetPendingResults())
        answer = await client.next(Answered)
    assert answer.error is None
    assert b'"status":"unknown"' in bytes(answer.result)
    assert b"-32007" in bytes(answer.result)


async def test_a_store_is_free_for_the_next_gateway_and_only_then(tmp_path: Path) -> None:
    async with serving(tmp_path):
        with pytest.raises(StoreError):
            async with serving(tmp_path):
                pytest.fail("two gateways on one store")
    async with serving(tmp_path) as gateway:
        assert (await http(gateway, "GET", "/health"))[0] == 200


async def test_an_error_of_the_program_around_it_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with serving(tmp_path):
            raise KeyError("mine")


async def test_a_gateway_that_cannot_listen_leaves_nothing_behind(tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        elsewhere = tmp_path / "second"
        with pytest.raises(ListenError, match=f"127.0.0.1:{first.port}.*--port"):
            async with serving(elsewhere, gateway={"port": first.port}):
                pytest.fail("two gateways on one port")
        async with serving(elsewhere):
            pass


async def test_an_unsafe_address_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="tls"):
        async with serving(tmp_path, gateway={"host": "0.0.0.0"}):
            pytest.fail("open to the world")
    assert not (tmp_path / "gate.db").exists()


async def test_cancelling_from_outside_stops_it_in_order(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with serving(tmp_path) as gateway, raw_client(gateway) as client:
            await client.next(Authenticated)
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    async with serving(tmp_path):
        pass


async def test_a_failing_policy_denies(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    policy = Policy.parse(POLICY)
    policy.decide = None  # type: ignore[method-assign,assignment]
    async with serving(tmp_path, policy=policy) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="echo", args={"text": "x"}))
        answer = await client.next(Answered)
    assert answer.error.code == -32003
    assert "the policy failed" in caplog.text


async def test_a_bug_in_one_call_costs_one_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as gateway:
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            take, gateway.gate.calls.take = gateway.gate.calls.take, None  # type: ignore[method-assign,assignment]
            await client.request(1, "tool_request", ToolRequest(tool="echo", args={"text": "x"}))
            assert (await client.next(Closed)).code == 1011
            gateway.gate.calls.take = take  # type: ignore[method-assign]
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
    assert "could not be handled" in caplog.text


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {key} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    return cert, key


async def test_tls_is_spoken_where_it_is_configured(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    tls = {"cert": str(cert), "key": str(key)}
    async with serving(tmp_path, gateway={"tls": tls}) as gateway:
        assert gateway.url.startswith("wss://")
        context = ssl.create_default_context(cafile=str(cert))
        async with await anyio.connect_tcp(
            "127.0.0.1", gateway.port, ssl_context=context, tls_standard_compatible=False
        ) as stream:
            await stream.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 " in await stream.receive()
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as plain:
            await plain.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 " not in await all_bytes(plain)


async def test_two_gateways_live_in_one_program(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_S):
        async with serving(tmp_path / "one") as one, serving(tmp_path / "two") as two:
            assert one.port != two.port
            for gateway in (one, two):
                assert (await http(gateway, "GET", "/health"))[0] == 200


def test_it_serves_in_a_program_of_plain_asyncio(tmp_path: Path) -> None:
    async def program() -> None:
        async with serving(tmp_path) as gateway, raw_client(gateway) as client:
            await client.next(Authenticated)
            await client.request(1, "tool_request", ToolRequest(tool="hang"))
            await until(lambda: gateway.gate.running.count, "the tool to run")

    asyncio.run(program())


FAR_OFF = 4_102_444_800.0  # 2100


async def test_what_the_operator_should_know_is_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a start, and by a check before it."""
    monkeypatch.setenv("TZ", "Europe/Berln")
    at_night = (
        "rules:\n- {tool: no_such_tool, action: allow}\n"
        '- {tool: echo, hours: "22:00-06:00", action: deny}\n'
    )
    (tmp_path / "permissions.yaml").write_text(at_night)
    made = config(tmp_path, permissions=str(tmp_path / "permissions.yaml"))
    engine = SqliteEngine(made.storage.path, utc=lambda: FAR_OFF)
    engine.commit([Put(done("r1", at=FAR_OFF, created_at=FAR_OFF))])
    engine.close()
    checked = [finding.message for finding in check(lambda: made)]
    async with serving(tmp_path, policy=policy_of(made)) as gateway:
        assert any("no_such_tool" in line for line in gateway.warnings)
        for said in (checked, gateway.warnings):
            assert any("the newest entry of the audit is of 2100-" in line for line in said)
            assert any("TZ='Europe/Berln' names no time zone" in line for line in said)


async def test_a_start_says_whatever_a_check_says(tmp_path: Path) -> None:
    rules = (
        "rules:\n"
        "- {tool: set_lihgt, action: deny}\n"
        "- {tool: set_light, action: allow}\n"
        "- {tool: list_lights, agents: nobody, action: ask}\n"
        "- {tool: get_temperature, action: ask, approval: {approvers: 9}}\n"
        "- {tool: list_lights, action: allow, rate: 900/s}\n"
    )
    (tmp_path / "permissions.yaml").write_text(rules)
    house = Path(__file__).parents[1] / "cli" / "house.py"
    made = config(
        tmp_path,
        permissions=str(tmp_path / "permissions.yaml"),
        audit={"head_file": "nowhere/head"},
        tools={"python": [str(house)]},
        sessions={"budgets": [{"name": "day", "principal": "robt", "per": "day", "usd": 1}]},
    )
    checked = check(lambda: made)
    assert {finding.level.value for finding in checked} == {"error", "warning"}
    assert len(checked) >= 6, checked
    with anyio.fail_after(BOUND_S):
        async with Gateway(made) as gateway:
            for finding in checked:
                assert any(finding.message in line for line in gateway.warnings), finding


def test_a_configuration_is_not_changed_by_the_gateway(tmp_path: Path) -> None:
    given = config(tmp_path)
    assert Gateway(given).config is given
    assert config_from_dict({"agent": {"token": "x" * 20}}).gateway.host == "127.0.0.1"
