"""What happens between a client, the gate and a person, and what must come of it.

Each scene plays in a world of its own: a gateway in a process, a client in another, one script for
its model. It fails by an ``AssertionError`` that says what was seen.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until
from tests.mcp.clients.models import FINAL, Models, Script, Wish, wish
from tests.mcp.clients.programs import Place, Program

BOUND_S = 60.0
"""How long a client may take for what needs no person."""

HEARD_S = 1.0
"""How long after a person was asked the client has seen the stream that says so. One whose gateway
is killed some milliseconds after the first byte has seen nothing to come back to."""

POLICY = {
    "defaults": [{"pattern": "*", "action": "ask"}],
    "rules": [
        {"pattern": "allowed_write(secret*)", "action": "deny", "description": "never that"},
        {"pattern": "allowed_write*", "action": "allow"},
        {"pattern": "broken_write*", "action": "allow"},
    ],
}

REQUEST_ID = re.compile(r'request_id"?[:= ]+"?([A-Za-z0-9_-]{16,64})')
"""How the pending text names its request."""


class World:
    """One scene under way.

    Args:
        folder: an empty one.
        program: the client.
        modules: the folder of the npm packages.
        models: the stand-in for its model.
        wishes: what the model wants.
        hold_s: how long the gate holds this client's calls; None: its default.
        stdio: the client starts ``agent-gate mcp``.
        limit_s: how long the client lets a call take.
        arguments: further ones of the client.
        face: further members of the gate's MCP face.
    """

    def __init__(
        self,
        folder: Path,
        program: Program,
        modules: Path,
        models: Models,
        wishes: list[Wish],
        *,
        hold_s: float | None = None,
        stdio: bool = False,
        limit_s: int = 0,
        arguments: tuple[str, ...] = (),
        face: dict[str, Any] | None = None,
    ) -> None:
        gate, home = folder / "gate", folder / "home"
        gate.mkdir(parents=True)
        home.mkdir()
        mcp = {**({} if hold_s is None else {"holds": {"agent": hold_s}}), **(face or {})}
        self.gateway = GatewayProcess(gate, {"faces": {"mcp": mcp}}, POLICY)
        self.models = models
        self.script = models.script = Script(wishes)
        self.program = program
        command: tuple[str, ...] = ()
        if stdio:
            cli = str(Path(sys.executable).with_name("agent-gate"))
            options = ("--url", self.gateway.url, "--token", AGENT_TOKEN)
            command = (cli, "mcp", *options)
        url = "" if stdio else f"http://127.0.0.1:{self.gateway.port}/mcp"
        self.place = Place(home, modules, models.url, url, AGENT_TOKEN, command, limit_s, arguments)
        self.client: subprocess.Popen[str] | None = None

    def __enter__(self) -> World:
        self.gateway.start()
        self.client = self.program.start(self.place)
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.kill()
        if self.client is not None and self.client.poll() is None:
            os.killpg(self.client.pid, signal.SIGKILL)
            self.client.wait()

    def asked(self) -> None:
        """Wait until a person is asked: some clients take half a minute to start."""
        until(self.gateway.approvals, "an approval", BOUND_S)

    def approve(self) -> None:
        """Say yes to what waits; it is one prompt."""
        (waiting,) = self.gateway.wait_for_approvals()
        status, answer = self.gateway.decide(waiting["id"], "approve")
        assert status == 200, answer

    def finish(self, bound_s: float = BOUND_S) -> list[str]:
        """Wait until the client is done; return what its model was told of each tool."""
        assert self.client is not None
        try:
            code = self.client.wait(bound_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"the client is not done after {bound_s:g} s: {self.said()}"
            ) from None
        assert code == 0, f"exit code {code}: {self.said()}"
        assert not self.script.problems, self.script.problems
        assert FINAL in (self.place.folder / "out.txt").read_text(), self.said()
        return self.script.results

    def said(self) -> str:
        """The end of what the client has said."""
        texts = [(self.place.folder / name).read_text()[-1_500:] for name in ("out.txt", "err.txt")]
        return "\n".join([*texts, f"told: {self.script.results}"])

    def starts(self, tool: str, key: str) -> int:
        """How often a tool began."""
        return self.gateway.starts()[tool, key]


@dataclass(frozen=True, slots=True)
class Scene:
    """One of them.

    Attributes:
        name: for the table.
        clients: whose scene it is.
        wishes: what the model wants.
        play: what people and processes do, and what must come of it.
        options: of its world.
        long: it takes minutes.
    """

    name: str
    clients: tuple[str, ...]
    wishes: list[Wish]
    play: Callable[[World], None]
    options: dict[str, Any]
    long: bool = False


def scene(
    name: str,
    clients: str,
    *wishes: Wish,
    long: bool = False,
    **options: Any,
) -> Callable[[Callable[[World], None]], Scene]:
    """Make a scene of a function."""
    names = tuple(clients.split())
    return lambda play: Scene(name, names, list(wishes), play, options, long)


EVERY = "claude codex gemini opencode"


@scene("allowed", EVERY, wish("allowed_write", key="k"))
def allowed(world: World) -> None:
    (told,) = world.finish()
    assert "wrote k" in told, told
    assert world.starts("allowed_write", "k") == 1


@scene("denied", EVERY, wish("allowed_write", key="secret"))
def denied(world: World) -> None:
    (told,) = world.finish()
    assert "never that" in told, told
    assert world.starts("allowed_write", "secret") == 0


@scene("failed", EVERY, wish("broken_write", key="k"))
def failed(world: World) -> None:
    (told,) = world.finish()
    assert "the motor of k is stuck" in told, told
    assert world.starts("broken_write", "k") == 1


def approved_after(seconds: float) -> Callable[[World], None]:
    """A person takes so long."""

    def play(world: World) -> None:
        world.asked()
        time.sleep(seconds)
        world.approve()
        (told,) = world.finish()
        assert "wrote k" in told, told
        assert world.starts("asked_write", "k") == 1

    return play


soon = scene("asked, approved after 5 s", EVERY, wish("asked_write", key="k"))(approved_after(5))
later = scene(
    "asked, approved after 90 s",
    "claude opencode",
    wish("asked_write", key="k"),
    long=True,
    hold_s=600,
)(approved_after(90))
latest = scene(
    "asked, approved after 200 s",
    "claude codex",
    wish("asked_write", key="k"),
    long=True,
    hold_s=280,
)(approved_after(200))
stdio_later = scene(
    "stdio: asked, approved after 90 s",
    "claude codex",
    wish("asked_write", key="k"),
    long=True,
    stdio=True,
)(approved_after(90))


def collecting(results: list[str]) -> dict[str, Any]:
    """The arguments of ``gate_result``, by what the pending text says."""
    found = REQUEST_ID.search(results[0])
    return {"request_id": found[1] if found else "none"}


@scene(
    "never approved in time, collected later",
    EVERY,
    wish("asked_write", key="k"),
    Wish("gate_result", collecting),
    hold_s=20,
)
def pending(world: World) -> None:
    world.asked()
    until(lambda: len(world.script.results) == 1, "the pending text", BOUND_S)
    told = world.script.results[0]
    assert "gate_result" in told, told
    assert REQUEST_ID.search(told), told
    world.approve()
    results = world.finish()
    assert "wrote k" in results[1], results
    assert world.starts("asked_write", "k") == 1


@scene(
    "never approved in time, asked again",
    EVERY,
    wish("asked_write", key="k"),
    wish("asked_write", key="k"),
    hold_s=20,
)
def asked_again(world: World) -> None:
    world.asked()
    until(lambda: len(world.script.results) == 1, "the pending text", BOUND_S)
    world.approve()
    results = world.finish()
    assert "wrote k" in results[1], results
    assert world.starts("asked_write", "k") == 1


def killed_for(seconds: float) -> Callable[[World], None]:
    """The gateway is away for so long, in the midst of a call."""

    def play(world: World) -> None:
        world.asked()
        time.sleep(HEARD_S)
        world.gateway.kill()
        time.sleep(seconds)
        world.gateway.start()
        world.approve()
        results = world.finish(2 * BOUND_S)
        assert "wrote k" in results[0], results
        assert "wrote after" in results[1], results
        assert world.starts("asked_write", "k") == 1

    return play


killed = scene(
    "the gateway is killed while a person is asked",
    "codex gemini opencode",
    wish("asked_write", key="k"),
    wish("allowed_write", key="after"),
    hold_s=280,
)(killed_for(4))
killed_longer = scene(
    "the gateway is away for 12 s while a person is asked",
    "codex gemini opencode",
    wish("asked_write", key="k"),
    wish("allowed_write", key="after"),
    hold_s=280,
)(killed_for(12))


def thinking(seconds: float) -> Callable[[list[str]], dict[str, Any]]:
    """The arguments of a call that the model makes after some time."""

    def args(_: list[str]) -> dict[str, Any]:
        time.sleep(seconds)
        return {"key": "k"}

    return args


@scene(
    "the gateway is killed, the model asks again",
    "claude",
    wish("asked_write", key="k"),
    Wish("asked_write", thinking(15)),
    hold_s=280,
)
def killed_and_asked_again(world: World) -> None:
    world.asked()
    world.gateway.kill()
    time.sleep(2)
    world.gateway.start()
    until(lambda: world.script.results, "the end of the first call", 3 * BOUND_S)
    time.sleep(20)
    world.approve()
    results = world.finish(2 * BOUND_S)
    assert "wrote k" in results[-1], results
    assert world.starts("asked_write", "k") == 1


@scene(
    "stdio: the gateway is killed while a person is asked",
    EVERY,
    wish("asked_write", key="k"),
    wish("allowed_write", key="after"),
    stdio=True,
)
def stdio_killed(world: World) -> None:
    world.asked()
    world.gateway.kill()
    time.sleep(4)
    world.gateway.start()
    world.approve()
    results = world.finish()
    assert "wrote k" in results[0], results
    assert "wrote after" in results[1], results
    assert world.starts("asked_write", "k") == 1


@scene("the same act twice", EVERY, wish("allowed_write", key="k"), wish("allowed_write", key="k"))
def twice(world: World) -> None:
    results = world.finish()
    assert all("wrote k" in told for told in results), results
    assert world.starts("allowed_write", "k") == 1


SCENES = tuple(each for each in list(globals().values()) if isinstance(each, Scene))
