"""What the edge client costs a small device: to import, to keep in memory, and to be idle.

``python -m bench.edge [SECONDS]``

Each figure beside that of a bare Python, and of anyio's own event loop, measured in processes of
their own, in turns. The client is connected to a gateway here, with a spool, two channels and
nothing to do for SECONDS (60); its keep-alives are what is left.

Noted on 29 November 2026 (x86_64, Python 3.11.7, two cores that others were using): to import the
client takes 390 ms more than bare Python, of which anyio is 50; the ready agent 580. Connected and
idle the process has 18.7 MB of its own, of which 12.5 are a bare anyio loop's, and takes 0.11 ms of
a processor per second: a keep-alive every 20 s.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

ROUNDS = 9
IDLE_S = 60.0
TOKEN = "agent-token-0123456789abcdef"

PROGRAMS = {
    "bare Python": "pass",
    "anyio": "import anyio",
    "agentgate_client.edge": "import agentgate_client.edge",
    "agent-gate edge (its imports)": (
        "import agentgate_cli.edge.command, agentgate_cli.edge.agent, agentgate_cli.logs"
    ),
}

SLEEP = """
import anyio, sys
async def main():
    print("ready", flush=True)
    await anyio.to_thread.run_sync(sys.stdin.read)
anyio.run(main)
"""

CLIENT = """
import anyio, sys
from agentgate_client.edge import EdgeClient
async def main():
    edge = EdgeClient(sys.argv[1], sys.argv[2], spool=sys.argv[3])
    edge.channel("one", lambda: 1)
    edge.channel("two", lambda: 2)
    async with edge:
        await edge.connected()
        await edge.prompt("hi").text()
        print("ready", flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read)
anyio.run(main)
"""


def import_s(program: str) -> float:
    """How long a process takes that imports something, from its start to its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - started


def report_imports() -> None:
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(ROUNDS):
        for name, program in PROGRAMS.items():
            taken[name].append(import_s(program))
    bare = median(taken["bare Python"])
    for name, each in taken.items():
        print(f"import {name}: {1000 * (median(each) - bare):.0f} ms more than bare Python")


def resident_kb(pid: int) -> int:
    """Memory of a process that is its own, in kB, and what it shares."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rows = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return int(rows["Pss"].split()[0])


def cpu_ms(pid: int) -> float:
    """What a process has used of the processors, in ms: all its threads, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((one / "schedstat").read_text().split()[0]) for one in tasks.iterdir()) / 1e6


def report_idle(name: str, program: str, *arguments: str, seconds: float) -> None:
    """Start a program, wait until it is ready, and watch it do nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(2)
    before = cpu_ms(process.pid)
    time.sleep(seconds)
    used = cpu_ms(process.pid) - before
    memory = resident_kb(process.pid) / 1024
    print(f"{name}: {memory:.1f} MB, {used / seconds:.2f} ms of a processor per second when idle")
    process.communicate("")


def gateway(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a gateway; return it, and where it is."""
    config = {
        "gateway": {"port": 0},
        "agent": {"token": TOKEN},
        "storage": {"path": "gate.db"},
        "sessions": {"models": {"actor": {"backend": "rehearsal"}}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "permissions.yaml").write_text("defaults: [{pattern: '*', action: deny}]\n")
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("agent-gate")), "serve", "--log-format", "json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else IDLE_S
    print(f"{os.uname().machine}, Python {sys.version.split()[0]}")
    report_imports()
    with tempfile.TemporaryDirectory() as name:
        server, url = gateway(Path(name))
        try:
            report_idle("anyio alone", SLEEP, seconds=min(seconds, 10))
            spool = str(Path(name) / "prompts.spool")
            report_idle("edge client", CLIENT, url, TOKEN, spool, seconds=seconds)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
