"""Measure the gateway, beside a bare ``websockets`` JSON echo in the same run.

Server alone on one core, load generator on another. ``python -m bench [SECONDS]``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.servers import APPROVER_TOKEN, TOKEN, write_config

WAITING = 10_000
IDLE = 1_000
STARTS = 5
"""Starts that count; one before them compiles."""
CORES = sorted(os.sched_getaffinity(0))


def compiled(folder: str) -> dict[str, str]:
    """An environment in which Python keeps its bytecode, as after an installation.

    Where it may not (``PYTHONDONTWRITEBYTECODE``), or a checkout is fresh, each start would compile
    everything first, and that is three times the start.
    """
    kept = {key: a for key, a in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def pinned(core: int) -> dict[str, object]:
    """Popen arguments that keep a process on one core."""
    return {"preexec_fn": lambda: os.sched_setaffinity(0, {CORES[core % len(CORES)]})}


@contextmanager
def server(kind: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a server; yields the process and its port."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.servers", kind, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if kind == "echo" else None,  # it logs each aborted client
            text=True,
            **pinned(0),  # type: ignore[call-overload]
        )
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield process, port
        finally:
            process.kill()
            process.wait()


def load(
    port: int, connections: int, in_flight: int, seconds: float, auth: str
) -> dict[str, float]:
    command = ["-m", "bench.load", "127.0.0.1", str(port), str(connections), str(in_flight)]
    output = subprocess.run(
        [sys.executable, *command, str(seconds), auth],
        check=True,
        capture_output=True,
        text=True,
        **pinned(1),  # type: ignore[call-overload]
    )
    result: dict[str, float] = json.loads(output.stdout)
    return result


def cpu_s(process: subprocess.Popen[str]) -> float:
    """Seconds of processor that a process has used, all its threads together."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(process: subprocess.Popen[str]) -> int:
    fields = Path(f"/proc/{process.pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def throughput(seconds: float) -> None:
    print(f"{'':34}{'gateway':>24}{'websockets echo':>24}{'ratio':>8}")
    for connections, in_flight in ((64, 1), (16, 1), (1, 64), (1, 1)):
        results = []
        for kind, auth in (("gate", TOKEN), ("echo", "echo")):
            with server(kind) as (process, port):
                before = cpu_s(process)
                result = load(port, connections, in_flight, seconds, auth)
                result["cpu_us"] = (cpu_s(process) - before) / result["answered"] * 1e6
                results.append(result)
        gate, echo = results
        cells = [
            f"{a['calls_per_s']:8,.0f}/s {a['p50_ms']:6.2f} {a['p99_ms']:6.2f}" for a in results
        ]
        ratio = gate["calls_per_s"] / echo["calls_per_s"]
        print(
            f"{connections:3} connections, {in_flight:2} in flight {'':6}"
            f"{cells[0]:>24}{cells[1]:>24}{ratio:8.2f}"
            f"   (cpu {gate['cpu_us']:.0f}, {echo['cpu_us']:.0f} us a call;"
            f" generator busy {gate['generator_busy']:.0%}, {echo['generator_busy']:.0%})"
        )
        if connections == in_flight == 1:
            added = [gate[a] - echo[a] for a in ("p50_ms", "p99_ms")]
            print(f"added to the echo, one caller: p50 {added[0]:.2f} ms, p99 {added[1]:.2f} ms")


def idle() -> None:
    """What a connection costs that does nothing."""
    with server("gate") as (process, port):
        rest = rss_bytes(process)
        holder = subprocess.Popen(
            [sys.executable, "-m", "bench.idle", str(port), TOKEN, str(IDLE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout is not None
        count = int(holder.stdout.readline())
        each = (rss_bytes(process) - rest) / count
        print(f"{count} idle authenticated connections: {each:,.0f} bytes each")
        holder.communicate()


def start() -> None:
    """How long ``agent-gate serve`` takes until it listens, and what it holds then."""
    with tempfile.TemporaryDirectory() as folder:
        config_file = write_config(Path(folder))
        runs = []
        for _ in range(1 + STARTS):
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "agentgate_cli", "serve", "--config", str(config_file)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what it thinks of the configuration
                text=True,
                env=compiled(folder),
                **pinned(0),  # type: ignore[call-overload]
            )
            assert process.stdout is not None
            assert process.stdout.readline().startswith("listening")
            runs.append((time.perf_counter() - began, cpu_s(process), rss_bytes(process)))
            process.kill()
            process.wait()
    seconds, cpu, rest = (median(column) for column in zip(*runs[1:], strict=True))
    print(
        f"agent-gate serve: listening after {seconds:.2f} s (cpu {cpu:.2f}; {runs[0][0]:.2f} s "
        f"with nothing compiled), {rest / 1e6:.1f} MB"
    )


def waiting_approvals() -> None:
    """What an approval costs that waits."""
    with server("gate") as (process, port):
        rest = rss_bytes(process)
        asks = subprocess.run(
            [sys.executable, "-m", "bench.asks", str(port), TOKEN, str(WAITING)],
            check=True,
            capture_output=True,
            text=True,
        )
        while (waiting := health(port)["waiting_approvals"]) < WAITING:
            assert waiting <= WAITING
            time.sleep(0.05)
        each = (rss_bytes(process) - rest) / WAITING
        print(f"{WAITING} waiting approvals: {each:,.0f} bytes each; {asks.stdout.strip()}")
        result = load(port, 1, 1, 1.0, TOKEN)
        print(f"an allowed call beside them: p50 {result['p50_ms']:.2f} ms")


def health(port: int) -> dict[str, int]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/health", headers={"Authorization": f"Bearer {APPROVER_TOKEN}"}
    )
    with urllib.request.urlopen(request) as response:
        body: dict[str, int] = json.load(response)
    return body


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores; calls/s, p50 ms, p99 ms")
    throughput(seconds)
    idle()
    start()
    waiting_approvals()
    subprocess.run([sys.executable, "-m", "bench.worlds"], check=True, **pinned(0))  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
