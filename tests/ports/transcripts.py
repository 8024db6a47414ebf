"""Transcripts of our own client under chance, as vectors: what it did is what others must do.

What a gateway says here is often nothing that one would say: both clients must take it the same
way all the same.
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.vectors.test_client_vectors import VirtualClient

from agentgate_cli.conformance.vectors import Step, Vector

CLOSE_CODES = (1000, 1012, 1013, 4401)
PAUSES_S = (0.03, 0.05, 0.5, 1, 2, 2.5, 5, 11, 31)
STATUSES = (404, 429, 502, 503)
ERRORS = (-32001, -32003, -32007, -32008)
CANCELS = ("cancelled", "too_late", "stopping", "unknown_request", "perhaps")
HIGHEST = 2**53 - 12
"""So that few integers are left."""


def transcript(seed: int) -> dict[str, Any]:
    """One vector, made by a seed."""
    return Recorder(seed).record()


class Recorder:
    """Does things by chance to our client, and writes down what it does."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        retries = self.rng.choice([None, None, 3])
        options = {"max_retries": retries} | self.rng.choice([{}, {"kept_max": 2}])
        self.vector = Vector(name=f"seed {seed}", rule="", steps=[], role="client", client=options)
        self.highest = self.rng.choice([0, 0, 0, HIGHEST])
        self.client = VirtualClient(self.vector)
        self.steps: list[Step] = []
        self.sent: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.epoch = "e1"
        self.up = self.authenticated = self.dialing = False

    def record(self) -> dict[str, Any]:
        self.do("open", True)
        for _ in range(self.rng.randint(10, 60)):
            if self.client.machine.state.value == "closed":
                break
            self.step()
        return {
            "name": self.vector.name,
            "rule": self.vector.rule,
            "client": self.vector.client,
            "steps": self.steps,
        }

    def do(self, kind: str, value: Any) -> None:
        """One input, and the outputs that follow it."""
        self.steps.append({kind: value})
        self.client.do(kind, value)
        for output in ("dial", "send", "close", "settle"):
            for did in self.client.did[output]:
                self.note(output, did)
            self.client.did[output].clear()
        if self.client.machine.connection is None:
            self.up = self.authenticated = False

    def note(self, output: str, did: Any) -> None:
        if output == "dial":
            self.dialing = True
        elif output == "send" and "id" in did:
            self.sent.append(did)
        elif output == "settle" and "error" in did:  # the words are each client's own
            did = {"call": did["call"], "error": {"code": did["error"]["code"]}}
        elif output == "settle" and isinstance(did["data"], list):
            rows = [{"request_id": row["request_id"]} for row in did["data"]]
            did = {"call": did["call"], "data": rows}
        self.steps.append({output: did})

    def step(self) -> None:
        kinds = ["call"] * 4 + ["advance"] * 3 + ["cancel", "collect", "ask"]
        if self.dialing:
            kinds += ["connected"] * 6 + ["dial_failed", "rejected"]
        if self.up:
            kinds += ["receive"] * 12 + ["lost", "closed"]
        match self.rng.choice(kinds):
            case "call":
                self.call()
            case "advance":
                self.do("advance", self.rng.choice(PAUSES_S))
            case "cancel" if self.names:
                self.do("cancel", self.rng.choice(self.names))
            case "collect":
                name = f"rows {len(self.steps)}"
                self.names.append(name)
                self.do("collect", name)
            case "ask":
                name = f"tools {len(self.steps)}"
                self.names.append(name)
                self.do("ask", {"name": name, "method": "list_tools", "params": {}})
            case "connected" | "rejected" | "dial_failed" as kind:
                self.end_the_dial(kind)
            case "lost":
                self.do("lost", True)
            case "closed":
                self.do("closed", {"code": self.rng.choice(CLOSE_CODES), "reason": "why"})
            case "receive" if not self.authenticated:
                self.answer_auth()
            case "receive" if self.sent:
                self.answer(self.rng.choice(self.sent[-8:]))

    def end_the_dial(self, kind: str) -> None:
        self.dialing, self.up = False, kind == "connected"
        pause = self.rng.choice([{}, {"retry_after": "7"}, {"retry_after": "soon"}])
        refusal = {"status": self.rng.choice(STATUSES), **pause}
        self.do(kind, {"connected": True, "rejected": refusal, "dial_failed": "refused"}[kind])

    def call(self) -> None:
        name = f"call {len(self.steps)}"
        self.names.append(name)
        patience = {"timeout_s": self.rng.choice([0.5, 1, 3, 10])}
        more = patience if self.rng.random() < 0.3 else {}
        self.do("call", {"name": name, "tool": "echo", "args": {"n": len(self.steps)}, **more})

    def answer_auth(self) -> None:
        chance = self.rng.random()
        if chance > 0.85:
            error: dict[str, Any] = {"code": -32006 if chance < 0.97 else -32005, "message": "no"}
            if chance < 0.9:
                error = {"code": -32603, "message": "no"}
            elif chance < 0.94:
                error["data"] = {"retry_after_s": self.rng.choice([0.5, 4, 40, -1, "7"])}
            self.do("receive", {"jsonrpc": "2.0", "error": error, "id": "auth-1"})
            return
        if self.rng.random() < 0.1:
            self.epoch += "+"
        ids = [message["id"] for message in self.sent if isinstance(message["id"], int)]
        result = {
            "status": "authenticated",
            "highest_id": max([self.highest, *ids]) if self.rng.random() < 0.7 else self.highest,
            "epoch": self.epoch,
            "retention_s": self.rng.choice([3600.0, 5.0, 0.0]),
        }
        if self.rng.random() < 0.1:
            del result[self.rng.choice(["epoch", "retention_s"])]
        if self.rng.random() < 0.05:
            result[self.rng.choice(["epoch", "retention_s", "status"])] = [7]
            self.do("receive", {"jsonrpc": "2.0", "result": result, "id": "auth-1"})
            return
        self.authenticated = True
        self.do("receive", {"jsonrpc": "2.0", "result": result, "id": "auth-1"})

    def answer(self, message: dict[str, Any]) -> None:
        """Answer one of the last requests, whether it was answered before or not."""
        seq = {"seq": self.rng.randint(1, 100)} if self.rng.random() < 0.5 else {}
        body: dict[str, Any]
        match message["method"]:
            case "get_pending_results":
                body = self.pending()
            case "cancel_request" if self.rng.random() < 0.1:
                body = {"error": {"code": -32601, "message": "no"}}
            case "cancel_request":
                body = {"result": {"status": self.rng.choice(CANCELS)}}
            case "list_tools":
                body = self.rng.choice(
                    [{"result": {"tools": []}}, {"error": {"code": -32010, "message": "no"}}]
                )
            case "tool_request" if self.rng.random() < 0.05:
                body = {"result": self.rng.choice([{"status": "done", **seq}, {**seq}, [1], None])}
            case _ if self.rng.random() < 0.7:
                body = {"result": {"status": "executed", "data": message["id"], **seq}}
            case _:
                data = {"status": "denied", **seq}
                code = self.rng.choice(ERRORS)
                body = {"error": {"code": code, "message": "no", "data": data}}
        self.do("receive", {"jsonrpc": "2.0", **body, "id": message["id"]})

    def pending(self) -> dict[str, Any]:
        chance = self.rng.random()
        if chance > 0.87:
            return {"error": {"code": self.rng.choice([-32603, -32601]), "message": "no"}}
        ids = [each["id"] for each in self.sent if each["method"] == "tool_request"]
        done = self.rng.sample(ids, min(len(ids), self.rng.randint(0, 2)))
        rows: list[dict[str, Any]] = [
            {"request_id": a, "tool": "echo", "status": "executed", "data": a, "resolved_at": ""}
            for a in done
        ]
        for row in rows:
            if self.rng.random() < 0.2:
                row["status"] = "denied"
                row.update(self.rng.choice([{}, {"error": {"code": -32001, "message": "no"}}]))
        result: dict[str, Any] = {"results": rows}
        if chance < 0.8:
            result["pending"] = self.rng.sample(ids, min(len(ids), self.rng.randint(0, 3)))
        if rows:
            result["seq"] = self.rng.randint(1, 100)
        if self.rng.random() < 0.2:
            result["more"] = True
        return {"result": result}
