"""A console on python-socketio: ``python -m tests.e2e.console PLAN``; ``console.cjs`` is its twin.

PLAN is JSON: ``url``, ``token``, ``transports`` (null: as the client likes), ``client`` (the
upstream of a controller; "": the console is one of a manager), ``agents`` (passwords by agent;
null: the one that is stored at the controller), ``retry_ms``, ``pause_ms`` (after a refusal).

On stdin it takes JSON lines: ``{"say": {"agent", "text", "name"}}``, one after the other;
``{"emit": [event, payload]}``; ``{"show": true}``. On stdout it says ``{"acknowledged": name}``,
``{"refused": name, "why"}``, and for ``show`` its ``views`` by agent (lines as ``[who, text]``),
all other ``events``, its ``connects`` and its ``transport``.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import socketio


class Console:
    """See the module."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.namespace = "/clients" if plan["client"] else "/agents"
        self.views: dict[str, list[tuple[str, str]]] = {}
        self.events: list[tuple[str, Any]] = []
        self.connects = 0
        self.lock = threading.Lock()
        self.client = socketio.Client(reconnection_delay=0.02, reconnection_delay_max=0.2)
        take_in_order(self.client)
        self.client.on("connect", self.connected, namespace=self.namespace)
        self.client.on("*", self.heard, namespace=self.namespace)

    def connected(self) -> None:
        self.connects += 1
        if self.plan["client"]:
            self.emit("setClient", {"clientId": self.plan["client"]})
        for agent, password in self.plan["agents"].items():
            payload = {} if password is None else {"password": password}
            self.emit(*self.pack("login", agent, payload))

    def heard(self, event: str, payload: Any) -> None:
        if event == "forwardedEvent":
            event, payload = payload["event"], payload["payload"]
        agent = payload.get("agentId", "")
        if event == "loginSuccess":
            self.views[agent] = []
        if event == "chatMessage" and payload["from"] == "user":
            self.views[agent].append(("user", payload["text"]))
        elif event == "chatMessage":
            response = payload["response"]
            self.views[agent].append((response["type"], response["result"]))
        else:
            self.events.append((event, payload))

    def pack(self, event: str, agent: str, payload: dict[str, Any]) -> tuple[str, Any]:
        if not self.plan["client"]:
            return event, {**payload, "agentId": agent}
        return "forward", {"event": event, "payload": payload, "agentId": agent}

    def emit(self, event: str, payload: Any) -> None:
        with suppress(socketio.exceptions.SocketIOError):  # it is not connected just now
            self.client.emit(event, payload, namespace=self.namespace)

    def say(self, agent: str, text: str, name: str) -> None:
        packed = self.pack("chat", agent, {"message": text, "correlationId": name})
        while True:
            try:
                wait_s = self.plan["retry_ms"] / 1000
                answer = self.client.call(*packed, namespace=self.namespace, timeout=wait_s)
            except (socketio.exceptions.SocketIOError, ConnectionError):
                self.client.sleep(0.02)
                continue
            if "received" in answer:
                self.tell({"acknowledged": name})
                return
            self.tell({"refused": name, "why": answer["error"]["message"]})
            self.client.sleep(self.plan["pause_ms"] / 1000)

    def tell(self, message: dict[str, Any]) -> None:
        with self.lock:
            print(json.dumps(message), flush=True)

    def show(self) -> None:
        transport = self.client.transport() if self.client.connected else ""
        self.tell(
            {
                "views": self.views,
                "events": self.events,
                "connects": self.connects,
                "transport": transport,
            }
        )

    def talk(self, queue: SimpleQueue[dict[str, str]]) -> None:
        while True:
            self.say(**queue.get())

    def run(self) -> None:
        plan, queue = self.plan, SimpleQueue[dict[str, str]]()
        self.client.connect(
            plan["url"],
            auth={"token": plan["token"]},
            transports=plan["transports"],
            namespaces=self.namespace,
            wait_timeout=5,
            retry=True,
        )
        threading.Thread(target=self.talk, args=(queue,), daemon=True).start()
        for line in sys.stdin:
            command = json.loads(line)
            if "say" in command:
                queue.put(command["say"])
            elif "emit" in command:
                self.emit(*command["emit"])
            else:
                self.show()


def take_in_order(client: socketio.Client) -> None:
    """Let one thread handle all messages: the synchronous client would start one for each, which
    forgets in what order they came."""
    messages = SimpleQueue[tuple[Any, ...]]()
    start = client.eio.start_background_task

    def start_or_queue(target: Any, *args: Any, **named: Any) -> Any:
        if target == client.eio.handlers["message"]:
            messages.put(args)
            return None
        return start(target, *args, **named)

    def handle() -> None:
        while True:
            client.eio.handlers["message"](*messages.get())

    client.eio.start_background_task = start_or_queue
    threading.Thread(target=handle, daemon=True).start()


if __name__ == "__main__":
    console = Console(json.loads(sys.argv[1]))
    console.run()
    console.client.shutdown()
