"""Consoles on stock clients, a controller and its managers: each leg cut, each process killed.

After all that, every console shows of every agent what every other shows, and what one that comes
new is given: the whole history, in order, once; nothing of another agent or gateway in it; and all
that was ever acknowledged.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from tests.chance import fresh_base, is_fixed
from tests.e2e.cutting import CuttingProxy, cutting_proxy
from tests.e2e.process import GatewayProcess, until
from tests.e2e.relay_world import (
    PASSWORD,
    SETTLED_S,
    ConsoleProcess,
    View,
    controller_config,
    gateway_of,
    manager_config,
    settled,
)
from tests.e2e.stock_socketio import WAYS

pytestmark = pytest.mark.anyio

ROUNDS = int(os.environ.get("RELAY_ROUNDS", "6"))
"""Of breaking something; ``make relays`` plays a hundred."""

SAID_A_ROUND = 2
"""Messages of each console to each of its agents, in each round."""

PAUSE_S = (0.0, 0.3)
"""How long after those were said something breaks."""

BOUND_S = 60.0 + 10.0 * ROUNDS

AGENTS = {"m1": {"a1": "Ada", "a2": "Bob"}, "m2": {"a1": "Cleo", "a3": "Dan"}}
"""Of each manager; two have an agent of the same id."""

STORED = {"m1": {"a1": PASSWORD}, "m2": {"a1": PASSWORD, "a3": PASSWORD}}
"""Passwords that the controller has."""


@pytest.fixture
def anyio_backend() -> str:
    """The processes are what is tested: this one's event loop is of no matter."""
    return "asyncio"


class World:
    """All of it.

    Attributes:
        gateways: by name.
        proxies: in front of them, on the way from consoles or from the controller.
        consoles: by name, each with its upstream and the agents that it talks to.
        said: by its name, who said a message, to which upstream's which agent, and its text.
    """

    def __init__(self, folder: Path) -> None:
        self.gateways: dict[str, GatewayProcess] = {
            name: gateway_of(folder / name, {}) for name in ("m1", "m2", "c")
        }
        for name, agents in AGENTS.items():
            self.gateways[name].config.update(manager_config(folder / name, agents))
        self.proxies: dict[str, CuttingProxy] = {}
        self.consoles: dict[str, tuple[ConsoleProcess, str, list[str]]] = {}
        self.said: dict[str, tuple[str, str, str, str]] = {}

    def console(
        self, client: str, upstream: str, transports: list[str] | None, agents: list[str]
    ) -> ConsoleProcess:
        """A console of the controller; where it has the password, that is used."""
        passwords = {each: None if each in STORED[upstream] else PASSWORD for each in agents}
        url = f"http://127.0.0.1:{self.proxies['c'].port}"
        return ConsoleProcess(
            client, url, upstream=upstream, agents=passwords, transports=transports
        )

    def say(self, round_number: int) -> None:
        for name, (console, upstream, agents) in self.consoles.items():
            for agent in agents:
                for number in range(SAID_A_ROUND):
                    said = f"{name}-{agent}-{round_number}-{number}"
                    text = f"say {upstream}/{agent}/{said}"
                    self.said[said] = name, upstream, agent, text
                    console.say(agent, text, said)

    def break_something(self, draw: Random) -> str:
        """Cut a leg, or kill a process, from a thread beside the event loop; return what."""
        legs = [f"leg to {name}" for name in self.proxies]
        what = draw.choice([*legs, *self.gateways, *self.consoles])
        if what.startswith("leg to "):
            anyio.from_thread.run_sync(self.proxies[what.removeprefix("leg to ")].cut)
        elif what in self.gateways:
            self.gateways[what].restart()
        else:
            console, _, _ = self.consoles[what]
            console.kill()
            console.start()
            known = {*console.acknowledged}
            for said, (name, _, agent, text) in self.said.items():
                if name == what and said not in known:
                    console.say(agent, text, said)  # what it has not heard of it says again
        return what


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    it = World(folder)
    with ExitStack() as stack:
        for name in AGENTS:
            stack.enter_context(it.gateways[name])
        async with (
            cutting_proxy(it.gateways["m1"].port) as to_m1,
            cutting_proxy(it.gateways["m2"].port) as to_m2,
            cutting_proxy(it.gateways["c"].port) as to_c,
        ):
            it.proxies = {"m1": to_m1, "m2": to_m2, "c": to_c}
            urls = {name: (it.proxies[name].url, STORED[name]) for name in AGENTS}
            it.gateways["c"].config.update(controller_config(urls))
            await anyio.to_thread.run_sync(it.gateways["c"].start)
            stack.callback(it.gateways["c"].kill)
            stack.callback(stop_consoles, it)
            yield it


def stop_consoles(it: World) -> None:
    for console, _, _ in it.consoles.values():
        console.kill()


PLAN: dict[str, tuple[str, str, list[str] | None, list[str]]] = {
    "py": ("python", "m1", WAYS["default"], ["a1", "a2"]),
    "py-ws": ("python", "m2", WAYS["websocket"], ["a1", "a3"]),
    "js": ("javascript", "m1", WAYS["default"], ["a2", "a1"]),
    "js-polling": ("javascript", "m2", WAYS["polling"], ["a1"]),
}
"""The consoles: client, upstream, transports, agents."""


def check(it: World, views: dict[tuple[str, str], list[View]]) -> None:
    """What all consoles show of each agent."""
    acknowledged = {each for console, _, _ in it.consoles.values() for each in console.acknowledged}
    assert acknowledged == set(it.said)
    for (upstream, agent), shown in views.items():
        assert all(view == shown[0] for view in shown), f"not all show the same of {agent}"
        people = [text for who, text in shown[0] if who == "user"]
        wanted = [
            text
            for _, its_upstream, its_agent, text in it.said.values()
            if (its_upstream, its_agent) == (upstream, agent)
        ]
        assert sorted(people) == sorted(wanted), f"not once each, or not of {upstream}/{agent}"
        for name in it.consoles:  # what one console says to an agent is in its order
            own = [text for text in people if f"/{name}-{agent}-" in text]
            assert own == [text for text in wanted if f"/{name}-{agent}-" in text]
        for who, text in shown[0]:
            assert who in ("user", "text", "error"), text
            if who == "text":  # of a run whose gateway was killed only the beginning may be there
                wholes = [f"heard {said.removeprefix('say ')}" for said in people]
                assert any(whole.startswith(text) for whole in wholes), text


def agreed(consoles: list[ConsoleProcess], agent: str) -> list[View]:
    """Wait until all show the same: a run that was broken off after its answer has a line more than
    ``settled`` waits for, and not all are told it at the same moment."""

    def look() -> list[View] | None:
        shown = [console.view(agent) for console in consoles]
        return shown if all(view == shown[0] for view in shown) else None

    return until(look, f"all consoles to show the same of {agent}", SETTLED_S)


def look(it: World) -> dict[tuple[str, str], list[View]]:
    """Wait until all consoles show everything, and one that comes new as well."""
    there: dict[tuple[str, str], list[ConsoleProcess]] = {}
    views: dict[tuple[str, str], list[View]] = {}
    counts: dict[tuple[str, str], int] = {}
    for _, upstream, agent, _ in it.said.values():
        counts[upstream, agent] = counts.get((upstream, agent), 0) + 1
    for console, upstream, agents in it.consoles.values():
        for agent in agents:
            settled(console, agent, counts[upstream, agent])
            there.setdefault((upstream, agent), []).append(console)
    for upstream, agents_there in AGENTS.items():
        mine = [agent for agent in agents_there if (upstream, agent) in counts]
        with it.console("python", upstream, None, mine) as fresh:
            for agent in mine:
                settled(fresh, agent, counts[upstream, agent])
                views[upstream, agent] = agreed([*there[upstream, agent], fresh], agent)
    return views


async def test_whatever_breaks_every_console_has_the_whole_history_in_order_and_once(
    tmp_path: Path,
) -> None:
    seed = 0 if is_fixed() else fresh_base()
    draw = Random(seed)
    broken: list[str] = []
    with anyio.fail_after(BOUND_S):
        async with world(tmp_path) as it:
            for name, (client, upstream, transports, agents) in PLAN.items():
                console = it.console(client, upstream, transports, agents)
                await anyio.to_thread.run_sync(console.start)
                it.consoles[name] = console, upstream, agents
            for number in range(ROUNDS):
                it.say(number)
                await anyio.sleep(draw.uniform(*PAUSE_S))
                broken.append(await anyio.to_thread.run_sync(it.break_something, draw))
            views = await anyio.to_thread.run_sync(look, it)
            check(it, views)
    assert broken, f"seed {seed}"


async def test_each_way_and_each_client_has_the_flows_of_seed_002(tmp_path: Path) -> None:
    def play(it: World, client: str, way: str, count: int) -> Any:
        with it.console(client, "m1", WAYS[way], ["a1", "a2"]) as console:
            console.say("a1", f"say m1/a1/{client}-{way}", f"{client}-{way}")
            console.say("a2", f"say m1/a2/{client}-{way}", f"{client}-{way}-2")
            return settled(console, "a1", count), settled(console, "a2", count), console.show()

    with anyio.fail_after(60.0):
        async with world(tmp_path) as it:
            for count, (client, way) in enumerate(
                ((client, way) for client in ("python", "javascript") for way in WAYS), 1
            ):
                one, two, shown = await anyio.to_thread.run_sync(play, it, client, way, count)
                assert one[-2:] == [
                    ["user", f"say m1/a1/{client}-{way}"],
                    ["text", f"heard m1/a1/{client}-{way}"],
                ]
                assert len(one) == 2 * count
                assert two[-2][1] == f"say m1/a2/{client}-{way}"
                assert shown["transport"] == ("polling" if way == "polling" else "websocket")
                told = [event for event, _ in shown["events"]]  # what is said may log in as well
                assert (told[0], set(told[1:])) == ("clientSet", {"loginSuccess"})


@pytest.mark.parametrize("client", ["python", "javascript"])
async def test_while_a_manager_is_away_messages_wait_and_the_console_is_told(
    tmp_path: Path, client: str
) -> None:
    def play(it: World) -> tuple[View, dict[str, Any]]:
        with it.console(client, "m1", None, ["a1"]) as console:
            until(lambda: "loginSuccess" in names(console), "the login")
            console.say("a1", "say before", "before")
            settled(console, "a1", 1)
            it.gateways["m1"].kill()
            until(lambda: "remoteReconnecting" in names(console), "word of the break")
            console.say("a1", "say meanwhile", "meanwhile")
            it.gateways["m1"].start()
            return settled(console, "a1", 2), console.show()

    def names(console: ConsoleProcess) -> list[str]:
        return [event for event, _ in console.show()["events"]]

    with anyio.fail_after(60.0):
        async with world(tmp_path) as it:
            view, shown = await anyio.to_thread.run_sync(play, it)
    assert view == [
        ["user", "say before"],
        ["text", "heard before"],
        ["user", "say meanwhile"],
        ["text", "heard meanwhile"],
    ]
    told = [event for event, _ in shown["events"] if event != "remoteReconnecting"]
    assert told == ["clientSet", "loginSuccess", "remoteDisconnected", "remoteReconnected"]
    attempts = [each["attempt"] for event, each in shown["events"] if event.endswith("necting")]
    assert attempts == list(range(1, len(attempts) + 1))
    assert shown["connects"] == 1


async def test_a_password_that_was_changed_there_ends_what_it_had_opened(tmp_path: Path) -> None:
    def play(it: World) -> list[tuple[str, Any]]:
        with it.console("python", "m1", None, ["a1"]) as console:
            until(lambda: "a1" in console.show()["views"], "the login")
            it.gateways["m1"].kill()
            it.gateways["m1"].config["agents"]["a1"]["password"] = "quite another password"
            it.gateways["m1"].start()
            until(lambda: "loginError" in names(console), "word of the refusal")
            console.emit(
                "forward", {"event": "chat", "payload": {"message": "Hi"}, "agentId": "a1"}
            )
            until(lambda: names(console).count("loginError") == 2, "another refusal")
            until(lambda: "error" in names(console), "what became of the message")
            return [each for each in console.show()["events"] if "rror" in each[0]]

    def names(console: ConsoleProcess) -> list[str]:
        return [event for event, _ in console.show()["events"]]

    with anyio.fail_after(60.0):
        async with world(tmp_path) as it:
            errors = await anyio.to_thread.run_sync(play, it)
    assert {event for event, _ in errors} == {"loginError", "error"}
    assert {payload["message"] for _, payload in errors} == {"Invalid credentials"}
