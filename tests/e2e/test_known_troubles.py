"""What other servers of Engine.IO have got wrong, on real sockets: none of it happens here.

Each is a trouble that threads of other projects tell of. The same as rules on virtual time:
``tests/proto/faces/engineio/``; that a silent session ends, and what counts as a sign of life:
``tests/server/faces/test_socketio.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from tests.server.embedded import AGENT
from tests.server.faces.test_socketio import POLLING, WEBSOCKET, Poller, speaking
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentgate_proto.faces.engineio.settings import EngineSettings

pytestmark = pytest.mark.anyio

BOUND_S = 20.0
UNKNOWN_SID = '{"code":1,"message":"Session ID unknown"}'


async def upgraded(client: Poller, script: Callable[[ClientConnection], Any]) -> Any:
    """Run a script on a WebSocket beside the polls of a session, in a thread."""

    def run() -> Any:
        url = f"ws://127.0.0.1:{client.gateway.port}{WEBSOCKET}&sid={client.sid}"
        with connect(url, compression=None, open_timeout=5) as websocket:
            return script(websocket)

    return await anyio.to_thread.run_sync(run)


async def test_every_poll_during_a_probe_is_answered_at_once(tmp_path: Path) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        client = Poller(gateway)
        await client.join()

        def script(websocket: ClientConnection) -> list[Any]:
            websocket.send("2probe")
            assert websocket.recv(timeout=5) == "3probe"
            return [anyio.from_thread.run(client.ask, "GET") for _ in range(3)]

        with anyio.fail_after(BOUND_S):
            assert await upgraded(client, script) == [(200, "6")] * 3


async def test_an_upgrade_that_fails_takes_nothing_of_what_waits(tmp_path: Path) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        client = Poller(gateway)
        await client.join()
        assert await client.ask("POST", '42["message",1]') == (200, "ok")

        def script(websocket: ClientConnection) -> None:
            websocket.send("2probe")
            assert websocket.recv(timeout=5) == "3probe"  # and then the line breaks

        def refused() -> int:
            url = f"ws://127.0.0.1:{gateway.port}{POLLING}&sid={client.sid}"
            with pytest.raises(InvalidStatus) as error, connect(url, open_timeout=5):
                pass
            return error.value.response.status_code

        with anyio.fail_after(BOUND_S):
            assert await anyio.to_thread.run_sync(refused) == 400
            await upgraded(client, script)
            answer = 200, "6"
            while answer == (200, "6"):  # until the gateway has seen that the probe is over
                answer = await client.ask("GET")
            assert answer == (200, '42["message-back",1]')


async def test_whoever_sends_without_a_pause_does_not_starve_an_upgrade(tmp_path: Path) -> None:
    count = 300

    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        client = Poller(gateway)
        await client.join()
        assert await client.ask("POST", f'42["flood",{count}]') == (200, "ok")
        _, first = await client.ask("GET")

        def script(websocket: ClientConnection) -> list[str]:
            websocket.send("2probe")
            assert websocket.recv(timeout=5) == "3probe"
            websocket.send("5")
            told = first.split("\x1e")
            while len(told) < count:
                told.append(str(websocket.recv(timeout=5)))
            return told

        with anyio.fail_after(BOUND_S):
            told = await upgraded(client, script)
    assert [json.loads(each[2:])[1] for each in told] == list(reversed(range(count)))


async def test_a_body_of_too_many_packets_is_never_taken_in_part(tmp_path: Path) -> None:
    settings = EngineSettings(packets_in_max=3)
    async with speaking(tmp_path, is_open=True, settings=settings) as (gateway, _, application):
        client = Poller(gateway)
        await client.join()
        body = "\x1e".join(f'42["said {n}"]' for n in range(4))
        status, _ = await client.ask("POST", body)
        assert status == 400
        assert await client.ask("GET") == (400, UNKNOWN_SID)
        assert not [each for each in application.heard if each.startswith("said")]


async def test_a_session_of_another_gateway_or_life_is_unknown(tmp_path: Path) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        client = Poller(gateway)
        client.sid = "of-another-gateway"
        assert await client.ask("GET") == (400, UNKNOWN_SID)


async def test_nothing_comes_before_the_answer_to_connect_and_no_recovery_is_offered(
    tmp_path: Path,
) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        client = Poller(gateway)
        await client.open()
        auth = json.dumps({"token": AGENT})
        assert await client.ask("POST", f'40{auth}\x1e42["message",1]') == (200, "ok")
        _, answer = await client.ask("GET")
    joined, *said = answer.split("\x1e")
    assert list(json.loads(joined.removeprefix("40"))) == ["sid"]  # and no pid
    assert [json.loads(each[2:]) for each in said] == [
        ["auth", {"token": AGENT}],
        ["message-back", 1],
    ]


async def test_whoever_comes_back_is_another_socket_and_hears_everything_once(
    tmp_path: Path,
) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        sids = []
        for number in range(2):
            client = Poller(gateway)
            await client.join()
            assert await client.ask("POST", f'42["message",{number}]') == (200, "ok")
            assert await client.ask("GET") == (200, f'42["message-back",{number}]')
            sids.append(client.sid)
    assert sids[0] != sids[1]
