"""Named agents behind a link: logged in to, talked to and read, while the link is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from tests.chance import seeds
from tests.e2e.cutting import cutting_proxy
from tests.relay.street import ALLOW_ALL, ANN, RELAY, audit_of, link_of, office

from agentgate_client import AgentGateError, Cursor, ErrorCode, Event
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_relay.gateway_link import GatewayLink
from agentgate_server.config import config_from_dict
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

BOUND_S = 60.0
ROUNDS = 15
PASSWORD = "open sesame"


def manager(folder: Path) -> Gateway:
    """A gateway with a named agent, whose model rehearses."""
    return Gateway(
        config_from_dict(
            {
                "gateway": {"port": 0, "shutdown_s": 0.2},
                "principals": [
                    {"name": "office", "role": "relay", "token": RELAY},
                    {"name": "ann", "role": "approver", "token": ANN},
                ],
                "storage": {"path": str(folder / "house.db")},
                "agents": {"cook": {"name": "The cook", "password": PASSWORD}},
            },
            name="house",
        ),
        policy=Policy.parse(ALLOW_ALL),
    )


class Log:
    """Keeps what is read."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ends: list[AgentGateError | None] = []

    def take(self, events: Sequence[Event]) -> None:
        self.events += events

    def ended(self, error: AgentGateError | None) -> None:
        self.ends.append(error)

    @property
    def ended_runs(self) -> int:
        """How many answers are over."""
        return sum(event.kind == "run_ended" for event in self.events)

    @property
    def said(self) -> list[str]:
        """What people said, in order."""
        return [event.data["text"] for event in self.events if event.kind == "message"]


async def login(link: GatewayLink, agent: str, password: str | None) -> AgentLogin | AgentGateError:
    ends: list[Any] = []
    link.login(agent, password, lambda result, error: ends.append(result or error))
    while not ends:
        await anyio.sleep(0.002)
    found: AgentLogin | AgentGateError = ends[0]
    return found


async def send(link: GatewayLink, text: str) -> Any:
    ends: list[Any] = []
    message = SendMessage(
        session="agent:cook",
        text=text,
        message_id=f"id of {text}",
        queue=True,
        on_behalf_of=link.behalf("anna"),
    )
    link.call("send_message", message, lambda result, error: ends.append(result or error))
    while not ends:
        await anyio.sleep(0.002)
    return ends[0]


async def test_a_login_is_looked_at_by_the_gateway_that_knows(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_S):
        async with manager(tmp_path) as behind:
            stored = {"agents": {"cook": {"password": PASSWORD}}}
            async with office(tmp_path, behind.url, **stored) as front:
                link = link_of(front)
                wrong = await login(link, "cook", "open says me")
                assert isinstance(wrong, AgentGateError)
                assert wrong.code == ErrorCode.LOGIN_FAILED
                nobody = await login(link, "baker", "open sesame")
                assert isinstance(nobody, AgentGateError)
                assert (nobody.code, nobody.message) == (wrong.code, wrong.message)
                for name, password in (("cook", None), ("The cook", PASSWORD)):
                    right = await login(link, name, password)
                    assert isinstance(right, AgentLogin)
                    assert (right.agent, right.session) == ("cook", "agent:cook")
                assert link.logged_in == ["cook"]


@pytest.mark.slow
async def test_whatever_breaks_each_message_is_said_and_read_once_and_in_order(
    tmp_path: Path,
) -> None:
    (seed,) = seeds(1)
    print("seed", seed)
    rng = Random(seed)
    log = Log()
    with anyio.fail_after(BOUND_S):
        async with (
            manager(tmp_path) as behind,
            cutting_proxy(behind.port) as proxy,
            office(tmp_path, proxy.url, agents={"cook": {"password": PASSWORD}}) as front,
        ):
            link = link_of(front)
            found = await login(link, "cook", None)
            assert isinstance(found, AgentLogin)
            stop = link.read(found.session, Cursor(found.epoch, found.oldest), log)
            for number in range(ROUNDS):
                async with anyio.create_task_group() as tasks:
                    for one in "ab":
                        tasks.start_soon(send, link, f"{number} {one}")
                    for _ in range(rng.randrange(1, 4)):
                        await anyio.sleep(rng.random() * 0.03)
                        proxy.cut()
                while log.ended_runs < 2 * (number - 3):  # so many may wait for their turn
                    await anyio.sleep(0.005)
            while log.ended_runs < 2 * ROUNDS:
                await anyio.sleep(0.005)
            stop()
            assert log.ends == []
            assert Counter(log.said) == Counter(f"{n} {o}" for n in range(ROUNDS) for o in "ab")
            offsets = [event.offset for event in log.events]
            assert offsets == sorted(set(offsets))
            starts = [each.offset for each in log.events]
            after = [each.offset + each.count for each in log.events]
            assert starts[1:] == after[:-1], "without a gap"
            again = Log()
            link.read(found.session, Cursor(found.epoch, found.oldest), again)
            while len(again.said) < 2 * ROUNDS:
                await anyio.sleep(0.005)
            assert again.said == log.said, "live and restored are one order"
            runs = [e for e in await audit_of(behind) if e["event"] == "session.run_started"]
            assert {entry.get("on_behalf_of") for entry in runs} == {"anna"}
