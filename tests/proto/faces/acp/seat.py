"""A connection of an editor to sessions in memory.

Messages to a client are checked against the format: the official models of the Python SDK read
them, and have a member for all that they say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from acp import schema
from pydantic import BaseModel
from tests.proto.faces.acp.logs import Kept, approval, events_from

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp.editor import Editor
from agentgate_proto.faces.acp.effects import About, Decide, Effect, Leave
from agentgate_proto.faces.conversing import Call, Send, Watch
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_proto.rpc.session_methods import Attached, DeleteSession

if TYPE_CHECKING:
    from tests.proto.faces.acp.house import House

ANSWERS: dict[str, type[BaseModel]] = {
    "initialize": schema.InitializeResponse,
    "session/new": schema.NewSessionResponse,
    "session/load": schema.LoadSessionResponse,
    "session/resume": schema.ResumeSessionResponse,
    "session/list": schema.ListSessionsResponse,
    "session/prompt": schema.PromptResponse,
    "session/close": schema.CloseSessionResponse,
    "session/delete": schema.DeleteSessionResponse,
    "session/set_config_option": schema.SetSessionConfigOptionResponse,
}

CALLS: dict[str, type[BaseModel]] = {
    "session/update": schema.SessionNotification,
    "session/request_permission": schema.RequestPermissionRequest,
    "$/cancel_request": schema.CancelRequestNotification,
}


def checked(kind: type[BaseModel], value: Any) -> None:
    """See that a value is of the format, and that the format knows all that it says."""
    read = kind.model_validate(value)
    told = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert told == value, f"{value} is read as {told}"


class Seat:
    """A connection of an editor.

    Attributes:
        sent: messages to the client, decoded and checked.
    """

    def __init__(self, house: House, editor: Editor) -> None:
        self.house = house
        self.editor = editor
        self.sent: list[Any] = []
        self.frames: list[str] = []
        self.places: dict[str, int] = {}
        self.late: list[Effect] | None = None  # if not None, calls wait here
        self._methods: dict[Any, str] = {}
        self._last = 0

    # The client

    def receive(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        if not isinstance(message, str) and "method" in message and "id" in message:
            self._methods[json.dumps(message["id"])] = message["method"]
        self.editor.receive(text)
        self.work()

    def ask(self, method: str, **params: Any) -> int:
        """Ask for something; return the id."""
        self._last += 1
        message = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        self.receive(message)
        return self._last

    def tell(self, method: str, **params: Any) -> None:
        self.receive({"jsonrpc": "2.0", "method": method, "params": params})

    def reply(self, request_id: Any, **outcome: Any) -> None:
        result = {"outcome": outcome}
        self.receive({"jsonrpc": "2.0", "id": request_id, "result": result})

    def answer(self, request_id: Any) -> Any:
        """Return the answer to a request; None: there is none yet."""
        found = [each for each in self.sent if each.get("id") == request_id and not is_call(each)]
        assert len(found) < 2, "a request has one answer"
        return found[0] if found else None

    def result(self, method: str, **params: Any) -> Any:
        """Ask, and return the result."""
        return self.answer(self.ask(method, **params))["result"]

    def new(self, **more: Any) -> Kept:
        """Begin a session."""
        found = self.result("session/new", cwd="/p", mcpServers=[], **more)
        return self.house.sessions[found["sessionId"]]

    def prompt(self, kept: Kept, text: str = "Hello", **more: Any) -> int:
        blocks = [{"type": "text", "text": text}]
        return self.ask("session/prompt", sessionId=kept.view.id, prompt=blocks, **more)

    # What it was told

    def updates(self, kind: str = "") -> list[Any]:
        """Take the updates so far, or those of a kind."""
        found = [
            each["params"]["update"] for each in self.sent if each.get("method") == "session/update"
        ]
        self.sent = [each for each in self.sent if each.get("method") != "session/update"]
        return [each for each in found if kind in ("", each["sessionUpdate"])]

    def questions(self) -> list[Any]:
        return [each for each in self.sent if each.get("method") == "session/request_permission"]

    def withdrawn(self) -> list[Any]:
        found = [each for each in self.sent if each.get("method") == "$/cancel_request"]
        return [each["params"]["requestId"] for each in found]

    # The gateway

    def work(self) -> Seat:
        """Do what is to be done, and hand over what there is, until there is nothing left."""
        while True:
            while (effect := self.editor.next_effect()) is not None:
                if self.late is not None and not isinstance(effect, Send | Leave):
                    self.late.append(effect)
                else:
                    self.do(effect)
            if not self._hand_over():
                return self

    def settle(self) -> None:
        """Do what has waited, and let nothing wait any more."""
        late, self.late = self.late or [], None
        for effect in late:
            self.do(effect)
        self.work()

    def do(self, effect: Effect) -> None:
        match effect:
            case Send(text):
                self.frames.append(text)
                message = json.loads(text)
                self._check(message)
                self.sent.append(message)
            case Call(about=about, params=params):
                self._end(about, self.house.call(params))
                if isinstance(params, DeleteSession) and params.session in self.places:
                    del self.places[params.session]
                    self.editor.gone(params.session)
            case Watch(about=about, params=params):
                self.house.asked.append(params)
                self._attach(about, params)
            case Leave(session):
                self.places.pop(session, None)
            case Decide(about=about, params=params):
                self.house.asked.append(params)
                self._decide(about, params)

    def _end(self, about: About, came: Any) -> None:
        if isinstance(came, ErrorCode):
            self.editor.failed(about, came, "")
        else:
            self.editor.succeeded(about, came)

    def _attach(self, about: About, params: Any) -> None:
        self.places.pop(params.session, None)
        kept = self.house.sessions.get(params.session)
        if kept is None:
            self.editor.failed(about, ErrorCode.SESSION_NOT_FOUND, "")
            return
        offset, gap = params.offset, ""
        if offset is None:
            begun = [taken.offset for taken in kept.runs.values() if taken.run in kept.open[:1]]
            offset = begun[0] if begun else kept.end
        elif offset < kept.view.oldest:
            offset, gap = kept.view.oldest, "retention"
        self.places[params.session] = offset
        run = kept.open[0] if kept.open else ""
        result = Attached(epoch=kept.view.epoch, offset=offset, next=kept.end, run=run, gap=gap)
        self.editor.succeeded(about, result)

    def _decide(self, about: About, params: DecideApproval) -> None:
        if isinstance(self.house.decision, ErrorCode):
            self.editor.failed(about, self.house.decision, "so it is")
            return
        view = approval(params.id, self.house.decision)
        self.editor.succeeded(about, view)
        self.editor.approval_changed(view)

    def _hand_over(self) -> bool:
        is_new = False
        for session, offset in list(self.places.items()):
            kept = self.house.sessions.get(session)
            found = [] if kept is None else events_from(kept, offset)
            if found and self.places.get(session) == offset:
                is_new = True
                self.places[session] = found[-1].offset + found[-1].count
                self.editor.take(session, found)
        return is_new

    def _check(self, message: Any) -> None:
        assert message["jsonrpc"] == "2.0"
        if is_call(message):
            checked(CALLS[message["method"]], message["params"])
        elif "result" in message:
            method = self._methods.get(json.dumps(message["id"]), "")
            checked(ANSWERS[method], message["result"])
        else:
            checked(schema.Error, message["error"])


def is_call(message: Any) -> bool:
    return "method" in message
