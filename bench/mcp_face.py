"""What the MCP face costs: beside native calls, and beside FastMCP's proxy, in the same run.

``python -m bench.mcp_face [SECONDS]``. FastMCP goes into an environment of its own, which takes a
minute the first time. Each server has one core, the load the other. Four ways to a tool that reads:

- native: over WebSocket, a Python tool of the gate;
- face: the same tool, over the MCP face;
- through: a tool of an MCP server (stdio), over the MCP face;
- FastMCP: the same server, through FastMCP's proxy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.__main__ import load, pinned
from bench.servers import POLICY, TOKEN, config

FASTMCP = "fastmcp==4.2.3"
PEER = Path(__file__).with_name("mcp_peer.py")
ENVIRONMENT = Path(__file__).parent.parent / ".venv-fastmcp"
ROUNDS = 3
READY_S = 30.0
STARTS = 5

TOOLS = """
from agentgate_server import tool


@tool(effects="read", inline=True)
def bench_read(entity_id: str, note: str = "") -> dict[str, str]:
    return {"entity_id": entity_id, "state": "21.3", "unit": "°C", "note": note}
"""

HEAVY = ("mcp", "pydantic", "starlette")
"""What the gateway must not have to import."""


def peer_python() -> str:
    """Return an interpreter that has FastMCP."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "whole").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", FASTMCP], check=True)
        (ENVIRONMENT / "whole").touch()
    return str(python)


@contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end; it is waited for."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **pinned(0),  # type: ignore[call-overload]
    )
    try:
        wait_for(port)
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    """Wait until something answers HTTP there."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1.0).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing answers at port {port}")


def free_port() -> int:
    """A port that is free for now."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def gateway(folder: Path, python: str) -> tuple[list[str], int]:
    """Write a gateway's files; return how it is started, and its port."""
    port = free_port()
    behind = {"command": [python, str(PEER), "stdio"], "effects": {"*": "read"}}
    settings = config(folder)
    settings["gateway"]["port"] = port
    settings["tools"] = {"python": ["bench_tools.py"], "mcp": {"behind": behind | FIRST_USE}}
    settings["faces"] = {"mcp": {}}
    (folder / "bench_tools.py").write_text(TOOLS)
    policy = POLICY + '  - {pattern: "behind.*", action: allow}\n'
    (folder / "permissions.yaml").write_text(policy)
    (folder / "config.yaml").write_text(json.dumps(settings))
    cli = str(Path(sys.executable).with_name("agent-gate"))
    return [cli, "serve", "--config", str(folder / "config.yaml"), "--log-level", "error"], port


FIRST_USE = {"pins": "first-use"}


def mcp_load(port: int, connections: int, seconds: float, tool: str) -> dict[str, float]:
    """Load a server in a process on the other core."""
    command = [sys.executable, "-m", "bench.mcp_load", str(port), str(connections), str(seconds)]
    done = subprocess.run(
        [*command, TOKEN, tool],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        **pinned(1),  # type: ignore[call-overload]
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def measure(seconds: float) -> dict[str, dict[int, list[dict[str, float]]]]:
    """Take turns, so that whatever else this machine does meets them all."""
    found: dict[str, dict[int, list[dict[str, float]]]] = {}
    python = peer_python()
    proxy_port = free_port()
    proxy = [python, "-P", str(PEER), "proxy", str(proxy_port)]
    with tempfile.TemporaryDirectory() as name:
        command, port = gateway(Path(name), python)
        with running(command, port), running(proxy, proxy_port):
            time.sleep(2.0)  # the server behind starts as well
            for _ in range(ROUNDS):
                for callers in (1, 16):
                    rows = {
                        "native": load(port, callers, 1, seconds, TOKEN),
                        "face": mcp_load(port, callers, seconds, "bench_read"),
                        "through": mcp_load(port, callers, seconds, "behind_bench_read"),
                        "FastMCP": mcp_load(proxy_port, callers, seconds, "bench_read"),
                    }
                    for way, row in rows.items():
                        found.setdefault(way, {}).setdefault(callers, []).append(row)
    return found


def first_answers() -> list[float]:
    """Seconds from the start of ``agent-gate mcp`` to its first answer, with no gateway there."""
    cli = str(Path(sys.executable).with_name("agent-gate"))
    command = [cli, "mcp", "--url", "ws://127.0.0.1:9", "--token", TOKEN]
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}
    times = []
    for _ in range(STARTS + 1):
        began = time.perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            times.append(time.perf_counter() - began)
            assert "result" in answer, answer
            process.stdin.close()
    return times[1:]


def heavy_imports() -> list[str]:
    """What of ``HEAVY`` a gateway with an MCP face has imported."""
    code = (
        "import sys, agentgate_server.gateway, agentgate_server.faces.mcp;"
        "import agentgate_cli.serve; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return [name for name in HEAVY if name in done.stdout.split()]


def main() -> None:
    """Measure, and print it."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    found = measure(seconds)
    print(f"{os.cpu_count()} cores; medians of {ROUNDS} rounds of {seconds:g} s\n")
    middle: dict[tuple[str, int], tuple[float, float]] = {}
    for way, rounds in found.items():
        for callers, rows in rounds.items():
            p50, rate = median(a["p50_ms"] for a in rows), median(a["calls_per_s"] for a in rows)
            middle[way, callers] = p50, rate
            print(f"{way:8} {callers:3} callers  p50 {p50:7.3f} ms  {rate:8.0f} calls/s")
    added = [
        face["p50_ms"] - native["p50_ms"]
        for face, native in zip(found["face"][1], found["native"][1], strict=True)
    ]
    print(f"\nthe face adds to a native call, one caller: {median(added):.3f} ms p50")
    for way in ("face", "through"):
        times = middle[way, 16][1] / middle["FastMCP", 16][1]
        print(f"{way} at 16 callers: {times:.1f} times the rate of FastMCP's proxy")
    starts = first_answers()
    print(
        f"agent-gate mcp, start to first answer: {median(starts):.3f} s (most: {max(starts):.3f})"
    )
    print(f"heavy imports of a gateway: {', '.join(heavy_imports()) or 'none'}")


if __name__ == "__main__":
    main()
