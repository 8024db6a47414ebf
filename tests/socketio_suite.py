"""Serve what the public suites of Engine.IO and Socket.IO expect, and run them from outside.

``python -m tests.socketio_suite --port 3000`` serves: ``/engine.io/`` sends every message back,
``/socket.io/`` has the namespaces ``/`` and ``/custom`` with the events that the suites know.
``--suites FOLDER`` serves on a free port, runs the suites in that folder against it, and says what
came out; the folder is ``docs`` of a checkout of socketio/socket.io, in which ``npm ci`` was run in
``engine.io-protocol/v4-test-suite`` and ``socket.io-protocol/v5-test-suite``.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from tests.server.embedded import POLICY, config
from tests.server.faces.saying_back import SayingBack

from agentgate_proto.faces.engineio import events as engineio
from agentgate_proto.faces.engineio.engine import Engine
from agentgate_proto.faces.engineio.settings import EngineSettings
from agentgate_proto.principal import Principal
from agentgate_server.config.faces import OPEN
from agentgate_server.faces.entrance import Entrance
from agentgate_server.faces.face import Surroundings
from agentgate_server.faces.socketio import SocketIoFace
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.sockets.peer import Peer

SETTINGS = EngineSettings(ping_interval_s=0.3, ping_timeout_s=0.2)
CONNECT_S = 1.0

SUITES = ("engine.io-protocol/v4-test-suite", "socket.io-protocol/v5-test-suite")
URL = "http://localhost:3000"
"""What the suites ask, as it stands in them."""

RUN_S_MAX = 120


class Echo:
    """Sends every message of Engine.IO back, with nothing of Socket.IO above it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def handle(self, event: engineio.Event, now: float) -> None:
        if isinstance(event, engineio.Received):
            self.engine.send(event.session, [event.data])

    def next_event(self) -> None:
        return None

    def next_deadline(self) -> None:
        return None

    def handle_timer(self, now: float) -> None:
        pass


class EverybodyEntrance(Entrance):
    """Lets everybody in: the suite's tokens are made up, and their fate is not what it tests."""

    def ask_by_token(self, peer: Peer, token: str, **how: Any) -> tuple[Principal, str]:
        return OPEN, ""


def socketio(around: Surroundings) -> SocketIoFace:
    entrance = EverybodyEntrance(around.entrance._authenticator, anyio.current_time)
    around = dataclasses.replace(around, entrance=entrance)
    return SocketIoFace(around, SayingBack, settings=SETTINGS, connect_s=CONNECT_S)


def engine_echo(around: Surroundings) -> SocketIoFace:
    face: Any = SocketIoFace(
        around, SayingBack, name="engineio", path="/engine.io/", settings=SETTINGS
    )
    face.server = Echo(face.engine)
    return face


def suite_gateway(folder: Path, port: int) -> Gateway:
    policy = Policy.parse(POLICY)
    faces = [socketio, engine_echo]
    return Gateway(config(folder, gateway={"port": port}), faces=faces, policy=policy)


def run_suite(suite: Path, url: str) -> tuple[int, int, str]:
    """Run one suite at a URL: how many passed, how many did not, and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "suite"
        shutil.copytree(suite, copy, ignore=shutil.ignore_patterns("node_modules"))
        (copy / "node_modules").symlink_to(suite.resolve() / "node_modules")
        script = copy / "test-suite.js"
        script.write_text(script.read_text("utf-8").replace(URL, url), "utf-8")
        run = subprocess.run(
            ["node", "node_modules/mocha/bin/mocha", "test-suite.js", "--exit"],
            cwd=copy,
            capture_output=True,
            text=True,
            timeout=RUN_S_MAX,
            check=False,
        )
    said = run.stdout + run.stderr
    passed, failed = (
        int(found[1]) if (found := re.search(rf"(\d+) {word}", said)) else 0
        for word in ("passing", "failing")
    )
    return passed, failed, said


async def run_all(folder: Path) -> int:
    """Run both suites; return how many tests did not pass, or were not run at all."""
    problems = 0
    with tempfile.TemporaryDirectory() as store:
        async with suite_gateway(Path(store), 0) as gateway:
            for name in SUITES:
                url = f"http://localhost:{gateway.port}"
                passed, failed, said = await anyio.to_thread.run_sync(run_suite, folder / name, url)
                problems += failed or not passed
                print(said if failed or not passed else "", end="")
                print(f"{name}: {passed} passed, {failed} failed")
    return problems


async def serve(port: int) -> None:
    """Serve until interrupted."""
    with tempfile.TemporaryDirectory() as store:
        async with suite_gateway(Path(store), port) as gateway:
            print(f"serving on port {gateway.port}", flush=True)
            await anyio.sleep_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--suites", type=Path, help="run the suites in this folder and end")
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio")
    asked = parser.parse_args()
    if asked.suites is None:
        try:
            anyio.run(serve, asked.port, backend=asked.backend)
        except KeyboardInterrupt:
            return 0
    return min(anyio.run(run_all, asked.suites, backend=asked.backend), 1)


if __name__ == "__main__":
    sys.exit(main())
