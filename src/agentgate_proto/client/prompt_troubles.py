"""What becomes of a prompt that the gateway did not take, or whose run can't be followed.

Sending it again is always safe: it goes to the same session under the same id, and runs once. It
goes to another session only if the one that is gone certainly never had it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.client.prompts import Answer, Prompt
from agentgate_proto.errors import AgentGateConnectionError, AgentGateError, ErrorCode

PAUSE_S_MIN = 0.5
PAUSE_S_MAX = 30.0
"""Before a prompt is sent again: the pause doubles from one time to the next."""

TROUBLES_MAX = 10
"""How often a prompt is sent again when the gateway says that something is wrong within it. With
the pauses that is some minutes: a disk that is full is emptied, a bug stays."""

LATER = (ErrorCode.LIMIT_EXCEEDED, ErrorCode.RUN_IN_PROGRESS)
"""Refusals that pass by themselves."""

DELETED = "the conversation was deleted; nobody can tell what was answered"


class Again(msgspec.Struct, frozen=True):
    """Send it again after a pause.

    Attributes:
        wait_s: how long.
    """

    wait_s: float


class Reconnected(msgspec.Struct, frozen=True):
    """Send it again as soon as there is a connection."""


class Elsewhere(msgspec.Struct, frozen=True):
    """Its session is gone and never had it: send it to another."""


Next = Again | Reconnected | Elsewhere | Answer


class Troubles:
    """The troubles of the prompt that is under way."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._count = 0

    def answered(self) -> None:
        """It is over: the next one has no troubles yet."""
        self._pause_s, self._count = 0.0, 0

    def failed(self, prompt: Prompt, error: AgentGateError, *, never_sent: bool) -> Next:
        """Say what to do about an error.

        Args:
            prompt: the prompt.
            error: what sending it, or following its run, came to.
            never_sent: before this attempt it was not sent, and the attempt was one alone.
        """
        if isinstance(error, AgentGateConnectionError):
            return Reconnected()
        if error.code == ErrorCode.SESSION_NOT_FOUND:
            if never_sent:
                return Elsewhere()
            return failed(prompt, error.code, DELETED)
        if error.code == ErrorCode.INTERNAL_ERROR:
            self._count += 1
            if self._count <= TROUBLES_MAX:
                return self._again(error.data)
        elif error.code in LATER:
            return self._again(error.data)
        return failed(prompt, error.code, error.message)

    def _again(self, data: Any) -> Again:
        self._pause_s = min(max(2 * self._pause_s, PAUSE_S_MIN), PAUSE_S_MAX)
        wanted = data.get("retry_after_s") if isinstance(data, dict) else None
        wanted_s = float(wanted) if isinstance(wanted, int | float) else 0.0
        return Again(min(max(self._pause_s, wanted_s), PAUSE_S_MAX))


def failed(prompt: Prompt, code: int, text: str) -> Answer:
    """The answer of a prompt that has none."""
    return Answer(id=prompt.id, status="failed", error=text, code=code)
