"""How a gateway is, for people who answer approvals and for those who run it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio.abc import TaskStatus
from tests.server import certificates
from tests.server.embedded import OPERATOR, OWNER, serving

from agentgate_client import AgentGateError, ApprovalsClient
from agentgate_proto.rpc.health_methods import HealthPart, HealthReport
from agentgate_server.gateway import Gateway
from agentgate_server.operating.health_parts import public_parts, state_of
from agentgate_server.pruning import Pruner
from agentgate_server.store.pace import Doubt

pytestmark = pytest.mark.anyio

MODELS = {
    "models": {
        "play": {"backend": "rehearsal"},
        "gone": {"backend": "process", "command": ["/nowhere/at-all"]},
    },
    "default_model": "play",
}
SERVER = {"garden": {"command": ["/nowhere/mcp-server"]}}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with serving(tmp_path) as gateway:
        yield gateway


async def report(gateway: Gateway, token: str = OPERATOR) -> HealthReport:
    async with ApprovalsClient(gateway.url, token) as client:
        return await client.report_health()


def break_model(gateway: Gateway) -> None:
    """Let a model say that it can't be used."""
    assert gateway.gate.sessions is not None
    model: Any = gateway.gate.sessions.models.models["gone"]
    model.problem = lambda: "/nowhere/at-all is not there"


@pytest.fixture
async def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway that does not look at its disk, and keeps everything."""

    async def run(_: Pruner, *, task_status: TaskStatus[None]) -> None:
        task_status.started()

    monkeypatch.setattr(Pruner, "run", run)
    async with serving(tmp_path) as gateway:
        yield gateway


def by_name(told: HealthReport) -> dict[str, HealthPart]:
    return {part.name: part for part in told.parts}


async def test_a_gateway_that_is_well_says_so_and_what_it_keeps(gateway: Gateway) -> None:
    await gateway.gate.writer.flush()
    told = await report(gateway)
    assert told.status == "ok"
    assert {part.state for part in told.parts} == {"ok", "off"}
    assert told.figures["connections"] == 1
    assert told.figures["connections_max"] == gateway.config.gateway.connections_max
    store = told.store
    assert store is not None
    assert store.database_bytes > 0
    assert (store.keep_days, store.audit_keep_days) == (7, 365)
    assert store.audit_entries > 0
    assert store.audit_from_at
    assert (store.disk_free_bytes or 0) > store.disk_reserve_bytes > 0
    assert told.certificate is None
    assert told.warnings == gateway.warnings


async def test_an_approver_sees_what_health_says_to_everybody(tmp_path: Path) -> None:
    async with serving(tmp_path, sessions=MODELS) as gateway:
        break_model(gateway)
        told = await report(gateway, OWNER)
        assert (told.store, told.warnings, told.certificate) == (None, [], None)
        assert "connections_max" not in told.figures
        part = by_name(told)["models"]
        assert (part.state, part.words) == ("failing", "count 2, failing 1")
        assert not any("gone" in f"{each.name} {each.words}" for each in told.parts)


async def test_an_operator_sees_each_with_its_name_and_its_reason(tmp_path: Path) -> None:
    async with serving(tmp_path, sessions=MODELS, tools={"mcp": SERVER}) as gateway:
        break_model(gateway)
        told = by_name(await report(gateway))
        assert told["model: play"].state == "ok"
        assert "/nowhere/at-all" in told["model: gone"].words
        assert told["MCP server: garden"].state in ("warning", "failing")
        assert "models" not in told
        assert "mcp_servers" not in told


async def test_what_needs_somebody_comes_first(still: Gateway) -> None:
    gateway = still
    gateway.gate.web.refusing = "the disk is full"
    gateway.gate.authenticator.tokens.problem = "tokens.json cannot be read"
    gateway.gate.reloader.problem = "the last reload failed"
    told = await report(gateway)
    assert told.status == "failing"
    failing = {part.name: part.words for part in told.parts if part.state == "failing"}
    assert failing == {
        "store": "the disk is full",
        "tokens": "tokens.json cannot be read",
        "policy": "the last reload failed",
    }
    assert [part.state for part in told.parts[:3]] == ["failing"] * 3


async def test_what_will_not_be_kept_is_said_in_words(still: Gateway) -> None:
    engine: Any = still.gate.writer.engine
    engine.doubts = [Doubt("audit.keep_bytes_max", "the audit is cut after 3 days")]
    told = by_name(await report(still))["kept: audit.keep_bytes_max"]
    assert (told.state, told.words) == ("warning", "the audit is cut after 3 days")


async def test_secrets_stay_hidden_in_reasons(still: Gateway) -> None:
    gateway = still
    from agentgate_server.secrets.secret import Secret

    gateway.masker.learn([Secret("open-sesame-0123456789")])
    gateway.gate.web.refusing = "no: open-sesame-0123456789"
    gateway.warnings.append("look at open-sesame-0123456789")
    told = await report(gateway)
    assert "sesame" not in str(told)


async def test_when_the_certificate_ends_is_told(tmp_path: Path) -> None:
    cert = certificates.make(tmp_path, "gate")
    tls = {"tls": {"cert": str(cert), "key": str(cert.with_suffix(".key"))}}
    async with serving(tmp_path, gateway=tls) as gateway:
        async with ApprovalsClient(gateway.url, OPERATOR, ca_file=cert) as ops:
            told = (await ops.report_health()).certificate
        assert told is not None
        assert told.begins_at < told.ends_at


async def test_a_store_that_cannot_be_counted_is_said(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "gate.db").rename(tmp_path / "elsewhere")
    with pytest.raises(AgentGateError, match=r"gate\.db"):
        await report(gateway)
    (tmp_path / "elsewhere").rename(tmp_path / "gate.db")


def test_sums_of_parts_are_read() -> None:
    parts = {
        "memory": "ok",
        "clock": "set back by 2 h",
        "mcp_servers": {"configured": 2, "ready": 1, "away": 1, "tools": 3},
        "upstreams": {"configured": 1, "connected": 1},
        "home_assistant": {"status": "failing", "names": "unknown"},
        "odd": 5,
    }
    told = {part.name: (part.state, part.words) for part in public_parts(parts)}
    assert told == {
        "memory": ("ok", ""),
        "clock": ("failing", "set back by 2 h"),
        "mcp_servers": ("warning", "configured 2, ready 1, away 1, tools 3"),
        "upstreams": ("ok", "configured 1, connected 1"),
        "home_assistant": ("failing", "names unknown"),
    }
    assert state_of({"configured": 1, "ready": 1, "waiting_for_login": 1}) == "warning"
    assert state_of({"configured": 1, "ready": 1, "pins": "damaged"}) == "failing"
