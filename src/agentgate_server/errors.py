"""What can be wrong with a tool, with its arguments, or with what it did."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.records.outcome import Outcome


class ToolError(Exception):
    """A tool can't be offered: wrongly declared, not found, or named twice.

    The text is one line and says what to do. Raised while a gateway starts, never by a call.
    """


class ArgumentError(Exception):
    """The arguments of a call do not fit the tool; answered as -32602, before anybody is asked.

    Attributes:
        problems: one short text for each argument that does not fit, at least one.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class EffectUnknown(Exception):
    """For a tool to raise when it can't tell whether it took effect.

    For instance: the request went out, and the connection broke before the answer. A ``write``
    tool then ends as ``unknown`` instead of ``failed``: nothing retries it, and the same request
    asks a person again.
    """


class NotStarted(Exception):
    """For a tool to raise when it has certainly done nothing; the text says why.

    For instance: the device could not be reached. The call ends as ``failed``, and is told to have
    not been started.
    """


class ToolFailed(Exception):
    """For a tool to raise when it failed in a way that was foreseen.

    The agent gets the text as it is; the log gets no traceback, since there is no defect to find.

    Attributes:
        data: JSON in which the tool says it in a form of its own (``Tool.form``), for faces whose
            clients can read that.
    """

    def __init__(self, text: str, data: bytes = b"null") -> None:
        super().__init__(text)
        self.data = data


class WithWords(msgspec.Struct, frozen=True):
    """For a tool to return that is run by somebody who has asked people about it.

    Attributes:
        data: the result.
        word: what these said, or "".
        edited: the arguments that it ran with, if they had changed them.
    """

    data: Any
    word: str
    edited: dict[str, Any] | None


class EndedElsewhere(Exception):
    """For a tool to raise that is run by somebody who has said how it ended.

    Attributes:
        outcome: how; its message is for the agent.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome
