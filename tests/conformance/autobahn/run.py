"""``make autobahn``: our server and our client against the Autobahn test suite.

The suite runs on Python 2.7 alone. It is installed into ``.autobahn/`` by the first run, with
``python2.7`` or what ``PYTHON27=`` names. Reports for people are in ``.autobahn/reports/``.

Passed: everything but compression, which we decline (group 12 and 13: unimplemented). Where the
suite only looks on, it says informational.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from tests.conformance.autobahn.echo import (
    HOST,
    echo_listener,
    visit,
)

from agentgate_server.sockets.asyncio_peer import AsyncioPeer
from agentgate_server.sockets.stream_peer import StreamPeer

HOME = Path(".autobahn").absolute()
REPORTS = HOME / "reports"
PASSED = {"OK", "INFORMATIONAL"}
COMPRESSION = ("12.", "13.")
START_S = 20.0
RUN_S = 1_800.0
LACKING = """make autobahn needs Python 2.7, which its test suite is written for, and found none:
install one (pyenv install 2.7.18, or docker) and run: make autobahn PYTHON27=/path/to/python2.7"""


def main() -> int:
    """Run the suite; 1 if a case failed."""
    parser = argparse.ArgumentParser(prog="make autobahn", description=__doc__)
    parser.add_argument("--python27", default="python2.7")
    parser.add_argument("--cases", default="*", help='such as "1.* 7.1.1"')
    options = parser.parse_args()
    wstest, cases = prepared(options.python27), options.cases.split()
    failed = anyio.run(test_servers, wstest, cases)
    failed += anyio.run(test_client, wstest, cases)
    print(f"reports: {REPORTS}")
    return 1 if failed else 0


def prepared(python: str) -> list[str]:
    """Return the command that runs the suite; installs it if need be."""
    wstest = HOME / "bin" / "wstest"
    environment = {**os.environ, "PYTHONUSERBASE": str(HOME)}
    try:
        subprocess.run([python, "-c", "import ssl"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(LACKING)
    if not wstest.exists():
        install = [python, "-m", "pip", "install", "--user", "autobahntestsuite"]
        print("installing the Autobahn test suite into", HOME, flush=True)
        done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"the suite can't be installed:\n{done.stderr[-2_000:]}")
    return [python, str(wstest)]


def command(wstest: list[str], mode: str, spec: dict[str, Any]) -> list[str]:
    """Write the suite's orders and return how it is started."""
    path = HOME / f"{mode}.json"
    path.write_text(json.dumps(spec))
    return [*wstest, "-m", mode, "-s", str(path)]


def environment() -> dict[str, str]:
    """What the suite runs with."""
    return {**os.environ, "PYTHONUSERBASE": str(HOME)}


async def test_servers(wstest: list[str], cases: list[str]) -> int:
    """Let the suite visit the listener with both pumps; return how many cases failed."""
    pumps = {"server-asyncio": AsyncioPeer, "server-stream": StreamPeer}
    async with anyio.create_task_group() as tasks:
        servers = []
        for name, peer_type in pumps.items():
            listener = echo_listener(peer_type)
            port = await listener.open()
            tasks.start_soon(listener.serve)
            servers.append({"agent": name, "url": f"ws://{HOST}:{port}"})
        spec = {
            "outdir": str(REPORTS / "servers"),
            "servers": servers,
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        with anyio.fail_after(RUN_S):
            await anyio.run_process(
                command(wstest, "fuzzingclient", spec), env=environment(), check=True
            )
        tasks.cancel_scope.cancel()
    return report(REPORTS / "servers")


async def test_client(wstest: list[str], cases: list[str]) -> int:
    """Let the client visit the suite, case by case; return how many failed."""
    port = free_port()
    url = f"ws://{HOST}:{port}"
    spec = {
        "url": url,
        "outdir": str(REPORTS / "clients"),
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    suite = await anyio.open_process(
        command(wstest, "fuzzingserver", spec),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await anyio.to_thread.run_sync(partial(wait_for, port))
        (count,) = await visit(f"{url}/getCaseCount", echo=False)
        with anyio.fail_after(RUN_S):
            for case in range(1, int(count) + 1):
                await visit(f"{url}/runCase?case={case}&agent=client")
        await visit(f"{url}/updateReports?agent=client", echo=False)
    finally:
        suite.terminate()
        await suite.wait()
    return report(REPORTS / "clients")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    until = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            if time.monotonic() > until:
                sys.exit("the Autobahn test suite did not start")
            time.sleep(0.1)
        else:
            return


def report(folder: Path) -> int:
    """Print what came of each agent; return how many cases failed."""
    found = json.loads((folder / "index.json").read_text())
    failed = 0
    for agent, cases in sorted(found.items()):
        behaviors = Counter(case["behavior"] for case in cases.values())
        told = ", ".join(f"{count} {name}" for name, count in sorted(behaviors.items()))
        print(f"{agent}: {len(cases)} cases: {told}", flush=True)
        for number, case in sorted(cases.items()):
            ends = {case["behavior"], case["behaviorClose"]}
            declined = number.startswith(COMPRESSION) and case["behavior"] == "UNIMPLEMENTED"
            if not declined and not ends <= PASSED:
                failed += 1
                print(f"  {agent} {number}: {case['behavior']}, close {case['behaviorClose']}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
