"""Java, which runs the port in Java. Where there is none its tests are left out, loudly."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.ports.node import JavaScriptClient

PORT = Path(__file__).parent.parent.parent / "ports" / "java"
NEEDED = 17
COMPILED_S = 120.0


def java(program: str = "java") -> str:
    """Where a program of the JDK is; ``make test`` says at its end, too, if there is none."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(
            f"WARNING: ports/java IS NOT TESTED: there is no {program}. Install a JDK of Java"
            f" {NEEDED} or newer, such as openjdk-17-jdk-headless"
        )
    return found


def compiled(folder: Path) -> Path:
    """Compile the port and its tests, with all warnings for errors; return the class path."""
    sources = sorted(str(path) for path in PORT.rglob("*.java"))
    run = subprocess.run(
        [
            java("javac"),
            "--release",
            str(NEEDED),
            "-Xlint:all",
            "-Werror",
            "-d",
            str(folder),
            *sources,
        ],
        capture_output=True,
        text=True,
        timeout=COMPILED_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder


def command(classes: Path, program: str, *arguments: str) -> list[str]:
    """The command that runs a program of the port's tests."""
    return [
        java(),
        "-XX:TieredStopAtLevel=1",
        "-cp",
        str(classes),
        f"agentgate.{program}",
        *arguments,
    ]


class JavaClient(JavaScriptClient):
    """A client of the port in a process of its own, directed by the test."""

    def __init__(
        self, classes: Path, url: str, token: str, client_id: str, options: Sequence[str] = ()
    ) -> None:
        program, *arguments = command(classes, "Flows", url, token, client_id)
        self.direct([program, *options, *arguments])

    def wait_for_key(self, key: str) -> Any:
        """Wait until it has told something under this key; return and forget it."""
        while not any(key in event for event in self.events):
            self._take()
        found = next(event for event in self.events if key in event)
        self.events.remove(found)
        return found[key]
