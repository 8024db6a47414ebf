"""``agent-gate mcp`` as a process, and a client that talks to it line by line."""

from __future__ import annotations

import json
import os
import select
import subprocess
import threading
from collections.abc import Callable
from itertools import count
from queue import Empty, Queue
from time import monotonic
from typing import Any

from tests.cli.support import AGENT_GATE, AGENT_TOKEN, BOUND_S, environment

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}

Message = dict[str, Any]


class Piped:
    """See the module. Use it in a ``with``; at the end the process must have ended by itself.

    Args:
        args: further arguments of the command.
        variables: of its environment.
    """

    def __init__(self, *args: str, token: str | None = AGENT_TOKEN, **variables: str) -> None:
        if token is not None:
            variables["AGENT_GATE_TOKEN"] = token
        self.process = subprocess.Popen(
            [AGENT_GATE, "mcp", *args],
            env=environment(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._ids = count(1)
        self._lines: Queue[bytes] = Queue()
        self._kept: list[Message] = []
        self._logged = b""
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Piped:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(BOUND_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self._lines.put(line)
        self._lines.put(b"")

    def write(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, **message: Any) -> None:
        """Send a message."""
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def request(self, method: str, **params: Any) -> int:
        """Ask for something, in the modern era; return the id."""
        request_id = next(self._ids)
        meta = {**META, **params.pop("meta", {})}
        self.send(id=request_id, method=method, params={**params, "_meta": meta})
        return request_id

    def call(self, name: str, meta: Message | None = None, **arguments: Any) -> int:
        """Call a tool; return the id."""
        return self.request("tools/call", name=name, arguments=arguments, meta=meta or {})

    def next(self, fits: Callable[[Message], bool]) -> Message:
        """The first message that fits, of those that were not taken yet."""
        for message in self._kept:
            if fits(message):
                self._kept.remove(message)
                return message
        end = monotonic() + BOUND_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - monotonic()))
            except Empty:
                raise AssertionError(f"it was not said; only {self._kept}") from None
            assert line, "the server has closed its output"
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if fits(message):
                return message  # type: ignore[no-any-return]
            self._kept.append(message)

    def answer(self, request_id: int) -> Message:
        """The result of a request."""
        message = self.next(lambda each: each.get("id") == request_id)
        assert set(message) == {"jsonrpc", "id", "result"}, message
        result: Message = message["result"]
        return result

    def error(self, request_id: int) -> str:
        """The words of an error."""
        text: str = self.next(lambda each: each.get("id") == request_id)["error"]["message"]
        return text

    def told(self, word: str) -> str:
        """The first sign of life with this word in it."""
        message = self.next(
            lambda each: (
                each.get("method") == "notifications/progress" and word in each["params"]["message"]
            )
        )
        text: str = message["params"]["message"]
        return text

    def tools(self) -> list[str]:
        """The names of the tools."""
        return [each["name"] for each in self.answer(self.request("tools/list"))["tools"]]

    def see_logged(self, words: str) -> None:
        """Wait until it has logged something."""
        assert self.process.stderr is not None
        log = self.process.stderr.fileno()
        end = monotonic() + BOUND_S
        while words.encode() not in self._logged:
            assert select.select([log], [], [], max(0.0, end - monotonic()))[0], self._logged
            more = os.read(log, 65_536)
            assert more, self._logged
            self._logged += more

    def end(self, bound_s: float = BOUND_S) -> tuple[int, str]:
        """Close its input, and wait for its end; return the exit code and what it logged."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(bound_s)
        assert self.process.stderr is not None
        return code, (self._logged + self.process.stderr.read()).decode()
