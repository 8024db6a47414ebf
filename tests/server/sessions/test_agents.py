"""The desk of the named agents: who is let in, and what a wrong password costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest
from msgspec.structs import replace
from tests.server.embedded import serving
from tests.server.gate.test_agent_calls import CHEAP, HOUSE, PEOPLE

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.agent_methods import AgentLogin, LoginAgent
from agentgate_server.gateway import Gateway
from agentgate_server.identity.password_throttle import OF_ONE_PER_MINUTE
from agentgate_server.identity.passwords import hash_password
from agentgate_server.sessions.agents import WRONG

pytestmark = pytest.mark.anyio

WALL = Principal(name="wall", role=Role.CONSOLE)
OFFICE = Principal(name="office", role=Role.RELAY)


class Waiting:
    """A reply that somebody waits for."""

    def __init__(self) -> None:
        self.there = anyio.Event()
        self.login: AgentLogin | None = None
        self.refusal: tuple[ErrorCode, str, Any] | None = None

    def result(self, result: Any) -> None:
        self.login = result
        self.there.set()

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        self.refusal = code, message, data
        self.there.set()


async def login(
    gateway: Gateway,
    password: str,
    agent: str = "house",
    address: str = "10.0.0.1",
    by: Principal = WALL,
) -> Waiting:
    """Log in, and wait for what comes of it."""
    assert gateway.gate.agents is not None
    reply = Waiting()
    params = LoginAgent(agent=agent, password=password)
    gateway.gate.agents.login(by, address, params, reply)
    await reply.there.wait()
    return reply


async def test_a_guesser_is_slowed_down_and_the_owner_elsewhere_is_not(tmp_path: Path) -> None:
    async with serving(tmp_path, agents={"house": HOUSE}, principals=PEOPLE) as gateway:
        for number in range(OF_ONE_PER_MINUTE):
            wrong = await login(gateway, f"guess {number}")
            assert wrong.refusal is not None
            assert (wrong.refusal[0], wrong.refusal[2]) == (ErrorCode.LOGIN_FAILED, None)
        right = await login(gateway, "open sesame")
        assert right.refusal is not None, "nor is the right one looked at, or guessing had no end"
        assert 0 < right.refusal[2]["retry_after_s"] < 60
        elsewhere = await login(gateway, "open sesame", address="10.0.0.2")
        assert elsewhere.login is not None
        assert elsewhere.login.session == "agent:house"


@pytest.mark.parametrize("by", [OFFICE, WALL])
async def test_a_relay_comes_back_whoever_guesses_there(tmp_path: Path, by: Principal) -> None:
    async with serving(tmp_path, agents={"house": HOUSE}, principals=PEOPLE) as gateway:
        assert (await login(gateway, "open sesame", by=by)).login is not None
        for number in range(OF_ONE_PER_MINUTE + 1):
            wrong = await login(gateway, f"guess {number}", by=by)
        assert wrong.refusal is not None
        assert wrong.refusal[2] is not None, "guessing has an end there, too"
        again = await login(gateway, "open sesame", by=by)
        assert (again.login is not None) is (by is OFFICE)
        assert (await login(gateway, "another", by=by)).refusal is not None


async def test_a_relay_that_was_never_in_learns_nothing_beyond_what_it_may_guess(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, agents={"house": HOUSE}, principals=PEOPLE) as gateway:
        assert (await login(gateway, "open sesame")).login is not None, "so it is known here"
        for number in range(OF_ONE_PER_MINUTE):
            await login(gateway, f"guess {number}", by=OFFICE)
        assert (await login(gateway, "open sesame", by=OFFICE)).login is None


async def test_an_agent_that_is_none_is_refused_as_a_wrong_password_is(tmp_path: Path) -> None:
    agents = {"house": {"password_hash": hash_password("open sesame", CHEAP)}}
    async with serving(tmp_path, agents=agents, principals=PEOPLE) as gateway:
        for _ in range(OF_ONE_PER_MINUTE + 1):
            wrong = await login(gateway, "open")
            none = await login(gateway, "open", agent="cellar")
            assert wrong.refusal is not None
            assert none.refusal is not None
            assert wrong.refusal[:2] == none.refusal[:2]
            assert (wrong.refusal[2] is None) is (none.refusal[2] is None)


async def test_an_agent_that_is_gone_before_it_is_looked_for_lets_nobody_in(tmp_path: Path) -> None:
    async with serving(tmp_path, agents={"house": HOUSE}, principals=PEOPLE) as gateway:
        desk = gateway.gate.agents
        assert desk is not None
        ended: list[frozenset[str]] = []
        desk.ended.append(ended.append)
        reply = Waiting()
        desk.login(WALL, "10.0.0.1", LoginAgent(agent="house", password="open sesame"), reply)
        desk.reconfigure({})
        await reply.there.wait()
        assert reply.login is None
        assert ended == [frozenset({"house"})]
        assert desk.ids == frozenset()


async def test_a_password_that_changes_while_it_is_checked_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = {"house": {"password_hash": hash_password("open sesame", CHEAP)}}
    async with serving(tmp_path, agents=agents, principals=PEOPLE) as gateway:
        desk = gateway.gate.agents
        assert desk is not None
        (name, former) = next(iter(gateway.config.agents.items()))
        other = replace(former, password_hash=hash_password("another", CHEAP))
        passwords = desk._passwords
        check = passwords.check

        def changed_meanwhile(agent: str, password: str) -> bool:
            is_right = check(agent, password)
            anyio.from_thread.run_sync(desk.reconfigure, {name: other})
            return is_right

        monkeypatch.setattr(passwords, "check", changed_meanwhile)
        reply = await login(gateway, "open sesame")
        assert reply.login is None
        assert reply.refusal == (ErrorCode.LOGIN_FAILED, WRONG, None)
        assert (await login(gateway, "another")).login is not None
