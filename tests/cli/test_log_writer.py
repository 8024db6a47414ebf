"""Logs whose reader is stuck: they are bounded, and the gateway goes on and ends all the same."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cli.support import (
    AGENT_GATE,
    AGENT_TOKEN,
    BOUND_S,
    ended,
    environment,
    run,
    started,
    write_files,
)

from agentgate_cli import log_writer
from agentgate_cli.log_writer import BackgroundHandler
from agentgate_cli.logs import JsonFormatter, TextFormatter, set_up_logs

PIPE_BYTES = 4_096
ALLOW = {"defaults": [{"pattern": "*", "action": "allow"}]}
STUCK = '''
import time
from agentgate_server import tool

@tool(inline=True, timeout_s=None)
def stick() -> None:
    """Stop the event loop."""
    print("started", flush=True)
    time.sleep(3600)
'''


class Pipe:
    """A pipe that holds little; its reader reads when it is told to."""

    def __init__(self) -> None:
        self.read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.stream = os.fdopen(write_end, "w", encoding="utf-8")

    def read_until(self, is_enough: Callable[[bytes], bool]) -> list[str]:
        data = b""
        while not is_enough(data):
            data += os.read(self.read_end, 65_536)
        return data.decode().splitlines()

    def close(self) -> None:
        self.stream.close()
        os.close(self.read_end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def handler_for(pipe: Pipe, formatter: logging.Formatter | None = None) -> BackgroundHandler:
    handler = BackgroundHandler(pipe.stream)
    handler.setFormatter(formatter or logging.Formatter("%(message)s"))
    return handler


def log(handler: logging.Handler, text: str) -> None:
    handler.handle(logging.LogRecord("x", logging.INFO, "x.py", 1, text, None, None))


def test_lines_come_out_whole_and_in_order(pipe: Pipe) -> None:
    handler = handler_for(pipe)
    lines = [f"line {number} {'x' * 50}" for number in range(1_000)]
    for line in lines:
        log(handler, line)
    assert pipe.read_until(lambda data: data.count(b"\n") == 1_000) == lines
    handler.flush()
    assert handler.dropped == 0


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_finds_no_room_is_dropped_and_counted(
    pipe: Pipe, formatter: logging.Formatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "QUEUE_CHARS_MAX", 20_000)
    handler = handler_for(pipe, formatter)
    for number in range(2_000):
        log(handler, f"line {number}")
    dropped = handler.dropped
    assert dropped > 1_000
    said = f"{dropped} lines of this log were dropped"
    lines = pipe.read_until(lambda data: said.encode() in data and data.endswith(b"\n"))
    assert f"line {1_999 - dropped}" in lines[-2]
    assert said in lines[-1]
    assert "warning" in lines[-1]
    log(handler, "as before")
    assert "as before" in pipe.read_until(lambda data: data.endswith(b"\n"))[-1]


def test_what_is_dropped_is_said_in_its_place(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "QUEUE_CHARS_MAX", 20_000)
    handler = handler_for(pipe)
    number = 0
    while handler.dropped < 100:
        log(handler, f"line {number}")
        number += 1
    read: list[str] = []
    while handler.dropped:  # the thread gets on, until there is room again
        read += pipe.read_until(lambda data: data.endswith(b"\n"))
        log(handler, "the next")
    handler.flush()
    read += pipe.read_until(lambda data: b"the next\n" in data)
    place = next(at for at, line in enumerate(read) if "were dropped" in line)
    assert re.fullmatch(r"line \d+", read[place - 1])
    assert read[place + 1] == "the next"


def test_one_line_that_is_longer_than_the_queue_gets_through(pipe: Pipe) -> None:
    handler = handler_for(pipe)
    log(handler, "x" * (log_writer.QUEUE_CHARS_MAX + 1))
    (line,) = pipe.read_until(lambda data: data.endswith(b"\n"))
    assert len(line) == log_writer.QUEUE_CHARS_MAX + 1


def test_a_reader_that_goes_away_harms_nothing(pipe: Pipe) -> None:
    handler = handler_for(pipe)
    os.close(pipe.read_end)
    for _ in range(10):
        log(handler, "to nobody")
        handler.flush()
    pipe.read_end, other = os.pipe()
    os.dup2(other, pipe.stream.fileno())
    os.close(other)
    log(handler, "to the next one")
    assert pipe.read_until(lambda data: data.endswith(b"\n")) == ["to the next one"]


def test_a_terminal_that_somebody_made_impatient_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.stream.fileno(), False)
    handler = handler_for(pipe)
    log(handler, "x" * 10 * PIPE_BYTES)
    (line,) = pipe.read_until(lambda data: data.endswith(b"\n"))
    assert len(line) == 10 * PIPE_BYTES


def test_a_child_of_the_process_writes_its_own_lines_only(pipe: Pipe) -> None:
    handler = handler_for(pipe)
    log(handler, "x" * 2 * PIPE_BYTES)  # hangs in the pipe
    log(handler, "the parent's")
    child = os.fork()
    if child == 0:
        log(handler, "the child's")
        handler.flush()
        os._exit(0)
    lines = pipe.read_until(lambda data: data.count(b"\n") == 3)
    assert os.waitpid(child, 0)[1] == 0
    assert sorted(line.strip("x") for line in lines) == ["", "the child's", "the parent's"]


def test_the_last_lines_are_waited_for_once_and_not_for_ever(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "FLUSH_S", 0.2)
    handler = handler_for(pipe)
    log(handler, "x" * 2 * PIPE_BYTES)
    handler.flush()
    monkeypatch.setattr(log_writer, "FLUSH_S", 3_600)
    handler.flush()
    pipe.read_until(lambda data: data.endswith(b"\n"))


def test_a_stream_without_a_descriptor_is_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers
    level = logging.getLogger().level
    output = set_up_logs("info", "readable")
    try:
        output.say("plain")
        output.flush()
    finally:
        logging.basicConfig(level=level, handlers=before, force=True)
    assert capsys.readouterr().err == "plain\n"


def test_where_there_is_no_standard_error_nothing_is_written_and_nothing_waits() -> None:
    handler = BackgroundHandler(None)
    for number in range(3):
        log(handler, f"line {number}")
        handler.flush()
    assert not handler._lines
    assert not handler._stuck


# A gateway


def with_stuck_reader(folder: Path, *args: str) -> tuple[subprocess.Popen[str], int]:
    """Start a gateway; nobody reads its standard error, which holds little."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    process = subprocess.Popen(
        [AGENT_GATE, "serve", *args],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=write_end,
        text=True,
    )
    os.close(write_end)
    return process, read_end


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"ws://[^ ]+", process.stdout.readline())
    assert found is not None
    return found[0]


def is_full(read_end: int) -> bool:
    waiting = fcntl.ioctl(read_end, termios.FIONREAD, bytes(4))
    return int.from_bytes(waiting, "little") >= PIPE_BYTES - 512


def test_a_reader_that_is_stuck_stops_neither_requests_nor_the_end(tmp_path: Path) -> None:
    write_files(tmp_path)
    process, read_end = with_stuck_reader(tmp_path, "--log-level", "debug")
    try:
        url = url_of(process)
        me: dict[str, Any] = {"AGENT_GATE_URL": url, "AGENT_GATE_TOKEN": AGENT_TOKEN}
        for _ in range(40):
            assert run("call", "get_temperature", "room=kitchen", **me).returncode == 0
            if is_full(read_end):
                break
        assert is_full(read_end)
        assert run("call", "get_temperature", "room=kitchen", **me).returncode == 0
        assert run("health", "--url", url).returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(BOUND_S) == 0
    finally:
        process.kill()
        os.close(read_end)
        ended(process)


def test_a_second_signal_ends_a_gateway_whose_loop_is_stuck(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STUCK)
    write_files(tmp_path, ALLOW, tools={"python": ["mine.py"]})
    process = started("serve", cwd=tmp_path)
    call = started("call", "stick", AGENT_GATE_URL=url_of(process), AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    # Of two at the same moment the system may give one to a thread that is not stuck: it is taken
    # with the next one that the main thread gets.
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    assert process.returncode == 128 + signal.SIGTERM
    call.kill()


def test_the_last_lines_are_out_at_a_clean_end(tmp_path: Path) -> None:
    write_files(tmp_path, log={"format": "json", "level": "debug"})
    process = started("serve", cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    code, _, err = ended(process)
    messages = [json.loads(line)["message"] for line in err.splitlines()]
    assert code == 0
    assert "shutting down; running tools have 2 s" in messages
    assert (
        messages[-1] != "shutting down; running tools have 2 s"
    )  # what came after it is there too
