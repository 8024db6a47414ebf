"""Gateways behind gateways, played: ``python run.py``, or ``python run.py --stay`` to look around.

A person's console and a small device come to one gateway, the office. The agent that they talk to,
and the lights, are behind another one, the house. Everything is a process of its own on real
sockets: two times ``agent-gate serve``, ``agent-gate edge``, and ``console.py``. The files of each
are in the folders beside this one; docs/relay.md tells what happens.

It needs an installed agent-gate and no account: the models are rehearsed. It works
on a copy in a temporary folder, with tokens of its own, and leaves nothing behind.
"""

import asyncio
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from agent_gate import AgentGateError
from agentgate_client import ApprovalsClient, ApprovalView

HERE = Path(__file__).parent
PROGRAM = (sys.executable, "-m", "agentgate_cli")
NAMES = (
    *("OFFICE_TOKEN", "OWNER_TOKEN", "HOUSE_TOKEN", "HELPER_PASSWORD"),
    *("ANNA_TOKEN", "KITCHEN_TOKEN", "PORTER_TOKEN"),
)
HELPER = "helper: "
ASKING = "I'll ask the thermometer."
PORTS = range(10_000, 32_768)
STEP_S = 30.0
"""More than any step takes, also on a busy machine."""


class Failed(Exception):
    """Something was not as it must be; the text says what."""


class Child:
    """A process that is written to and read from by lines."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process

    async def tell(self, line: str) -> None:
        """Write it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def until(self, fits: Callable[[str], bool]) -> str:
        """Return the next of its lines that fits; those before are passed over."""
        assert self.process.stdout is not None
        async with asyncio.timeout(STEP_S):
            while line := (await self.process.stdout.readline()).decode().rstrip("\n"):
                if fits(line):
                    return line
        raise Failed(f"{self.name} has ended; see its .log in its folder")

    async def kill(self) -> None:
        """``kill -9``."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class World:
    """All that runs.

    Args:
        folder: the copy of the example.
        environment: what all processes get: tokens and addresses.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.children: dict[str, Child] = {}

    async def start(self, name: str, *command: str) -> Child:
        """Start a process in the folder of its name, if there is one."""
        folder = self.folder / name
        folder = folder if folder.is_dir() else self.folder
        with (self.folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        self.children[name] = Child(name, process)
        return self.children[name]

    async def serve(self, name: str) -> None:
        """Start a gateway, and wait until it listens."""
        gateway = await self.start(name, *PROGRAM, "serve", "--log-format", "json")
        await gateway.until(lambda line: '"listening"' in line)

    async def console(self, name: str) -> Child:
        """Start a console of Anna's, and wait until it is logged in."""
        url = self.environment["OFFICE_URL"].replace("ws:", "http:")
        console = [sys.executable, str(self.folder / "console.py"), url, "house", "helper"]
        child = await self.start(name, *console)
        await child.until(lambda line: "Welcome" in line)
        return child

    def url(self, name: str) -> str:
        """Where a gateway is."""
        return self.environment[f"{name.upper()}_URL"]

    async def end(self) -> None:
        """Kill what still runs."""
        for child in self.children.values():
            await child.kill()


def free_ports(count: int) -> list[int]:
    """Find ports that nobody has. They lie below those that systems give to outgoing connections:
    one that dials a gateway which is away could get the gateway's port for its own end."""
    sockets: list[socket.socket] = []
    while len(sockets) < count:
        each = socket.socket()
        sockets.append(each)
        try:
            each.bind(("127.0.0.1", PORTS.start + secrets.randbelow(len(PORTS))))
        except OSError:
            sockets.remove(each)
            each.close()
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Have the example run, on a copy that goes away with all processes."""
    with tempfile.TemporaryDirectory(prefix="agent-gate-relay-") as name:
        folder = Path(name) / "relay"
        shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__", "data"))
        environment = {each: secrets.token_urlsafe(32) for each in NAMES}
        for gateway, port in zip(("house", "office"), free_ports(2), strict=True):
            environment[f"{gateway.upper()}_PORT"] = str(port)
            environment[f"{gateway.upper()}_URL"] = f"ws://127.0.0.1:{port}"
        environment["CONSOLE_TOKEN"] = environment["ANNA_TOKEN"]
        running = World(folder, environment)
        try:
            yield running
        finally:
            await running.end()


def step(number: int, text: str) -> None:
    print(f"\n{number}. {text}", flush=True)


def tell(who: str, text: str) -> None:
    print(f"   {who + ':':<9}{text}", flush=True)


async def next_view(person: ApprovalsClient) -> ApprovalView:
    """Wait until somebody is asked, and return what the person sees."""
    async with asyncio.timeout(STEP_S):
        async for view in person.watch():
            if view.status == "waiting":
                return view
    raise Failed("nobody was asked")


async def links_up(world: World, name: str, tools: set[str]) -> None:
    """Wait until a gateway offers tools of the one behind it."""
    token = world.environment["PORTER_TOKEN" if name == "office" else "OWNER_TOKEN"]
    async with asyncio.timeout(STEP_S), ApprovalsClient(world.url(name), token) as person:
        while True:
            if tools <= {tool for row in await person.upstreams() for tool in row.tools}:
                return
            await asyncio.sleep(0.05)


async def play(world: World, stay: bool) -> None:
    """Start everything, and let it happen.

    Raises:
        Failed: something was not as it must be.
    """
    step(1, "Two gateways and a device start")
    await world.serve("office")
    edge = await world.start("device", *PROGRAM, "edge", "--json", "--log-level", "error")
    await edge.until(lambda line: '"connected"' in line)
    await world.serve("house")
    await links_up(world, "office", {"house.set_light"})
    await links_up(world, "house", {"office.kitchen.data_snapshot"})
    tell("house", f"{world.url('house')}, with the agent helper and the lights")
    tell("office", f"{world.url('office')}, the house is behind it")
    tell("device", "in the office's kitchen, it provides kitchen.data_snapshot")
    async with AsyncExitStack() as stack:
        owner = ApprovalsClient(world.url("house"), world.environment["OWNER_TOKEN"])
        porter = ApprovalsClient(world.url("office"), world.environment["PORTER_TOKEN"])
        for person in (owner, porter):
            await stack.enter_async_context(person)
        anna = await world.console("anna")
        await reading(anna)
        await lighting(anna, owner, porter)
        await by_the_device(edge, owner, porter)
        await while_away(world, anna)
        await history(world)
    print("\nAll of it was as it must be.", flush=True)
    if stay:
        look_around(world)
        await asyncio.Event().wait()


async def said(console: Child, text: str) -> None:
    """Let Anna say something, and see it come back: it is in the agent's log."""
    await console.tell(text)
    await console.until(lambda line: line == f"you: {text}")
    tell("anna", text)


async def answer(console: Child) -> str:
    """Show what the agent says, to its last word, and return that."""
    while True:
        text = (await console.until(lambda line: line.startswith(HELPER))).removeprefix(HELPER)
        tell("helper", text)
        if text != ASKING:
            return text


async def reading(anna: Child) -> None:
    """The agent in the house reads what the device in the office provides."""
    step(2, "console > office > house > helper > office > device: reading takes nobody's yes")
    await said(anna, "How warm is the kitchen?")
    text = await answer(anna)
    check("21.5" in text, f"the thermometer was not read: {text}")


async def lighting(anna: Child, owner: ApprovalsClient, porter: ApprovalsClient) -> None:
    """The agent wants to change something, and a person in the house is asked."""
    step(3, "console > office > house > helper: it wants to switch a light, a person is asked")
    await said(anna, "Turn on the bedroom light")
    await approve(owner, porter)
    check("bedroom light is on" in await answer(anna), "the light is not on")


async def by_the_device(edge: Child, owner: ApprovalsClient, porter: ApprovalsClient) -> None:
    """The device asks its own agent, in the office, which uses a tool of the house."""
    step(4, "device > office > house: asked once, in the house, on behalf of the device")
    tell("device", "Turn on the kitchen light")
    await edge.tell("Turn on the kitchen light")
    view = await approve(owner, porter)
    check(view.agent == "office", f"it was asked by {view.agent}")
    row = json.loads(await edge.until(lambda line: json.loads(line)["event"] == "answer"))
    tell("device", f"was answered: {row['text']}")
    check("kitchen light is on" in row["text"], "the light is not on")


async def approve(owner: ApprovalsClient, porter: ApprovalsClient) -> ApprovalView:
    """Wait for a question in the house, and say yes; nobody in the office may be asked."""
    view = await next_view(owner)
    tell("owner", f"is asked: {view.asker} wants {view.signature}")
    check(not await porter.list(), "somebody in the office was asked, too")
    await owner.decide(view.id, "approve")
    tell("owner", "says yes")
    return view


async def while_away(world: World, anna: Child) -> None:
    """The house dies; what is said meanwhile waits, and is answered."""
    step(5, "kill -9 of the house: what is said meanwhile waits, and is said once")
    await world.children["house"].kill()
    tell("console", await anna.until(lambda line: line.startswith("-- remote")))
    await anna.tell("Are you there?")
    tell("anna", "Are you there?")
    await world.serve("house")
    tell("house", "is started again")
    await answer(anna)


async def history(world: World) -> None:
    """A second console is shown all of it, and each thing was done once."""
    step(6, "Another console is shown the same, in the same order")
    second = await world.console("second")
    lines = []
    while "Good morning" not in "".join(lines):
        lines.append(await second.until(lambda line: ": " in line))
        print(f"   | {lines[-1]}", flush=True)
    people = [line for line in lines if line.startswith("you: ")]
    check(len(people) == 3, f"three things were said, {len(people)} are shown")
    done = (world.folder / "house" / "journal.txt").read_text("utf-8").splitlines()
    check(done == ["bedroom on", "kitchen on"], f"the lights were switched so: {done}")
    tell("house", "each light was switched once")


def look_around(world: World) -> None:
    """Say what may be tried by hand."""
    env = world.environment
    house, office = world.url("house"), world.url("office")
    console = f"python {HERE / 'console.py'} {office.replace('ws:', 'http:')} house helper"
    print("\nIt stays until you press Ctrl-C. In other terminals, a console and who is asked:\n")
    print(f"  CONSOLE_TOKEN={env['ANNA_TOKEN']} {console}")
    print(f"  AGENT_GATE_TOKEN={env['OWNER_TOKEN']} agent-gate approvals watch --url {house}")
    print(
        f"  AGENT_GATE_TOKEN={env['PORTER_TOKEN']} agent-gate upstreams --url {office}", flush=True
    )


def check(holds: bool, problem: str) -> None:
    if not holds:
        raise Failed(problem)


async def main() -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with world() as running:
        await play(running, stay="--stay" in sys.argv[1:])


if __name__ == "__main__":
    logging.disable()  # that the house is killed is told here
    try:
        asyncio.run(main())
    except (Failed, AgentGateError, TimeoutError) as error:
        sys.exit(f"it went wrong: {error or 'a step hung'}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass
