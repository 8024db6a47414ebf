"""Stock clients of Socket.IO as consoles of a manager: seed 002's flows without a controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.process import GatewayProcess, until
from tests.e2e.relay_world import (
    PASSWORD,
    ConsoleProcess,
    gateway_of,
    manager_config,
    settled,
)
from tests.e2e.stock_socketio import WAYS

from agentgate_proto.faces.engineio.settings import EngineSettings

LARGE_COUNT, LARGE_CHARS = 30, 150_000
"""Messages of a long history, and how long each is."""

AT_ONCE = 8
"""Messages that one console says without waiting for answers: the agent has them one by one."""


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder: Path = tmp_path_factory.mktemp("manager")
    with gateway_of(folder, manager_config(folder, {"a1": "Ada", "a2": "Bob"})) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def said_before() -> dict[str, int]:
    """How many messages each of its agents was told so far."""
    return {"messages": 0}


def console_of(
    manager: GatewayProcess, client: str, way: str, password: str = PASSWORD
) -> ConsoleProcess:
    url = f"http://127.0.0.1:{manager.port}"
    agents = {"a1": password, "a2": password}
    return ConsoleProcess(client, url, agents=agents, transports=WAYS[way])


@pytest.mark.parametrize("client", ["python", "javascript"])
@pytest.mark.parametrize("way", WAYS)
def test_consoles_share_agents_and_find_everything_again(
    manager: GatewayProcess, said_before: dict[str, int], client: str, way: str
) -> None:
    tag = f"{client}-{way}"
    with (
        console_of(manager, client, way) as console,
        console_of(manager, "python", "websocket") as other,
    ):
        until(lambda: {"a1", "a2"} <= set(other.show()["views"]), "two logins")
        before = said_before["messages"]
        said_before["messages"] += AT_ONCE
        for number in range(AT_ONCE):
            for agent in ("a1", "a2"):
                console.say(agent, f"say {agent}-{tag}-{number}", f"{agent}-{tag}-{number}")
        views = {agent: settled(console, agent, before + AT_ONCE) for agent in ("a1", "a2")}
        for agent, view in views.items():
            assert settled(other, agent, before + AT_ONCE) == view
            said = [text for who, text in view if who == "user"]
            assert said[-AT_ONCE:] == [f"say {agent}-{tag}-{number}" for number in range(AT_ONCE)]
            heard = [text for who, text in view if who == "text"]
            assert sorted(heard) == sorted(text.replace("say", "heard") for text in said)
            assert all(text.split()[1].startswith(agent) for _, text in view)
        shown = console.show()
        assert shown["transport"] == ("polling" if way == "polling" else "websocket")
        assert {event for event, _ in shown["events"]} == {"loginSuccess"}
        with console_of(manager, client, way) as late:
            for agent, view in views.items():
                assert settled(late, agent, before + AT_ONCE) == view


@pytest.mark.parametrize("client", ["python", "javascript"])
def test_a_wrong_password_is_told_in_words_that_tell_nothing(
    manager: GatewayProcess, client: str
) -> None:
    with console_of(manager, client, "default", password="wrong") as console:
        events = until(
            lambda: found if len(found := console.show()["events"]) >= 2 else None, "two refusals"
        )
        assert sorted(events, key=str) == [
            ["loginError", {"message": "Invalid credentials", "agentId": "a1"}],
            ["loginError", {"message": "Invalid credentials", "agentId": "a2"}],
        ]


@pytest.mark.parametrize("client", ["python", "javascript"])
def test_a_manager_that_was_killed_has_its_consoles_back_with_all_they_said(
    tmp_path: Path, client: str
) -> None:
    with gateway_of(tmp_path, manager_config(tmp_path, {"a1": "Ada", "a2": "Bob"})) as manager:
        with console_of(manager, client, "default") as console:
            for number in range(AT_ONCE):
                console.say("a1", f"say a1-{number}", f"a1-{number}")
                if number % 3 == 1:
                    manager.restart()
            view = settled(console, "a1", AT_ONCE)
        said = [text for who, text in view if who == "user"]
        assert said == [f"say a1-{number}" for number in range(AT_ONCE)]
        assert console.acknowledged == [f"a1-{number}" for number in range(AT_ONCE)]


@pytest.mark.parametrize("way", ["polling", "websocket"])
def test_a_history_that_is_larger_than_what_may_wait_comes_whole(tmp_path: Path, way: str) -> None:
    """At its console's pace: else it would be cut off as a slow one, each time that it comes."""
    with gateway_of(tmp_path, manager_config(tmp_path, {"a1": "Ada", "a2": "Bob"})) as manager:
        with console_of(manager, "python", "websocket") as console:
            for number in range(LARGE_COUNT):
                console.say("a1", f"note {number} " + "x" * LARGE_CHARS, f"a1-{number}")
            view = settled(console, "a1", LARGE_COUNT)
        assert sum(len(text) for _, text in view) > EngineSettings().queued_bytes_max
        with console_of(manager, "python", way) as late:
            assert settled(late, "a1", LARGE_COUNT) == view
            assert late.show()["connects"] == 1
