"""The example of gateways behind gateways: it ends well, and stock clients may look around."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.process import until
from tests.e2e.relay_world import ConsoleProcess, View

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "relay"
BOUND_S = 90.0
STEPS = 6
WELL = "All of it was as it must be."


@contextmanager
def playing(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Have the example run, with this folder for what it needs for a time."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "run.py"), *options],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=BOUND_S)


def processes_of(folder: Path) -> list[str]:
    """Command lines and working folders of processes that are at work in a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "cmdline").read_text().replace("\0", " ")
            if str(folder) in f"{(each / 'cwd').readlink()} {words}":
                found.append(words)
        except OSError:
            continue  # it has ended, or is not ours
    return found


def test_it_ends_by_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = sorted(each.name for each in EXAMPLE.rglob("*") if "__pycache__" not in each.parts)
    with playing(tmp_path) as process:
        output, _ = process.communicate(timeout=BOUND_S)
    assert process.returncode == 0, output
    assert re.findall(r"^(\d)\. ", output, re.MULTILINE) == list(map(str, range(1, STEPS + 1)))
    assert "is asked: office on behalf of kitchen wants set_light(kitchen, on)" in output
    assert output.endswith(f"\n{WELL}\n")
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []
    after = sorted(each.name for each in EXAMPLE.rglob("*") if "__pycache__" not in each.parts)
    assert after == before


def test_stock_clients_are_shown_the_same_and_can_go_on(tmp_path: Path) -> None:
    with playing(tmp_path, "--stay") as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if "agent-gate upstreams" in line:
                break
        assert WELL in lines, lines
        shown = [line.removeprefix("   | ") for line in lines if line.startswith("   | ")]
        (command,) = [line for line in lines if "CONSOLE_TOKEN=" in line]
        token, url = re.findall(r"TOKEN=(\S+) python \S+ (\S+)", command)[0]
        for number, client in enumerate(("python", "javascript")):
            console = ConsoleProcess(
                client, url, upstream="house", agents={"helper": None}, token=token
            )
            with console:
                view_of(console, len(shown) + 2 * number)
                console.say("helper", "Are you still there?", f"again-{number}")
                view = view_of(console, len(shown) + 2 * (number + 1))
            assert [in_words(each) for each in view[: len(shown)]] == shown
            assert [who for who, _ in view[len(shown) :]] == ["user", "text"] * (number + 1)
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


def view_of(console: ConsoleProcess, wanted: int) -> View:
    """Wait until a console shows so many lines."""

    def look() -> View | None:
        view = console.view("helper")
        return view if len(view) >= wanted else None

    return until(look, f"{wanted} lines")


def in_words(line: list[str]) -> str:
    """A line of a console, as the one of the example shows it."""
    who, text = line
    return f"{'you' if who == 'user' else 'helper'}: {text}"
