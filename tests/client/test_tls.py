"""wss://: whom the client trusts, and how it proves who it is."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest
from tests.client.conftest import Certificates
from tests.client.gateway import gateway, obliging
from tests.client.helpers import BOUND_S, Impatient

from agentgate_client import AgentGateClient, AgentGateConnectionError

pytestmark = pytest.mark.anyio


@pytest.mark.seed001("FR1-AC3")
async def test_a_gateway_of_an_own_authority_is_trusted_by_its_file(
    certificates: Certificates,
) -> None:
    big = "ä" * 500_000
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging, tls=certificates.gateway()) as gate:
            assert gate.url.startswith("wss://")
            async with AgentGateClient(gate.url, "t", ca_file=certificates.ca) as client:
                answer = await client.tool_request("x", big=big)
    assert answer == {"tool": "x", "args": {"big": big}}


async def test_many_calls_at_once_go_over_tls(certificates: Certificates) -> None:
    answers = []
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging, tls=certificates.gateway()) as gate:
            client = AgentGateClient(gate.url, "t", ca_file=certificates.ca)

            async def ask(n: int) -> None:
                answers.append(await client.tool_request("x", n=n, text="a" * 3_000))

            async with client, anyio.create_task_group() as tasks:
                for n in range(200):
                    tasks.start_soon(ask, n)
    assert sorted(answer["args"]["n"] for answer in answers) == list(range(200))


async def test_a_ready_context_is_used_as_it_is(certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=certificates.ca)
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging, tls=certificates.gateway()) as gate:
            client = AgentGateClient(gate.url, "t", ssl_context=context)
            async with client:
                assert await client.tool_request("x") == {"tool": "x", "args": {}}


@pytest.mark.parametrize(
    ("certificate", "trusted", "words"),
    [
        ("server", False, "if its authority is your own, name it with ca_file (--ca-file)"),
        ("elsewhere", True, "use the name that is in the certificate"),
        ("expired", True, "renew it; or is the clock wrong"),
    ],
)
async def test_a_certificate_that_is_not_accepted_ends_the_first_attempt(
    certificates: Certificates, certificate: str, trusted: bool, words: str
) -> None:
    tls = certificates.gateway(getattr(certificates, certificate))
    ca_file = certificates.ca if trusted else None
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging, tls=tls) as gate:
            with pytest.raises(AgentGateConnectionError) as caught:
                await AgentGateClient(gate.url, "t", ca_file=ca_file).connect()
            assert gate.connections == 1
    assert "its certificate is not accepted" in caught.value.message
    assert words in caught.value.message


async def test_a_client_certificate_is_shown_to_a_gateway_that_asks(
    certificates: Certificates, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.client.read_bytes() + certificates.client_key.read_bytes())
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging, tls=certificates.gateway(wants_client=True)) as gate:
            for files in (
                {"cert_file": certificates.client, "key_file": certificates.client_key},
                {"cert_file": str(both)},
            ):
                async with AgentGateClient(
                    gate.url, "t", ca_file=certificates.ca, **files
                ) as client:
                    assert await client.tool_request("x") == {"tool": "x", "args": {}}


@pytest.fixture
def refuse_tls() -> Iterator[Callable[[ssl.SSLContext], str]]:
    """Start a server that fails handshakes as OpenSSL does, with an alert; returns its URL."""
    with ExitStack() as stack:

        def start(context: ssl.SSLContext) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                for _ in range(2):
                    accepted, _ = listener.accept()
                    stream = context.wrap_socket(
                        accepted, server_side=True, do_handshake_on_connect=False
                    )
                    with stream:
                        with suppress(ssl.SSLError):
                            stream.do_handshake()
                        while socket.socket.recv(stream, 4096):  # lest a reset overtake the alert
                            pass

            thread = Thread(target=serve, daemon=True)
            thread.start()
            return f"wss://127.0.0.1:{listener.getsockname()[1]}"

        yield start


async def test_a_missing_client_certificate_is_explained(
    certificates: Certificates, refuse_tls: Callable[[ssl.SSLContext], str]
) -> None:
    url = refuse_tls(certificates.gateway(wants_client=True))
    backoff = Impatient(attempts_max=1)
    client = AgentGateClient(url, "t", ca_file=certificates.ca, backoff=backoff)
    with anyio.fail_after(BOUND_S), pytest.raises(AgentGateConnectionError) as caught:
        await client.connect()
    assert "it wants a client certificate: see cert_file and key_file" in caught.value.message
    assert "(2 attempts)" in caught.value.message


async def test_a_tls_handshake_that_fails_for_another_reason_is_tried_again(
    certificates: Certificates, refuse_tls: Callable[[ssl.SSLContext], str]
) -> None:
    old = certificates.gateway()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    new = ssl.create_default_context(cafile=certificates.ca)
    new.minimum_version = ssl.TLSVersion.TLSv1_3
    client = AgentGateClient(refuse_tls(old), "t", ssl_context=new, backoff=Impatient(1))
    with anyio.fail_after(BOUND_S), pytest.raises(AgentGateConnectionError) as caught:
        await client.connect()
    assert "TLS failed (TLSV1_ALERT_PROTOCOL_VERSION)" in caught.value.message
    assert "(2 attempts)" in caught.value.message


async def test_a_context_that_cannot_be_used_ends_the_first_attempt(
    certificates: Certificates,
) -> None:
    class Moody(ssl.SSLContext):
        def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
            raise ValueError("not today")

    with anyio.fail_after(BOUND_S):
        async with gateway(obliging, tls=certificates.gateway()) as gate:
            context = Moody(ssl.PROTOCOL_TLS_CLIENT)
            with pytest.raises(AgentGateConnectionError, match="not today"):
                await AgentGateClient(gate.url, "t", ssl_context=context).connect()
            assert gate.connections == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ca_file": "missing.pem"}, "ca_file: cannot use missing.pem: No such file"),
        ({"ca_file": "empty.pem"}, "ca_file: cannot use empty.pem: no usable PEM"),
        ({"cert_file": "missing.pem"}, "cert_file: cannot use missing.pem: No such file"),
        ({"cert_file": "empty.pem"}, "cert_file: cannot use empty.pem: no usable PEM"),
        ({"cert_file": "empty.pem", "key_file": "key.pem"}, "cannot use empty.pem with key.pem"),
        ({"cert_file": "client.pem", "key_file": "locked.pem"}, "the key is encrypted"),
        ({"key_file": "key.pem"}, "key_file needs cert_file"),
        ({"ssl_context": ssl.create_default_context(), "ca_file": "ca.pem"}, "not both"),
        ({"url": "ws://hub", "ca_file": "ca.pem"}, "no use with ws://; write wss://"),
        ({"url": "ws://hub", "ssl_context": ssl.create_default_context()}, "no use with ws://"),
    ],
)
def test_tls_settings_that_cannot_be_right_are_refused_at_once(
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.pem").touch()
    Path("client.pem").write_bytes(certificates.client.read_bytes())
    Path("key.pem").write_bytes(certificates.client_key.read_bytes())
    Path("locked.pem").write_bytes(certificates.locked_key.read_bytes())
    with pytest.raises(ValueError) as caught:
        AgentGateClient(**({"url": "wss://hub", "token": "t"} | arguments))
    assert words in str(caught.value)
