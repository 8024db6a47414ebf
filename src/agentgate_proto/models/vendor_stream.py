"""How an answer of a vendor is read, whatever its form: caps, what can't be read, how it ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from agentgate_proto.models.answer import UNREADABLE, Allowance, TooMuch, merge, read_usage
from agentgate_proto.models.events import Failed, Failure, ModelEvent, UsageSeen
from agentgate_proto.records.usage import Usage

U = TypeVar("U", bound=msgspec.Struct)


class VendorStream(ABC, Generic[U]):
    """One answer as it comes. After ``Ended`` or ``Failed`` nothing follows.

    Args:
        usage: usage in the vendor's form, of nothing.

    Attributes:
        is_over: nothing follows.
        is_stopped: the model has stopped; usage and the vendor's end may still come, or may not.
        model_id: which model answers, as the vendor says; "": it has not.
        allowance: how much of it may still come.
    """

    def __init__(self, usage: U) -> None:
        self.is_over = False
        self.is_stopped = False
        self.model_id = ""
        self.allowance = Allowance()
        self._usage = usage
        self._seen = Usage()

    def receive_event(self, name: str, data: str) -> list[ModelEvent]:
        """Take one server-sent event.

        Args:
            name: its type.
            data: its data.
        """
        if self.is_over or not data:
            return []
        try:
            return list(self.read(name, data))
        except TooMuch as much:
            return self.failed(Failed(failure=Failure.FATAL, message=str(much)))
        except UNREADABLE:
            broken = Failed(failure=Failure.RETRYABLE, message="an event came that can't be read")
            return self.failed(broken)

    def receive_eof(self) -> list[ModelEvent]:
        """Take that nothing follows."""
        if self.is_over:
            return []
        if self.is_stopped:
            return list(self.end())
        cut = Failed(failure=Failure.TRUNCATED, message="the stream ended before the answer did")
        return self.failed(cut)

    def failed(self, failed: Failed) -> list[ModelEvent]:
        """There is no end."""
        self.is_over = True
        return [failed]

    def on_usage(self, value: Any) -> Iterator[ModelEvent]:
        """Of each number the last one counts."""
        usage = read_usage(value, type(self._usage))
        if usage is None:
            return
        merge(self._usage, usage)
        seen = self.counted(self._usage)
        if seen != self._seen:
            self._seen = seen
            yield UsageSeen(seen)

    @abstractmethod
    def read(self, name: str, data: str) -> Iterator[ModelEvent]:
        """Take an event's data, which are not empty.

        Raises:
            TooMuch: the answer is beyond a cap.
            One of UNREADABLE.
        """

    @abstractmethod
    def end(self) -> Iterator[ModelEvent]:
        """The answer is whole: set ``is_over``, and say how it ends."""

    @abstractmethod
    def counted(self, usage: U) -> Usage:
        """Count in our way."""
