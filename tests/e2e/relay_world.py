"""Consoles, a controller and its managers, each a process of its own, for tests that break them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from tests.e2e.process import BOUND_S, GatewayProcess, until
from tests.e2e.stock_socketio import client_folder
from tests.ports.node import node

HERE = Path(__file__).parent
CONSOLE_TOKEN = "console-token-0123456789abcdef"
RELAY_TOKEN = "relay-token-0123456789abcdefgh"
PASSWORD = "a password of an agent"
SETTLED_S = 60.0
"""A link whose gateway was away tries again after up to half a minute."""

RETRY_MS, PAUSE_MS = 1_500, 50

View = list[list[str]]
"""What a console shows of an agent: lines as [who, text]."""


def manager_config(folder: Path, agents: Mapping[str, str]) -> dict[str, Any]:
    """A gateway with agents, by id and name, whose model says what it has heard; relays and
    consoles may come."""
    scenes = [
        {"when": "say {key}", "say": "heard {key}"},
        {"when": "note {key}", "say": "noted"},
    ]
    (folder / "scenes.yaml").write_text(yaml.safe_dump({"pause_ms": 1, "scenes": scenes}))
    models = {"parrot": {"backend": "rehearsal", "script": "scenes.yaml"}}
    return {
        "sessions": {"models": models},
        "agents": {agent: {"name": name, "password": PASSWORD} for agent, name in agents.items()},
        "faces": {"socketio": {"role": "manager"}},
        "principals": [
            {"name": "bridge", "role": "relay", "token": RELAY_TOKEN},
            {"name": "anna", "role": "console", "token": CONSOLE_TOKEN},
        ],
    }


def controller_config(upstreams: Mapping[str, tuple[str, Mapping[str, str]]]) -> dict[str, Any]:
    """A gateway with others behind it.

    Args:
        upstreams: by name: its URL, and passwords that are stored.
    """
    return {
        "upstreams": {
            name: {
                "url": url,
                "token": RELAY_TOKEN,
                "agents": {agent: {"password": each} for agent, each in passwords.items()},
            }
            for name, (url, passwords) in upstreams.items()
        },
        "faces": {"socketio": {"role": "controller"}},
        "principals": [{"name": "anna", "role": "console", "token": CONSOLE_TOKEN}],
    }


def gateway_of(folder: Path, config: dict[str, Any]) -> GatewayProcess:
    """A gateway in a folder of its own that is not made yet."""
    folder.mkdir(exist_ok=True)
    return GatewayProcess(folder, config)


class ConsoleProcess:
    """A console on a stock client; see ``console.py``.

    Args:
        client: which stock client: "python" or "javascript".
        url: of the gateway, or of a proxy in front of it.
        upstream: of a controller; "": it is a manager's.
        agents: passwords, by agent; None: the one that is stored.
        transports: None: as the client likes.
        token: of a principal with the role console.

    Attributes:
        acknowledged: names of messages, in order.
        refused: names of messages with why.
    """

    def __init__(
        self,
        client: str,
        url: str,
        *,
        upstream: str = "",
        agents: Mapping[str, str | None],
        transports: list[str] | None = None,
        token: str = CONSOLE_TOKEN,
    ) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self._shown: list[dict[str, Any]] = []
        self._command = self._command_of(client)
        self._plan = {
            "url": url,
            "token": token,
            "transports": transports,
            "client": upstream,
            "agents": dict(agents),
            "retry_ms": RETRY_MS,
            "pause_ms": PAUSE_MS,
        }
        self._environment = dict(os.environ)
        if client == "javascript":
            self._environment["NODE_PATH"] = str(client_folder() / "node_modules")
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ConsoleProcess:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self._command, json.dumps(self._plan)],
            cwd=HERE.parent.parent,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._hearing = threading.Thread(target=self._hear, args=(self.process,))
        self._hearing.start()

    def kill(self) -> None:
        """kill -9, now."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(BOUND_S)
        self._hearing.join(BOUND_S)
        for end in (self.process.stdin, self.process.stdout):
            assert end is not None
            with suppress(BrokenPipeError):  # what it was told last it has not read
                end.close()

    def say(self, agent: str, text: str, name: str) -> None:
        """Let it say something, after all that it was told to say before."""
        self.tell({"say": {"agent": agent, "text": text, "name": name}})

    def emit(self, event: str, payload: Any) -> None:
        self.tell({"emit": [event, payload]})

    def show(self) -> dict[str, Any]:
        """Return what it shows; see ``console.py``."""
        count = len(self._shown)
        self.tell({"show": True})
        until(lambda: len(self._shown) > count, "a console to show itself")
        return self._shown[-1]

    def view(self, agent: str) -> View:
        """Return what it shows of an agent."""
        view: View = self.show()["views"].get(agent, [])
        return view

    def tell(self, command: dict[str, Any]) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def _hear(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                told = json.loads(line)
            except json.JSONDecodeError:
                continue  # it was killed in the midst of it
            if "acknowledged" in told:
                self.acknowledged.append(told["acknowledged"])
            elif "refused" in told:
                self.refused.append((told["refused"], told["why"]))
            else:
                self._shown.append(told)

    def _command_of(self, client: str) -> list[str]:
        if client == "javascript":
            return [node(), str(HERE / "console.cjs")]
        return [sys.executable, "-m", "tests.e2e.console"]


def settled(console: ConsoleProcess, agent: str, wanted: int) -> View:
    """Wait until a console shows so many lines of people, each answered, and return its view."""

    def look() -> View | None:
        view = console.view(agent)
        people = sum(who == "user" for who, _ in view)
        return view if people >= wanted and len(view) >= 2 * people else None

    return until(look, f"{wanted} answered messages of {agent}", SETTLED_S)
