"""The core's watch of a session and the port's, told the same: they must say the same."""

from __future__ import annotations

import json
import subprocess
from random import Random
from types import TracebackType
from typing import Any

import msgspec
from tests.ports.node import PORT, node

from agentgate_proto.client.session_feed import Cursor, Event, SessionFeed
from agentgate_proto.client.session_watch import SessionWatch
from agentgate_proto.errors import exception_for
from agentgate_proto.rpc.session_methods import Attached, AttachSession, SessionEvents

Step = dict[str, Any]
KINDS = ("note", "reply", "tool_call", "run_ended", "gap", "behind")


class Ours:
    """The core's."""

    def __init__(self) -> None:
        self.watch = SessionWatch("")
        self.feeds: dict[str, SessionFeed] = {}

    def do(self, step: Step) -> Any:
        """Do a step; return what can be seen then, as the port tells it."""
        ((kind, value),) = step.items()
        read: list[dict[str, Any]] | None = None
        match kind:
            case "begin":
                self.watch, self.feeds = SessionWatch(value), {}
            case "add":
                cursor = Cursor(**value["cursor"]) if value["cursor"] else None
                self.feeds[value["name"]] = feed = SessionFeed(cursor, value["run"])
                self.watch.add(feed)
            case "attached":
                self.watch.attached(msgspec.convert(value, Attached))
            case "take":
                body = json.dumps({"session": "s1", "events": value})
                self.watch.take(msgspec.json.decode(body, type=SessionEvents))
            case "reconnected":
                self.watch.reconnected()
            case "refused":
                self.watch.refused(exception_for(value, ""))
            case "read":
                read = [shown(event) for event in drained(self.feeds[value])]
            case "drop":
                self.feeds[value].close()
            case _:
                self.watch.closed(None)
        call = self.watch.next_call()
        return {
            "read": read,
            "call": None
            if call is None
            else {
                "method": f"{'attach' if isinstance(call, AttachSession) else 'detach'}_session",
                "params": msgspec.to_builtins(call),
            },
            "over": self.watch.is_over,
            "feeds": {
                name: {
                    "cursor": msgspec.to_builtins(feed.cursor),
                    "wanted": msgspec.to_builtins(feed.wanted),
                    "ended": feed.ended,
                    "error": feed.error.code if feed.error is not None else 0,
                }
                for name, feed in self.feeds.items()
            },
        }


def drained(feed: SessionFeed) -> list[Event]:
    events = []
    while (event := feed.next_event()) is not None:
        events.append(event)
    return events


def shown(event: Event) -> dict[str, Any]:
    return msgspec.structs.asdict(event)


class Port:
    """The port's, in a process of its own."""

    def __enter__(self) -> Port:
        self.process = subprocess.Popen(
            [node(), str(PORT / "test" / "watch.js")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

    def do(self, step: Step) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(step) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the port's process ended at {step}"
        return json.loads(line)


class Chance:
    """Makes steps by chance: what a gateway says is often nothing that one would say."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.names: list[str] = []
        self.place = 0

    def step(self, is_asked: bool) -> Step:
        """The next step; an answer only where something was asked."""
        rng = self.rng
        kinds = ["add", "take", "take", "take", "read", "read", "reconnected", "drop"]
        if is_asked:
            kinds += ["attached"] * 8 + ["refused"]
        match rng.choice(kinds):
            case "attached":
                return {"attached": self.attached()}
            case "refused":
                return {"refused": -32013}
            case "take":
                return {"take": [self.event() for _ in range(rng.randint(0, 4))]}
            case "read" if self.names:
                return {"read": rng.choice(self.names)}
            case "drop" if self.names and rng.random() < 0.3:
                return {"drop": rng.choice(self.names)}
            case "reconnected":
                return {"reconnected": True}
            case _ if len(self.names) < 6:
                self.names.append(f"feed {len(self.names)}")
                cursor = {"epoch": rng.choice(["e1", "e1", "e2"]), "offset": rng.randint(0, 30)}
                run = rng.choice(["", "", "r1"])
                feed = {"name": self.names[-1], "cursor": rng.choice([cursor, None]), "run": run}
                return {"add": feed}
            case _:
                return {"read": rng.choice(self.names)}

    def attached(self) -> dict[str, Any]:
        rng = self.rng
        self.place = rng.randint(0, 30)
        reply = {
            "epoch": rng.choice(["e1", "e1", "e1", "e2"]),
            "offset": self.place,
            "next": self.place + rng.randint(0, 20),
        }
        if rng.random() < 0.3:
            reply |= {"gap": rng.choice(["epoch", "ahead", "retention"]), "oldest": 1}
        return reply | rng.choice([{}, {"run": "r1"}, {"run": "r2"}])

    def event(self) -> dict[str, Any]:
        rng = self.rng
        offset = max(0, self.place + rng.choice([0, 0, 0, 0, -2, 3]))
        if rng.random() < 0.5:
            deltas = ["".join(rng.choices("aü€😀", k=rng.randint(0, 3))) for _ in range(4)]
            deltas = deltas[: rng.randint(1, 4)]
            cuts = [len("".join(deltas[: place + 1])) for place in range(len(deltas) - 1)]
            if rng.random() < 0.1:
                cuts = rng.choice([[9], [-1, 1], cuts[::-1], []])
            data: dict[str, Any] = {"run": "r1", "text": "".join(deltas)}
            data |= {"cuts": cuts} if len(deltas) > 1 else {}
            self.place = offset + len(deltas)
            return {"offset": offset, "count": len(deltas), "kind": "text", "at": "x", "data": data}
        kind = rng.choice(KINDS)
        count = rng.randint(0, 3) if kind == "gap" else 1
        self.place = offset + (0 if kind == "behind" else count)
        data = {"run": rng.choice(["r1", "r2"])}
        return {"offset": offset, "count": count, "kind": kind, "at": "x", "data": data}


def play(seed: int, port: Port, steps: int = 80) -> None:
    """Tell both the same, and compare."""
    ours, chance = Ours(), Chance(seed)
    told: list[Step] = []
    is_asked = False
    for number in range(steps):
        step: Step = {"begin": "s1"}
        if number:
            step = chance.step(is_asked) if number < steps - 1 else {"end": True}
        told.append(step)
        wanted, got = ours.do(step), port.do(step)
        assert got == wanted, f"seed {seed}: {json.dumps(told)}"
        if {"attached", "refused", "begin"} & step.keys():
            is_asked = False
        is_asked = is_asked or (wanted["call"] or {}).get("method") == "attach_session"
