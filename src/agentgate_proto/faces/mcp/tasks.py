"""Tasks of the modern era (the extension ``io.modelcontextprotocol/tasks``): a call that its client
asks for instead of waiting.

A task is a view of a request in the ledger. What names it (``TaskSeal``) is sealed and says which
request that is, so a task outlives this process, and nothing is kept for one that nobody asks for.

The tasks of 2025-11-25 are not offered: there the client decides what is a task, before anybody
knows whether a person is asked, and no client in use speaks them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.answering import Ending, ToolAnswers
from agentgate_proto.faces.mcp.questions import Asked, Question, requests_of
from agentgate_proto.faces.mcp.server_errors import server_error
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Phase, Record, rfc3339
from agentgate_proto.rpc.jsonrpc import ErrorObject

POLL_FIRST_S: Final = 2.0
POLL_LATER_S: Final = 5.0
POLL_LATER_AFTER_S: Final = 60.0
"""How often to ask: a person who looks at their phone just now answers within a minute."""

KEPT_S: Final = 600.0
"""How long an outcome of a task can be had at least: as long as a call can be joined by default."""


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A task as its client gets it.

    Attributes:
        result_type: "task": the answer to the call; "complete": to a question about the task.
        ttl_ms, poll_interval_ms: milliseconds.
    """

    result_type: str
    task_id: str
    status: str
    status_message: str = ""
    created_at: str
    last_updated_at: str
    ttl_ms: int
    poll_interval_ms: int
    input_requests: dict[str, Asked] = {}
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: ErrorObject | None = None


class Task:
    """What is known of one task. Times are UTC seconds.

    Args:
        task_id: sealed.
        created_at: when.
        answers: makes the result; its own id and envelope don't matter.
        now: at present.

    Attributes:
        known: something was heard of it; before, nobody can say whether there is such a task.
        missing: there is none.
        over: it has ended.
    """

    def __init__(self, task_id: str, created_at: float, answers: ToolAnswers, now: float) -> None:
        self.known = False
        self.missing = False
        self.over = False
        self._task_id = task_id
        self._created_at = created_at
        self._answers = answers
        self._updated_at = now
        self._record: Record | None = None
        self._status = self._problem = ""
        self._result: bytes = b""
        self._error: ErrorObject | None = None
        self._open: dict[str, Question] = {}

    def taken(self) -> None:
        """It is under way."""
        self.known = True

    def waiting(self, record: Record) -> None:
        """A person is asked."""
        self.known = True
        self._record = record

    def settled(self, outcome: Outcome, ending: Ending, now: float) -> None:
        """It is over."""
        self.known = self.over = True
        self._updated_at = now
        self._open.clear()
        self._result = self._answers.result(outcome, ending)
        self._error = server_error(outcome)
        if self._error is not None:
            self._status = "failed"  # what a tool says of itself is a result, even if it failed
        else:
            self._status = "cancelled" if outcome.status is Status.CANCELLED else "completed"

    def refused(self, code: ErrorCode, message: str) -> None:
        """It is not to be found; or nobody can say at present how it is (``message``), which is no
        reason to give it up."""
        self.known = True
        if code is ErrorCode.NOT_FOUND:
            self.over = self.missing = True
        else:
            self._problem = message

    def asks(self, question: Question, now: float) -> None:
        """The tool wants to know something of the client."""
        self._open[question.name] = question
        self._updated_at = now

    def answered(self, name: str, now: float) -> None:
        """A question is over, one way or another."""
        if self._open.pop(name, None) is not None:
            self._updated_at = now

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions that are open."""
        return tuple(self._open.values())

    def made(self, now: float) -> bytes:
        """The result that answers the call with this task."""
        phase = None if self._record is None else Phase.WAITING
        return msgspec.json.encode(self._shown("task", phase, now))

    def shown(self, phase: Phase | None, now: float) -> bytes:
        """The result of ``tasks/get``; ``phase``: how far the request is, if it is under way."""
        return msgspec.json.encode(self._shown("complete", phase, now))

    def _shown(self, result_type: str, phase: Phase | None, now: float) -> TaskStatus:
        age_s = now - self._created_at
        more: dict[str, Any] = {}
        if self._status == "completed":
            more["result"] = msgspec.Raw(self._result)
        elif self._open:
            more["input_requests"] = requests_of(self._open.values())
        return TaskStatus(
            result_type=result_type,
            task_id=self._task_id,
            status=self._status or ("input_required" if self._open else "working"),
            status_message=self._message(phase),
            error=self._error,
            created_at=rfc3339(self._created_at),
            last_updated_at=rfc3339(self._updated_at),
            ttl_ms=round(self._ttl_s(now) * 1_000),
            poll_interval_ms=round(
                1_000 * (POLL_FIRST_S if age_s < POLL_LATER_AFTER_S else POLL_LATER_S)
            ),
            **more,
        )

    def _ttl_s(self, now: float) -> float:
        """It is there until a person's time is over, and then as long as outcomes are kept."""
        until = now if self._record is None else max(now, self._record.expires_at)
        return until - self._created_at + KEPT_S

    def _message(self, phase: Phase | None) -> str:
        if self._status:
            return "" if self._error is None else self._error.message
        if self._problem:
            return f"nobody can say how it is at present: {self._problem}"
        if phase is not Phase.WAITING:
            return "running"
        if self._record is None:
            return "waiting for a person"
        until = rfc3339(self._record.expires_at)
        return f"waiting for a person until {until} (request {self._record.rid})"
