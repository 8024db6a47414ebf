"""The listener that waits for the tap of a test button takes that one, and nothing else."""

from __future__ import annotations

import ssl
from pathlib import Path

import anyio
import pytest
from tests.held_ports import held_port
from tests.server.certificates import make

from agentgate_cli.starter.tapping import BODY_BYTES_MAX, hearing_tap

pytestmark = pytest.mark.anyio

TICKET = "ticket-0123456789"
BOUND_S = 30.0


async def post(
    port: int, body: str, target: str = "/api/answers", trusted: ssl.SSLContext | None = None
) -> bytes:
    """Send a request, and return what comes until the other end closes."""
    head = f"POST {target} HTTP/1.1\r\nHost: gate\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    received = b""
    with anyio.fail_after(BOUND_S):
        async with await anyio.connect_tcp(
            "127.0.0.1", port, ssl_context=trusted, tls=trusted is not None
        ) as stream:
            await stream.send((head + body).encode())
            try:
                while True:
                    received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ('{"ticket": "another"}', "/api/answers"),
        ('{"ticket": "\u00e9"}', "/api/answers"),
        ('{"ticket": 5}', "/api/answers"),
        ("[", "/api/answers"),
        (f'{{"ticket": "{TICKET}"}}', "/"),
    ],
)
async def test_what_is_not_the_tap_is_told_so_and_waited_past(body: str, target: str) -> None:
    with held_port() as port:
        async with hearing_tap("127.0.0.1", port, None, TICKET) as tapped:
            assert (await post(port, body, target)).startswith(b"HTTP/1.1 404")
            assert not tapped.is_set()
            assert b" 200 " in await post(port, f'{{"ticket": "{TICKET}"}}')
            assert tapped.is_set()


async def test_what_is_too_large_or_no_http_is_cut_off() -> None:
    with held_port() as port:
        async with hearing_tap("127.0.0.1", port, None, TICKET) as tapped:
            assert await post(port, "x" * (BODY_BYTES_MAX + 1)) == b""
            assert not tapped.is_set()
            assert b" 200 " in await post(port, f'{{"ticket": "{TICKET}"}}')


async def test_it_serves_with_the_certificate_of_the_gateway(tmp_path: Path) -> None:
    make(tmp_path, "one")
    pair = tmp_path / "one.pem", tmp_path / "one.key"
    trusted = ssl.create_default_context(cafile=str(pair[0]))
    with held_port() as port:
        async with hearing_tap("127.0.0.1", port, pair, TICKET) as tapped:
            assert b" 200 " in await post(port, f'{{"ticket": "{TICKET}"}}', trusted=trusted)
            assert tapped.is_set()
