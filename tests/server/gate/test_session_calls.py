"""The native protocol's way to the sessions: what one connection may watch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.embedded import OPERATOR, OWNER, RawClient, raw_client, serving, until

from agentgate_proto.connection.events import Answered, Authenticated, Notified
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


async def test_people_have_sessions_of_their_own_and_an_operator_may_end_anybodys_run(
    tmp_path: Path,
) -> None:
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway, OWNER, client_id="") as person,
        raw_client(gateway, OPERATOR, client_id="") as operator,
    ):
        for client in (person, operator):
            await client.next(Authenticated)
        owner, ops = Caller(person), Caller(operator)
        mine = (await owner("create_session"))["id"]
        theirs = (await ops("create_session"))["id"]
        message = {"session": mine, "text": 'call asked {"text": "x"}', "message_id": "m"}
        run = (await owner("send_message", **message))["run"]
        await until(lambda: gateway.gate.ledger.waiting, "an approval")
        assert (await owner("attach_session", session=mine, offset=0))["offset"] == 0
        assert await owner("attach_session", session=theirs) == -32013
        assert [each["id"] for each in (await owner("list_sessions"))["sessions"]] == [mine]
        assert len((await ops("list_sessions"))["sessions"]) == 2
        assert await ops("send_message", **message) == -32010
        assert await owner("cancel_run", session=theirs) == -32013
        cancelled = await ops("cancel_run", session=mine)
        assert (cancelled["status"], cancelled["run"]) == ("cancelled", run)
        await until(lambda: not gateway.gate.ledger.waiting, "its withdrawal")
        while (event := (await person.next(Notified)).params.events[-1]).kind != "run_ended":
            pass
        assert msgspec.json.decode(event.data)["by"] == "ops"
