"""Each way in which a gateway can be out of reach: what it is called, and what is tried again."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import anyio
import pytest
from anyio.abc import ByteStream
from tests.client.gateway import (
    Peer,
    RawScript,
    gateway,
    hang_up,
    http_reply,
    obliging,
    say_nothing,
)
from tests.client.helpers import BOUND_S, Asleep, Changes, Impatient, Outcome
from tests.held_ports import held_port

from agentgate_client import AgentGateClient, AgentGateConnectionError, ClientState
from agentgate_proto.limits import Limits

pytestmark = pytest.mark.anyio

QUICK = Limits(opening_s=0.02)


async def fails_with(client: AgentGateClient) -> str:
    """Let a client fail to connect; return what it says."""
    with anyio.fail_after(BOUND_S), pytest.raises(AgentGateConnectionError) as caught:
        await client.connect()
    assert client.state is ClientState.CLOSED
    assert caught.value.code == -32000
    return caught.value.message


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port where nothing listens, and that nobody else gets meanwhile."""
    with held_port() as port:
        yield port


@pytest.mark.seed001("FR6-AC4")
async def test_a_refused_connection_is_explained(dead_port: int) -> None:
    client = AgentGateClient(f"ws://127.0.0.1:{dead_port}/gate?key=s3cret", "t", max_retries=0)
    assert await fails_with(client) == (
        f"cannot reach gateway ws://127.0.0.1:{dead_port}/gate: "
        "nothing listens there (connection refused); is the gateway running?"
    )


@pytest.mark.seed001("FR4-AC1", "FR4-AC2")
async def test_an_unreachable_gateway_is_an_error_after_the_last_retry(dead_port: int) -> None:
    backoff = Impatient(attempts_max=7)
    text = await fails_with(AgentGateClient(f"ws://127.0.0.1:{dead_port}", "t", backoff=backoff))
    assert text.endswith("is the gateway running? (8 attempts)")
    assert backoff.pauses == [1, 2, 4, 8, 16, 30, 30]


async def test_max_retries_is_without_end_unless_it_is_given() -> None:
    assert AgentGateClient("wss://hub", "t")._driver.backoff.attempts_max is None
    assert AgentGateClient("wss://hub", "t", 5)._driver.backoff.attempts_max == 5
    assert AgentGateClient("wss://hub", "t", jitter=True)._driver.backoff.failed(0.0) != 1.0


async def test_close_during_the_first_backoff_ends_connect(dead_port: int) -> None:
    changes = Changes()
    url = f"ws://127.0.0.1:{dead_port}"
    client = AgentGateClient(url, "t", backoff=Asleep(), on_state=changes)
    connecting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connecting.run, client.connect)
            await changes.wait_for(ClientState.RECONNECTING)
            await client.close()
    assert isinstance(connecting.error, AgentGateConnectionError)
    assert connecting.error.message == "the client was closed"


async def test_several_addresses_of_one_name_are_tried_and_explained_once(dead_port: int) -> None:
    text = await fails_with(AgentGateClient(f"ws://localhost:{dead_port}", "t", max_retries=0))
    assert text.count("nothing listens there") == 1


async def test_an_unknown_name_is_explained() -> None:
    text = await fails_with(AgentGateClient("wss://no-such-host.invalid", "t", max_retries=0))
    assert text.startswith("cannot reach gateway wss://no-such-host.invalid/: no address for the ")
    assert "name 'no-such-host.invalid'" in text


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (hang_up, "it hung up without an answer; does it speak TLS there? Then write wss://"),
        (say_nothing, "no opening handshake in time"),
        (http_reply("503 Service Unavailable"), "HTTP 503"),
        (http_reply("429 Too Many Requests"), "HTTP 429"),
        (http_reply("500 Oops"), "HTTP 500"),
    ],
)
async def test_what_may_pass_is_tried_again_until_the_retries_are_used_up(
    raw: RawScript, words: str
) -> None:
    backoff = Impatient(attempts_max=2)
    async with gateway(raw=raw) as gate:
        text = await fails_with(AgentGateClient(gate.url, "t", backoff=backoff, limits=QUICK))
        assert gate.connections == 3
    assert text.startswith(f"cannot reach gateway {gate.url}/: ")
    assert words in text
    assert text.endswith(" (3 attempts)")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 426])
async def test_a_status_that_will_not_change_ends_the_first_attempt(status: int) -> None:
    async with gateway(raw=http_reply(f"{status} No")) as gate:
        text = await fails_with(AgentGateClient(gate.url, "t"))
        assert gate.connections == 1
    assert f"HTTP {status}" in text


async def test_a_server_of_another_kind_is_explained() -> None:
    async def greet(stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(b"220 smtp.example ESMTP\r\n\r\n")
        await stream.receive()

    async with gateway(raw=greet) as gate:
        text = await fails_with(AgentGateClient(gate.url, "t", max_retries=0))
    assert "no WebSocket handshake" in text


async def test_a_dial_is_bounded_in_time() -> None:
    async with gateway(raw=say_nothing) as gate:
        url = gate.url.replace("ws://", "wss://")  # the TLS handshake belongs to the dial
        text = await fails_with(AgentGateClient(url, "t", max_retries=0, limits=QUICK))
    assert "no connection within 0.02 s" in text


async def test_a_gateway_that_hangs_up_in_the_tls_handshake_is_explained() -> None:
    async with gateway(raw=hang_up) as gate:
        url = gate.url.replace("ws://", "wss://")
        text = await fails_with(AgentGateClient(url, "t", max_retries=0))
    assert "does it speak TLS?" in text


async def test_a_gateway_without_tls_is_not_dialled_again_with_tls() -> None:
    async def answer(stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.receive()

    async with gateway(raw=answer) as gate:
        text = await fails_with(AgentGateClient(gate.url.replace("ws://", "wss://"), "t"))
        assert gate.connections == 1
    assert "speaks no TLS; write ws://" in text


async def test_a_gateway_that_comes_up_late_is_connected_and_each_try_is_logged(
    dead_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    changes = Changes()
    url = f"ws://127.0.0.1:{dead_port}"
    client = AgentGateClient(url, "t", backoff=Impatient(), on_state=changes)
    with anyio.fail_after(BOUND_S), caplog.at_level(logging.WARNING, "agentgate_client"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.connect)
            await changes.wait_for(ClientState.RECONNECTING, times=2)
            async with gateway(obliging, port=dead_port):
                await changes.wait_for(ClientState.CONNECTED)
                assert client.health.attempt == 0
                assert client.health.last_error is None
                await client.close()
    assert caplog.messages[0] == (
        f"cannot reach gateway {url}/: nothing listens there (connection refused); "
        "is the gateway running?; trying again in 0.001 s"
    )
    assert ClientState.CLOSED not in changes.states[:-1]


async def test_the_token_is_in_no_url_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    heads = []
    tokens = []

    async def look(stream: ByteStream) -> None:
        heads.append(await stream.receive())
        await stream.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    async def refuse(peer: Peer) -> None:
        request = await peer.receive()
        tokens.append(request["params"]["token"])
        await peer.fail(request, -32005, "nobody's token")

    with anyio.fail_after(BOUND_S), caplog.at_level(logging.DEBUG):
        for script, raw in ((None, look), (refuse, None)):
            async with gateway(script, raw=raw) as gate:
                client = AgentGateClient(
                    gate.url, "t0ken-of-ours", backoff=Impatient(attempts_max=1)
                )
                with pytest.raises(AgentGateConnectionError) as caught:
                    await client.connect()
                assert "t0ken-of-ours" not in str(caught.value)
    assert tokens == ["t0ken-of-ours"]
    assert b"GET / HTTP/1.1" in heads[0]
    assert b"t0ken-of-ours" not in b"".join(heads)
    assert caplog.records
    assert "t0ken-of-ours" not in caplog.text
