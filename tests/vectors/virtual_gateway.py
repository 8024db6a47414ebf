"""The gateway as the server's vectors see it: the real gate, on virtual time, without a socket.

Connections are real machines, spoken to by frames made by hand; requests, policy, tools, desk and
the SQLite store are the real ones too. Only what moves bytes, waits and keeps time is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from heapq import heapify, heappop, heappush
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
from tests.proto.byhand import UPGRADE, parse_frames
from tests.proto.support import CLOSE, MASK, TEXT, frame

from agentgate_cli.conformance.plain import Response, cut_response, request_bytes
from agentgate_cli.conformance.profile import GIVEN, write_profile
from agentgate_cli.conformance.vectors import Step, filled
from agentgate_proto.connection.base import SERVICE_RESTART
from agentgate_proto.connection.events import Closed
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.ledger.effects import Run
from agentgate_proto.limits import SERVER_LIMITS
from agentgate_proto.models.events import Failed, ModelEvent
from agentgate_proto.principal import Principal
from agentgate_proto.providing.effects import Over
from agentgate_proto.records.outcome import Outcome, executed
from agentgate_proto.records.request import Effects
from agentgate_proto.sessions.effects import CallModel
from agentgate_server.approvals.codes import Codes
from agentgate_server.assembly import catalogue_of, policy_of
from agentgate_server.config import load_config
from agentgate_server.conversing import conversations_of
from agentgate_server.gate.gate import Gate
from agentgate_server.gate.running import Running
from agentgate_server.identity.keyring import Keyring
from agentgate_server.models.prices import PriceBook
from agentgate_server.models.rehearsal import RehearsalModel
from agentgate_server.opening import doors_of
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.model_desk import ModelDesk
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.tools.provided.tool import ProvidedTool, result_of
from agentgate_server.tools.runner import Runner, stopped
from agentgate_server.tools.tool import Tool


def in_a_loop_of_its_own(function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
    """Run it to its end. There is a loop in this thread already, which nobody waits in."""
    thread = Thread(target=lambda: anyio.run(function, *args))
    thread.start()
    thread.join()


NOON = 1_800_000_000.0

WRITE = Effects.WRITE

SWITCHED = 101

CUT = {"close": 1006}
"""The end of the socket, whatever was said before."""

HOST = "127.0.0.1:8443"
"""What clients call the gateway."""


class Peer:
    """One connection, with what the gateway said on it.

    Args:
        gateway: whose it is.
        number: of the connection.
        upgrade: it is to be a WebSocket from the start, with no output that counts.

    Attributes:
        said: outputs as the vectors name them, that no step has taken yet.
        told_close: the gateway has sent a close frame.
    """

    address = "127.0.0.1"

    def __init__(self, gateway: VirtualGateway, number: int, *, upgrade: bool) -> None:
        self.gateway = gateway
        self.number = number
        self.token_hash = ""
        self.connection = ServerConnection(gateway.now, SERVER_LIMITS, gateway.doors, self.address)
        self.said: list[Step] = []
        self.over = False
        self._rest = b""
        self.is_plain = True
        self.told_close = False
        if upgrade:
            self.connection.receive_data(
                UPGRADE.replace(b"gate.example", HOST.encode()), gateway.now
            )
            self.process()
            assert not self.is_plain, self.said
            self.said.clear()

    def seat(self, principal: Principal) -> str:
        """See the real one; nobody here takes another's share."""
        return ""

    @property
    def name(self) -> str:
        principal = self.connection.principal
        return principal.name if principal is not None else ""

    def poke(self) -> None:
        """Everything is looked after at the end of each step."""

    def receive(self, data: bytes) -> None:
        self.connection.receive_data(data, self.gateway.now)
        self.gateway.settle()

    def process(self) -> None:
        """Let the gate handle the events, then read the output."""
        while (event := self.connection.next_event()) is not None:
            self.gateway.gate.handle(self, event)
            if isinstance(event, Closed):
                self.over = True
                self._read()
                self.said.append(CUT)
        self._read()
        if self.connection.sent(0):
            self.process()

    def _read(self) -> None:
        self._rest += self.connection.data_to_send()
        while self.is_plain and (response := self._response()) is not None:
            self.said.append({"response": response.as_step()})
            self.is_plain = response.status != SWITCHED
        if not self.is_plain:
            frames, self._rest = parse_frames(self._rest)
            self.said += [step_of(opcode, payload) for opcode, payload in frames]
            self.told_close |= any(opcode == CLOSE for opcode, _ in frames)

    def _response(self) -> Response | None:
        rest = bytearray(self._rest)
        response = cut_response(rest)
        self._rest = bytes(rest)
        return response


def step_of(opcode: int, payload: bytes) -> Step:
    """A frame as an output step."""
    match opcode:
        case 1:
            return {"send": json.loads(payload)}
        case 8:
            return {"close": int.from_bytes(payload[:2], "big")}
        case 9:
            return {"ping": payload.decode()}
        case _:
            return {"pong": payload.decode()}


class VirtualRunning(Running):
    """Tools that take time take virtual time."""

    gateway: VirtualGateway

    def start_task(self, run: Run, tool: Tool, args: dict[str, Any]) -> None:
        rid = run.rid
        if isinstance(tool, ProvidedTool):
            self.ask_provider(rid, tool, args)
            return
        self.gateway.later(args["seconds"], rid, executed(b'"slept"'))

    def ask_provider(self, rid: str, tool: ProvidedTool, args: dict[str, Any]) -> None:
        def done(over: Over) -> None:
            self.finished(rid, outcome_of(self.runner, tool, over))

        self.gateway.gate.providing.desk.begin(rid, tool, args, done)

    def stop(self, rid: str) -> None:
        desk = self.gateway.gate.providing.desk
        if desk.providers.deadline_of(rid) is not None:
            tool = desk.to_run(self.gateway.gate.ledger._lifecycle.live[rid].record.tool, WRITE, "")
            assert isinstance(tool, ProvidedTool)
            tool.progress.was_asked = desk.providers.may_have_run(rid)
            desk.cancel(rid)
            self.finished(rid, stopped(tool))
        for at, number, name, _ in self.gateway.tools:
            if name == rid:
                record = next(a for a in self.gateway.gate.ledger.running if a.rid == rid)
                tool = self.catalogue.get(record.tool)
                assert tool is not None
                self.gateway.tools.remove((at, number, name, _))
                self.finished(rid, stopped(tool))
                return


def outcome_of(runner: Runner, tool: ProvidedTool, over: Over) -> Outcome:
    """What the runner makes of the end of a call."""
    try:
        return runner.encoded(tool, result_of(over))
    except Exception as error:
        return runner.explain(tool, error)


class VirtualModels(ModelDesk):
    """Models that pause do so on virtual time."""

    gateway: VirtualGateway
    failures: dict[bytes, int]

    def ask(self, call: CallModel) -> None:
        model = self.models[call.model]
        assert isinstance(model, RehearsalModel)
        at = self.gateway.now + call.after_s
        failures = self.failures.get(call.request.body, 0)
        for step in model._rehearsal.reply(call.request.body, failures=failures):
            if isinstance(step.event, Failed):
                self.failures[call.request.body] = failures + 1
            assert step.pause_ms is not None, "no scene of the profile stalls"
            at += step.pause_ms / 1_000
            entry = (at, next(self.gateway.numbers), call, step.event)
            heappush(self.gateway.said, entry)

    def stop(self, call: str) -> None:
        said = self.gateway.said
        said[:] = [entry for entry in said if entry[2].call != call]
        heapify(said)


class VirtualGateway:
    """See the module.

    Args:
        folder: an empty one, for the store and the profile.
    """

    def __init__(self, folder: Path) -> None:
        self.tokens = write_profile(folder, 0)
        assert set(self.tokens) == GIVEN
        self.config = load_config(folder / "config.yaml", environment={})
        self.now = 100.0
        self.peers: dict[str, Peer] = {}
        self.tools: list[tuple[float, int, str, Outcome]] = []
        self.said: list[tuple[float, int, CallModel, ModelEvent]] = []
        self.spawned: list[tuple[Callable[..., Coroutine[Any, Any, None]], tuple[Any, ...]]] = []
        self.numbers = count(1)
        self.engine: SqliteEngine
        self._boot()

    def _boot(self) -> None:
        self.engine = SqliteEngine(self.config.storage.path)
        gate = Gate(
            policy=policy_of(self.config),
            catalogue=catalogue_of(self.config),
            tokens=Keyring(self.config.identities),
            engine=self.engine,
            runner=Runner(output_bytes_max=self.config.tools.output_bytes_max),
            limits=self.config.ledger_limits(),
            utc=self.utc,
            monotonic=lambda: self.now,
            codes=Codes(self.config.totp),
            conversations=conversations_of(self.config, Masker(), PriceBook()),
        )
        gate.running = VirtualRunning(gate.running.catalogue, gate.running.runner, gate._finished)
        gate.running.gateway = self
        assert gate.sessions is not None
        gate.sessions.models = VirtualModels(
            gate.sessions.models.models,
            gate.sessions._model_said,
            gate.observers.model_asked,
            self.spawn,
        )
        gate.sessions.models.gateway = self
        gate.sessions.models.failures = {}
        gate.calls.spawn = self.spawn
        gate.sessions._spawn = self.spawn
        assert gate.agents is not None
        gate.agents._spawn = self.spawn
        self.gate = gate
        self.doors = doors_of(self.config.gateway, gate.faces.routes)
        gate.take_up(self.engine.restore())
        self.settle()

    def utc(self) -> float:
        return NOON + self.now

    def later(self, seconds: float, rid: str, outcome: Outcome) -> None:
        """A tool will have finished by then."""
        heappush(self.tools, (self.now + seconds, next(self.numbers), rid, outcome))

    def spawn(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Do something that takes time, but no virtual one."""
        self.spawned.append((function, args))

    def settle(self) -> None:
        """Let everything happen that happens at this moment."""
        writer, sessions = self.gate.writer, self.gate.sessions
        assert sessions is not None
        for _ in range(10_000):
            sessions.watching.work()
            for peer in list(self.peers.values()):
                peer.process()
            if self.spawned:
                function, args = self.spawned.pop(0)
                in_a_loop_of_its_own(function, *args)
            elif self.said and self.said[0][0] <= self.now:
                _, _, call, event = heappop(self.said)
                sessions._model_said(call.session, call.call, (event,))
            elif writer.has_work:
                batch = writer.take()
                writer.work(batch)
                writer.put_back(batch)
                writer.report(batch)
            elif not sessions.watching._ready:
                return
        raise AssertionError("the gateway never comes to rest")

    # Steps

    def do(self, kind: str, step: Step, bound: dict[str, Any]) -> None:
        """Do an input step."""
        on = step.get("on", "")
        value = step[kind]
        match kind:
            case "connect":
                self.peers[value] = Peer(self, next(self.numbers), upgrade=True)
            case "request":
                if on not in self.peers:
                    self.peers[on] = Peer(self, next(self.numbers), upgrade=False)
                self.peers[on].receive(request_bytes(filled(value, bound, self.utc())))
            case "receive":
                self._frame(on, TEXT, json.dumps(filled(value, bound, self.utc())).encode())
            case "receive_text":
                self._frame(on, TEXT, value.encode())
            case "receive_frame":
                self._odd_frame(on, filled(value, bound))
            case "lose":
                peer = self.peers.pop(value)
                peer.connection.receive_eof(self.now)
                peer.process()
            case "advance":
                self._advance(self.now + value)
            case "shut_down":  # as :meth:`agentgate_server.gateway.Gateway` does
                for peer in self.peers.values():
                    peer.connection.close(SERVICE_RESTART)
            case _:
                assert kind == "restart"
                self.peers.clear()
                self.tools.clear()
                self.said.clear()
                self.spawned.clear()
                self.engine.close()
                self._boot()
        self.settle()

    def _frame(self, on: str, opcode: int, payload: bytes, **odd: Any) -> None:
        self.peers[on].receive(frame(opcode, payload, **{"mask": MASK, **odd}))

    def _odd_frame(self, on: str, odd: dict[str, Any]) -> None:
        payload = bytes.fromhex(odd["hex"]) if "hex" in odd else odd["payload"].encode()
        options = {name: odd[name] for name in ("fin", "reserved") if name in odd}
        if not odd.get("masked", True):
            options["mask"] = None
        for _ in range(odd.get("times", 1)):
            self._frame(on, odd["opcode"], payload, **options)

    def _advance(self, until: float) -> None:
        for _ in range(1_000):
            due = [self.tools[0][0]] if self.tools else []
            due += [self.said[0][0]] if self.said else []
            assert self.gate.sessions is not None
            sessions = self.gate.sessions.sessions.next_deadline()
            due += [sessions - NOON] if sessions is not None else []
            provided = self.gate.providing.desk.providers.next_deadline()
            due += [provided] if provided is not None else []
            ledger = self.gate.ledger.next_deadline()
            due += [ledger - NOON] if ledger is not None else []
            deadlines = [peer.connection.next_deadline() for peer in self.peers.values()]
            due += [deadline.at for deadline in deadlines if deadline is not None]
            if not due or min(due) > until:
                self.now = until
                return
            self.now = max(self.now, min(due))
            self._wake()
        raise AssertionError("a timer spins")

    def _wake(self) -> None:
        for peer in self.peers.values():
            deadline = peer.connection.next_deadline()
            if deadline is not None and deadline.at <= self.now:
                peer.connection.handle_timer(self.now)
        while self.tools and self.tools[0][0] <= self.now:
            _, _, rid, outcome = heappop(self.tools)
            self.gate._finished(rid, outcome)
        self.gate.providing.desk.tick()
        self.gate.wake()
        assert self.gate.sessions is not None
        deadline = self.gate.sessions.sessions.next_deadline()
        if deadline is not None and deadline <= self.utc():
            self.gate.sessions.sessions.handle_timer(self.utc())
            self.gate.sessions.drain()
        self.settle()

    def close(self) -> None:
        self.engine.close()
