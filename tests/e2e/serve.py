"""A gateway in a process of its own: ``python -m tests.e2e.serve FOLDER [STEP NTH]``.

Reads ``config.yaml`` and ``permissions.yaml`` in the folder, as ``agent-gate serve`` does. With a
step, the process kills itself with SIGKILL at the NTH time that it comes to that step of a
request's life: no handler runs, nothing is flushed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio

from agentgate_proto.connection.events import Event, Received
from agentgate_proto.ledger.effects import Answer, ApprovalChanged, Decided, Effect, Run, Write
from agentgate_proto.records.request import Effects, Phase
from agentgate_proto.records.storage import Put
from agentgate_relay import Links
from agentgate_server.config import load_config
from agentgate_server.gate.gate import Gate
from agentgate_server.gateway import Gateway
from agentgate_server.sockets.peer import Peer

STEPS = ("received", "asked", "answered", "approved", "running", "done", "delivered")


def step_of(effect: Effect) -> str:
    """Which step of a request's life an effect belongs to; the moment is just before it is done."""
    match effect:
        case Write(_, Put(record)) if record.phase in (Phase.WAITING, Phase.RUNNING):
            return "received"
        case Write(_, Put(record)) if record.phase is Phase.APPROVED:
            return "answered"
        case ApprovalChanged(record) if record.phase is Phase.WAITING:
            return "asked"
        case Decided(won=True):
            return "approved"
        case Answer():
            return "done"
    return ""


class Fuse:
    """Kills this process at the nth time that a step is reached."""

    def __init__(self, step: str, nth: int) -> None:
        self.step = step
        self.left = nth

    def burn(self, step: str) -> None:
        if step == self.step:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalGate(Gate):
    """A gate that dies when its fuse says so."""

    fuse: Fuse

    def _do(self, effect: Effect) -> None:
        self.fuse.burn(step_of(effect))
        super()._do(effect)
        if isinstance(effect, Run) and self.effects_of(effect) is Effects.WRITE:
            self.fuse.burn("running")

    def effects_of(self, run: Run) -> Effects | None:
        tool = self.calls.catalogue.get(run.tool)
        return tool.effects if tool is not None else None

    def handle(self, peer: Peer, event: Event) -> None:
        if isinstance(event, Received):
            self.fuse.burn("delivered")
        super().handle(peer, event)


async def main(folder: Path, step: str, nth: int) -> None:
    config = load_config(folder / "config.yaml", environment=os.environ)
    gateway = Gateway(config, upstreams=Links)
    MortalGate.fuse = Fuse(step, nth)
    gateway.gate_type = MortalGate
    async with gateway:
        print(gateway.port, flush=True)
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                break


if __name__ == "__main__":
    arguments = sys.argv[2:] or ["never", "0"]
    anyio.run(main, Path(sys.argv[1]), arguments[0], int(arguments[1]))
