"""A stand-in for ntfy: speaks its HTTP API, and keeps what phones would show.

For the tests; it can fail in the ways in which a real one does::

    async with NtfyStandIn() as ntfy:
        # a gateway with messenger.ntfy.url = ntfy.url asks …
        (message,) = ntfy.shown("anns-topic")
        request = message.action("Approve")  # what the phone then sends to the gateway

What it takes and how it answers is that of ntfy 2.16 (https://docs.ntfy.sh/publish/).
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

import anyio

from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    HttpServer,
    json_response,
    text_response,
)
from agentgate_cli.standins.telegram import Delay, Drop, Fault, Lose, Refuse, Twice

TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
SEQUENCE = re.compile(r"[-_A-Za-z0-9]{1,64}")
MESSAGE_BYTES_MAX = 4_096
BODY_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
ACTIONS_MAX = 3
PRIORITIES = range(6)
NO_BODY = frozenset({"GET", "HEAD"})


class NtfyError(Exception):
    """The server refuses a request, as its table of errors has it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a message: what a phone sends when it is tapped."""

    label: str
    method: str
    url: str
    headers: dict[str, str]
    body: str
    clear: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was published."""

    id: str
    topic: str
    title: str
    text: str
    priority: int
    tags: tuple[str, ...]
    actions: tuple[Action, ...]
    sequence_id: str

    @property
    def labels(self) -> list[str]:
        """What its buttons say."""
        return [each.label for each in self.actions]

    def action(self, label: str) -> Action:
        """The button of this label."""
        (found,) = [each for each in self.actions if each.label == label]
        return found


@dataclass(slots=True)
class NtfyStandIn:
    """The server, as an async context manager.

    Attributes:
        token: the access token that it asks for; "": everybody may read and write.
        updates: it knows ``sequence_id``, which versions below 2.16 do not.
        forbidden: topics that the token may not use.
        faults: what goes wrong with the next messages; used up from the left.
        published: all messages, oldest first.
    """

    token: str = ""
    updates: bool = True
    forbidden: set[str] = field(default_factory=set)
    faults: deque[Fault] = field(default_factory=deque)
    rule: Callable[[dict[str, Any]], Fault | None] | None = None
    published: list[Message] = field(default_factory=list)
    calls: int = 0
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _server: HttpServer = field(init=False)

    def __post_init__(self) -> None:
        self._server = HttpServer(self._answer)

    @property
    def url(self) -> str:
        """What goes into ``messenger.ntfy.url``."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.__aexit__(*exc_info)

    def fail_next(self, *faults: Fault) -> None:
        """Let these faults happen to the next messages, one each."""
        self.faults.extend(faults)

    def shown(self, topic: str) -> list[Message]:
        """What a phone shows that subscribes to a topic: of each sequence the last."""
        found: dict[str, Message] = {}
        for message in self.published:
            if message.topic == topic:
                key = message.sequence_id if self.updates and message.sequence_id else message.id
                found.pop(key, None)
                found[key] = message
        return list(found.values())

    def rung(self, topic: str) -> list[Message]:
        """The messages with which a phone has made itself heard."""
        return [each for each in self.published if each.topic == topic and each.priority > 2]

    # HTTP

    async def _answer(self, request: HttpRequest) -> HttpResponse | None:
        self.calls += 1
        try:
            return await self._dispatch(request)
        except NtfyError as error:
            status = error.code // 100
            body = {"code": error.code, "http": status, "error": str(error)}
            return json_response(body, status)

    async def _dispatch(self, request: HttpRequest) -> HttpResponse | None:
        parts = request.segments
        match request.method, parts:
            case "GET", ("v1", "health"):
                return json_response({"healthy": True})
            case "GET", (topic, "auth"):
                self._admit(request, topic)
                return json_response({"success": True})
            case "GET", (topic, "json"):
                self._admit(request, topic)
                lines = [json.dumps(wire(each)) for each in self.published if each.topic == topic]
                return text_response("".join(f"{line}\n" for line in lines))
            case "POST" | "PUT", ("",):
                return await self._publish(request)
            case _:
                raise NtfyError(40401, "page not found")

    def _admit(self, request: HttpRequest, topic: str) -> None:
        said = request.headers.get("authorization", "")
        if said and said != f"Bearer {self.token}":
            raise NtfyError(40101, "unauthorized")
        if topic in self.forbidden or (self.token and not said):
            raise NtfyError(40301, "forbidden")

    async def _publish(self, request: HttpRequest) -> HttpResponse | None:
        """https://docs.ntfy.sh/publish/#publish-as-json"""
        if len(request.body) > BODY_BYTES_MAX:
            raise NtfyError(41303, "JSON body too large")
        try:
            form = json.loads(request.body)
            message = self._read(form)
        except (KeyError, TypeError, ValueError):
            text = "invalid request: request body must be message JSON"
            raise NtfyError(40017, text) from None
        self._admit(request, message.topic)
        fault = self.faults.popleft() if self.faults else self.rule and self.rule(form)
        match fault:
            case Drop():
                return None
            case Refuse(status, description, retry_after):
                headers = {"retry-after": str(retry_after)} if retry_after else {}
                body = json.dumps({"code": status * 100 + 1, "http": status, "error": description})
                return HttpResponse(status=status, body=body.encode(), headers=headers)
            case Delay(seconds):
                await anyio.sleep(seconds)
            case Twice():
                self.published.append(message)
        self.published.append(message)
        return None if isinstance(fault, Lose) else json_response(wire(message))

    def _read(self, form: dict[str, Any]) -> Message:
        topic, sequence = form["topic"], form.get("sequence_id", "")
        if not TOPIC.fullmatch(topic):
            raise NtfyError(40009, "invalid request: topic invalid")
        if self.updates and sequence and not SEQUENCE.fullmatch(sequence):
            raise NtfyError(40049, "invalid request: sequence ID invalid")
        if form.get("priority", 0) not in PRIORITIES:
            raise NtfyError(40007, "invalid priority parameter")
        text = form.get("message", "") or "triggered"
        if len(text.encode()) > MESSAGE_BYTES_MAX:
            raise NtfyError(40014, "invalid request: attachments not allowed")
        return Message(
            id=f"m{next(self._numbers):011d}",
            topic=topic,
            title=form.get("title", ""),
            text=text,
            priority=form.get("priority", 0) or 3,
            tags=tuple(form.get("tags", ())),
            actions=read_actions(form.get("actions", ())),
            sequence_id=sequence,
        )


def read_actions(forms: list[dict[str, Any]]) -> tuple[Action, ...]:
    """https://docs.ntfy.sh/publish/#action-buttons: the one kind that a gateway sends."""
    if len(forms) > ACTIONS_MAX:
        raise NtfyError(40018, f"invalid request: only {ACTIONS_MAX} actions allowed")
    for form in forms:
        method = form.get("method", "").upper()
        if form["action"] != "http" or not form["label"] or not form["url"]:
            raise NtfyError(40018, "invalid request: actions invalid")
        if method in NO_BODY and form.get("body"):
            raise NtfyError(40018, f"invalid request: body cannot be set if method is {method}")
    return tuple(
        Action(
            label=form["label"],
            method=form.get("method", "").upper() or "POST",
            url=form["url"],
            headers=dict(form.get("headers", {})),
            body=form.get("body", ""),
            clear=bool(form.get("clear")),
        )
        for form in forms
    )


def wire(message: Message) -> dict[str, Any]:
    """A message as subscribers get it."""
    return {
        "id": message.id,
        "time": int(time.time()),
        "event": "message",
        "topic": message.topic,
        "title": message.title,
        "message": message.text,
        "priority": message.priority,
        "tags": list(message.tags),
        "sequence_id": message.sequence_id,
    }
