"""A gateway with sessions whose events a test writes: one log each, and what is attached to it."""

from __future__ import annotations

import json
from typing import Any

import anyio
from tests.client.gateway import BROKEN, Peer
from wsproto.utilities import LocalProtocolError

AT = "2026-11-29T18:00:00Z"


class FakeLog:
    """A session: its log, as single events, and the runs that its messages began.

    Attributes:
        events: by offset; None: lost.
        oldest: what is below is not kept any more.
    """

    def __init__(self, session: str, epoch: str = "e1") -> None:
        self.session = session
        self.epoch = epoch
        self.events: list[dict[str, Any] | None] = []
        self.oldest = 0
        self.run = ""
        self.runs: dict[str, dict[str, Any]] = {}

    def append(self, kind: str, **data: Any) -> None:
        self.events.append({"kind": kind, "data": {"run": self.run} | data})

    def view(self) -> dict[str, Any]:
        return {
            "id": self.session,
            "key": f"agent:robot:{self.session}",
            "principal": "robot",
            "model": "rehearsal",
            "workspace": "",
            "metadata": {"room": "kitchen"},
            "created_at": AT,
            "updated_at": AT,
            "messages": 0,
            "epoch": self.epoch,
            "oldest": self.oldest,
            "next": len(self.events),
        }

    def rows(self, offset: int, merged: int) -> list[dict[str, Any]]:
        """Events from an offset on as the wire has them; so many deltas of a text as one."""
        rows: list[dict[str, Any]] = []
        for place, event in enumerate(self.events[offset:], offset):
            last = rows[-1] if rows else None
            if event is None:
                if last is not None and last["kind"] == "gap":
                    last["count"] += 1
                else:
                    rows.append({"offset": place, "count": 1, "kind": "gap", "at": AT, "data": {}})
            elif (
                event["kind"] == "text"
                and last is not None
                and last["kind"] == "text"
                and last.get("count", 1) < merged
            ):
                data = last["data"]
                data["cuts"] = [*data.get("cuts", []), len(data["text"])]
                data["text"] += event["data"]["text"]
                last["count"] = last.get("count", 1) + 1
            else:
                rows.append(
                    {
                        "offset": place,
                        "kind": event["kind"],
                        "at": AT,
                        "data": dict(event["data"]),
                    }
                )
        return rows


class FakeSessions:
    """The gateway: answers the methods about sessions, on any number of connections in turn.

    Attributes:
        logs: the sessions.
        merged: so many deltas at the most in one event.
        calls: the methods that were called, with their parameters.
        at_once: events that one notification carries at the most.
        answers: methods with a fixed answer: a result, or a code, a text and data of an error.
    """

    def __init__(self, *logs: FakeLog, merged: int = 1, at_once: int = 100) -> None:
        self.logs = {log.session: log for log in logs}
        self.merged = merged
        self.at_once = at_once
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self.peers: list[Peer] = []
        self.attached: dict[str, int] = {}
        self._changed = anyio.Event()
        self._life = anyio.CancelScope()
        self._writing = anyio.Lock()

    def called(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all calls of a method."""
        return [params for name, params in self.calls if name == method]

    async def until_called(self, method: str, times: int = 1) -> dict[str, Any]:
        """Wait until a method was called so often; return the last parameters."""
        while len(self.called(method)) < times:
            await self._changed.wait()
        return self.called(method)[times - 1]

    async def until_connected(self, times: int) -> None:
        """Wait until so many connections were made."""
        while len(self.peers) < times:
            await self._changed.wait()

    async def script(self, peer: Peer) -> None:
        """See ``gateway``: the life of one connection."""
        await peer.authenticate()
        self.peers.append(peer)
        self.attached.clear()
        with anyio.CancelScope() as self._life:
            while True:
                self._tell()
                request = await peer.receive()
                try:
                    async with self._writing:
                        await self._answer(peer, request)
                    await self.push()
                except LocalProtocolError:
                    return  # the client has said goodbye meanwhile
                self.calls.append((request["method"], request["params"]))

    async def push(self) -> None:
        """Send what the log has and the connection has not."""
        for session in list(self.attached):
            log = self.logs[session]
            async with self._writing:
                offset = self.attached.get(session, len(log.events))
                rows = log.rows(offset, self.merged)
                for start in range(0, len(rows), self.at_once):
                    events = rows[start : start + self.at_once]
                    try:
                        await self.peers[-1].notify(
                            "session_event", {"session": session, "events": events}
                        )
                    except BROKEN:
                        return
                    if session not in self.attached:
                        return
                    self.attached[session] = events[-1]["offset"] + events[-1].get("count", 1)

    async def notify(self, session: str, **event: Any) -> None:
        """Send an event that is in no log."""
        row = {"offset": 0, "at": AT, "data": {}} | event
        await self.peers[-1].notify("session_event", {"session": session, "events": [row]})

    def cut(self) -> None:
        """Break the connection."""
        self.attached.clear()
        self.peers[-1].cut()
        self._life.cancel()

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def _answer(self, peer: Peer, request: dict[str, Any]) -> None:
        method, params = request["method"], request["params"]
        if method == "ack":
            return
        if method == "get_pending_results":
            await peer.answer(request, {"results": [], "pending": []})
            return
        if method in self.answers:
            answer = self.answers[method]
            if isinstance(answer, tuple):
                await peer.fail(request, *answer)
            else:
                await peer.answer(request, answer)
            return
        log = self.logs.get(params.get("session", ""))
        if log is None:
            await peer.fail(request, -32013, f"no session {json.dumps(params)}")
            return
        match method:
            case "get_session":
                await peer.answer(request, log.view())
            case "send_message":
                await peer.answer(request, self._take_message(log, params))
            case "attach_session":
                await peer.answer(request, self._attach(log, params))
            case "detach_session":
                was = self.attached.pop(log.session, None) is not None
                await peer.answer(request, {"was_attached": was})
            case "delete_session":
                del self.logs[log.session]
                self.attached.pop(log.session, None)
                await peer.answer(request, {"deleted": True})
            case "cancel_run":
                run, log.run = log.run, ""
                log.append("run_ended", run=run, status="cancelled", reason="by the client")
                result = {"status": "cancelled", "run": run}
                await peer.answer(request, result)
            case _:
                await peer.fail(request, -32601, "Method not found")

    def _take_message(self, log: FakeLog, params: dict[str, Any]) -> dict[str, Any]:
        known = log.runs.get(params["message_id"])
        if known is not None:
            return known | {"joined": True, "ended": log.run != known["run"]}
        log.run = f"r{len(log.runs) + 1}"
        taken = {"run": log.run, "epoch": log.epoch, "offset": len(log.events)}
        log.runs[params["message_id"]] = taken
        log.append("message", text=params["text"], message_id=params["message_id"])
        return taken

    def _attach(self, log: FakeLog, params: dict[str, Any]) -> dict[str, Any]:
        length, offset, gap = len(log.events), params.get("offset"), ""
        if offset is None:
            started = [taken["offset"] for taken in log.runs.values() if taken["run"] == log.run]
            offset = started[0] if started else length
        elif params.get("epoch") != log.epoch:
            offset, gap = log.oldest, "epoch"
        elif offset > length:
            offset, gap = length, "ahead"
        elif offset < log.oldest:
            offset, gap = log.oldest, "retention"
        self.attached[log.session] = offset
        reply = {"epoch": log.epoch, "offset": offset, "next": length, "run": log.run}
        return reply | ({"gap": gap, "oldest": log.oldest} if gap else {})
