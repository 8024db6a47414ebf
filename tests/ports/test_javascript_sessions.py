"""Sessions in the JavaScript port: its rules beside the core's, and against a real gateway."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from tests.chance import seeds
from tests.e2e.cutting import cutting_proxy
from tests.e2e.process import AGENT_TOKEN, GatewayProcess
from tests.ports.node import JavaScriptClient
from tests.ports.watches import Ours, Port, play

SCENES = """\
pause_ms: 5
scenes:
  - {when: "wait*", say: "never", pause_ms: 600000}
  - {when: "say {words}", say: "{words}"}
"""

LONG = " ".join(f"{number}.ü€😀" for number in range(400))


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    (tmp_path / "scenes.yaml").write_text(SCENES, "utf-8")
    model = {"backend": "rehearsal", "script": "scenes.yaml"}
    with GatewayProcess(tmp_path, {"sessions": {"models": {"actor": model}}}) as process:
        yield process


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[JavaScriptClient]:
    with JavaScriptClient(gateway.url, AGENT_TOKEN, "javascript") as client:
        client.connect()
        yield client


def ask(client: JavaScriptClient, command: str, **more: Any) -> Any:
    """Give a command, and return what it came to."""
    client.begin(command, command, **more)
    ended = client.wait(command)
    assert "data" in ended, ended
    return ended["data"]


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["data"]["text"] for event in events if event["kind"] == "text")


def in_order(events: list[dict[str, Any]]) -> None:
    """No event is missing, none comes twice."""
    for one, other in pairwise(events):
        assert other["offset"] == one["offset"] + one["count"], (one, other)


def test_it_says_what_our_core_says_whatever_comes() -> None:
    with Port() as port:
        for seed in seeds(150):
            play(seed, port)


def test_a_slow_reader_is_left_out_at_the_same_size_about() -> None:
    event = {"offset": 0, "kind": "note", "at": "", "data": {"text": "x" * 100_000}}
    ours = Ours()
    with Port() as port:
        for side in (ours, port):
            side.do({"begin": "s1"})
            side.do({"add": {"name": "a", "cursor": {"epoch": "e", "offset": 0}, "run": ""}})
            side.do({"attached": {"epoch": "e", "offset": 0, "next": 0}})
            taken = 0
            while side.do({"take": [event | {"offset": taken}]})["call"] is None:
                taken += 1
            assert taken == 10
            seen = side.do({"read": "a"})
            assert [each["offset"] for each in seen["read"]] == list(range(11))
            assert seen["call"]["params"]["offset"] == 11


def test_a_session_from_its_beginning_to_its_end(client: JavaScriptClient) -> None:
    view = ask(client, "session", options={"userId": "kim", "metadata": {"a": 1}})
    assert (view["user_id"], view["metadata"]) == ("kim", {"a": 1})
    session = view["id"]
    run = ask(client, "run", session=session, text="say hello there")
    assert (run["text"], run["status"], run["joined"]) == ("hello there", "completed", False)
    assert [run["events"][0]["kind"], run["events"][-1]["kind"]] == ["message", "run_ended"]
    in_order(run["events"])
    again = ask(client, "watch", session=session, cursor={"epoch": view["epoch"], "offset": 0})
    assert text_of(again) == "hello there"
    assert ask(client, "usage", session=session)["total"]["requests"] == 1
    assert "say more" in ask(client, "inspect", session=session, text="say more")["body"]
    assert [row["id"] for row in ask(client, "sessions", options={"userId": "kim"})] == [session]
    assert [row["name"] for row in ask(client, "models")] == ["actor"]
    assert ask(client, "forget", session=session) is True
    client.begin("gone", "run", session=session, text="say hello")
    assert client.wait("gone")["error"]["code"] == -32013


def test_a_message_that_comes_again_joins_and_another_is_refused(client: JavaScriptClient) -> None:
    session = ask(client, "session")["id"]
    client.begin("one", "text", session=session, text="wait", options={"messageId": "m1"})
    client.begin("all", "watch", session=session, cursor=None, count=4)
    client.wait_for({"watched": "model_started"})
    client.begin("other", "run", session=session, text="say hello")
    error = client.wait("other")["error"]
    assert error["code"] == -32014
    client.begin("same", "text", session=session, text="wait", options={"messageId": "m1"})
    assert ask(client, "stop", session=session, run=error["data"]["run"])["status"] == "cancelled"
    for name in ("one", "same"):
        assert client.wait(name)["error"]["code"] == -32008


def test_a_run_that_is_read_over_broken_connections_is_whole(gateway: GatewayProcess) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(cutting_proxy(gateway.port)) as proxy,
        JavaScriptClient(proxy.url, AGENT_TOKEN, "javascript") as client,
    ):
        client.connect()
        session = ask(client, "session")
        client.begin("run", "run", session=session["id"], text=f"say {LONG}")
        cursor = {"epoch": session["epoch"], "offset": 0}
        client.begin("watch", "watch", session=session["id"], cursor=cursor)
        for _ in range(2):
            client.wait_for({"watched": "text"})
            client.events.clear()
            portal.call(proxy.cut)
            client.wait_for({"state": "connected"})
        ended, watched = client.wait("run")["data"], client.wait("watch")["data"]
        assert proxy.cuts == 2
    for events in (ended["events"], watched):
        in_order(events)
        assert text_of(events) == LONG
        assert events[-1]["data"]["status"] == "completed"
    assert ended["text"] == LONG


def test_a_run_whose_gateway_died_is_interrupted_and_says_so(
    gateway: GatewayProcess, client: JavaScriptClient
) -> None:
    session = ask(client, "session")["id"]
    client.begin("run", "run", session=session, text="wait")
    client.begin("text", "watch", session=session, cursor=None, count=99)
    client.wait_for({"watched": "model_started"})
    gateway.restart()
    run = client.wait("run")
    assert run["error"]["code"] == -32016
    assert run["error"]["data"]["status"] == "interrupted"
    kinds = [event["kind"] for event in client.wait("text")["data"]]
    assert kinds[-1] == "run_ended"


def test_closing_the_client_ends_what_is_watched_and_says_of_a_run_that_it_has_not_ended(
    client: JavaScriptClient,
) -> None:
    session = ask(client, "session")["id"]
    client.begin("run", "run", session=session, text="wait")
    client.begin("watch", "watch", session=session, cursor=None, count=99)
    client.wait_for({"watched": "model_started"})
    client.begin("close", "close")
    assert client.wait("run")["error"]["code"] == -32000
    assert [event["kind"] for event in client.wait("watch")["data"]][-1] == "model_started"


def test_a_slow_reader_loses_nothing(client: JavaScriptClient) -> None:
    session = ask(client, "session")["id"]
    words = " ".join(str(number) for number in range(300))
    run = ask(client, "run", session=session, text=f"say {words}", readMs=3)
    in_order(run["events"])
    assert run["text"] == text_of(run["events"]) == words


CONSOLE = "console-token-0123456789"
AGENTS = {"house": {"name": "The house", "password": "open sesame"}}


def test_it_logs_in_to_an_agent_and_again_after_a_cut(tmp_path: Path) -> None:
    (tmp_path / "scenes.yaml").write_text(SCENES, "utf-8")
    model = {"backend": "rehearsal", "script": "scenes.yaml"}
    console = {"name": "wall", "role": "console", "token": CONSOLE}
    changes = {"sessions": {"models": {"actor": model}}, "agents": AGENTS, "principals": [console]}
    with (
        GatewayProcess(tmp_path, changes) as process,
        JavaScriptClient(process.url, CONSOLE, "wall") as client,
    ):
        client.connect()
        client.begin("wrong", "login", agent="house", password="a guess")
        assert client.wait("wrong")["error"]["code"] == -32017
        house = {"agent": "The house", "password": "open sesame"}
        assert ask(client, "login", **house) == {"id": "house", "session": "agent:house"}
        client.begin("one", "run", session="agent:house", text="say one", options={"queue": True})
        client.begin("two", "run", session="agent:house", text="say two", options={"queue": True})
        assert {client.wait(name)["data"]["text"] for name in ("one", "two")} == {"one", "two"}
        process.kill()
        process.start()
        said = ask(client, "text", session="agent:house", text="say three", options={"queue": True})
        assert said == "three"
        assert ask(client, "logout", **house) is True
        client.begin("out", "text", session="agent:house", text="say four")
        assert client.wait("out")["error"]["code"] == -32013
