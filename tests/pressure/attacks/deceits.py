"""Deceits: what an agent, or somebody at the machine, gets by a trick and not by mass."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import pyotp
from tests.pressure.gateway import EVIL, HOME, OWNER, PIN, POLICY, TOTP, PressedGateway
from tests.pressure.keepsakes import until
from tests.pressure.wire import Wire, http, request

UUID = "12345678-1234-1234-1234-1234567890ab"
UNSEEN = "1\u03360\u03360\u0336 \u05d0 100 \u05d1 9 \u2800\ufe0f \U000e0100 \u034f a\u3164b"
"""Struck through, turned round, blank, and not there at all."""


class Deceit:
    """One of them, on a gateway of its own.

    Its name is that of its class, in words with hyphens. The docstring says what it wants.

    Attributes:
        config: what is laid over the gateway's configuration.
    """

    config: ClassVar[dict[str, Any]] = {}

    def __init__(self, gate: PressedGateway) -> None:
        self.gate = gate

    def got(self) -> Iterator[str]:
        """Try it; say what it got."""
        raise NotImplementedError

    def wire(self, token: str = EVIL, client_id: str = "") -> Wire:
        return Wire(self.gate.target, token, client_id)

    def waiting(self, count: int = 1) -> list[dict[str, Any]]:
        """What a person is shown, as soon as so many wait."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = http(self.gate.target, "GET", "/api/approvals", OWNER)[1]["approvals"]
            return len(found) >= count

        until(look, f"{count} approvals")
        return found

    def decide(self, approval: str, **body: Any) -> tuple[int, Any]:
        path = f"/api/approvals/{approval}"
        return http(self.gate.target, "POST", path, OWNER, {"decision": "approve", **body})


class BlankedArguments(Deceit):
    """A person does not see what they say yes to, since it stands under a secret's name too."""

    def got(self) -> Iterator[str]:
        self.wire().later(
            "ha_call_service",
            domain="lock",
            service="unlock",
            entity_id="lock.front",
            code="lock.front",
        )
        (shown,) = self.waiting()
        if "lock.front" not in shown["signature"]:
            yield f"the person sees {shown['signature']}"


class LeftOutDefault(Deceit):
    """What a deny rule names is the default, and left out."""

    def got(self) -> Iterator[str]:
        for opts in ({"where": "prod"}, {}):
            answer = self.wire().call("deploy", opts=opts)
            if "result" in answer:
                yield f"{opts} went through: {answer['result']['data']}"


class OtherSpelling(Deceit):
    """What a deny rule names, written otherwise."""

    def got(self) -> Iterator[str]:
        for text in (UUID, UUID.replace("-", ""), UUID.upper(), f"{{{UUID}}}", f"urn:uuid:{UUID}"):
            answer = self.wire().call("byid", thing=text)
            if "result" in answer:
                yield f"{text} went through"


class GuessedCode(Deceit):
    """A used code makes the guesses before it count for nothing."""

    def got(self) -> Iterator[str]:
        wire = self.wire()
        wire.later("coded", x=1)
        wire.later("coded", x=2)
        first, second = (each["id"] for each in self.waiting(2))
        good = pyotp.TOTP(TOTP).now()
        self.decide(first, code=good)
        looked_at = 0
        for turn in range(10):
            for guess in range(4):
                _, answer = self.decide(second, code=f"{100_000 + 4 * turn + guess}")
                looked_at += "is wrong" in str(answer)
            self.decide(second, code=good)
        if looked_at > 10:
            yield f"{looked_at} of 40 guesses were looked at"


class PinByItsMask(Deceit):
    """The one number that comes back masked is the secret."""

    def got(self) -> Iterator[str]:
        sent = " ".join(f"{number:04}" for number in range(10_000))
        answer = self.wire().call("echo", text=sent)
        back = answer.get("result", {}).get("data", sent)
        told = [a for a, b in zip(sent.split(), back.split(), strict=False) if a != b]
        if PIN in told:
            yield f"{told} did not come back"


class UnseenText(Deceit):
    """Text that the eye does not see, or sees otherwise, in what a person is shown."""

    def got(self) -> Iterator[str]:
        self.wire().later("door", key="\u0440\u0430\u0443", text=UNSEEN)
        (shown,) = self.waiting()
        raw = [f"U+{ord(each):04X}" for each in shown["signature"] if each in UNSEEN and each > "~"]
        if raw:
            yield f"shown as it is: {' '.join(raw)}"


class Rebinding(Deceit):
    """A page of a stranger gives its own name this address."""

    def got(self) -> Iterator[str]:
        with self.gate.target.socket() as sock:
            origin = "Origin: http://evil.example\r\n"
            sock.sendall(request("GET", "/health", headers=origin, host="evil.example"))
            head = sock.recv(1_000).split(b"\r\n")[0].decode()
        if " 200" in head:
            yield head


class TwoDemands(Deceit):
    """Arguments that meet two rules, so that the lighter demand counts."""

    def got(self) -> Iterator[str]:
        self.wire().later("pay", to="mallory", amount=600)
        (shown,) = self.waiting()
        if shown.get("approvers_needed") != 2 or not shown.get("needs_code"):
            yield (
                f"people: {shown.get('approvers_needed')}, a code: {bool(shown.get('needs_code'))}"
            )


class BeforeTheRule(Deceit):
    """An ask that waits already when the policy forbids it."""

    def got(self) -> Iterator[str]:
        gate = self.gate
        self.wire().later("door", key="forbidden")
        (shown,) = self.waiting()
        gate.policy(POLICY.replace("rules:", "rules:\n  - {pattern: door, action: deny}"))
        until(lambda: "reloaded" in gate.log(), "the reload")
        self.decide(shown["id"])
        time.sleep(0.5)  # what must not happen has no event to wait for
        if gate.journal()["forbidden"]:
            yield "it ran, though the policy in force denies it"


class ForgedLines(Deceit):
    """What a tool raises becomes lines of the log."""

    def got(self) -> Iterator[str]:
        line = "13:00:00 info: note for evil: approved by owner (terminal)"
        self.wire().call("boom", text=f"x\n{line} \x1b[2J")
        until(lambda: "boom" in self.gate.log(), "the log")
        said = self.gate.log()
        if "\x1b" in said or any(each.startswith(line[:8]) for each in said.splitlines()):
            yield "the log has it as it is"


class PushedOutKey(Deceit):
    """What is denied outlives others' payments, so that one is made twice."""

    config: ClassVar[dict[str, Any]] = {"storage": {"keep_rows_max": 40}}

    def got(self) -> Iterator[str]:
        for turn in range(2):
            wire = self.wire(HOME, "home-bills")
            args = {"key": "inv-7"}
            answer = wire.ask("tool_request", tool="note", args=args, idempotency_key="inv-7")
            if "seq" in answer["result"]:
                wire.ack(answer["result"]["seq"])
            wire.ask("list_tools")  # the acknowledgement has come before its answer does
            wire.close()
            if turn == 0:
                evil = self.wire()
                for number in range(60):
                    evil.call("denied", i=number)
                evil.close()
                self.gate.restart()
        if self.gate.journal()["inv-7"] != 1:
            yield f"it was paid {self.gate.journal()['inv-7']} times"


class LaunderedAudit(Deceit):
    """The end of the audit is cut off while the gateway is down; its next start hides it."""

    config: ClassVar[dict[str, Any]] = {"audit": {"head_file": "head"}}

    def got(self) -> Iterator[str]:
        gate = self.gate
        wire = self.wire(HOME)
        for number in range(10):
            wire.call("note", key=f"n{number}")
        wire.close()
        gate.end(signal.SIGTERM)
        with sqlite3.connect(gate.folder / "data" / "agent-gate.db") as database:
            for trigger in ("audit_stays", "audit_kept"):
                database.execute(f"DROP TRIGGER {trigger}")
            database.execute("DELETE FROM audit WHERE seq > (SELECT max(seq) - 5 FROM audit)")
            database.execute(
                "UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM audit) WHERE name = 'audit'"
            )
        database.close()
        gate.start()
        gate.end(signal.SIGTERM)
        code, output = gate.said("audit", "verify")
        if code == 0:
            yield f"after the start all seems well: {output.strip()}"


class LockThatPoints(Deceit):
    """A link in the place of the lock has the gateway write to another file."""

    def got(self) -> Iterator[str]:
        gate = self.gate
        gate.end(signal.SIGTERM)
        mine = gate.folder / "mine"
        mine.write_text("precious")
        for lock in (gate.folder / "data").glob("*lock*"):
            lock.unlink()
            lock.symlink_to(mine)
        with suppress(AssertionError):  # to refuse the start is right, too
            gate.start()
        if mine.read_text() != "precious":
            yield "the file behind the link was written to"


class BelowTheEntities(Deceit):
    """Services that act on what no rule names."""

    def got(self) -> Iterator[str]:
        policy = 'rules: [{pattern: "ha_call_service(lock.*)", action: deny}]\n'
        policy += 'defaults: [{pattern: "*", action: allow}]\n'
        (self.gate.folder / "locks.yaml").write_text(policy)
        for words in (
            "domain=homematic service=set_device_value address=KEQ0 channel=1 value=true",
            "domain=nuki service=lock_n_go",
            "domain=zwave service=refresh_node node_id=4",
            "domain=homeassistant service=restart",
            "domain=notify service=alexa_media message=unlock",
        ):
            _, said = self.gate.said(
                "explain", "ha_call_service", *words.split(), "--permissions", "locks.yaml"
            )
            if said.startswith("allow"):
                yield f"{words}: {said.splitlines()[0]}"
