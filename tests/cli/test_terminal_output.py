"""A terminal that is stopped holds up nobody who writes to it: a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest

from agentgate_cli import terminal_output
from agentgate_cli.style import say
from agentgate_cli.terminal_output import TerminalOutput

BOUND_S = 20.0
STOP, GO_ON = b"\x13", b"\x11"


class Screen:
    """What a person has before them.

    Attributes:
        stream: where a program writes.
    """

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        self.stream: TextIO = os.fdopen(slave, "w", encoding="utf-8")
        self.seen = ""

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def see(self, text: str) -> None:
        """Look until a text is there."""
        while text not in self.seen:
            assert select.select([self.master], [], [], BOUND_S)[0], self.seen
            self.seen += os.read(self.master, 65_536).decode()


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.press(GO_ON)
    os.close(made.master)
    made.stream.close()


def test_what_is_said_while_it_is_stopped_is_shown_in_order_when_it_goes_on(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal_output, "LAST_S", 0.01)
    output = TerminalOutput(screen.stream)
    screen.press(STOP)
    with output.in_place():
        assert sys.stdout.isatty()
        assert sys.stdout.fileno() == screen.stream.fileno()
        for number in range(100):
            say(f"line {number} ü {'x' * 200}")
        assert not output.drain(0.0)
    assert "line" not in screen.seen
    screen.press(GO_ON)
    screen.see("line 99 ü xxx")
    assert output.drain(BOUND_S)
    numbers = [int(line.split()[1]) for line in screen.seen.splitlines() if line]
    assert numbers == [*range(100)]


def test_beyond_its_room_it_says_once_that_something_is_missing(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal_output, "QUEUE_CHARS_MAX", 1_000)
    output = TerminalOutput(screen.stream)
    screen.press(STOP)
    output.write("a" * 900)
    for _ in range(5):
        output.write("b" * 200)
    screen.press(GO_ON)
    screen.see("was stopped for too long")
    assert output.drain(BOUND_S)
    output.write("c\n")
    screen.see("c\r\n")
    assert screen.seen.count("stopped for too long") == 1
    assert "b" * 200 not in screen.seen


def test_bytes_are_none_of_its_business(screen: Screen) -> None:
    with pytest.raises(TypeError, match="and no bytes"):
        TerminalOutput(screen.stream).write(b"")  # type: ignore[arg-type]


def test_a_terminal_that_was_hung_up_is_written_to_in_vain(screen: Screen) -> None:
    output = TerminalOutput(screen.stream)
    screen.stream.close()
    output.write("nobody\n")
    assert output.drain(BOUND_S)
    output.wait_for_room()
