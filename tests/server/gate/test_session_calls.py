"""The native protocol's way to the sessions: what one connection may watch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.embedded import RawClient, raw_client, serving

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_server.gate import session_calls

pytestmark = pytest.mark.anyio


class Caller:
    """Calls methods on one connection, one after the other."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.last = 0

    async def __call__(self, method: str, **params: Any) -> Any:
        """Return the result, or the code of the error."""
        self.last += 1
        await self.client.request(self.last, method, params)
        while (answered := await self.client.next(Answered)).id != self.last:
            pass
        if answered.error is not None:
            return answered.error.code
        return msgspec.json.decode(answered.result)


async def test_a_connection_watches_so_many_sessions_and_those_that_are_gone_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_calls, "ATTACHED_MAX", 2)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        call = Caller(client)
        for _ in range(3):
            name = (await call("create_session"))["id"]
            assert (await call("attach_session", session=name))["offset"] == 0
            assert await call("delete_session", session=name) == {"deleted": True}
        for number in range(3):  # nor do those that never were
            assert await call("attach_session", session=f"none{number}") == -32013
        kept = [(await call("create_session"))["id"] for _ in range(3)]
        for name in kept[:2]:
            assert (await call("attach_session", session=name))["offset"] == 0
        assert await call("attach_session", session=kept[2]) == -32006
        assert (await call("attach_session", session=kept[0]))["offset"] == 0  # only moved
        assert await call("detach_session", session=kept[0]) == {"was_attached": True}
        assert (await call("attach_session", session=kept[2]))["offset"] == 0
