"""Which foreign programs, in which versions, and how each is started."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from tests.mcp.node22 import NODE, node22
from tests.npm import CACHE, installed

CONFORMANCE: Final = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
INSPECTOR: Final = "@modelcontextprotocol/inspector@2.12.0"
EVERYTHING: Final = "@modelcontextprotocol/server-everything@2026.8.31"
FILESYSTEM: Final = "@modelcontextprotocol/server-filesystem@2026.8.31"
MCP_REMOTE: Final = "mcp-remote@0.15.1"
TYPESCRIPT: Final = "@modelcontextprotocol/client@2.4.0"
"""The official SDK's client, which has no program."""

ENTRIES: Final = {
    CONFORMANCE: "dist/index.js",
    INSPECTOR: "clients/launcher/build/index.js",
    EVERYTHING: "dist/index.js",
    FILESYSTEM: "dist/index.js",
    MCP_REMOTE: "dist/proxy.js",
}
"""The file that each is started by."""

SERVERS: Final = ("mcp-server-git==2026.10.19", "mcp-server-time==2026.10.19")
FASTMCP: Final = ("fastmcp==4.2.3",)
"""Of PyPI."""

WHOLE: Final = "whole"
"""A file that is written last."""

PIP_S: Final = 300.0


def npm_home(package: str) -> tuple[str, Path]:
    """Return the pinned Node, and the folder whose ``node_modules`` has a package of npm."""
    home = installed(NODE, package)
    return node22(home), home


def npm_program(package: str) -> list[str]:
    """Return the command that starts a program of npm on the pinned Node."""
    node, home = npm_home(package)
    return [node, str(home / "node_modules" / package.rpartition("@")[0] / ENTRIES[package])]


def python_program(packages: tuple[str, ...], name: str) -> str:
    """Return a program of packages of PyPI, which have an environment of their own."""
    key = packages[0].partition("=")[0]
    home = CACHE / key
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / WHOLE).exists():
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            done = subprocess.run(
                [*pip, "--disable-pip-version-check", *packages],
                capture_output=True,
                text=True,
                timeout=PIP_S,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"pip could not install {packages}: {done.stderr[-4_000:]}")
            (home / WHOLE).write_text(f"{sys.version}\n{packages}", "utf-8")
    return str(home / "bin" / name)
