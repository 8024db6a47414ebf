"""A run outlives its client: whoever was cut off attaches again, and has the text of an uncut run.

Cuts at random moments, two hundred in ``make kills``: of the connection (the same client comes back
by itself), and of the client as a whole (another one attaches at the cursor of the one that is
gone).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import anyio
import pytest
from tests.chance import fresh_base, is_fixed
from tests.e2e.cutting import CuttingProxy, cutting_proxy
from tests.e2e.process import AGENT_TOKEN, GatewayProcess
from tests.e2e.session_plays import SPOKEN, WORDS, conversing, texts_of
from tests.e2e.test_kill import Impatient

from agent_gate import AgentGateClient
from agentgate_client import Cursor, Event
from agentgate_client.sessions import Session

CUTS = int(os.environ.get("SESSION_CUTS", "100"))
AT_ONCE = 10
BOUND_S = 120.0

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder: Path = tmp_path_factory.mktemp("cuts")
    with GatewayProcess(folder, conversing(folder)) as process:
        yield process


def client_of(proxy: CuttingProxy) -> AgentGateClient:
    return AgentGateClient(proxy.url, AGENT_TOKEN, backoff=Impatient())


async def cut_connection(proxy: CuttingProxy, session: Session, after: int) -> list[Event]:
    """The network breaks in the midst of a run, and the client comes back."""
    events: list[Event] = []
    async for event in session.send("speak"):
        events.append(event)
        if event.offset + event.count >= after and not proxy.cuts:
            proxy.cut()
    return events


async def lose_client(proxy: CuttingProxy, session: Session, after: int) -> list[Event]:
    """The client is gone in the midst of a run; another one goes on where that had come to."""
    events: list[Event] = []
    run = session.send("speak")
    async for event in run:
        events.append(event)
        if event.offset + event.count >= after:
            break
    cursor = run.cursor
    proxy.cut()
    await run.aclose()
    assert cursor is not None
    async with client_of(proxy) as other:
        found = await other.sessions.get(session.id)
        async with found.attach(Cursor(cursor.epoch, cursor.offset)) as stream:
            async for event in stream:
                events.append(event)
                if event.kind == "run_ended":
                    break
    return events


async def one_run(gate: GatewayProcess, draw: Random) -> None:
    after = draw.randrange(1, WORDS + 5)
    how = draw.choice([cut_connection, lose_client])
    async with cutting_proxy(gate.port) as proxy, client_of(proxy) as client:
        session = await client.sessions.create()
        events = await how(proxy, session, after)
        assert proxy.cuts
    assert texts_of(events) == SPOKEN
    assert [event.kind for event in events].count("run_ended") == 1
    assert not {"gap", "behind"} & {event.kind for event in events}
    expected = 0
    for event in events:
        assert event.offset == expected
        expected += event.count
    (reply,) = (event.data["text"] for event in events if event.kind == "reply")
    assert reply == SPOKEN


async def test_a_run_that_is_cut_off_has_the_text_of_one_that_is_not(gate: GatewayProcess) -> None:
    draw = Random(0 if is_fixed() else fresh_base())
    with anyio.fail_after(BOUND_S):
        for _ in range(CUTS // AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for _ in range(AT_ONCE):
                    tasks.start_soon(one_run, gate, Random(draw.random()))
