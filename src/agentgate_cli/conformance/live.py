"""Plays the server's vectors against a gateway that runs, over real sockets and in real time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.frames import Frame, Wire
from agentgate_cli.conformance.rows import Row
from agentgate_cli.conformance.vectors import (
    SETTLED_BEFORE,
    Mismatch,
    Step,
    Vector,
    brief,
    compare,
    filled,
    kind_of,
)

BOUND_S = 5.0
"""How long an output may take, over what the vector says."""

QUIET_S = 0.05
"""How long to listen for what should not come, before time goes by."""

MOMENT_S = 1.0
"""What vectors let go by where only the gateway's own work has to come to rest."""

SHORT_S = 0.1
"""What that takes in real time, with room to spare."""

SLOW_S = 8.0
"""A vector that waits longer is played only on demand."""

FRESH = ("client", "other_client", "key")
TOKENS = frozenset({"agent_token", "other_token", "approver_token", "wrong_token"})


class LivePlayer:
    """One vector's run.

    Args:
        url: of the gateway.
        tokens: what the vector's tokens stand for.
        vector: what to play.
    """

    def __init__(self, url: str, tokens: dict[str, str], vector: Vector) -> None:
        self.url = url
        self.vector = vector
        self.wires: dict[str, Wire] = {}
        self.bound: dict[str, Any] = {
            "wrong_token": "a token that nobody has",
            **tokens,
            **{name: f"{name}-{uuid4()}" for name in FRESH},
        }

    def play(self) -> None:
        """Play it to the end.

        Raises:
            Mismatch: the gateway did something else.
            OSError: it can't be reached.
            HandshakeError: it is no gateway.
        """
        try:
            for step in self.vector.steps:
                kind, is_output = kind_of(step, "server")
                if is_output:
                    self._take(kind, step)
                else:
                    if kind in SETTLED_BEFORE:
                        self._nothing_left()
                    self._do(kind, step)
            self._nothing_left()
        finally:
            for wire in self.wires.values():
                wire.drop()

    def _do(self, kind: str, step: Step) -> None:
        value = filled(step[kind], self.bound)
        match kind:
            case "connect":
                self.wires[value] = frames.connect(self.url)
            case "receive":
                self.wires[step["on"]].send_json(value)
            case "receive_text":
                self.wires[step["on"]].send(frames.TEXT, value.encode())
            case "receive_frame":
                self._send_odd(self.wires[step["on"]], value)
            case "lose":
                self.wires.pop(value).drop()
            case _:
                time.sleep(value if value > MOMENT_S else SHORT_S)

    def _send_odd(self, wire: Wire, odd: dict[str, Any]) -> None:
        payload = bytes.fromhex(odd["hex"]) if "hex" in odd else odd["payload"].encode()
        options = {
            name: odd[name] for name in ("fin", "reserved", "masked", "times") if name in odd
        }
        wire.send(odd["opcode"], payload, **options)

    def _take(self, kind: str, wanted: Step) -> None:
        """Take the next output of the connection, which must be this one."""
        name = wanted["on"]
        got = self._next(self.wires[name], BOUND_S)
        if got is None:
            raise Mismatch(f"nothing came on {name}, instead of {brief(wanted)}")
        if kind not in got:
            raise Mismatch(f"{brief(got)} came on {name}, instead of {brief(wanted)}")
        compare(wanted[kind], got[kind], self.bound)

    def _nothing_left(self) -> None:
        for name, wire in self.wires.items():
            got = None if wire.ended else self._next(wire, QUIET_S)
            if got is not None:
                raise Mismatch(f"on {name} came besides: {brief(got)}")

    def _next(self, wire: Wire, within_s: float) -> Step | None:
        """The next output that counts."""
        while (frame := wire.receive(within_s)) is not None:
            output = self._output_of(wire, frame)
            if output is not None:
                return output
        return None

    def _output_of(self, wire: Wire, frame: Frame) -> Step | None:
        match frame.opcode:
            case frames.TEXT:
                return {"send": msgspec.json.decode(frame.payload)}
            case frames.CLOSE:
                wire.send(frames.CLOSE, frame.payload[:2])
                wire.ended = True
                return {"close": frame.close_code}
            case frames.PING if "ping" not in self.vector.watch:
                wire.send(frames.PONG, frame.payload)
            case frames.PING:
                return {"ping": frame.payload.decode(errors="replace")}
            case frames.PONG if "pong" in self.vector.watch:
                return {"pong": frame.payload.decode(errors="replace")}
        return None


def play(url: str, tokens: dict[str, str], vector: Vector, *, slow: bool) -> Row:
    """Play a vector, or say why not.

    Raises as ``LivePlayer.play``, but for Mismatch.
    """
    reason = why_not(vector, tokens, slow=slow)
    if reason:
        return Row(vector.name, "skipped", vector.rule, reason)
    try:
        LivePlayer(url, tokens, vector).play()
    except (Mismatch, msgspec.DecodeError) as error:
        return Row(vector.name, "failed", vector.rule, str(error))
    return Row(vector.name, "passed", vector.rule)


def why_not(vector: Vector, tokens: dict[str, str], *, slow: bool) -> str:
    """Why a vector can't be played, or ""."""
    if "restart" in vector.needs:
        return "needs a restart of the gateway"
    missing = sorted((set(refs(vector.steps)) & TOKENS) - {*tokens, "wrong_token"})
    if missing:
        return f"needs {' and '.join(missing)}: name a file with --tokens"
    waits_s = sum(step.get("advance", 0.0) for step in vector.steps)
    return f"takes {waits_s:g} s: --slow plays it" if waits_s > SLOW_S and not slow else ""


def refs(part: Any) -> Iterator[str]:
    """The names that a part of a vector refers to."""
    if isinstance(part, dict):
        for name, item in part.items():
            if name == "$ref":
                yield item
            else:
                yield from refs(item)
    elif isinstance(part, list):
        for item in part:
            yield from refs(item)
