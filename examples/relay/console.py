"""A console for the terminal: it talks to a named agent, through a controller.

    CONSOLE_TOKEN=… python console.py http://127.0.0.1:8444 house helper

Lines of standard input are said to the agent; what anybody says stands on standard output. It is
written for this example, to show how little there is to it: Socket.IO by long polling, with the
standard library alone. A program of yours takes a stock client (``socket.io-client`` in browsers,
``python-socketio``), which upgrades to a WebSocket as well.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

PACKETS_END = "\x1e"
OPEN, CLOSE, PING, PONG = "0", "1", "2", "3"
CONNECT, EVENT, ACK, CONNECT_ERROR = "40", "42", "43", "44"
ANSWER_S = 40.0
"""Longer than any poll: the gateway pings every 25 s."""
AGAIN_S = 0.5
"""Pause before a connection is tried again."""


class Refused(Exception):
    """The token is wrong: trying again would not help."""


class Console:
    """One console, over all its connections.

    Args:
        url: of the gateway.
        token: of a principal with the role console.
        upstream, agent: whom to talk to.
        show: called with each line that is to be seen.
    """

    namespace = "/clients,"

    def __init__(
        self, url: str, token: str, upstream: str, agent: str, show: Callable[[str], None]
    ) -> None:
        self.base = f"{url}/socket.io/?EIO=4&transport=polling"
        self.token, self.upstream, self.agent, self.show = token, upstream, agent, show
        self.address = ""
        self.is_in = False
        self.said = 0
        self.unsaid: deque[tuple[int, str, str]] = deque()
        """What is not acknowledged: the number of its acknowledgement, an id by which saying it
        again says nothing twice, and the text."""

    def say(self, text: str) -> None:
        """Say something, now or when there is a connection again."""
        self.said += 1
        self.unsaid.append((self.said, str(uuid.uuid4()), text))
        if len(self.unsaid) == 1:
            self.send_unsaid()

    def run(self) -> None:
        """Connect, and again whenever the connection breaks.

        Raises:
            Refused: the token is wrong.
        """
        while True:
            try:
                self.connect()
                while True:
                    self.hear(request(self.address))
            except (OSError, ConnectionError):
                self.is_in = False
                time.sleep(AGAIN_S)

    def connect(self) -> None:
        """Open an Engine.IO session, and in it the namespace."""
        hello = json.loads(request(self.base)[1:])
        self.address = f"{self.base}&sid={hello['sid']}"
        self.send(CONNECT + self.namespace + json.dumps({"token": self.token}))

    def hear(self, polled: str) -> None:
        """Act on what a poll has brought."""
        for packet in polled.split(PACKETS_END):
            body = packet[2:].removeprefix(self.namespace)
            if packet == PING:
                self.send(PONG)
            elif packet == CLOSE:
                raise ConnectionError("closed")
            elif packet.startswith(CONNECT_ERROR):
                raise Refused(json.loads(body)["message"])
            elif packet.startswith(CONNECT):
                self.emit("setClient", {"clientId": self.upstream})
                self.emit("forward", {"event": "login", "payload": {}, "agentId": self.agent})
                self.is_in = True
                self.send_unsaid()
            elif packet.startswith(EVENT):
                self.tell(*json.loads(body))
            elif packet.startswith(ACK):
                number, _, answer = body.partition("[")
                self.acknowledged(int(number), json.loads(f"[{answer}")[0])

    def tell(self, event: str, payload: dict[str, Any]) -> None:
        """Show what was heard."""
        if event == "forwardedEvent":
            event, payload = payload["event"], payload["payload"]
        match event:
            case "loginSuccess":
                self.show(f"-- {payload['message']} What was said so far:")
            case "chatMessage" if payload["from"] == "user":
                self.show(f"you: {payload['text']}")
            case "chatMessage":
                self.show(f"{self.agent}: {payload['response']['result']}")
            case "remoteDisconnected" | "remoteReconnecting" | "remoteReconnected":
                self.show(f"-- {event}")
            case "error" | "loginError":
                self.show(f"-- {event}: {payload['message']}")
            case _:
                pass

    def acknowledged(self, number: int, answer: dict[str, Any]) -> None:
        """The first of what was unsaid is in the agent's log, or never will be."""
        if not self.unsaid or self.unsaid[0][0] != number:
            return  # it was said twice, and this is the second answer
        self.unsaid.popleft()
        if "error" in answer:
            self.show(f"-- not said: {answer['error']['message']}")
        self.send_unsaid()

    def send_unsaid(self) -> None:
        """Say what comes first; the next follows its acknowledgement."""
        if self.unsaid and self.is_in:
            number, name, text = self.unsaid[0]
            chat = {"message": text, "correlationId": name}
            payload = {"event": "chat", "payload": chat, "agentId": self.agent}
            self.emit("forward", payload, str(number))

    def emit(self, event: str, payload: dict[str, Any], ack: str = "") -> None:
        """Send an event, with the number of the acknowledgement that is wanted, if one is."""
        self.send(EVENT + self.namespace + ack + json.dumps([event, payload]))

    def send(self, packet: str) -> None:
        """Post a packet; a connection that broke is noticed by the poll."""
        with suppress(OSError):
            request(self.address, packet)


def request(url: str, body: str | None = None) -> str:
    """Make an HTTP request, and return the answer's text."""
    data = None if body is None else body.encode()
    with urllib.request.urlopen(url, data, timeout=ANSWER_S) as answer:
        text: str = answer.read().decode()
    return text


def main() -> None:
    url, upstream, agent = sys.argv[1:]
    console = Console(
        url, os.environ["CONSOLE_TOKEN"], upstream, agent, lambda line: print(line, flush=True)
    )

    def run() -> None:
        try:
            console.run()
        except Refused as error:
            print(f"-- refused: {error}", flush=True)

    threading.Thread(target=run, daemon=True).start()
    for line in sys.stdin:
        console.say(line.strip())


if __name__ == "__main__":
    main()
