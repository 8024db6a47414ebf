"""A device of seed 000's kind, as it was written for an Agent Service that never was.

It can only be given a URL. It sends no headers, answers pings and requests for data, ignores what
it does not know, and drops an answer that it does not wait for. On any close it connects again.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

AT = "2026-02-16T21:25:11.000Z"
BOUND_S = 8.0


class Device:
    """One device over all its connections; each method may be called from one thread at a time.

    Args:
        url: the gateway's, with the token in it.

    Attributes:
        answers: the text for each prompt that was answered.
        responses: how many ``agent_response`` came for each ``requestId``, dropped ones included.
        types: of all messages that came.
        silent: pings are not answered.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, str] = {}
        self.results: dict[str, Any] = {}
        self.responses: dict[str, int] = {}
        self.types: list[str] = []
        self.snapshots: dict[str, Any] = {}
        self.silent = False
        self.close_code: int | None = None
        self._pending: set[str] = set()
        self._socket: ClientConnection | None = None
        self._reader = threading.Thread()
        self._changed = threading.Condition()

    def connect(self) -> Device:
        opening = connect(self.url, compression=None, open_timeout=BOUND_S, ping_interval=None)
        self._socket = opening.__enter__()
        self.close_code = None
        self._reader = threading.Thread(target=self._read, args=(self._socket,), daemon=True)
        self._reader.start()
        return self

    def ask(self, request_id: str, prompt: str) -> None:
        self._pending.add(request_id)
        self.send("agent_request", {"requestId": request_id, "prompt": prompt})

    def send(self, kind: str, payload: dict[str, Any]) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps({"type": kind, "payload": payload, "timestamp": AT}))

    def wait(self, condition: Any) -> None:
        """Wait until something about the device holds."""
        with self._changed:
            assert self._changed.wait_for(condition, BOUND_S), (self.answers, self.types)

    def answer(self, request_id: str) -> str:
        """Wait for an answer."""
        self.wait(lambda: request_id in self.answers)
        return self.answers[request_id]

    def drop(self) -> None:
        """The network is gone: nobody says goodbye."""
        assert self._socket is not None
        self._socket.socket.shutdown(2)
        self._reader.join(BOUND_S)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._reader.join(BOUND_S)

    def _read(self, socket: ClientConnection) -> None:
        try:
            for text in socket:
                with self._changed:
                    self._take(json.loads(text))
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        with self._changed:
            self.close_code = socket.close_code
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        payload = message["payload"]
        self.types.append(message["type"])
        match message["type"]:
            case "agent_response":
                name = payload["requestId"]
                self.responses[name] = self.responses.get(name, 0) + 1
                if name in self._pending:
                    self._pending.remove(name)
                    self.results[name] = payload["result"]
                    self.answers[name] = payload["result"]["response"]
            case "ping" if not self.silent:
                self.send("pong", {})
            case "data_snapshot_request":
                found = {
                    "requestId": payload["requestId"],
                    "channels": list(self.snapshots),
                    "snapshots": self.snapshots,
                }
                self.send("data_snapshot_response", found)
            case _:
                pass
