"""Approvals that the sessions of one connection wait for, and the questions about them.

A question has the same id on every connection, made of the approval's: so a client that comes back
knows that it is the one that it has asked already.

There are two answers, yes and no, for this one call. "Always" is not offered: what it would allow,
and for how long, is a grant, and whoever gives one should see its words (``approvals``,
``pending``). A program may also answer "always" by itself, and would give away more than anybody
has looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from agentgate_proto.faces.acp.effects import About, Outbox, Step
from agentgate_proto.faces.acp.messages import PermissionAnswer
from agentgate_proto.faces.acp.telling import TITLE_CHARS_MAX, Told, waiting_update
from agentgate_proto.rpc.jsonrpc import Success
from agentgate_proto.rpc.listing import shown_signature
from agentgate_proto.rpc.messages import DecideApproval

PREFIX = "permission-"

YES, NO = "allow", "reject"

OPTIONS = [
    {"optionId": YES, "name": "Allow once", "kind": "allow_once"},
    {"optionId": NO, "name": "Reject", "kind": "reject_once"},
]

read_answer = msgspec.json.Decoder(PermissionAnswer).decode


@dataclass(slots=True)
class Waiting:
    """An approval that somebody is to answer.

    Attributes:
        said: what the log says of it.
        is_asked: a question of ours is open.
        is_answered: it was answered here, whatever came of that.
    """

    said: Told
    is_asked: bool = False
    is_answered: bool = False


class Permissions:
    """See the module.

    Args:
        out: where questions go.
        session: whose approvals they are.
        may_decide: the client may answer them.

    Attributes:
        came_back: the client had another connection before, with questions that may be open still.
    """

    def __init__(self, out: Outbox, session: str, *, may_decide: bool) -> None:
        self._out = out
        self._session = session
        self._may_decide = may_decide
        self.came_back = False
        self._waiting: dict[str, Waiting] = {}  # by approval

    def add(self, said: Told) -> None:
        """A person is asked."""
        self._waiting.setdefault(said.approval, Waiting(said))

    def ask(self) -> None:
        """Ask for all that may be asked and was not."""
        for approval, waiting in self._waiting.items():
            if self._may_decide and not (waiting.is_asked or waiting.is_answered):
                waiting.is_asked = True
                question = {
                    "sessionId": self._session,
                    "toolCall": tool_call(waiting.said),
                    "options": OPTIONS,
                }
                self._out.request(f"{PREFIX}{approval}", "session/request_permission", question)

    def answered(self, approval: str, answer: Success | None) -> None:
        """The client has answered, or can't (None); then it waits on, for others."""
        waiting = self._waiting.get(approval)
        if waiting is None or not waiting.is_asked:
            return
        waiting.is_asked, waiting.is_answered = False, True
        choice = choice_in(answer)
        if choice:
            about = About(Step.DECIDE, self._session, waiting.said.call)
            self._out.decide(about, DecideApproval(id=approval, decision=choice))

    def over(self, approval: str) -> str:
        """Somebody has answered it, or it lapsed; return its call, "" if it is none of these."""
        waiting = self._waiting.pop(approval, None)
        if waiting is None:
            return ""
        self._withdraw(approval, waiting)
        return waiting.said.call

    def call_ended(self, call: str) -> None:
        """Nobody need answer what a call waited for."""
        for approval in [key for key, each in self._waiting.items() if each.said.call == call]:
            self.over(approval)

    def clear(self, *, run: str = "") -> None:
        """Nobody need answer any of these; or of this run, which is over."""
        for approval in [key for key, each in self._waiting.items() if run in ("", each.said.run)]:
            self.over(approval)

    def _withdraw(self, approval: str, waiting: Waiting) -> None:
        """Close the question."""
        if waiting.is_asked or (self.came_back and self._may_decide and not waiting.is_answered):
            self._out.notify("$/cancel_request", {"requestId": f"{PREFIX}{approval}"})


def choice_in(answer: Success | None) -> Any:
    """Return what an answer decides; "": nothing."""
    if answer is None:
        return ""
    try:
        outcome = read_answer(answer.result).outcome
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if outcome.outcome != "selected":
        return ""
    return {YES: "approve", NO: "deny"}.get(outcome.option_id, "")


def tool_call(said: Told) -> dict[str, Any]:
    """Show what is asked for: its signature, for that is what a yes is for."""
    update = waiting_update(said)
    del update["sessionUpdate"]
    title = said.signature
    if len(title) > TITLE_CHARS_MAX:
        whole = shown_signature(title, said.approval)
        update["content"][0]["content"]["text"] += f"\n\n{whole}"
    return update
