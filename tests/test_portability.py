"""Where it runs: the client on systems without POSIX, the gateway on those that are no Linux.

There is no Windows and no macOS here. What they lack is taken away instead, and the client plays;
and the sources are searched for names that these systems do not have.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from tests.client.gateway import gateway, obliging

SOURCES = Path(__file__).parent.parent / "src"

CLIENT = ("agent_gate", "agentgate_client", "agentgate_names", "agentgate_proto")

POSIX_MODULES = {
    *("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "readline", "syslog", "curses"),
    *("posix", "crypt", "spwd", "nis"),
}

POSIX_NAMES = {
    *("fork", "getuid", "geteuid", "getgid", "getegid", "setsid", "killpg", "getpgid", "fchmod"),
    *("fchown", "chown", "mkfifo", "O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK"),
    *("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGQUIT", "SIGCHLD", "AF_UNIX", "fdatasync"),
    *("add_signal_handler", "add_reader", "add_writer", "sigwait", "pthread_kill", "setitimer"),
}
"""Of ``os``, ``signal``, ``socket`` and event loops, what Windows has not."""

LINUX_NAMES = {
    *("fdatasync", "sched_getaffinity", "posix_fadvise", "posix_fallocate", "pipe2", "prlimit"),
    *("memfd_create", "eventfd", "timerfd_create", "pidfd_open", "epoll", "dup3", "accept4"),
    *("O_TMPFILE", "O_PATH", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SO_PEERCRED", "copy_file_range"),
    *("getxattr", "setxattr", "splice", "getrandom", "SO_BINDTODEVICE"),
}
"""What of POSIX and beyond macOS has not."""

SPOOL = "agentgate_client/edge/spool.py"
LIMITED = "agentgate_server/models/command.py"


def uses(packages: tuple[str, ...], modules: set[str], names: set[str]) -> Iterator[str]:
    """Yield where sources use one of these: file, and what."""
    for path in (file for each in packages for file in (SOURCES / each).rglob("*.py")):
        place = path.relative_to(SOURCES).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=aliases):
                    found = {alias.name.partition(".")[0] for alias in aliases} & modules
                case ast.ImportFrom(module=str(module)):
                    found = {module.partition(".")[0]} & modules
                case ast.Attribute(value=ast.Name(id="os" | "signal" | "socket"), attr=name):
                    found = {name} & names
                case ast.Attribute(value=ast.Name(id="resource" | "select"), attr=name):
                    found = {name} & names
                case ast.Attribute(attr=("add_signal_handler" | "add_reader") as name):
                    found = {name} & names
                case _:
                    found = set()
            yield from (f"{place}: {name}" for name in sorted(found))


def test_the_client_uses_nothing_that_windows_lacks_but_for_the_spool() -> None:
    places = {each.partition(":")[0] for each in uses(CLIENT, POSIX_MODULES, POSIX_NAMES)}
    assert places == {SPOOL}, "and that says so when it is asked for"


def test_the_gateway_uses_nothing_that_only_linux_has_but_where_it_looks_first() -> None:
    packages = tuple(path.name for path in SOURCES.iterdir() if (path / "py.typed").exists())
    places = {each.partition(":")[0] for each in uses(packages, set(), LINUX_NAMES)}
    assert places == {LIMITED}
    text = (SOURCES / LIMITED).read_text("utf-8")
    assert 'if sys.platform == "linux":' in text


WINDOWS = """
import asyncio, signal, socket, sys, os, ssl, threading, subprocess, pathlib, tempfile, logging
import asyncio.events, asyncio.unix_events, anyio, anyio.to_thread, anyio.from_thread
import anyio._backends._asyncio  # on Windows it is another one: what it needs of POSIX is its own

MODULES = set(sys.argv[2].split(","))
NAMES = set(sys.argv[3].split(","))

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
for name in MODULES & set(sys.modules) - {"posix"}:
    del sys.modules[name]
KEPT = {"O_CLOEXEC", "O_NONBLOCK", "AF_UNIX", "fork"}  # the loop of this system needs them
for module in (os, signal, socket):
    for name in NAMES - KEPT:
        if hasattr(module, name):
            delattr(module, name)

import agent_gate, agentgate_client.edge, agent_gate.langchain
from agent_gate.sync import AgentGateClient
from agentgate_client.edge import SpoolError
from agentgate_client.edge.spool import Spool

with AgentGateClient(sys.argv[1], "t") as gw:
    print(gw.call("x", {"n": 1})["args"])

async def main():
    async with agent_gate.AgentGateClient(sys.argv[1], "t") as gw:
        print((await gw.call("x", {"n": 2}))["args"])

asyncio.run(main())
try:
    Spool.open(sys.argv[4])
except SpoolError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there it is as it is")
def test_the_client_plays_without_what_windows_lacks(tmp_path: Path) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(gateway(obliging)) as gate,
    ):
        words = [gate.url, ",".join(sorted(POSIX_MODULES)), ",".join(sorted(POSIX_NAMES))]
        done = subprocess.run(
            [sys.executable, "-c", WINDOWS, *words, str(tmp_path / "prompts.spool")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    first, second, spool = done.stdout.splitlines()
    assert (first, second) == ("{'n': 1}", "{'n': 2}")
    assert spool.endswith("prompts.spool: this system has no locks; do without it")
