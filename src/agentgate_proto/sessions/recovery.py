"""What a run that a dead process has left had come to, read from its log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.session import EventKind, LogRow
from agentgate_proto.records.usage import Usage, UsageRow, added
from agentgate_proto.sessions.log import MergedText
from agentgate_proto.sessions.run import Attempt, Run
from agentgate_proto.sessions.session import Session


class UsageData(msgspec.Struct, frozen=True):
    """What of a ``usage`` event counts for the sum of its run."""

    usage: Usage
    cost_micros: int | None


class StartedData(msgspec.Struct, frozen=True):
    """What of a ``model_started`` event is needed."""

    iteration: int
    attempt: int


class Unpriced:
    """What is known of the price of a model that the configuration has no more: nothing."""

    version = ""

    def cost(self, usage: Usage, model_id: str) -> int | None:
        """See :class:`agentgate_proto.models.info.Pricing`."""
        return None


class Recovery:
    """A run that is being read again.

    Args:
        session: whose it is.
        run: as it was stored; its counts are filled in.
        reserved: what was reserved for it and not settled.

    Attributes:
        said: what the model had said, and had not finished.
        after: the offset from which on the log is read next.
    """

    def __init__(self, session: Session, run: Run, reserved: Iterable[UsageRow]) -> None:
        self.session = session
        self.run = run
        self.after = run.stored.first
        self._reserved = list(reserved)
        self._texts: list[str] = []
        self._chars = 0
        self._started_at = run.stored.first

    @property
    def said(self) -> str:
        """What the model had said, and had not finished."""
        return "".join(self._texts)

    def feed(self, row: LogRow) -> None:
        """Take the next row of the log, of whatever kind."""
        run = self.run
        match row.kind:
            case EventKind.MODEL_STARTED:
                data = msgspec.json.decode(row.data, type=StartedData)
                run.iteration, run.tries = data.iteration, data.attempt
                self._started_at = row.first
                self._texts.clear()
                self._chars = 0
            case EventKind.TEXT:
                text = msgspec.json.decode(row.data, type=MergedText).text
                self._texts.append(text)
                self._chars += len(text)
            case EventKind.THINKING:
                self._chars += len(msgspec.json.decode(row.data, type=MergedText).text)
            case EventKind.RESET | EventKind.REPLY:
                self._texts.clear()
            case EventKind.USAGE:
                spent = msgspec.json.decode(row.data, type=UsageData)
                run.usage = added(run.usage, spent.usage)
                run.cost_micros += spent.cost_micros or 0
                run.unknown += spent.cost_micros is None
            case _:
                pass
        self.after = row.end

    def attempts(self) -> Iterable[Attempt]:
        """Return the attempts that were under way, with what they had come to, to be settled."""
        for row in self._reserved:
            attempt = Attempt(row.id, row, row.usage.input, self._started_at)
            if row.id.endswith(f".{self.run.iteration}.{self.run.tries}"):
                attempt.said = self._chars
            yield attempt


class Recover(msgspec.Struct, frozen=True):
    """Token of a question about the log of a run that is being read again."""

    session: str


def model_of(name: str, models: dict[str, ModelInfo] | Any) -> ModelInfo:
    """Return what is known of a run's model, which may be configured no more."""
    found: ModelInfo | None = models.get(name)
    return found or ModelInfo(
        name=name, model_id=name, backend="", max_tokens=0, context_tokens=0, pricing=Unpriced()
    )
