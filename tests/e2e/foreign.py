"""Clients that share no code with ours: the ``websockets`` library and the protocol reference."""

from __future__ import annotations

import itertools
import json
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from tests.e2e.process import AGENT_TOKEN, BOUND_S
from websockets.sync.client import connect


class ForeignClient:
    """One connection. Without a client id it is an old client in the sense of the protocol."""

    def __init__(
        self,
        url: str,
        token: str = AGENT_TOKEN,
        client_id: str = "",
        first_id: int = 1,
    ) -> None:
        self.stack = ExitStack()
        opening = connect(url, compression=None, open_timeout=BOUND_S, close_timeout=1)
        self.socket = self.stack.enter_context(opening)
        self.ids = itertools.count(first_id)
        params = {"token": token, **({"client_id": client_id} if client_id else {})}
        self.send({"jsonrpc": "2.0", "method": "auth", "params": params, "id": "auth-1"})
        self.auth = self.receive()

    def __enter__(self) -> ForeignClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye, as RFC 6455 has it."""
        self.stack.close()

    def send(self, message: Any) -> None:
        self.socket.send(json.dumps(message))

    def receive(self) -> Any:
        return json.loads(self.socket.recv(timeout=BOUND_S))

    def ask(self, tool: str, request_id: int | str | None = None, **args: Any) -> int | str:
        """Send a tool request; return its id."""
        number = next(self.ids) if request_id is None else request_id
        self.send(
            {
                "jsonrpc": "2.0",
                "method": "tool_request",
                "params": {"tool": tool, "args": args},
                "id": number,
            }
        )
        return number

    def call(self, method: str, **params: Any) -> Any:
        """Make a call and wait for the next message, which must be its answer."""
        number = next(self.ids)
        self.send({"jsonrpc": "2.0", "method": method, "params": params, "id": number})
        answer = self.receive()
        assert answer["id"] == number
        return answer

    def tool(self, name: str, **args: Any) -> Any:
        """Ask for a tool and wait for the answer."""
        number = self.ask(name, **args)
        answer = self.receive()
        assert answer["id"] == number
        return answer

    def outcome_of(self, asked: int | str) -> dict[str, Any]:
        """Wait for the outcome of an earlier request, in either of the ways in which it may come.

        A client that names itself may get it as a response at any time after auth; otherwise it
        is a row of ``get_pending_results``.
        """
        number = next(self.ids)
        self.send({"jsonrpc": "2.0", "method": "get_pending_results", "params": {}, "id": number})
        outcome: dict[str, Any] = {}
        replied = False
        while not (outcome and replied):
            message = self.receive()
            if message["id"] == number:
                replied = True
                rows = message["result"]["results"]
                outcome = next((dict(a) for a in rows if a["request_id"] == asked), outcome)
            elif message["id"] == asked and "result" in message:
                outcome = dict(message["result"])
            elif message["id"] == asked:
                error = message["error"]
                outcome = {"status": error["data"]["status"], "error": error}
        return outcome

    def drop(self) -> None:
        """Lose the connection without a word, as a cable does."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)
        self.stack.close()


class OriginalClient:
    """A client that behaves as seed 001's own SDK (``seeds/ORIGINALS.md``, section 1).

    It counts ids from 1 over all its connections. Back on a new one it asks for pending results if
    a call waits, takes the very next frame for the reply, and of its rows looks at a key ``result``
    only, which they do not have. A call ends with a response under its own id.

    Attributes:
        waiting: ids of calls that have not ended.
        ended: the responses that ended calls, by id.
        replies: what it took for replies to ``get_pending_results``.
    """

    def __init__(self, url: str, token: str = AGENT_TOKEN) -> None:
        self.url = url
        self.token = token
        self.waiting: set[int] = set()
        self.ended: dict[int, Any] = {}
        self.replies: list[Any] = []
        self._ids = itertools.count(1)
        self._line: ForeignClient | None = None

    def connect(self) -> None:
        """Dial, authenticate, and recover the calls that wait."""
        self._line = ForeignClient(self.url, self.token)
        assert self._line.auth["result"]["status"] == "authenticated"
        if self.waiting:
            self._send("get_pending_results", {})
            reply = self._line.receive()
            self.replies.append(reply)
            for row in reply["result"]["results"]:
                if "result" in row:
                    self._end(int(row["request_id"]), row)

    def call(self, tool: str, **args: Any) -> int:
        """Make a call; return its id."""
        number = self._send("tool_request", {"tool": tool, "args": args})
        self.waiting.add(number)
        return number

    def wait_for(self, number: int) -> Any:
        """Listen until a call has ended; return the response."""
        assert self._line is not None
        while number not in self.ended:
            message = self._line.receive()
            self._end(message["id"], message)
        return self.ended[number]

    def lose(self) -> None:
        """The connection breaks."""
        assert self._line is not None
        self._line.drop()
        self._line = None

    def close(self) -> None:
        """Leave."""
        if self._line is not None:
            self._line.close()

    def _send(self, method: str, params: dict[str, Any]) -> int:
        assert self._line is not None
        number = next(self._ids)
        self._line.send({"jsonrpc": "2.0", "method": method, "params": params, "id": number})
        return number

    def _end(self, number: int, message: Any) -> None:
        if number in self.waiting:
            self.waiting.remove(number)
            self.ended[number] = message
