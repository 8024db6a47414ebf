"""How many contexts a principal looks at at once."""

from __future__ import annotations

from typing import Any

from agentgate_proto.errors import ErrorCode
from agentgate_server.sessions.inspections import INSPECTIONS_MAX, TOO_MANY, Inspections


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def result(self, result: Any) -> None:
        self.answers.append(result)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        self.answers.append((code, message, data))


def test_one_too_many_is_refused_until_one_was_answered_and_others_are_not() -> None:
    inspections, told = Inspections(), Told()
    admitted = [inspections.admit("ann", told) for _ in range(INSPECTIONS_MAX + 1)]
    assert told.answers == [(ErrorCode.LIMIT_EXCEEDED, TOO_MANY, None)]
    first, second, *_, last = admitted
    assert first is not None
    assert second is not None
    assert last is None
    assert inspections.admit("ben", told) is not None
    first.result("seen")
    second.error(ErrorCode.MODEL_FAILED, "no", 7)
    assert told.answers[1:] == ["seen", (ErrorCode.MODEL_FAILED, "no", 7)]
    assert inspections.admit("ann", told) is not None
    assert inspections.admit("ann", told) is not None
    assert inspections.admit("ann", told) is None
