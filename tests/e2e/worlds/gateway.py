"""The gateway of a real world: one process after another, on the same port and the same file."""

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import yaml
from tests.e2e.process import GatewayProcess
from tests.e2e.worlds.fit import PACE
from tests.nursery import Born, nursery
from tests.sim.old_agents import GATE
from tests.sim.people import PEOPLE, Terminal
from tests.sim.plan import Plan
from tests.sim.tools import RULES

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld

LOOK_S = 0.005
FULL_AT_BYTES = 16_384
"""A disk is full when no file can be longer than this: SQLite's log is, the journal is not."""

TOOL_TIMEOUT_S = 1.5


class MortalGateway(GatewayProcess):
    """A gateway's process that a world kills, in the ways of ``serve``.

    Args:
        folder: an empty one.
        plan: of the world.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        super().__init__(folder, config_of(plan), yaml.safe_load(RULES))
        self.plan = plan
        self.born = 0
        self.log_path = folder / "log"

    def spawn(self, *arguments: str) -> Born:
        """See :class:`GatewayProcess`."""
        plan = self.plan
        self.born += 1
        told = {
            "seed": plan.seed,
            "life": self.born,
            "tool_s": plan.tool_s / PACE,
            "tool_trouble": plan.tool_trouble,
            "disk_s": plan.disk_s / PACE,
            "in_flight": plan.limits.requests_in_flight_max,
            "queued_bytes": plan.limits.queued_bytes_max,
        }
        with self.log_path.open("a") as log:
            return nursery().bear(
                "tests.e2e.worlds.serve",
                str(self.folder),
                stderr=log,
                env={
                    **os.environ,
                    "E2E_JOURNAL": str(self.journal_path),
                    "E2E_WORLD": json.dumps(told),
                },
            )

    def log(self) -> str:
        """What the processes have said on standard error."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def config_of(plan: Plan) -> dict[str, Any]:
    """What a world's gateway is configured like."""
    agents = dict.fromkeys(agent.principal for agent in plan.agents)
    people = (*PEOPLE, Terminal.WHO)
    who = [(name, "agent") for name in agents] + [(name, "approver") for name in people]
    return {
        "gateway": {"shutdown_s": 0.5, "allowed_hosts": [GATE]},
        "agent": {"token": "token of nobody"},
        "principals": [
            {"name": name, "role": role, "token": f"token of {name}"} for name, role in who
        ],
        "approval_timeout": plan.ledger.approval_s / PACE,
        "audit": {"head_file": "head"},
        "tools": {"timeout_s": TOOL_TIMEOUT_S},
        "rate_limit": {
            "max_pending_approvals": plan.ledger.waiting_max,
            "max_requests_per_minute": plan.ledger.requests_per_minute,
        },
    }


class Lives:
    """The lives of the gateway, one after another.

    Attributes:
        number: of the life that is, or was.
        up: it listens.
        down_s: how long it stays away the next time.
        over: no other life begins.
    """

    def __init__(self, world: RealWorld, folder: Path) -> None:
        self.world = world
        self.gate = MortalGateway(folder, world.plan)
        self.number = 0
        self.up = False
        self.down_s = 0.0
        self.over = False
        self._ending: set[int] = set()
        self._ended = anyio.Event()

    @property
    def port(self) -> int:
        """Where it listens whenever it does."""
        return self.gate.port

    async def run(self) -> None:
        """Live, and live again."""
        gate = self.gate
        try:
            while not self.over:
                await self._begin()
                process = gate.process
                assert process is not None
                while process.poll() is None:
                    await anyio.sleep(LOOK_S)
                self._died(gate.wait())
                if not self.over:
                    await anyio.sleep(self.down_s)
        finally:
            self._ended.set()
            if gate.process is not None and gate.process.poll() is None:
                gate.kill()

    async def _begin(self) -> None:
        self._ending = {0}
        try:
            await anyio.to_thread.run_sync(self.gate.start)
        except AssertionError:
            if -signal.SIGKILL in self._ending:
                return
            raise
        self._ending.discard(0)
        self.number += 1
        self.up = True
        self.world.tell("gateway", "starts, life", self.number)

    def _died(self, code: int) -> None:
        self.up = False
        self.world.tell("gateway", "is gone, exit code", code)
        self.world.count("lives ended")
        if code == -signal.SIGKILL:
            self.world.count("killed")
        if code not in self._ending:
            self.world.note(f"the gateway ended with {code}: {self.gate.log()[-600:]}")

    def kill(self) -> bool:
        """kill -9, in the middle of its start too."""
        self._ending.add(-signal.SIGKILL)
        return self._send(signal.SIGKILL)

    def kill_at_commit(self, after: bool) -> bool:
        """Let it be killed just before or just after its next commit."""
        if not self.up:
            return False
        self._ending.add(-signal.SIGKILL)
        return self._send(signal.SIGUSR2 if after else signal.SIGUSR1)

    def spare(self) -> None:
        """Let it live, if it was to be killed at its next commit."""
        if self.up:
            self._send(signal.SIGHUP)

    def restart(self) -> bool:
        """Let it shut down in order."""
        if not self.up:
            return False
        self.up = False
        self._ending.add(0)
        return self._send(signal.SIGTERM)

    def freeze(self) -> bool:
        """Stop the process where it is."""
        return self.up and self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    def fill_disk(self) -> bool:
        """Let all its files be as long as they may be."""
        return self.up and self._limit(FULL_AT_BYTES)

    def empty_disk(self) -> None:
        """Let them grow again."""
        self._limit(resource.RLIM_INFINITY)

    async def end(self) -> int:
        """The last life is shut down; return its exit code."""
        self.over = True
        self.thaw()
        if not self.restart():
            self.kill()
        await self._ended.wait()
        process = self.gate.process
        assert process is not None
        return int(process.returncode)

    def _send(self, number: signal.Signals) -> bool:
        process = self.gate.process
        if process is None or process.poll() is not None:
            return False
        process.send_signal(number)
        return True

    def _limit(self, size: int) -> bool:
        process = self.gate.process
        if process is None or process.poll() is not None:
            return False
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        return True
