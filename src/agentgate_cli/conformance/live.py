"""Plays the server's vectors against a gateway that runs, over real sockets and in real time.

A one-time code counts once, and who played before may have used the one of this moment, without a
word to us. So a vector whose good code is refused is played again with the next one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.frames import Frame, HandshakeError, Wire
from agentgate_cli.conformance.onetime import STEP_S
from agentgate_cli.conformance.order import Sends
from agentgate_cli.conformance.plain import BadResponse, Plain, request_bytes
from agentgate_cli.conformance.profile import GIVEN, HTTP, LOGIN, MODEL
from agentgate_cli.conformance.rows import Row, Verdict
from agentgate_cli.conformance.serving import Serving
from agentgate_cli.conformance.vectors import (
    SETTLED_BEFORE,
    Gathered,
    Mismatch,
    Step,
    Vector,
    brief,
    compare,
    filled,
    kind_of,
    special,
)
from agentgate_cli.style import note
from agentgate_proto.errors import ErrorCode

BOUND_S = 5.0
"""How long an output may take, over what the vector says."""

QUIET_S = 0.05
"""How long to listen for what should not come, before time goes by."""

MOMENT_S = 1.0
"""What vectors let go by where only the gateway's own work has to come to rest."""

SHORT_S = 0.1
"""What that takes in real time, with room to spare."""

SLOW_S = 9.0
"""A vector that waits longer is played only on demand."""

CODE_TRIES = 3
"""How many codes a vector may take. After a restart ours refuses the one after the last as well."""

LAPSED_S = 9.0
"""After so long nothing waits any more of a vector that was broken off, to be joined or seen."""

SWITCHED = 101
"""The status with which a connection becomes a WebSocket."""

FRESH = ("client", "other_client", "key")

FEATURES = {
    "codes": "approver_totp",
    "several approvers": "second_token",
    "sessions": MODEL,
    "relays": "relay_token",
    "agents": LOGIN,
    "http": HTTP,
}
"""What a vector may need, and what is given to us where the gateway has it."""


class CodeRefused(Mismatch):
    """A code that should count did not: it may have been used before."""


class LivePlayer:
    """One vector's run.

    Args:
        url: of the gateway.
        tokens: what the vector's tokens stand for.
        vector: what to play.
        process: of the gateway; None: it is not ours to end.
    """

    def __init__(
        self, url: str, tokens: dict[str, str], vector: Vector, process: Serving | None
    ) -> None:
        self.url = url
        self.process = process
        self.vector = vector
        self.wires: dict[str, Wire] = {}
        self.plain: dict[str, Plain] = {}
        self.parts: dict[int, bytes] = {}
        self.used_code = False
        self.bound: dict[str, Any] = {
            "wrong_token": "a token that nobody has",
            "host": frames.host_of(url),
            "origin": frames.origin_of(url),
            **tokens,
            **{name: f"{name}-{uuid4()}" for name in FRESH},
        }
        self.sends = Sends(vector, self.bound)

    def play(self) -> None:
        """Play it to the end.

        Raises:
            Mismatch: the gateway did something else.
            CodeRefused: perhaps only because the code was used before.
            OSError: it can't be reached.
            HandshakeError: it is no gateway.
        """
        done: Step = {}
        try:
            for at, step in enumerate(self.vector.steps):
                kind, is_output = kind_of(step, "server")
                if is_output:
                    self._take(kind, at)
                else:
                    if kind in SETTLED_BEFORE:
                        self._nothing_left()
                    self._do(kind, step)
                    done = step
            self._nothing_left()
        except Mismatch as error:
            raise type(error)(f"{error}; after {brief(done)}") from None
        finally:
            self._drop_all()

    def _drop_all(self) -> None:
        for wire in self.wires.values():
            wire.drop()
        for plain in self.plain.values():
            plain.drop()
        self.wires.clear()
        self.plain.clear()

    def _do(self, kind: str, step: Step) -> None:
        value = filled(step[kind], self.bound, time.time())
        self.used_code |= any(name == "$totp" for name, _ in operators(step[kind]))
        match kind:
            case "connect":
                self.wires[value] = frames.connect(self.url)
            case "receive":
                self.wires[step["on"]].send_json(value)
            case "receive_text":
                self.wires[step["on"]].send(frames.TEXT, value.encode())
            case "receive_frame":
                self._send_odd(self.wires[step["on"]], value)
            case "request":
                self._request(step["on"], value)
            case "shut_down" | "restart":
                assert self.process is not None, "else it is not played"
                if kind == "shut_down":
                    self.process.shut_down()
                else:
                    self._drop_all()
                    self.process.restart()
            case "lose":
                (self.wires.pop(value, None) or self.plain.pop(value)).drop()
            case _:
                time.sleep(value if value > MOMENT_S else SHORT_S)

    def _request(self, name: str, request: dict[str, Any]) -> None:
        """Send a request on the connection of this name, or on a new one."""
        if name not in self.plain:
            self.plain[name] = Plain(frames.dial(self.url))
        self.plain[name].send(request_bytes(request))

    def _send_odd(self, wire: Wire, odd: dict[str, Any]) -> None:
        payload = bytes.fromhex(odd["hex"]) if "hex" in odd else odd["payload"].encode()
        options = {
            name: odd[name] for name in ("fin", "reserved", "masked", "times") if name in odd
        }
        wire.send(odd["opcode"], payload, **options)

    def _take(self, kind: str, at: int) -> None:
        """Take the next output of the connection, which must be that of the step at this place."""
        wanted = self.vector.steps[at]
        match kind:
            case "events":
                self._take_events(wanted)
            case "send":
                self._take_send(at)
            case _:
                compare(wanted[kind], self._taken(kind, wanted)[kind], self.bound)

    def _take_send(self, at: int) -> None:
        """Take messages until the one is there that is wanted."""
        message: Any = None

        def receive(wanted: Step) -> Any:
            nonlocal message
            message = self._taken("send", wanted)["send"]
            return message

        try:
            self.sends.take(at, receive)
        except Mismatch as error:
            wants_result = "result" in self.vector.steps[at]["send"]
            if self.used_code and wants_result and refuses_code(message):
                raise CodeRefused(str(error)) from None
            raise

    def _take_events(self, wanted: Step) -> None:
        """Take messages until the events are there that are wanted."""
        gathered = Gathered(wanted["events"], self.bound)
        while not gathered.is_whole:
            gathered.add(self._taken("send", wanted)["send"])
        gathered.compare()

    def _taken(self, kind: str, wanted: Step) -> Step:
        """Return the next output of the connection, which must be of this kind."""
        name = wanted["on"]
        plain = self.plain.get(name)
        got = self._next(self.wires[name], BOUND_S) if plain is None else self._respond(name, plain)
        if got is None:
            raise Mismatch(
                f"nothing came on {name} within {BOUND_S:g} s, instead of {brief(wanted)}"
            )
        if kind not in got:
            raise Mismatch(f"{brief(got)} came on {name}, instead of {brief(wanted)}")
        return got

    def _nothing_left(self) -> None:
        for name, plain in self.plain.items():
            response = plain.receive(QUIET_S)
            if response is not None:
                raise Mismatch(f"on {name} came besides: {brief(response.as_step())}")
        for name, wire in self.wires.items():
            got = None if wire.ended else self._next(wire, QUIET_S)
            if got is not None:
                raise Mismatch(f"on {name} came besides: {brief(got)}")

    def _respond(self, name: str, plain: Plain) -> Step | None:
        """What came next on a connection that is no WebSocket; with 101 it becomes one."""
        response = plain.receive(BOUND_S)
        if response is None:
            return {"close": frames.ABNORMAL} if plain.ended else None
        if response.status == SWITCHED:
            self.wires[name] = Wire(plain.sock, bytes(plain.rest), masking=True)
            del self.plain[name]
        return {"response": response.as_step()}

    def _next(self, wire: Wire, within_s: float) -> Step | None:
        """The next output that counts."""
        while (frame := wire.receive(within_s)) is not None:
            output = self._output_of(wire, frame)
            if output is not None:
                return output
        return None

    def _output_of(self, wire: Wire, frame: Frame) -> Step | None:
        match frame.opcode:
            case frames.TEXT | frames.CONTINUATION:
                whole = self._joined(wire, frame)
                return None if whole is None else {"send": msgspec.json.decode(whole)}
            case frames.BINARY:
                return {"binary": frame.payload.hex()}
            case frames.CLOSE if "close" in self.vector.watch:
                return {"close": frame.close_code}
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

    def _joined(self, wire: Wire, frame: Frame) -> bytes | None:
        """The message that a frame completes; None: there is more to come of it."""
        before = self.parts.pop(id(wire), b"") if frame.opcode == frames.CONTINUATION else b""
        if frame.fin:
            return before + frame.payload
        self.parts[id(wire)] = before + frame.payload
        return None


def play(
    url: str,
    tokens: dict[str, str],
    vector: Vector,
    *,
    slow: bool,
    process: Serving | None = None,
) -> Row:
    """Play a vector, or say why not. A gateway of ours that has died by it is started again.

    Raises:
        OSError: it can't be reached, and is not ours to start.
        ServeError: it can't be started again.
    """
    reason = why_not(vector, tokens, slow=slow, restarts=process is not None)
    if reason:
        return row_of(vector, "skipped", reason)
    try:
        play_with_codes(url, tokens, vector, process)
    except (Mismatch, BadResponse, HandshakeError, msgspec.DecodeError) as error:
        return failed(vector, str(error))
    except OSError as error:
        if process is None:
            raise
        process.restart()
        return failed(vector, f"the gateway does not answer any more: {error}")
    return row_of(vector, "passed")


def failed(vector: Vector, why: str) -> Row:
    """What must be, by which rules, and what was instead."""
    named = f" ({', '.join(vector.rules)})" if vector.rules else ""
    return row_of(vector, "failed", f"{vector.rule.rstrip('.')}{named}: {why}")


def row_of(vector: Vector, verdict: Verdict, why: str = "") -> Row:
    """What a vector came to."""
    return Row(vector.name, verdict, vector.rule, why, vector.level, tuple(vector.rules))


def play_with_codes(
    url: str, tokens: dict[str, str], vector: Vector, process: Serving | None
) -> None:
    """Play a vector; again with the next code while it may be only the code that fails.

    Raises as ``LivePlayer.play``.
    """
    for tried in range(1, CODE_TRIES + 1):
        try:
            LivePlayer(url, tokens, vector, process).play()
            return
        except CodeRefused:
            if tried == CODE_TRIES:
                raise
        pause_s = max(STEP_S - time.time() % STEP_S + SHORT_S, LAPSED_S)
        note(f"the one-time code may have been used before: the next one comes in {pause_s:.0f} s")
        time.sleep(pause_s)


def refuses_code(message: Any) -> bool:
    """Whether a message says that a one-time code does not count."""
    error = message.get("error") if isinstance(message, dict) else None
    return isinstance(error, dict) and error.get("code") == ErrorCode.CODE_NEEDED


def why_not(vector: Vector, tokens: dict[str, str], *, slow: bool, restarts: bool = False) -> str:
    """Why a vector can't be played, or ""."""
    if "restart" in vector.needs and not restarts:
        return "needs a restart of the gateway: --serve COMMAND plays it"
    features = [need for need in vector.needs if need in FEATURES]
    wanted = {*refs(vector.steps), *(FEATURES[need] for need in features)} & GIVEN
    missing = sorted(wanted - tokens.keys())
    if missing and features:
        return f"needs {' and '.join(features)}: --tokens names no {', no '.join(missing)}"
    if missing:
        return f"needs {' and '.join(missing)}: name a file with --tokens"
    waits_s = sum(step.get("advance", 0.0) for step in vector.steps)
    return f"takes {waits_s:g} s: --slow plays it" if waits_s > SLOW_S and not slow else ""


def refs(part: Any) -> Iterator[str]:
    """The names that a part of a vector refers to."""
    for name, item in operators(part):
        match name:
            case "$ref" | "$wrong_totp":
                yield item
            case "$totp":
                yield item[0]


def operators(part: Any) -> Iterator[tuple[str, Any]]:
    """The operators in a part of a vector, each with what it is applied to."""
    name = special(part)
    if name:
        yield name, part[name]
    for item in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from operators(item)
