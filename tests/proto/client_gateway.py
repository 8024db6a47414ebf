"""A gateway that the test directs: what it remembers and answers is scripted, also what a good one
never does. Its end of the connection is the real ``ServerConnection``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UnsetType

from agentgate_proto.connection.events import AuthAsked, Called, Closed, Received
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.state import State
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import SERVER_LIMITS, Limits
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.outcome import Outcome, Status, ended, executed
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.rpc.messages import (
    Auth,
    AuthResult,
    CancelRequest,
    DecideApproval,
    GetPendingResults,
    ListTools,
    ToolRequest,
)

TOKEN = "a token of the hub"
GONE = ended(Status.CANCELLED, ErrorCode.CANCELLED)


NONSENSE = (
    "no JSON",
    "[1, 2]",
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","method":"nonsense"}',
    '{"jsonrpc":"2.0","method":"request_waiting","params":{"request_id":1,"expires_at":"soon"}}',
    '{"jsonrpc":"2.0","method":"a_question","id":1}',
    '{"jsonrpc":"2.0","result":{"status":"executed","data":1},"id":999999}',
    '{"jsonrpc":"2.0","result":{"status":"executed","data":1,"seq":1},"id":"1"}',
    '{"jsonrpc":"2.0","error":{"code":-32600,"message":"?"},"id":null}',
    '{"jsonrpc":"2.0","error":{"code":-32603,"message":"?","data":{"seq":true}},"id":999999}',
)
"""Texts that a gateway should not send, and that no client should stumble over."""


def done(value: Any) -> Outcome:
    """The outcome of a tool that returned a value."""
    return executed(msgspec.json.encode(value))


class Ears(ServerConnection):
    """The gateway's connection, with a transcript of what the client said."""

    def __init__(self, now: float, limits: Limits) -> None:
        super().__init__(now, limits)
        self.heard: list[dict[str, Any]] = []

    def _on_text(self, text: str) -> None:
        self.heard.append(msgspec.json.decode(text))
        super()._on_text(text)


class Asked:
    """A request that the gateway knows."""

    def __init__(self, params: ToolRequest) -> None:
        self.params = params
        self.outcome: Outcome | None = None
        self.sent_on: Ears | None = None
        self.delivered = False


class Gateway:
    """What a gateway remembers beyond connections, and how it behaves.

    Attributes:
        requests: what it knows, by request id.
        arrivals: the id of every tool request that arrived, again and again.
        known_already: ids of requests that arrived again although it knew them, or once did.
        cancelled: the ids that it was asked to cancel.
        auth: "accept", "refuse", "turn away", "ignore" or an answer of any kind as JSON.
        answers: gives the outcome of a request at once, or None: it waits.
        silent: methods that it does not answer.
        role: the client's.
        errors: methods that it answers with an error.
        facts: the data of such an error.
        lies: raw results for methods, instead of the truth.
        offers_pending: False: it is a gateway of seed 001's time.
        page_rows: rows in one reply.
    """

    def __init__(self, limits: Limits = SERVER_LIMITS) -> None:
        self.limits = limits
        self.requests: dict[int | str, Asked] = {}
        self.arrivals: list[int | str] = []
        self.known_already: list[int | str] = []
        self.forgotten: set[int | str] = set()
        self.cancelled: list[int | str] = []
        self.collections = 0
        self.auth = "accept"
        self.epoch = "e1"
        self.retention_s: float | UnsetType = 3_600.0
        self.highest_id = 0
        self.answers: Callable[[ToolRequest], Outcome | None] = lambda params: None
        self.silent: set[str] = set()
        self.role = Role.AGENT
        self.errors: dict[str, ErrorCode] = {}
        self.facts: dict[str, Any] | None = None
        self.lies: dict[str, Any] = {}
        self.offers_pending = True
        self.page_rows = 256
        self.link: Ears | None = None
        self.links: list[Ears] = []

    def connected(self, now: float) -> Ears:
        """A client has opened a socket."""
        self.link = Ears(now, self.limits)
        self.links.append(self.link)
        return self.link

    def resolve(self, request_id: int | str, outcome: Outcome) -> None:
        """A request ends; its client is told if it is there."""
        asked = self.requests[request_id]
        assert asked.outcome is None
        asked.outcome = outcome
        self.tell(request_id)

    def tell(self, request_id: int | str) -> None:
        """Send an outcome, or send it again."""
        asked, link = self.requests[request_id], self.link
        if link is not None and link.state is State.OPEN and asked.outcome is not None:
            asked.sent_on = link
            link.send_outcome(request_id, asked.outcome, str(request_id))

    def say(self, text: str) -> None:
        """Send any text."""
        assert self.link is not None
        self.link._send_text(text.encode())

    def handle(self, link: Ears, event: Any) -> None:
        """Act on an event of a connection."""
        match event:
            case AuthAsked(auth=auth):
                self._on_auth(link, auth)
            case Called(id=call_id, params=params):
                method = self._name(params)
                if isinstance(params, ToolRequest):
                    self._note(call_id, params)
                if method in self.errors:
                    why = "refused by the script"
                    link.send_error(call_id, self.errors[method], why, self.facts)
                elif method in self.lies:
                    link.send_result(call_id, self.lies[method])
                elif method not in self.silent:
                    self._answer(link, call_id, params)
            case Received(rids=rids):
                for rid in rids:
                    if int(rid) in self.requests:
                        self.requests[int(rid)].delivered = True
            case Closed():
                if self.link is link:
                    self.link = None

    def forget(self) -> None:
        """Lose all memory."""
        self.forgotten |= set(self.requests)
        self.requests.clear()
        self.epoch += "+"

    def _on_auth(self, link: Ears, auth: Auth) -> None:
        match self.auth:
            case "accept" if auth.token == TOKEN:
                integers = [key for key in self.requests if isinstance(key, int)]
                result = AuthResult(
                    status="authenticated",
                    principal="hub",
                    role=self.role,
                    highest_id=max([self.highest_id, *integers]),
                    epoch=self.epoch,
                    retention_s=self.retention_s,
                )
                link.accept_auth(Principal(name="hub", role=self.role), result)
            case "accept" | "refuse":
                link.refuse_auth("Invalid token")
            case "turn away":
                link.turn_away("too many connections", 1.0)
            case "ignore":
                pass
            case text:
                link._send_text(text.encode())

    def _name(self, params: msgspec.Struct) -> str:
        names = {
            ToolRequest: "tool_request",
            GetPendingResults: "get_pending_results",
            CancelRequest: "cancel_request",
            ListTools: "list_tools",
            DecideApproval: "decide_approval",
        }
        return names[type(params)]

    def _note(self, request_id: Any, params: ToolRequest) -> None:
        if request_id in self.requests or request_id in self.forgotten:
            self.known_already.append(request_id)
        self.arrivals.append(request_id)

    def _answer(self, link: Ears, call_id: Any, params: msgspec.Struct) -> None:
        match params:
            case ToolRequest():
                asked = self.requests.setdefault(call_id, Asked(params))
                if asked.outcome is None:
                    asked.outcome = self.answers(params)
                if asked.outcome is not None:
                    self.tell(call_id)
            case GetPendingResults():
                self._collect(link, call_id)
            case CancelRequest(request_id=request_id):
                self._cancel(link, call_id, request_id)
            case _:
                link.send_result(call_id, {"tools": []})

    def _collect(self, link: Ears, call_id: Any) -> None:
        self.collections += 1
        rows = [
            (request_id, asked)
            for request_id, asked in self.requests.items()
            if asked.outcome is not None and not asked.delivered and asked.sent_on is not link
        ]
        page = rows[: self.page_rows]
        for _, asked in page:
            asked.sent_on = link
        records = [self._record(request_id, asked) for request_id, asked in page]
        pending = [key for key, asked in self.requests.items() if asked.outcome is None]
        if self.offers_pending:
            link.send_pending_results(call_id, records, pending, more=len(rows) > len(page))
        else:
            shown = [{"request_id": key, "status": "executed", "data": 1} for key, _ in page]
            link.send_result(call_id, {"results": shown})

    def _cancel(self, link: Ears, call_id: Any, request_id: int | str) -> None:
        self.cancelled.append(request_id)
        asked = self.requests.get(request_id)
        if asked is None:
            link.send_result(call_id, {"status": "unknown_request"})
        elif asked.outcome is not None or asked.params.tool == "stubborn":
            link.send_result(call_id, {"status": "too_late"})
        else:
            self.resolve(request_id, GONE)
            link.send_result(call_id, {"status": "cancelled"})

    def _record(self, request_id: int | str, asked: Asked) -> Record:
        return Record(
            rid=str(request_id),
            principal="hub",
            client_id="sdk-1",
            request_id=request_id,
            tool=asked.params.tool,
            args=msgspec.Raw(b"{}"),
            signature="",
            digest="",
            effects=Effects.WRITE,
            phase=Phase.DONE,
            created_at=0.0,
            outcome=asked.outcome,
        )
