"""Named agents over the native protocol: who is logged in may talk, and nobody else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from tests.server.embedded import RawClient, config, raw_client, serving
from tests.server.gate.test_session_calls import Caller

from agentgate_proto.connection.events import Authenticated, Closed
from agentgate_server.config import Config
from agentgate_server.gateway import Gateway
from agentgate_server.identity.password_throttle import OF_ONE_PER_MINUTE
from agentgate_server.identity.passwords import hash_password
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

CONSOLE, RELAY = "console-token-0123456789", "relay-token-0123456789"
OPERATOR = "operator-token-0123456789"
CHEAP = (2, 1, 1)
HOUSE = {"name": "The house", "password": "open sesame"}
GARDEN = {"password": "let it grow", "system_prompt": "You are a garden."}
PEOPLE = [
    {"name": "wall", "role": "console", "token": CONSOLE},
    {"name": "front", "role": "relay", "token": RELAY},
]


def changes(**agents: Any) -> dict[str, Any]:
    return {"agents": {"house": HOUSE, "garden": GARDEN, **agents}, "principals": [*PEOPLE]}


def audited(folder: Path, event: str) -> list[str]:
    """The entries of one event."""
    with closing(sqlite3.connect(folder / "gate.db")) as connection:
        found = connection.execute("SELECT lines FROM audit ORDER BY seq").fetchall()
    lines = (line for (block,) in found for line in block.decode().splitlines())
    return [line for line in lines if f'"event":"{event}"' in line]


@asynccontextmanager
async def talking(
    gateway: Gateway, token: str = CONSOLE
) -> AsyncIterator[tuple[Caller, RawClient]]:
    async with raw_client(gateway, token) as client:
        await client.next(Authenticated)
        yield Caller(client), client


async def test_who_has_the_password_talks_to_an_agent_whose_session_lasts(tmp_path: Path) -> None:
    async with serving(tmp_path, **changes()) as gateway, talking(gateway) as (call, _):
        login = await call("login_agent", agent="The house", password="open sesame")
        assert (login["agent"], login["name"]) == ("house", "The house")
        assert (login["session"], login["oldest"], login["next"]) == ("agent:house", 0, 0)
        sent = await call("send_message", session="agent:house", text="hi", message_id="m")
        attached = await call(
            "attach_session", session="agent:house", epoch=sent["epoch"], offset=0
        )
        assert (attached["epoch"], attached["offset"]) == (login["epoch"], 0)
        view = await call("get_session", session="agent:house")
        assert (view["principal"], view["messages"] > 0) == ("house", True)
        async with talking(gateway) as (other, _):  # another console, and the same conversation
            again = await other("login_agent", agent="house", password="open sesame")
            assert again["epoch"] == login["epoch"]
            assert again["next"] > 0
    async with serving(tmp_path, **changes()) as gateway, talking(gateway) as (call, _):
        again = await call("login_agent", agent="house", password="open sesame")
        assert again["epoch"] == login["epoch"]


async def test_a_login_is_one_connection_s_and_for_one_agent(tmp_path: Path) -> None:
    async with serving(tmp_path, **changes()) as gateway, talking(gateway) as (call, _):
        await call("login_agent", agent="house", password="open sesame")
        for session in ("agent:garden", "agent:none"):
            for method in ("get_session", "attach_session", "cancel_run", "detach_session"):
                assert await call(method, session=session) == -32013
        async with talking(gateway) as (other, _):
            message = {"session": "agent:house", "text": "hi", "message_id": "m"}
            assert await other("send_message", **message) == -32013
            for method in ("create_session", "delete_session", "list_sessions"):
                assert await other(method, session="agent:house") == -32010
        assert await call("logout_agent", agent="The house") == {"was_logged_in": True}
        assert await call("logout_agent", agent="house") == {"was_logged_in": False}
        assert await call("logout_agent", agent="none") == {"was_logged_in": False}
        assert await call("get_session", session="agent:house") == -32013


async def test_who_logs_out_hears_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path, **changes()) as gateway, talking(gateway) as (call, _):
        await call("login_agent", agent="house", password="open sesame")
        await call("attach_session", session="agent:house")
        await call("logout_agent", agent="house")
        await call("login_agent", agent="house", password="open sesame")
        assert await call("detach_session", session="agent:house") == {"was_attached": False}


async def test_an_agent_of_another_role_and_one_that_is_none_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, **changes()) as gateway:
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            call = Caller(client)
            assert await call("login_agent", agent="house", password="open sesame") == -32010
        async with talking(gateway) as (call, _):
            assert await call("logout_agent", agent="none") == {"was_logged_in": False}
            wrong = await call("login_agent", agent="house", password="open sesame!")
            none = await call("login_agent", agent="house?", password="open sesame")
            assert wrong == none == -32017
        await gateway.gate.writer.flush()
        first, second = audited(tmp_path, "agent.login_failed")
        assert '"agent":"house"' in first
        assert '"principal":"wall"' in first
        assert "house" not in second, "what is no agent may be a password"


async def test_logins_that_come_at_once_are_answered_in_their_order(tmp_path: Path) -> None:
    hashed = {f"a{n}": {"password_hash": hash_password(f"pass-{n}", CHEAP)} for n in range(5)}
    async with serving(tmp_path, **changes(**hashed)) as gateway, talking(gateway) as (_, client):
        for n in range(5):
            params = {"agent": f"a{n}", "password": f"pass-{n if n != 3 else 0}"}
            await client.request(f"login{n}", "login_agent", params)
        call = Caller(client)
        assert await call("login_agent", agent="house", password="open sesame") != -32017
        for n in range(5):
            found = await call("get_session", session=f"agent:a{n}")
            assert (found == -32013) is (n == 3)


async def test_a_relay_says_for_whom_it_speaks_and_that_is_kept(tmp_path: Path) -> None:
    async with serving(tmp_path, **changes()) as gateway:
        behalf = {"principal": "ann", "hops": ["epoch of another"]}
        message = {"session": "agent:house", "text": "hi", "message_id": "m"}
        async with talking(gateway) as (call, _):
            await call("login_agent", agent="house", password="open sesame")
            assert await call("send_message", **message, on_behalf_of=behalf) == -32602
        async with talking(gateway, RELAY) as (call, _):
            await call("login_agent", agent="house", password="open sesame")
            circle = {**behalf, "hops": ["x", gateway.gate.authenticator.epoch]}
            assert await call("send_message", **message, on_behalf_of=circle) == -32018
            assert "run" in await call("send_message", **message, on_behalf_of=behalf)
        await gateway.gate.writer.flush()
        (entry,) = audited(tmp_path, "session.run_started")
        for words in ('"agent":"house"', '"principal":"front"', '"on_behalf_of":"ann"', "epoch of"):
            assert words in entry


async def test_who_guesses_behind_a_relay_keeps_nobody_else_behind_it_out(tmp_path: Path) -> None:
    def by(name: str, *hops: str) -> dict[str, Any]:
        return {"agent": "house", "on_behalf_of": {"principal": name, "hops": hops or ["e1"]}}

    async with serving(tmp_path, **changes()) as gateway:
        async with talking(gateway) as (call, _):
            assert await call("login_agent", **by("ann"), password="open sesame") == -32602
        async with talking(gateway, RELAY) as (call, _):
            circle = by("ann", "e1", gateway.gate.authenticator.epoch)
            assert await call("login_agent", **circle, password="open sesame") == -32018
            for number in range(OF_ONE_PER_MINUTE + 1):
                assert await call("login_agent", **by("eve"), password=f"guess {number}") == -32017
            assert await call("login_agent", **by("eve"), password="open sesame") == -32017
            for who in (by("ann"), {"agent": "house"}):
                login = await call("login_agent", **who, password="open sesame")
                assert login["agent"] == "house"
        await gateway.gate.writer.flush()
        entries = audited(tmp_path, "agent.login_failed")
        assert len(entries) == OF_ONE_PER_MINUTE, "those that were looked at"
        for words in ('"principal":"front"', '"on_behalf_of":"eve"', '"hops":["e1"]'):
            assert words in entries[0]


async def test_an_operator_deletes_what_an_agent_left_that_is_no_more(tmp_path: Path) -> None:
    people = [*PEOPLE, {"name": "root", "role": "operator", "token": OPERATOR}]
    message = {"session": "agent:house", "text": "hi", "message_id": "m"}
    async with (
        serving(tmp_path, **{**changes(), "principals": people}) as gateway,
        talking(gateway) as (call, _),
        talking(gateway, OPERATOR) as (operate, _),
    ):
        await call("login_agent", agent="house", password="open sesame")
        await call("send_message", **message)
        assert await operate("delete_session", session="agent:house") == -32010
        assert await operate("delete_session", session="agent:none") == -32013
    async with serving(tmp_path, agents={"garden": GARDEN}, principals=people) as gateway:
        async with talking(gateway, OPERATOR) as (operate, _):
            assert await operate("delete_session", session="agent:house") == {"deleted": True}
            assert await operate("delete_session", session="agent:house") == -32013
        await gateway.gate.writer.flush()
        (entry,) = audited(tmp_path, "session.deleted")
        for words in ('"agent":"house"', '"session":"agent:house"', '"principal":"root"'):
            assert words in entry
    async with serving(tmp_path, **changes()) as gateway, talking(gateway) as (call, _):
        login = await call("login_agent", agent="house", password="open sesame")
        assert (login["oldest"], login["next"]) == (0, 0), "it begins anew"


class Reloaded:
    """A gateway whose configuration may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changes = changes()

    def load(self) -> Config:
        return config(self.folder, **{**self.changes, "principals": [*PEOPLE]})


async def test_who_was_let_in_by_a_password_that_is_none_any_more_is_out(tmp_path: Path) -> None:
    file = Reloaded(tmp_path)
    gateway = Gateway(file.load(), load=file.load, policy=Policy.parse("rules: []"))
    async with gateway, talking(gateway) as (call, client), talking(gateway) as (other, second):
        await call("login_agent", agent="house", password="open sesame")
        await other("login_agent", agent="garden", password="let it grow")
        file.changes = changes(house={"password": "a new secret"})
        report = await gateway.reload()
        assert (report.status, report.restart) == ("reloaded", ())
        assert (await client.next(Closed)).code == 1012
        assert (await other("get_session", session="agent:garden"))["principal"] == "garden"
        assert await other("login_agent", agent="house", password="open sesame") == -32017
        await other("login_agent", agent="house", password="a new secret")
        file.changes = {"agents": {"garden": GARDEN, "yard": HOUSE}}
        await gateway.reload()
        assert (await second.next(Closed)).code == 1012, "it was logged in to what is gone"


async def test_a_gateway_without_agents_lets_nobody_in(tmp_path: Path) -> None:
    async with serving(tmp_path, principals=PEOPLE) as gateway, talking(gateway) as (call, _):
        assert await call("login_agent", agent="house", password="open sesame") == -32017
