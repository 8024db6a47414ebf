"""What a device's log says of trouble that lasts: once, and once that it is over."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from tests.client.gateway import Peer, gateway, obliging
from tests.client.helpers import Impatient
from tests.client.session_gateway import FakeSessions
from tests.server.embedded import until

from agentgate_client.edge import EdgeClient, asking, client

pytestmark = pytest.mark.anyio

TIMES = 12
"""How often it goes wrong; every line of them would be a flood."""


def lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [each.getMessage() for each in caplog.records if words in each.getMessage()]


async def test_a_gateway_that_refuses_for_long_is_told_of_once_and_that_it_is_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = 0

    async def refuse_at_first(peer: Peer) -> None:
        nonlocal refusals
        if refusals == TIMES:
            await obliging(peer)
        refusals += 1
        await peer.fail(await peer.receive(), -32005, f"Authentication failed ({refusals})")
        await peer.close(4401)

    monkeypatch.setattr(client, "RETRY_S", 0.005)
    async with (
        gateway(refuse_at_first) as gate,
        EdgeClient(gate.url, "token-0123456789", backoff=Impatient()) as edge,
    ):
        await until(lambda: bool(lines(caplog, "again after")), "that it is over")
        assert edge.health.last_error is None
    assert refusals == TIMES
    assert len(lines(caplog, "refuses this device")) == 1
    (over,) = lines(caplog, "takes this device again after")
    assert over.endswith(f"(it failed {TIMES} times)")


async def test_prompts_that_are_not_taken_for_long_are_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    real_sleep = anyio.sleep

    class Quick:
        """The module's clock, a thousand times as fast."""

        def __getattr__(self, name: str) -> object:
            return getattr(anyio, name)

        @staticmethod
        async def sleep(delay_s: float) -> None:
            pauses.append(delay_s)
            await real_sleep(delay_s / 1_000)

    monkeypatch.setattr(asking, "anyio", Quick())
    sessions = FakeSessions()
    busy = (-32006, "Rate limit: ask again later")
    sessions.answers = dict.fromkeys(("list_sessions", "create_session"), busy)
    async with (
        gateway(sessions.script) as gate,
        EdgeClient(gate.url, "token-0123456789", spool=tmp_path / "s", backoff=Impatient()) as edge,
    ):
        await edge.send("say hello")
        await until(lambda: len(pauses) >= TIMES, "all refusals")
    assert len(lines(caplog, "it is sent again")) == 1
