"""What the log of a run says, as events of AG-UI. Texts and thoughts are messages that begin and
end; nothing else comes within one."""

from __future__ import annotations

from typing import Any

from agentgate_proto.faces.agui.events import Event, event
from agentgate_proto.faces.conversing import Said, text_of, words_of
from agentgate_proto.records.session import EventKind
from agentgate_proto.records.session_views import GAP
from agentgate_proto.records.usage import Usage, added

TEXT, REASONING = "TEXT_MESSAGE", "REASONING_MESSAGE"


class Transcript:
    """See the module.

    Attributes:
        events: what is to be sent, in order.
        usage: what the models took meanwhile, by their names.
        pending: calls of the client's tools.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.usage: dict[str, Usage] = {}
        self.pending: list[str] = []
        self._step = ""  # what the messages of this answer are called
        self._parts = 0  # of them there were so many
        self._said = ""  # the name of the last text
        self._open = ""  # TEXT or REASONING, if one has begun

    def take(self, said: Said, kind: str, offset: int) -> None:
        """Take an event of the log."""
        match kind:
            case EventKind.MODEL_STARTED:
                self.close()
                self._step = f"{said.run}-{said.iteration}-{said.attempt}"
                self._parts, self._said = 0, self._step
            case EventKind.TEXT:
                self._speak(TEXT, said)
            case EventKind.THINKING:
                self._speak(REASONING, said)
            case EventKind.TOOL_CALL:
                self._on_call(said)
            case EventKind.TOOL_RESULT if said.run:
                self._on_result(said)
            case EventKind.USAGE:
                before = self.usage.get(said.model, Usage())
                self.usage[said.model] = added(before, said.usage)
            case _:
                self._on_other(said, kind, offset)

    def close(self) -> None:
        """The message that has begun ends."""
        kind, self._open = self._open, ""
        if kind:
            name = self._name
            self._put(f"{kind}_END", messageId=name)
            if kind == REASONING:
                self._put("REASONING_END", messageId=name)

    @property
    def _name(self) -> str:
        """Of the message that has begun."""
        return f"{self._step}-{self._parts}"

    def _speak(self, kind: str, said: Said) -> None:
        if self._open != kind:
            self.close()
            self._open = kind
            self._parts += 1
            if kind == TEXT:
                self._said = self._name
                self._put(f"{kind}_START", messageId=self._name, role="assistant")
            else:
                self._put("REASONING_START", messageId=self._name)
                self._put(f"{kind}_START", messageId=self._name, role="reasoning")
        self._put(f"{kind}_CONTENT", messageId=self._name, delta=said.text)

    def _on_call(self, said: Said) -> None:
        self.close()
        call = said.call
        self._put(
            "TOOL_CALL_START",
            toolCallId=call,
            toolCallName=said.tool,
            parentMessageId=self._said,
        )
        self._put("TOOL_CALL_ARGS", toolCallId=call, delta=bytes(said.args).decode())
        self._put("TOOL_CALL_END", toolCallId=call)
        if said.client:
            self.pending.append(call)

    def _on_result(self, said: Said) -> None:
        self.close()
        text = words_of(said.error) if said.has_error else text_of(said.result)
        if said.call in self.pending:
            self.pending.remove(said.call)
        if said.of_people:
            value = {"toolCallId": said.call, **said.of_people}
            self._put("CUSTOM", name="agentgate.people", value=value)
        self._put(
            "TOOL_CALL_RESULT",
            messageId=f"{said.call}-result",
            toolCallId=said.call,
            content=text,
            role="tool",
        )

    def _on_other(self, said: Said, kind: str, offset: int) -> None:
        value: dict[str, Any]
        match kind:
            case EventKind.APPROVAL:
                value = {"toolCallId": said.call, "tool": said.tool, "approvalId": said.approval}
                value |= {"signature": said.signature, "rule": said.rule}
                if said.expires_at:
                    value["expiresAt"] = said.expires_at
            case EventKind.RETRYING:
                value = {"attempt": said.attempt, "waitSeconds": said.wait_s}
                value["reason"] = said.reason
            case EventKind.RESET:
                self.close()
                value = {"messageId": self._said, "reason": said.reason}
            case EventKind.NOTE:
                value = {"text": said.text}
            case _ if kind == GAP:
                value = {"from": offset}
            case _:
                return
        self._put("CUSTOM", name=f"agentgate.{kind}", value=value)

    def _put(self, kind: str, **members: Any) -> None:
        self.events.append(event(kind, **members))
