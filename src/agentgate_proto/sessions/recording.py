"""What a run writes into the log of its session, and so into the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.session import EventKind
from agentgate_proto.sessions.run import Run
from agentgate_proto.sessions.session import Session

CUT = "cut"
"""The ``stop`` of a reply of which there is no end."""


def note(session: Session, run: Run, text: str, now: float) -> None:
    """Let people know something."""
    session.log.append(EventKind.NOTE, {"run": run.id, "text": text}, now)


def log_reply(
    session: Session, run: Run, text: str, stop: str, now: float, *, blocks: bytes = b""
) -> None:
    """What the model has said is whole, or as whole as it gets."""
    data = {
        "run": run.id,
        "iteration": run.iteration,
        "text": text,
        "stop": stop,
        "backend": run.model.backend if blocks else "",
    }
    log_and_feed(session, EventKind.REPLY, data, now, blocks)
    session.record = replace(session.record, messages=session.record.messages + 1)


def log_call(
    session: Session,
    run: Run,
    call: str,
    told: str,
    args: msgspec.Raw,
    now: float,
    *,
    is_client: bool = False,
) -> None:
    """The model wants a tool; one that the client runs, or the gateway."""
    data: dict[str, Any] = {"run": run.id, "call": call, "tool": told, "args": args}
    if is_client:
        data["client"] = True
    log_and_feed(session, EventKind.TOOL_CALL, data, now)


def log_waiting(session: Session, call: str, approval: Mapping[str, Any], now: float) -> bool:
    """A person is asked about a call; return whether it is one of the run that is under way."""
    run = session.run
    tool = run.tools.get(call) if run is not None else None
    if run is None or tool is None:
        return False
    tool.approval = approval["approval"]
    data = {"run": run.id, "call": call, "tool": tool.told or tool.tool, **approval}
    session.log.append(EventKind.APPROVAL, data, now)
    return True


def log_outcome(
    session: Session, run: Run | None, call: str, told: str, outcome: Outcome, now: float
) -> None:
    """A call ends as the gate says; without ``run``: it was closed before, and has ended so."""
    data: dict[str, Any] = {
        "run": run.id if run is not None else "",
        "call": call,
        "tool": told,
        "status": outcome.status.value,
    }
    if outcome.status is Status.EXECUTED:
        data["result"] = outcome.data
    else:
        data["error"] = outcome.message
    if outcome.word:
        data["word"] = outcome.word
    if outcome.edited is not msgspec.UNSET:
        data["edited"] = outcome.edited
    if run is None:
        data["late"] = True
    log_and_feed(session, EventKind.TOOL_RESULT, data, now)


def log_closed(
    session: Session, run: Run, call: str, told: str, status: str, error: str, now: float
) -> None:
    """A call ends without an outcome; as unknown: the outcome may follow."""
    data: dict[str, Any] = {
        "run": run.id,
        "call": call,
        "tool": told,
        "status": status,
        "error": error,
    }
    if status == Status.UNKNOWN:
        data["still_running"] = True
    log_and_feed(session, EventKind.TOOL_RESULT, data, now)


def log_and_feed(
    session: Session, kind: EventKind, data: dict[str, Any], now: float, blocks: bytes = b""
) -> None:
    """Append an event that is part of the history as well."""
    session.log.append(kind, data, now, blocks)
    session.history.feed(session.log.newest())
