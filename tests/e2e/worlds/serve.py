"""The gateway's process of a real world: ``python -m tests.e2e.worlds.serve FOLDER``.

It is killed from outside at any moment; but a commit is short, so SIGUSR1 and SIGUSR2 let it kill
itself just before and just after its next one; SIGHUP calls that off. Its disk may be slow, and
keep-alives are short.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import anyio
from tests.e2e.worlds.tools import TOOLS

import agentgate_server.gateway as gateway_module
from agentgate_proto.limits import Limits
from agentgate_proto.records.storage import Change
from agentgate_server.config import load_config
from agentgate_server.gateway import Gateway
from agentgate_server.store.sqlite import SqliteEngine

WORLD = json.loads(os.environ["E2E_WORLD"])


class MortalEngine(SqliteEngine):
    """A store that takes its time, and whose process may die of a commit.

    Attributes:
        kills: "before" or "after" the next commit, or "".
    """

    kills = ""
    rng = Random(f"{WORLD['seed']} disk {WORLD['life']}")

    def commit(self, changes: Sequence[Change]) -> None:
        """See :class:`SqliteEngine`."""
        kills, MortalEngine.kills = MortalEngine.kills, ""
        time.sleep(self.rng.random() * WORLD["disk_s"])
        if kills == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().commit(changes)
        if kills == "after":
            os.kill(os.getpid(), signal.SIGKILL)


def listen_for_death() -> None:
    """Let signals say when to die."""

    kills = {signal.SIGUSR1: "before", signal.SIGUSR2: "after", signal.SIGHUP: ""}

    def doom(number: int, _: object) -> None:
        MortalEngine.kills = kills[signal.Signals(number)]

    for number in kills:
        signal.signal(number, doom)


async def main(folder: Path) -> None:
    limits = Limits(
        requests_in_flight_max=WORLD["in_flight"],
        queued_bytes_max=WORLD["queued_bytes"],
        opening_s=3.0,
        auth_s=3.0,
        silence_s=1.0,
        pong_s=1.5,
        closing_s=0.5,
    )
    gateway_module.SqliteEngine = MortalEngine  # type: ignore[misc]
    config = load_config(folder / "config.yaml", environment=os.environ)
    async with Gateway(config, tools=TOOLS, limits=limits) as gateway:
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            print(gateway.port, flush=True)
            async for _ in signals:
                break


if __name__ == "__main__":
    listen_for_death()
    anyio.run(main, Path(sys.argv[1]))
