"""One scene's world: a gateway in a process, a client in another, one script for its model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until
from tests.mcp.clients.models import FINAL, Models, Script, Wish
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
        policy: the gate's.
        servers: makes the MCP servers behind the gate, of an empty folder: ``tools.mcp``.
        starts: the client is started at once; else the scene does it.
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
        policy: dict[str, Any] = POLICY,
        servers: Callable[[Path], dict[str, Any]] | None = None,
        starts: bool = True,
    ) -> None:
        gate, home = folder / "gate", folder / "home"
        gate.mkdir(parents=True)
        home.mkdir()
        mcp = {**({} if hold_s is None else {"holds": {"agent": hold_s}}), **(face or {})}
        config: dict[str, Any] = {"faces": {"mcp": mcp}}
        if servers is not None:
            (folder / "servers").mkdir()
            config["tools"] = {"python": ["tests.e2e.tools"], "mcp": servers(folder / "servers")}
        self.folder = folder
        self.gateway = GatewayProcess(gate, config, policy)
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
        self._starts = starts

    def __enter__(self) -> World:
        self.gateway.start()
        if self._starts:
            self.start_client()
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.kill()
        self.kill_client()

    def start_client(self) -> None:
        """Start one, or another of the same home."""
        self.client = self.program.start(self.place)

    def kill_client(self) -> None:
        """kill -9, and all that it has started."""
        if self.client is not None and self.client.poll() is None:
            os.killpg(self.client.pid, signal.SIGKILL)
            self.client.wait()

    def asked(self) -> None:
        """Wait until a person is asked: some clients take half a minute to start."""
        until(self.gateway.approvals, "an approval", BOUND_S)

    def approve(self) -> None:
        """Say yes to what waits; it is one prompt."""
        self.decide("approve")

    def decide(self, decision: str) -> None:
        """Answer what waits; it is one prompt."""
        (waiting,) = self.gateway.wait_for_approvals()
        status, answer = self.gateway.decide(waiting["id"], decision)
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
