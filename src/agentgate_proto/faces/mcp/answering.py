"""How a call is answered, as whole JSON-RPC responses: by which method it came makes a difference.

A tool's answer is a result whatever happened, for the model to read. ``resources/read``,
``prompts/get`` and ``completion/complete`` are calls of tools as well, but their clients' programs
read the answer: what is no result of that method is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.eras import MODERN
from agentgate_proto.faces.mcp.permit import denied, permit_result, waiting_answer
from agentgate_proto.faces.mcp.replies import Code, failure, success
from agentgate_proto.faces.mcp.results import (
    error_result,
    outcome_result,
    pending_result,
    refused_result,
    running_result,
)
from agentgate_proto.faces.mcp.server_errors import ACTED_ON, server_error, told
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.results import CancelStatus, ToolRow

CACHED: Final = frozenset({"resources/read"})
"""Methods whose modern results say how long they may be kept: here never, unless the server behind
the gate says so."""

WITHDRAWN: Final = {
    CancelStatus.CANCELLED: "It was withdrawn. Nothing was run.",
    CancelStatus.TOO_LATE: "It was withdrawn too late: it has run, or is wanted by another call.",
    CancelStatus.STOPPING: "It was withdrawn while it ran, and is being stopped.",
    CancelStatus.UNKNOWN_REQUEST: "It was withdrawn, and is over.",
}


class Ending(NamedTuple):
    """Which request an outcome is that of.

    Attributes:
        rid, joined_at: as for ``outcome_result``.
        tool: what was asked for, by its name in the catalogue.
    """

    rid: str
    joined_at: float
    tool: str


class Answers(Protocol):
    """Makes the response to one call. See the module."""

    def outcome(self, outcome: Outcome, ending: Ending) -> bytes:
        """It is over."""
        ...

    def pending(self, record: Record, held_s: float) -> bytes:
        """A person is asked, and the client can't be held longer."""
        ...

    def running(self, rid: str, held_s: float) -> bytes:
        """The same while the tool runs; ``rid`` "": nobody knows the request by an id yet."""
        ...

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> bytes:
        """It was not taken."""
        ...

    def withdrawn(self, status: CancelStatus) -> bytes:
        """The client has withdrawn it."""
        ...


class ToolAnswers:
    """Answers ``tools/call``.

    Args:
        request_id: what is answered.
        version: the revision that the client speaks.
        tool: the published name.
        row: the tool; None: it is not known, or not any more.
    """

    def __init__(self, request_id: RequestId, version: str, tool: str, row: ToolRow | None) -> None:
        self._id = request_id
        self._version = version
        self._tool = tool
        self._row = row

    def named(self, tool: str) -> tuple[str, ToolRow | None]:
        """The published name of a tool, and what is known of it."""
        return self._tool, self._row

    def result(self, outcome: Outcome, ending: Ending) -> bytes:
        """The result alone, without the envelope."""
        name, row = self.named(ending.tool)
        return outcome_result(
            outcome,
            tool=name,
            row=row,
            version=self._version,
            rid=ending.rid,
            joined_at=ending.joined_at,
        )

    def outcome(self, outcome: Outcome, ending: Ending) -> bytes:
        """See :class:`Answers`."""
        error = server_error(outcome) if self._version in MODERN else None
        if error is not None and error.code in ACTED_ON:
            return failure(self._id, error.code, error.message, error.data)
        return success(self._id, self.result(outcome, ending))

    def pending(self, record: Record, held_s: float) -> bytes:
        """See :class:`Answers`."""
        result = pending_result(
            tool=self.named(record.tool)[0],
            rid=record.rid,
            expires_at=record.expires_at,
            version=self._version,
            gone_s=held_s,
        )
        return success(self._id, result)

    def running(self, rid: str, held_s: float) -> bytes:
        """See :class:`Answers`."""
        if rid:
            result = running_result(tool=self._tool, rid=rid, version=self._version, gone_s=held_s)
        else:
            text = f"There is no answer yet. Call {self._tool} again with the same arguments."
            result = error_result(text, self._version)
        return success(self._id, result)

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> bytes:
        """See :class:`Answers`."""
        result = refused_result(code, message, self._version, retry_after_s=retry_after_s)
        return success(self._id, result)

    def withdrawn(self, status: CancelStatus) -> bytes:
        """See :class:`Answers`."""
        return success(self._id, error_result(WITHDRAWN[status], self._version))


class UnlistedAnswers(ToolAnswers):
    """Answers a call of a tool that its client was not told of: the gateway has one that is denied,
    which is said as of any other, or it has none."""

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> bytes:
        """See :class:`Answers`."""
        if code is ErrorCode.TOOL_FAILED:
            return failure(self._id, Code.INVALID_PARAMS, f"Unknown tool: {self._tool}")
        return super().refused(code, message, retry_after_s)


class LookAnswers(ToolAnswers):
    """Answers ``gate_result``: which tool it is about is known by what comes of it.

    Args:
        request_id, version, tool: as for :class:`ToolAnswers`.
        find: returns the published name of a tool, and what is known of it.
    """

    def __init__(
        self,
        request_id: RequestId,
        version: str,
        tool: str,
        find: Callable[[str], tuple[str, ToolRow | None]],
    ) -> None:
        super().__init__(request_id, version, tool, None)
        self._find = find

    def named(self, tool: str) -> tuple[str, ToolRow | None]:
        """See :class:`ToolAnswers`."""
        return self._find(tool)


class PermitAnswers:
    """Answers ``permit``: whether the client may use a tool of its own.

    Args:
        request_id, version: as for :class:`ToolAnswers`.
    """

    def __init__(self, request_id: RequestId, version: str) -> None:
        self._id = request_id
        self._version = version

    def outcome(self, outcome: Outcome, ending: Ending) -> bytes:
        """See :class:`Answers`."""
        return success(self._id, permit_result(outcome, self._version))

    def pending(self, record: Record, held_s: float) -> bytes:
        """See :class:`Answers`."""
        return success(self._id, waiting_answer(self._version))

    def running(self, rid: str, held_s: float) -> bytes:
        """See :class:`Answers`: nothing runs, so it is about to be answered."""
        return success(self._id, waiting_answer(self._version))

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> bytes:
        """See :class:`Answers`."""
        return success(self._id, denied(message, self._version))

    def withdrawn(self, status: CancelStatus) -> bytes:
        """See :class:`Answers`."""
        return success(self._id, denied(WITHDRAWN[status], self._version))


class MethodAnswers:
    """Answers a method whose results are made by a tool as they are.

    Args:
        request_id, version: as for :class:`ToolAnswers`.
        method: which it is.
    """

    def __init__(self, request_id: RequestId, version: str, method: str) -> None:
        self._id = request_id
        self._version = version
        self._method = method

    def outcome(self, outcome: Outcome, ending: Ending) -> bytes:
        """See :class:`Answers`."""
        if outcome.status is Status.EXECUTED:
            return success(self._id, self._completed(bytes(outcome.data)))
        error = server_error(outcome)
        if error is None:
            return self._error(outcome.message)
        error = told(error, self._version)
        return failure(self._id, error.code, error.message, error.data)

    def pending(self, record: Record, held_s: float) -> bytes:
        """See :class:`Answers`."""
        return self._error("a person is asked first, and has not answered; ask again later")

    def running(self, rid: str, held_s: float) -> bytes:
        """See :class:`Answers`."""
        return self._error(f"there is no answer after {held_s:.0f} s; ask again later")

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> bytes:
        """See :class:`Answers`."""
        invalid = code in (ErrorCode.INVALID_PARAMS, ErrorCode.NOT_FOUND)
        kind = Code.INVALID_PARAMS if invalid else Code.INTERNAL_ERROR
        return failure(self._id, kind, message)

    def withdrawn(self, status: CancelStatus) -> bytes:
        """See :class:`Answers`."""
        return self._error(WITHDRAWN[status])

    def _error(self, text: str) -> bytes:
        return failure(self._id, Code.INTERNAL_ERROR, text)

    def _completed(self, data: bytes) -> bytes:
        """The result with what its revision needs; bytes are kept where nothing is missing."""
        if self._version not in MODERN:
            return data
        members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        needed = {"resultType": b'"complete"'}
        if self._method in CACHED:
            needed |= {"ttlMs": b"0", "cacheScope": b'"private"'}
        missing = {name: msgspec.Raw(each) for name, each in needed.items() if name not in members}
        return msgspec.json.encode(members | missing) if missing else data
