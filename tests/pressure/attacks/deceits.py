"""Deceits of people, of pages, and of who looks after the machine: by a trick, not by mass."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import msgspec
from tests.cli.support import at_terminal
from tests.pressure.attacks.deceit import Deceit
from tests.pressure.gateway import HOME, OWNER, POLICY
from tests.pressure.keepsakes import until
from tests.pressure.wire import request

from agentgate_cli.prompt import describe
from agentgate_client import ApprovalView
from agentgate_proto.errors import ErrorCode

FILLERS = 20
WIDTH = 100
QUESTION = "approve? [y]es, [n]o, [e]dit, [g]rant, [s]kip: "
UNSEEN = "1\u03360\u03360\u0336 \u05d0 100 \u05d1 9 \u2800\ufe0f \U000e0100 \u034f a\u3164b"
"""Struck through, turned round, blank, and not there at all."""


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


class UnseenText(Deceit):
    """Text that the eye does not see, or sees otherwise, in what a person is shown."""

    def got(self) -> Iterator[str]:
        self.wire().later("door", key="\u0440\u0430\u0443", text=UNSEEN)
        (shown,) = self.waiting()
        raw = [f"U+{ord(each):04X}" for each in shown["signature"] if each in UNSEEN and each > "~"]
        if raw:
            yield f"shown as it is: {' '.join(raw)}"


class Fillers(Deceit):
    """Arguments of no matter push those that matter out of what a person is shown."""

    def got(self) -> Iterator[str]:
        fillers = {f"a{number:02}": number for number in range(FILLERS)}
        lock = {"domain": "lock", "service": "unlock", "entity_id": "lock.front"}
        self.wire().later("ha_call_service", **fillers, **lock)
        (shown,) = self.waiting()
        view = msgspec.json.decode(msgspec.json.encode(shown), type=ApprovalView)
        lines = describe(view, WIDTH)
        rows = [line for line in lines if any(f"{name} = " in line for name in (*fillers, *lock))]
        if len(rows) >= len(fillers) + len(lock):
            yield "nothing was left out, so that this shows nothing"
        if any(name not in line for name, line in zip(sorted(lock), sorted(rows[:3]), strict=True)):
            yield f"the person sees first {rows[:3]}"


class SwappedQuestion(Deceit):
    """What a person types for one question answers another that the agent has put in its place."""

    alone: ClassVar[bool] = True

    def got(self) -> Iterator[str]:
        url = f"http://127.0.0.1:{self.gate.target.port}"
        wire = self.wire()
        with at_terminal(
            "approvals", "watch", AGENT_GATE_URL=url, AGENT_GATE_TOKEN=OWNER
        ) as terminal:
            terminal.see("watching as ")
            asked = wire.later("door", key="shopping")
            terminal.see(QUESTION)
            wire.later("door", key="burglar")
            wire.send("cancel_request", request_id=asked)
            terminal.see("burglar")
            for pause_s in (0.7, 0.7):
                time.sleep(pause_s)
                terminal.type("y\n")
            terminal.see(QUESTION)
            if self.gate.journal()["burglar"]:
                yield "it was approved by who meant another"
                return
            terminal.type("y\n")
            terminal.see("done")


class Rebinding(Deceit):
    """A page of a stranger gives its own name this address, or says twice where it is from."""

    def got(self) -> Iterator[str]:
        ours, evil = f"localhost:{self.gate.target.port}", "evil.example"
        for host, origins in ((ours, ()), (ours, (ours,))):
            if (status := self.status(host, *origins)) != 200:
                yield f"{host} from {origins or 'no page'} is refused with {status}"
        for host, origins in (
            (evil, (evil,)),
            (evil, ()),
            (ours, (evil,)),
            (ours, (evil, ours)),
            (ours, (ours, evil)),
        ):
            if (status := self.status(host, *origins)) not in (400, 403, 421):
                yield f"{host} from {origins or 'no page'} is answered with {status}"

    def status(self, host: str, *origins: str) -> int:
        """What a page from there is answered."""
        headers = "".join(f"Origin: http://{each}\r\n" for each in origins)
        with self.gate.target.socket() as sock:
            sock.sendall(request("GET", "/health", headers=headers, host=host))
            return int(sock.recv(1_000).split()[1])


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

    alone: ClassVar[bool] = True

    def got(self) -> Iterator[str]:
        gate, wire = self.gate, self.wire()
        wire.later("door", key="allowed")
        wire.later("door", key="forbidden")
        allowed, forbidden = sorted(self.waiting(2), key=lambda each: str(each["args"]["key"]))
        self.decide(allowed["id"])
        until(lambda: gate.journal()["allowed"], "what a person approved before")
        gate.policy(POLICY.replace("rules:", "rules:\n  - {pattern: door, action: deny}"))
        until(lambda: "reloaded" in gate.log(), "the reload")
        _, answer = self.decide(forbidden["id"])
        if answer.get("code") != ErrorCode.ALREADY_SETTLED or gate.journal()["forbidden"]:
            yield f"the policy in force denies it, and a yes is answered {answer}"


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

    alone: ClassVar[bool] = True
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

    alone: ClassVar[bool] = True
    config: ClassVar[dict[str, Any]] = {"audit": {"head_file": "head"}}

    def got(self) -> Iterator[str]:
        gate = self.gate
        wire = self.wire(HOME)
        for number in range(10):
            wire.call("note", key=f"n{number}")
        wire.close()
        gate.end(signal.SIGTERM)
        code, output = gate.said("audit", "verify")
        if code:
            yield f"of an audit that nobody has touched verify says {output.strip()}"
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
        if code != 1:
            yield f"after the start all seems well: {output.strip()}"


class LockThatPoints(Deceit):
    """A link in the place of the lock has the gateway write to another file."""

    alone: ClassVar[bool] = True

    def got(self) -> Iterator[str]:
        gate = self.gate
        gate.end(signal.SIGTERM)
        mine = gate.folder / "mine"
        mine.write_text("precious")
        locks = [*(gate.folder / "data").glob("*lock*")]
        if not locks:
            yield "there is no lock, so that this shows nothing"
        for lock in locks:
            lock.unlink()
            lock.symlink_to(mine)
        with suppress(AssertionError):  # to refuse the start is right, too
            gate.start()
        if mine.read_text() != "precious":
            yield "the file behind the link was written to"


class FilesOfOthers(Deceit):
    """Whoever else is on the machine writes the files that say what a gateway does."""

    slow: ClassVar[bool] = True

    def got(self) -> Iterator[str]:
        folder = self.gate.folder
        process = self.gate.run(
            ["init", "made"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, umask=0
        )
        output, _ = process.communicate(timeout=120)
        made = {file.name: file.stat().st_mode for file in folder.glob("made/*")}
        if not made.keys() >= {"config.yaml", "permissions.yaml", "tools.py"}:
            yield f"init made {sorted(made)}: {output}"
        yield from (f"others may write {name}" for name, mode in made.items() if mode & 0o022)
        for file in (*folder.glob("*.yaml"), folder / "tools.py"):
            file.chmod(0o666 if file.stem == "alarm" else 0o600)
        _, said = self.gate.said("check")
        (folder / "alarm.yaml").chmod(0o600)
        told = [line for line in said.splitlines() if "others can write" in line]
        if len(told) != 1 or "alarm.yaml" not in told[0]:
            yield f"of alarm.yaml, which others may write, check says {told}"


class OnePersonTwice(Deceit):
    """A person with two names is two people where a rule wants two."""

    slow: ClassVar[bool] = True

    def got(self) -> Iterator[str]:
        folder = self.gate.folder
        config = json.loads((folder / "config.yaml").read_text())
        phone = {"token": "1:" + "a" * 35, "chat_id": 5}
        for user, is_told in ((5, True), ({"id": 5, "name": "cleo"}, False)):
            config["messenger"] = {
                "type": "telegram",
                "telegram": {**phone, "allowed_users": [user]},
            }
            (folder / "two.yaml").write_text(json.dumps(config))
            code, said = self.gate.said("check", "--config", "two.yaml")
            if (code == 1, "telegram:5 may be" in said) != (is_told, is_told):
                yield f"of {user} check says {said}"
