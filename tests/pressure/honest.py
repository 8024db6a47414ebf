"""The honest ones beside an attack: an agent, its approver, an operator, and who comes newly.

Each is a thread with connections of its own, and writes down what befell it. All they do would work
on an idle gateway; so what does not is the attack's doing.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from tests.pressure.gateway import HOME, OPER, OWNER
from tests.pressure.wire import Cut, Target, Wire, http

LOGIN_EVERY_S = 0.2
VIEW_EVERY_S = 0.5
ASK_EVERY_S = 1.0
PATIENCE_S = 15.0
"""How long the honest ones wait for anything before they count it as lost."""

WRITES_EACH = 10
"""Each tenth call writes."""

AGENT = "agent"
"""The principal behind the token HOME."""


def pace_s(seconds: float) -> float:
    """The pause between two calls, so that so many seconds need not more than an agent may."""
    burst, per_s, others = 600, 10, 0.25
    return max(0.005, seconds / ((burst + per_s * seconds) * (1 - others)))


@dataclass
class Took:
    """Something that the honest ones did.

    Attributes:
        what: of what kind.
        at: when it was due, on the clock of ``time.perf_counter``.
        seconds: from then to its end.
        trouble: "": it went well; else what happened.
    """

    what: str
    at: float
    seconds: float
    trouble: str = ""


@dataclass
class Book:
    """All that they did, from several threads."""

    rows: list[Took] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Keys of writes that were answered."""

    def note(self, what: str, at: float, trouble: str = "") -> None:
        """Write down something that began then and is over now."""
        self.rows.append(Took(what, at, time.perf_counter() - at, trouble))

    def of(self, what: str, since: float, until: float) -> list[Took]:
        """Those of a kind that were due in between."""
        return [row for row in self.rows if row.what == what and since <= row.at < until]

    def troubles(self, since: float, until: float, *without: str) -> Counter[str]:
        """What went wrong in between, and how often; not with these kinds."""
        found = (row for row in self.rows if row.trouble and since <= row.at < until)
        return Counter(f"{row.what}: {row.trouble}" for row in found if row.what not in without)


class Household:
    """Starts them, and stops them.

    Args:
        target: the gateway.
        seconds: how long all of it will take, about.
    """

    def __init__(self, target: Target, seconds: float) -> None:
        self.target = target
        self.book = Book()
        self.pace_s = pace_s(seconds)
        self.stopping = threading.Event()
        self.watcher: Wire | None = None
        self.wires: list[Wire] = []
        parts = (self.ask, self.call, self.approve, self.view, self.come)
        self.threads = [threading.Thread(target=part, daemon=True) for part in parts]

    def start(self) -> None:
        """Begin."""
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self.stopping.set()
        self.threads[0].join(2 * PATIENCE_S)  # what it has asked last wants an answer
        if self.watcher is not None:
            with suppress(OSError):
                self.watcher.sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(2 * PATIENCE_S)
        for wire in self.wires:
            wire.close()

    def call(self) -> None:
        """An agent's program: a call whenever one is due, or as soon after that as it can."""
        wire = self.wire("call", HOME, "home-program")
        due, number = time.perf_counter(), 0
        while not self.stopping.is_set():
            number += 1
            due = max(due + self.pace_s, time.perf_counter() - PATIENCE_S)
            if self.stopping.wait(max(0.0, due - time.perf_counter())):
                break
            wire = self.one_call(wire, due, number)
        while due < time.perf_counter():  # what was due, and had no turn
            self.book.note("read", due)
            due += self.pace_s

    def one_call(self, wire: Wire, due: float, number: int) -> Wire:
        """Make one call; return the connection for the next."""
        what, key = "read", f"home-{number}"
        try:
            if number % WRITES_EACH:
                answer = wire.call("look", what="the thermometer")
            else:
                what = "write"
                args = {"key": key}
                answer = wire.ask("tool_request", tool="note", args=args, idempotency_key=key)
            result = answer.get("result", {})
            self.book.note(what, due, "" if result else answer["error"]["message"])
            if result:
                wire.ack(result["seq"])
                if what == "write":
                    self.book.keys.append(key)
        except OSError as error:
            self.book.note(what, due, words(error))
            wire.close()
            return self.wire("call", HOME, "home-program")
        return wire

    def ask(self) -> None:
        """The same agent's other program, whose writes need a person."""
        wire = self.wire("ask", HOME, "home-asks")
        number = 0
        while not self.stopping.wait(ASK_EVERY_S):
            number += 1
            began, key = time.perf_counter(), f"ask-{number}"
            try:
                answer = wire.call("door", key=key)
                result = answer.get("result", {})
                self.book.note("ask", began, "" if result else answer["error"]["message"])
                if result:
                    wire.ack(result["seq"])
                    self.book.keys.append(key)
            except OSError as error:
                self.book.note("ask", began, words(error))
                wire.close()
                wire = self.wire("ask", HOME, "home-asks")

    def approve(self) -> None:
        """A person who watches, and says yes to each ask of the agent, natively and over HTTP."""
        turn, seen = 0, set[str]()
        while not self.stopping.is_set():
            self.watcher = wire = self.wire("watch", OWNER, "phone")
            try:
                wire.sock.settimeout(None)
                wire.send("watch_approvals")
                while True:
                    for each in approvals_in(wire.recv()):
                        if each["id"] not in seen and is_honest(each):
                            turn += 1
                            self.say_yes(wire, each["id"], natively=turn % 2 == 0)
                            seen.add(each["id"])
            except OSError as error:
                if not self.stopping.is_set():
                    self.book.note("watch", time.perf_counter(), words(error))
                wire.close()

    def say_yes(self, wire: Wire, approval: str, *, natively: bool) -> None:
        """Approve one."""
        if natively:
            wire.send("decide_approval", id=approval, decision="approve")
            return
        began = time.perf_counter()
        body = {"decision": "approve"}
        path = f"/api/approvals/{approval}"
        status, _ = http(self.target, "POST", path, OWNER, body, timeout_s=PATIENCE_S)
        self.book.note("decide", began, "" if status in (200, 409) else f"HTTP {status}")

    def view(self) -> None:
        """An approver who lists what waits, and an operator who lists what was asked."""
        who = {"list_approvals": OWNER, "list_requests": OPER}
        wires = {method: self.wire("view", token, "desk") for method, token in who.items()}
        for method in cycle(who):
            if self.stopping.wait(VIEW_EVERY_S):
                return
            began, wire = time.perf_counter(), wires[method]
            try:
                answer = wire.ask(method)
                trouble = "" if "result" in answer else answer["error"]["message"]
                self.book.note("view", began, trouble and f"{method}: {trouble}")
            except OSError as error:
                self.book.note("view", began, f"{method}: {words(error)}")
                wire.close()
                wires[method] = self.wire("view", who[method], "desk")

    def come(self) -> None:
        """Who comes newly with a good token, by turns; and who asks how the gateway is."""
        kinds: list[Callable[[float], None]] = [
            lambda began: self.login(began, HOME),
            lambda began: self.fetch(began, "login", "/api/approvals", OWNER),
            lambda began: self.login(began, OWNER),
            lambda began: self.fetch(began, "health", "/health", ""),
            lambda began: self.login(began, OPER),
        ]
        due, number = time.perf_counter(), 0
        guests: list[threading.Thread] = []
        while True:
            due += LOGIN_EVERY_S
            if self.stopping.wait(max(0.0, due - time.perf_counter())):
                break
            kind = kinds[number % len(kinds)]
            guests.append(threading.Thread(target=kind, args=(due,), daemon=True))
            guests[-1].start()
            number += 1
        for guest in guests:
            guest.join(2 * PATIENCE_S)

    def login(self, began: float, token: str) -> None:
        """Connect natively, log in, and go."""
        trouble = ""
        try:
            Wire(self.target, token, timeout_s=PATIENCE_S).close()
        except OSError as error:
            trouble = words(error)
        self.book.note("login", began, trouble)

    def fetch(self, began: float, what: str, path: str, token: str) -> None:
        """The same over HTTP."""
        try:
            status, _ = http(self.target, "GET", path, token, timeout_s=PATIENCE_S)
            trouble = "" if status == 200 else f"HTTP {status}"
        except OSError as error:
            trouble = words(error)
        self.book.note(what, began, trouble)

    def wire(self, what: str, token: str, client_id: str) -> Wire:
        """Connect until it works, or until all is over."""
        while True:
            began = time.perf_counter()
            try:
                found = Wire(self.target, token, client_id, timeout_s=PATIENCE_S)
                self.wires.append(found)
                return found
            except OSError as error:
                self.book.note(f"{what} connects", began, words(error))
                if self.stopping.wait(0.1):
                    raise SystemExit from None  # ends this thread


def words(error: OSError) -> str:
    """What to count an error as."""
    return str(error) if isinstance(error, Cut) else f"{type(error).__name__}: {error}"


def approvals_in(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The approvals in a message to a watcher."""
    if found.get("method") == "approval_changed":
        return [found["params"]]
    result = found.get("result", {})
    listed: list[dict[str, Any]] = result.get("approvals", [])
    return listed


def is_honest(approval: dict[str, Any]) -> bool:
    """Whether the watcher says yes to it: to what the agent's program asks, and waits for."""
    return (
        approval["status"] == "waiting"
        and approval["agent"] == AGENT
        and approval["tool"] == "door"
        and str(approval["args"].get("key", "")).startswith("ask-")
    )
