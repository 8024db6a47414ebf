"""What a run has answered: the text of its last reply, or the error that it amounts to."""

from __future__ import annotations

from typing import Any

from agentgate_proto.client.session_feed import Event
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.records.session import EventKind, RunStatus

ERRORS_OF: dict[str, ErrorCode] = {
    RunStatus.FAILED: ErrorCode.MODEL_FAILED,
    RunStatus.TRUNCATED: ErrorCode.MODEL_FAILED,
    RunStatus.INTERRUPTED: ErrorCode.MODEL_FAILED,
    RunStatus.BUDGET: ErrorCode.OVER_BUDGET,
    RunStatus.CANCELLED: ErrorCode.CANCELLED,
}
"""Ends of a run that leave no whole answer."""


class Answer:
    """Gathers what a run answers, from its events in order.

    Attributes:
        status: how the run ended; "" as long as it has not.
        ended: the data of its end; {} as long as there is none.
    """

    def __init__(self) -> None:
        self.status = ""
        self.ended: dict[str, Any] = {}
        self._deltas: list[str] = []
        self._reply: str | None = None

    @property
    def text(self) -> str:
        """What the model has said since it was asked last: whole, or as much as there is."""
        return "".join(self._deltas) if self._reply is None else self._reply

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event.kind:
            case EventKind.TEXT:
                self._deltas.append(str(event.data.get("text", "")))
            case EventKind.MODEL_STARTED | EventKind.RESET:
                self._deltas.clear()
                self._reply = None
            case EventKind.REPLY:
                self._reply = str(event.data.get("text", ""))
            case EventKind.RUN_ENDED:
                self.ended = event.data
                self.status = str(event.data.get("status", ""))
            case _:
                pass

    def error(self) -> AgentGateError | None:
        """Return the error that the end amounts to, or None if there is a whole answer.

        Its ``data`` has what the end says, and ``text``: as much as there is.
        """
        code = ERRORS_OF.get(self.status)
        if self.status and code is None:
            return None
        data = self.ended | {"text": self.text}
        if code is None:
            return exception_for(ErrorCode.MODEL_FAILED, "The end of the run is not known", data)
        reason = str(self.ended.get("reason", "")) or "no reason given"
        return exception_for(code, f"The run was not completed: {self.status}: {reason}", data)
