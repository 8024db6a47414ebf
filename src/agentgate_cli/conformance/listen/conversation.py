"""A scripted conversation: what a gateway tells of a session, and what a reader must have heard.

For the cases of level sessions. A conversation has a log, so that a client may attach once more
than a case needs: it is told what the log has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.listen.broken import Broken, shown
from agentgate_cli.conformance.listen.case import Wanted
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.pending import collected, reply
from agentgate_cli.conformance.listen.stage import Stage
from agentgate_cli.conformance.vectors import brief

AT = "2026-11-29T18:00:00.000Z"
EPOCH = "log"
RUN = "r1"

TOLD = frozenset(
    {"message", "run_started", "model_started", "text", "thinking", "retrying", "reset", "reply"}
    | {"tool_call", "approval", "tool_result", "usage", "note", "run_ended", "gap"}
)
"""Kinds that count in a report: a client may tell its user of those that it does not know, or not;
of ``behind`` likewise."""

MERGED = ("text", "gap")
"""Kinds of which several that follow each other are as good as one."""

ANY = -1
"""Any offset or count."""


class Heard(NamedTuple):
    """What a reader must have heard.

    Attributes:
        events: in order.
        error: the code that it ended with; None: it ended well.
        text: what the user is shown as the answer at the end; None: not asked for.
    """

    events: tuple[Message, ...] = ()
    error: int | None = None
    text: str | None = None


class Conversation:
    """See the module.

    Args:
        stage: the scripted gateway.
        session: the session's id.

    Attributes:
        epoch: of the log.
        run: the one under way.
        waiting: those after it.
        log: what was told, in order.
    """

    def __init__(self, stage: Stage, session: str) -> None:
        self.stage = stage
        self.session = session
        self.epoch = EPOCH
        self.run = RUN
        self.waiting: list[str] = []
        self.log: list[Message] = []
        view = {"id": session, "key": f"agent:agent:{session}", "principal": "agent", "model": "m"}
        view |= {"workspace": "", "created_at": AT, "updated_at": AT}
        log = {"messages": 0, "epoch": EPOCH, "oldest": 0, "next": 0}
        stage.by_itself["get_session"] = view | log
        stage.by_itself["list_sessions"] = {"sessions": [view | log]}
        stage.by_itself["detach_session"] = {"was_attached": True}

    # What the client asks

    def said(self, text: str, message_id: str) -> Any:
        """Take the ``send_message`` with this text; return its id.

        Raises:
            Broken: it did not come, or says something else.
        """
        try:
            message = self.stage.request("send_message")
        except Broken as error:
            raise Broken(f"the message {message_id!r} was not sent: {error}", "S24") from None
        params = message["params"]
        wanted = {"session": self.session, "text": text, "message_id": message_id}
        if any(params.get(name) != value for name, value in wanted.items()):
            raise Broken(f"the message is {shown(params)} instead of {shown(wanted)}", "S24")
        return message["id"]

    def take(self, request_id: Any, offset: int, **more: Any) -> None:
        """Answer ``send_message``: it is in the log there."""
        self.result(request_id, {"run": self.run, "epoch": self.epoch, "offset": offset, **more})

    def attach(self, offset: int | None, why: str, *rules: str, epoch: str = EPOCH) -> Any:
        """Take the ``attach_session`` with this cursor; return its id.

        Args:
            offset: of the cursor; None: there is none.
            why: what that is: "after the last event that was taken".
            rules: that say so.
            epoch: of the cursor.

        Raises:
            Broken: it did not come, or has another cursor.
        """
        try:
            message = self.stage.request("attach_session")
        except Broken as error:
            raise Broken(f"the session was not attached to: {error}", *rules) from None
        params = message["params"]
        if params.get("session") != self.session:
            raise Broken(
                f"attached to {params.get('session')!r} instead of {self.session!r}", *rules
            )
        found = (params.get("epoch", ""), params.get("offset"))
        if found[1] != offset or (offset is not None and found[0] != epoch):
            text = f"attached at {brief(found[1])} of log {brief(found[0])} instead of"
            raise Broken(f"{text} {brief(offset)} of log {brief(epoch)}, {why}", *rules)
        return message["id"]

    def attached(self, request_id: Any, offset: int, **more: Any) -> None:
        """Answer ``attach_session``: what follows begins there."""
        place = {"epoch": self.epoch, "offset": offset, "next": max(self.next, offset)}
        run = {"run": self.run} if self.run else {}
        waiting = {"waiting": self.waiting} if self.waiting else {}
        self.result(request_id, place | run | waiting | more)

    def back(self) -> None:
        """Take the next connection, up to the end of reconciliation."""
        self.stage.accept()
        reply(self.stage, collected(self.stage), [], [])

    # What it is told

    @property
    def next(self) -> int:
        """The offset after all that was told."""
        return max((each["offset"] + each.get("count", 1) for each in self.log), default=0)

    def tell(self, *events: Message) -> None:
        """Tell events, at once."""
        self.log += [each for each in events if each["kind"] not in ("behind", "gone")]
        self.say(events)

    def say(self, events: Any, session: str = "") -> None:
        """Say ``session_event``; the log knows nothing of it."""
        params = {"session": session or self.session, "events": list(events)}
        self.stage.say({"jsonrpc": "2.0", "method": "session_event", "params": params})

    def reached(self) -> None:
        """See that all that was told has reached the client.

        Raises:
            Broken: it did not answer a ping, or asked for something.
        """
        reached(self.stage)

    def cut(self) -> None:
        """Break the connection when all that was told has reached the client."""
        self.reached()
        self.stage.drop()

    def over(self, problem: str, *rules: str) -> None:
        """See that all readers come to their end. Who attaches meanwhile is told what the log has.

        Raises:
            Broken: they did not; ``problem`` says what should have ended them.
        """
        while True:
            try:
                message = self.stage.next_message("the report did not come")
            except Broken as error:
                raise Broken(f"{problem}: {error}", *rules) from None
            if message.get("method") == "tool_request":
                self.stage.put_back(message)
                return
            if message.get("method") != "attach_session":
                raise Broken(f"{problem}: the client sent {shown(message)}", *rules)
            asked = message["params"].get("offset")
            offset = self.next if asked is None else min(asked, self.next)
            self.attached(message["id"], offset)
            self.say(each for each in self.log if each["offset"] >= offset)

    def result(self, request_id: Any, result: Message) -> None:
        """Answer a request of the client."""
        self.stage.say({"jsonrpc": "2.0", "result": result, "id": request_id})


def reached(stage: Stage) -> None:
    """See that all that was said has reached the client: frames are ordered.

    Raises:
        Broken: it did not answer a ping, or asked for something.
    """
    mark = f"reached {len(stage.pongs)}".encode()
    stage.wire.send(frames.PING, mark)
    stage.until(lambda: mark in stage.pongs, "a ping was to be answered, and nothing else")


# Events


def event(offset: int, kind: str, **data: Any) -> Message:
    """An event of the run."""
    return {"offset": offset, "kind": kind, "at": AT, "data": {"run": RUN, **data}}


def note(offset: int, **data: Any) -> Message:
    """Something to know."""
    return event(offset, "note", text="hm", **data)


def last(offset: int) -> Message:
    """The event after which a reader leaves."""
    return note(offset, last=True)


def deltas(offset: int, *parts: str) -> Message:
    """Deltas of a text, as one event: ``cuts`` are code points, as Python counts."""
    ends = [len("".join(parts[: n + 1])) for n in range(len(parts))]
    found = event(offset, "text", text="".join(parts))
    if len(parts) > 1:
        found["count"] = len(parts)
        found["data"]["cuts"] = ends[:-1]
    return found


def gap(offset: int, count: int) -> Message:
    """Events that are not to be had."""
    return {"offset": offset, "count": count, "kind": "gap", "at": AT, "data": {}}


def ended(offset: int, status: str = "completed", run: str = RUN) -> Message:
    """The end of a run."""
    data = {"run": run, "status": status, "reason": "", "iterations": 1, "cost_micros": 0}
    return {"offset": offset, "kind": "run_ended", "at": AT, "data": data}


# Reports


def heard(*wanted: Heard, by: tuple[str, ...]) -> Wanted:
    """What must be reported: no call, and that the readers of the task have heard this.

    Args:
        wanted: of each reader, in the order of the task.
        by: the rules that say so.
    """

    def check(report: Message) -> None:
        found = report.get("session")
        if not isinstance(found, list) or len(found) != len(wanted):
            raise Broken(f"the report has not one row for each reader: {brief(found)} (testing.md)")
        for n, (want, got) in enumerate(zip(wanted, found, strict=True)):
            problem = trouble(want, got if isinstance(got, dict) else {})
            if problem:
                raise Broken(f"reader {n} {problem}", *by)

    return Wanted((), check=check)


def trouble(want: Heard, got: Message) -> str:
    """Say what a reader has heard that it must not, or the other way round; "": nothing."""
    raw = got.get("events")
    told = raw if isinstance(raw, list) else []
    events = merged(each for each in told if isinstance(each, dict))
    wants = merged(want.events)
    for left, right in zip(wants, events, strict=False):
        if not is_same(left, right):
            return f"was told {as_text(right)} instead of {as_text(left)}"
    if len(events) > len(wants):
        return f"was told {as_text(events[len(wants)])}, which was not for it"
    if len(events) < len(wants):
        return f"was not told {as_text(wants[len(events)])}"
    error = got.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if code != want.error:
        return f"ended with error {brief(code)} instead of {brief(want.error)}"
    if want.text is not None and got.get("text") != want.text:
        return f"shows the answer {brief(got.get('text'))} instead of {brief(want.text)}"
    return ""


def merged(events: Iterable[Message]) -> list[Message]:
    """The events that count, those that are as good as one made one."""
    found: list[Message] = []
    for each in events:
        if each.get("kind") not in TOLD:
            continue
        data = each.get("data")
        now = {"count": 1, **each, "data": dict(data) if isinstance(data, dict) else {}}
        before: Message = found[-1] if found else {"kind": ""}
        if follows(before, now):
            before["count"] += now["count"]
            before["data"]["text"] = str(before["data"].get("text")) + str(now["data"].get("text"))
        else:
            found.append(now)
    return found


def follows(before: Message, now: Message) -> bool:
    """Whether an event goes on with the one before it."""
    kind, offset, count = now["kind"], now.get("offset"), before.get("count")
    if kind != before["kind"] or kind not in MERGED or ANY in (offset, count):
        return False
    known = isinstance(count, int) and isinstance(before.get("offset"), int)
    return known and offset == before["offset"] + count


def is_same(want: Message, got: Message) -> bool:
    """Whether an event is the one that was wanted: kind, place, and its text."""
    places = all(want[name] in (ANY, got.get(name)) for name in ("offset", "count"))
    texts = want["kind"] != "text" or want["data"].get("text") == got["data"].get("text")
    return want["kind"] == got["kind"] and places and texts


def as_text(told: Message) -> str:
    """An event in a few words."""
    text = f" {brief(told['data'].get('text'))}" if told["kind"] == "text" else ""
    count = f" ({told['count']} events)" if told["count"] not in (1, ANY) else ""
    at = "" if told.get("offset") == ANY else f" at {told.get('offset')}"
    return f"{told['kind']}{at}{count}{text}"
