"""A gateway and clients over a network that loses what it is told to, with all that they say noted.

The gateway is ours: the real gate with its store, on virtual time (``tests.vectors``). The clients
are the machine of our SDK. Only the network between them is made up, so each exchange is the same
whenever it is made: what is drawn at random has names in the order in which it is seen.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from tests.proto.byhand import accept_key, parse_frames
from tests.proto.support import CLOSE, MASK, PING, PONG, TEXT, frame
from tests.vectors.virtual_gateway import VirtualGateway

from agentgate_client.client import OutgoingRequest
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import (
    ClientState,
    Dial,
    HangUp,
    Pushed,
    Settled,
    StateChanged,
)
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.rpc.messages import METHODS, Auth

WIDTH = 110
"""Columns of a line, where it can be broken."""

ORPHAN_CHARS = 20
"""A last line that is shorter gets something from the one before."""

DRAWN = re.compile(r'(?<=")(?:[0-9a-f]{32}|[0-9a-f]{36})(?=")')
"""What our gateway draws at random: epochs, ids of approvals."""


class Network:
    """See the module.

    Args:
        folder: an empty one.

    Attributes:
        lines: all that was said and done.
    """

    def __init__(self, folder: Path) -> None:
        self.gateway = VirtualGateway(folder)
        self.clients: list[Party] = []
        self.lines: list[str] = []
        self._names: dict[str, str] = {}

    def note(self, text: str) -> None:
        """Something that is no message."""
        self.lines.append(f"({text})")

    def said(self, who: str, arrow: str, message: Any) -> None:
        """A message, or the text of what is none."""
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        for token in self.gateway.tokens.values():
            text = text.replace(json.dumps(token), '"…"')
        words = [who, arrow, DRAWN.sub(self._named, text)]
        self.lines += broken(" ".join(word for word in words if word))

    def _named(self, found: re.Match[str]) -> str:
        kind = "epoch" if len(found[0]) == 32 else "approval"
        number = 1 + sum(name.startswith(kind) for name in self._names.values())
        return self._names.setdefault(found[0], f"{kind}-{number}")

    def client(self, name: str, token: str, *, hidden: bool = False, **auth: Any) -> Party:
        """Another client, which connects. What a hidden one says is not noted."""
        party = Party(self, name, Auth(token=self.gateway.tokens[token], **auth))
        party.hidden = hidden
        self.clients.append(party)
        party.machine.open()
        self.settle()
        return party

    def settle(self) -> None:
        """Let everything happen that happens at this moment."""
        while any(client.turn() for client in self.clients):
            pass

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        until = self.gateway.now + seconds
        while self.gateway.now < until:
            due = [client.machine.next_deadline() for client in self.clients]
            at = min([until, *(each for each in due if each is not None)])
            self.gateway.do("advance", {"advance": max(at - self.gateway.now, 0.0)}, {})
            self.settle()
            for client in self.clients:
                deadline = client.machine.next_deadline()
                if deadline is not None and deadline <= self.gateway.now:
                    client.machine.handle_timer(self.gateway.now)
            self.settle()

    def forget(self) -> None:
        """The gateway dies, and comes back with an empty store."""
        self.gateway.peers.clear()
        self.gateway.tools.clear()
        self.gateway.engine.close()
        for path in self.gateway.config.storage.path.parent.glob("gate.db*"):
            path.unlink()
        self.gateway._boot()
        self.note("the gateway dies, and starts again without its memory")
        for client in self.clients:
            client.cut()


class Party:
    """A client of it.

    Attributes:
        deaf: what the gateway says does not arrive.
        mute: what it says itself does not arrive.
        hidden: nothing of it is noted.
        approvals: ids of those that it has heard of.
    """

    def __init__(self, network: Network, name: str, auth: Auth) -> None:
        self.network = network
        self.name = name
        self.deaf = self.mute = self.hidden = False
        self.approvals: list[str] = []
        self.machine = ClientMachine(
            lambda now: ClientConnection("gate.example", "/", auth, now, masks=Random(0)),
            Backoff(),
        )
        self._calls: dict[int, str] = {}
        self._sockets = 0
        self._buffer = b""
        self._is_closed = True

    @property
    def socket(self) -> str:
        """What the gateway's end of the connection is called."""
        return f"{self.name} {self._sockets}"

    # What its user does

    def ask(self, label: str, tool: str, **args: Any) -> None:
        """Ask for a tool."""
        self.call(label, "tool_request", OutgoingRequest(tool=tool, args=args))

    def call(self, label: str, method: str, params: msgspec.Struct | None = None) -> None:
        """Make a call, under a name for the reader; "": its end is not noted."""
        params = METHODS[method].params() if params is None else params
        self._calls[self.machine.call(method, params, None, self.network.gateway.now)] = label
        self.network.settle()

    def close(self) -> None:
        """Its user closes it."""
        self.machine.close()
        self.network.settle()

    def cut(self) -> None:
        """Break the connection."""
        self.deaf = self.mute = False
        if self.socket in self.network.gateway.peers:
            self.network.gateway.do("lose", {"lose": self.socket}, {})
        if not self._is_closed:
            self._is_closed = True
            self._note("the connection breaks")
            self.machine.receive_eof(self.network.gateway.now)
        self.network.settle()

    # What the network does

    def turn(self) -> bool:
        """Move what there is to be moved; return whether there was any."""
        moved = False
        while (event := self.machine.next_event()) is not None:
            moved = True
            self._act(event)
        return self._say() or self._hear() or moved

    def _act(self, event: Any) -> None:
        match event:
            case Dial():
                self._dial()
            case HangUp():
                self._say()
            case Settled(handle=handle, result=result, error=error) if handle in self._calls:
                ended = json.dumps(msgspec.to_builtins(result), ensure_ascii=False)
                if error is not None:
                    sent = ", was sent" if (error.data or {}).get("sent") else ""
                    ended = f"error {int(error.code)}{sent}: {error.message}"
                label = self._calls.pop(handle)
                if label:
                    self._note(f"{label} ends: {ended}")
            case Pushed(params=ApprovalView(id=approval)):
                self.approvals.append(approval)
            case StateChanged(state=ClientState.CLOSED, error=error) if error is not None:
                self._note("does not come back")
            case _:
                pass

    def _dial(self) -> None:
        self._sockets += 1
        now = self.network.gateway.now
        self.machine.dialed(now)
        head, _, self._buffer = self.machine.data_to_send().partition(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n")]
        (key,) = [value for name, _, value in lines if name.lower() == b"sec-websocket-key"]
        self.network.gateway.do("connect", {"connect": self.socket}, {})
        self._is_closed = False
        self._note("connects")
        self.machine.receive_data(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept_key(key) + b"\r\n\r\n",
            now,
        )

    def _say(self) -> bool:
        frames, self._buffer = parse_frames(self._buffer + self.machine.data_to_send())
        for opcode, payload in frames:
            arrow = "→ (lost)" if self.mute else "→"
            if opcode == TEXT:
                self._noted(arrow, json.loads(payload))
            elif opcode == CLOSE:
                self._noted(arrow, f"close {int.from_bytes(payload[:2], 'big')}")
            peer = self.network.gateway.peers.get(self.socket)
            if peer is not None and not self.mute:
                peer.receive(frame(opcode, payload, mask=MASK))
                self.network.gateway.settle()
        return bool(frames)

    def _hear(self) -> bool:
        peer = self.network.gateway.peers.get(self.socket)
        if peer is None or not peer.said:
            return False
        arrow = "← (lost)" if self.deaf else "←"
        while peer.said:
            step = peer.said.pop(0)
            if "send" in step:
                self._noted(arrow, step["send"])
                self._receive(TEXT, json.dumps(step["send"]).encode())
            elif "close" in step:
                if self._is_closed:
                    continue
                self._is_closed = True
                self._noted(arrow, f"close {step['close']}")
                self._receive(CLOSE, step["close"].to_bytes(2, "big"))
            else:
                opcode = PING if "ping" in step else PONG
                self._receive(opcode, step.get("ping", step.get("pong", "")).encode())
        return True

    def _note(self, text: str) -> None:
        if not self.hidden:
            self.network.said(f"{self.name}:", "", text)

    def _noted(self, arrow: str, message: Any) -> None:
        if not self.hidden:
            self.network.said(self.name, arrow, message)

    def _receive(self, opcode: int, payload: bytes) -> None:
        if not self.deaf:
            self.machine.receive_data(frame(opcode, payload), self.network.gateway.now)
            self._act_on_all()

    def _act_on_all(self) -> None:
        while (event := self.machine.next_event()) is not None:
            self._act(event)


def broken(line: str) -> list[str]:
    """A long line in several, each broken where a value of JSON begins."""
    lines: list[list[str]] = [[]]
    for piece in re.split(r'(?<=, )(?=["\[{])', line):
        if lines[-1] and sum(map(len, lines[-1])) + len(piece.rstrip()) > WIDTH:
            lines.append(["    "])
        lines[-1].append(piece)
    if len(lines) > 1 and len("".join(lines[-1])) < ORPHAN_CHARS:
        lines[-1].insert(1, lines[-2].pop())
    return ["".join(each).rstrip() for each in lines]
