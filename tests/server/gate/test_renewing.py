"""A reload takes a renewed certificate, and says what it can't take."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.streams.tls import TLSStream
from tests.server.certificates import Pair, make
from tests.server.embedded import BOUND_S, OPERATOR, config, echo, until
from tests.server.gate.test_reloading import ALLOW

from agentgate_server.config import Config
from agentgate_server.gateway import Gateway
from agentgate_server.renewing import Renewal
from agentgate_server.sockets.certificate import Certificate, validity_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pairs")
    for name, days in (("old", 90), ("new", 60), ("soon", 3), ("ended", -1)):
        make(folder, name, days)
    return Pair(folder)


@pytest.fixture(autouse=True)
def young_ones_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that openssl makes began today; one that lives for three days only is warned of late."""
    monkeypatch.setattr("agentgate_server.sockets.certificate.SOON_PART", 1.0)


@asynccontextmanager
async def serving(folder: Path, pair: Pair) -> AsyncIterator[Gateway]:
    policy = folder / "permissions.yaml"
    policy.write_text(ALLOW)

    def load() -> Config:
        tls = {"tls": pair.config()}
        more = {"metrics": {"enabled": True}, "permissions": str(policy)}
        return config(folder, gateway=tls, **more)

    with anyio.fail_after(BOUND_S):
        async with Gateway(load(), tools=[echo], load=load) as gateway:
            yield gateway


@asynccontextmanager
async def connected(gateway: Gateway) -> AsyncIterator[TLSStream]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with await anyio.connect_tcp(
        "127.0.0.1", gateway.port, ssl_context=context, tls_standard_compatible=False
    ) as stream:
        yield stream


def shown_by(stream: TLSStream) -> str:
    der = stream.extra(anyio.streams.tls.TLSAttribute.peer_certificate_binary)
    return ssl.DER_cert_to_PEM_cert(der)


async def served(gateway: Gateway) -> str:
    """The certificate that a new connection is shown."""
    async with connected(gateway) as stream:
        return shown_by(stream)


async def get(stream: TLSStream, path: str) -> str:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n"
    await stream.send(request.encode())
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.strip().endswith((b"}", b"\n")):
        answer += await stream.receive()
        if path == "/metrics" and b"agentgate_store_failing " in answer:
            break
    return answer.decode()


def pem(pair: Pair, name: str) -> str:
    return (pair.folder / f"{name}.pem").read_text()


async def test_new_connections_are_shown_the_renewed_one_and_old_ones_stay(
    tmp_path: Path, pairs: Pair
) -> None:
    pairs.put("old")
    async with serving(tmp_path, pairs) as gateway, connected(gateway) as before:
        assert shown_by(before) == pem(pairs, "old")
        pairs.put("new")
        assert await served(gateway) == pem(pairs, "old"), "only a reload takes it"
        report = await gateway.reload()
        assert (report.status, report.warnings, report.restart) == ("reloaded", (), ())
        assert await served(gateway) == pem(pairs, "new")
        assert '"certificate":"ok"' in await get(before, "/health")


async def test_a_pair_that_cannot_be_used_leaves_the_former_in_force_and_is_said(
    tmp_path: Path, pairs: Pair
) -> None:
    pairs.put("old")
    async with serving(tmp_path, pairs) as gateway:
        pairs.put("new", key_name="old")
        report = await gateway.reload()
        assert report.status == "reloaded"
        (warning,) = report.warnings
        assert "belong together" in warning
        assert warning.endswith("; the one that was loaded before stays in force")
        assert await served(gateway) == pem(pairs, "old")
        pairs.put("new")
        assert (await gateway.reload()).warnings == ()
        assert await served(gateway) == pem(pairs, "new")


async def test_a_renewed_one_is_taken_whatever_the_policy_is_like(
    tmp_path: Path, pairs: Pair
) -> None:
    pairs.put("old")
    async with serving(tmp_path, pairs) as gateway:
        (tmp_path / "permissions.yaml").write_text("rules: [")
        pairs.put("soon")
        report = await gateway.reload()
        assert report.status == "refused"
        assert "the certificate ends in 2 days" in report.warnings[0]
        assert await served(gateway) == pem(pairs, "soon")


@pytest.mark.parametrize(
    ("name", "words"), [("soon", "ends in 2 days"), ("ended", "ended on"), ("old", "")]
)
async def test_its_end_is_said_by_everything_that_says_how_the_gateway_is(
    tmp_path: Path, pairs: Pair, name: str, words: str
) -> None:
    pairs.put(name)
    async with serving(tmp_path, pairs) as gateway:
        said = [text for text in gateway.warnings if "certificate" in text]
        assert [words in text for text in said] == ([True] if words else [])
        assert all(text.startswith("gateway.tls.cert: ") for text in said)
        async with connected(gateway) as stream:
            health = await get(stream, "/health")
            assert f'"certificate":"{"the certificate " + words if words else "ok"}' in health
            assert '"status":"ok"' in health
        async with connected(gateway) as stream:
            metrics = await get(stream, "/metrics")
        line = next(
            line
            for line in metrics.splitlines()
            if line.startswith("agentgate_certificate_expiry_timestamp_seconds ")
        )
        assert float(line.split()[1]) == validity_of(pem(pairs, name).encode()).ends_at


async def test_its_end_is_in_the_log_once_a_day(
    tmp_path: Path, pairs: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agentgate_server.renewing.LOOK_S", 0.005)
    monkeypatch.setattr("agentgate_server.renewing.DAY_S", 0.01)
    monkeypatch.setattr("agentgate_server.renewing.DAILY_STAGE", 1)  # it lives for three days only
    pairs.put("soon")
    said = "gateway.tls.cert: the certificate ends in 2 days"

    def told() -> int:
        return sum(record.getMessage().startswith(said) for record in caplog.records)

    async with serving(tmp_path, pairs):
        await until(lambda: told() >= 2, "the second day")
    assert {record.levelname for record in caplog.records} == {"WARNING"}


async def test_files_that_were_replaced_are_taken_by_themselves(
    tmp_path: Path, pairs: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agentgate_server.renewing.LOOK_S", 0.005)
    caplog.set_level("INFO")
    pairs.put("old")

    def said(text: str) -> int:
        return sum(text in record.getMessage() for record in caplog.records)

    async with serving(tmp_path, pairs) as gateway:
        pairs.put("new", key_name="old")
        await until(lambda: said("belong together") == 1, "the pair that does not fit")
        assert await served(gateway) == pem(pairs, "old")
        async with connected(gateway) as stream:
            health = await get(stream, "/health")
        assert "its files were replaced and can't be used" in health
        pairs.put("new")
        await until(lambda: said("the renewed certificate is taken, which ends on") == 1, "it")
        assert await served(gateway) == pem(pairs, "new")
        assert said("belong together") == 1, "a pair that stays as it is is said once"


def test_a_pair_that_is_half_replaced_is_not_said_at_once(
    tmp_path: Path, pairs: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pairs.put("old")
    certificate = Certificate(pairs.cert, pairs.key)
    renewal = Renewal(certificate, None)
    pairs.put("new", key_name="old")
    renewal.look(certificate)
    assert (renewal.doubt(), caplog.records) == ("", [])
    pairs.put("new")
    renewal.look(certificate)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    pairs.cert.unlink()
    for _ in range(3):
        renewal.look(certificate)
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    assert "No such file" in caplog.records[-1].getMessage()
