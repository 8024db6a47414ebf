"""Local endpoints of a device, on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.tls import TLSListener
from tests.client.conftest import Certificates
from tests.names.silence import SILENT, assert_nothing_waits

from agentgate_cli.edge.endpoints import ask_endpoint, reason_of
from agentgate_client.edge import ChannelError

pytestmark = pytest.mark.anyio


class Server:
    """Answers each request with the same bytes, whatever they are."""

    def __init__(self, answer: bytes, head_only: bool = False) -> None:
        self.answer = answer
        self.asked = b""
        self.port = 0

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            while not self.asked.endswith((b"\r\n\r\n", b"}")):
                self.asked += await stream.receive()
            if self.answer:
                await stream.send(self.answer)


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server.port = listener.extra(SocketAttribute.local_port)
    with anyio.fail_after(10):
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, server.serve)
            yield server
            tasks.cancel_scope.cancel()


async def ask(server: Server, given: bytes | None = None, path: str = "/w?q=1") -> bytes:
    url = f"http://127.0.0.1:{server.port}{path}"
    return await ask_endpoint(url, given, headers={"X-Key": "k"}, bytes_max=100)


async def test_an_endpoint_is_asked_for_data() -> None:
    async with serving(b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"c":21}') as server:
        assert await ask(server) == b'{"c":21}'
    assert server.asked.startswith(b"GET /w?q=1 HTTP/1.1\r\n")
    assert b"X-Key: k\r\n" in server.asked


async def test_an_endpoint_is_told_something() -> None:
    chunked = b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    async with serving(chunked) as server:
        assert await ask(server, b'{"a":1}', "") == b"ok"
    assert server.asked.startswith(b"POST / HTTP/1.1\r\n")
    assert server.asked.endswith(b'\r\n\r\n{"a":1}')


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "answers 404"),
        (b"HTTP/1.1 302 No\r\nLocation: http://x\r\nContent-Length: 0\r\n\r\n", "answers 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"x" * 900, "more than 100 bytes"),
        (b"hello\r\n\r\n", "answers no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "answers no HTTP"),
        (b"", "answers no HTTP|ended the connection"),
    ],
)
async def test_an_answer_that_is_none_is_said_to_be_so(answer: bytes, words: str) -> None:
    async with serving(answer) as server:
        with pytest.raises(ChannelError, match=words):
            await ask(server)


async def test_one_that_is_not_there_is_said_to_be_so() -> None:
    for scheme in ("http", "https"):
        with pytest.raises(ChannelError, match=r"127\.0\.0\.1:9 can't be reached: .*refused|111"):
            await ask_endpoint(f"{scheme}://127.0.0.1:9/", None, headers={}, bytes_max=10)
    with pytest.raises(ChannelError, match=r"a{70}:80 can't be reached: .*label"):
        await ask_endpoint(f"http://{'a' * 70}/", None, headers={}, bytes_max=10)


def test_each_address_that_does_not_answer_is_told_of() -> None:
    error = OSError("no connection")
    error.__cause__ = ExceptionGroup(
        "", [OSError("refused"), OSError("no route"), OSError("refused")]
    )
    assert reason_of(error) == "refused; no route"
    assert reason_of(anyio.EndOfStream()) == "it hung up"


async def test_an_endpoint_with_tls_must_be_one_that_the_system_trusts(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))  # what the system trusts
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = plain.extra(SocketAttribute.local_port)
    listener = TLSListener(plain, certificates.gateway(), standard_compatible=False)
    with anyio.fail_after(10):
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, server.serve)
            url = f"https://127.0.0.1:{port}/"
            assert await ask_endpoint(url, None, headers={}, bytes_max=10) == b"ok"
            monkeypatch.delenv("SSL_CERT_FILE")
            with pytest.raises(ChannelError, match=r"can't be reached: .*certificate"):
                await ask_endpoint(url, None, headers={}, bytes_max=10)
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_silent_name_server_holds_up_nobody_who_stops(backend: str) -> None:
    async def work() -> None:
        await ask_endpoint(f"http://{SILENT}/", None, headers={}, bytes_max=10)

    assert_nothing_waits(work, backend)
