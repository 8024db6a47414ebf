"""What holds of every vendor's stream, by one of a vendor who says little."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from agentgate_proto.models.answer import ANSWER_CHARS_MAX
from agentgate_proto.models.events import (
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Stop,
    TextDelta,
    UsageSeen,
)
from agentgate_proto.models.vendor_stream import VendorStream
from agentgate_proto.records.usage import Usage

CUT = Failed(failure=Failure.TRUNCATED, message="the stream ended before the answer did")


class Counts(msgspec.Struct):
    """Usage, as this vendor tells it."""

    read: int | None = None
    said: int | None = None


class Plain(VendorStream[Counts]):
    """An answer of a vendor whose events are texts, numbers and few words."""

    def read(self, name: str, data: str) -> Iterator[ModelEvent]:
        """Take an event."""
        if name == "usage":
            yield from self.on_usage(msgspec.json.decode(data))
        elif name == "stop":
            self.is_stopped = True
        elif name == "end":
            yield from self.end()
        else:
            self.allowance.take(data)
            yield TextDelta(data)

    def end(self) -> Iterator[ModelEvent]:
        """It is whole."""
        self.is_over = True
        yield Ended(stop=Stop.END, model_id=self.model_id)

    def counted(self, usage: Counts) -> Usage:
        """Count in our way."""
        return Usage(input=usage.read or 0, output=usage.said or 0)


def stream(*events: tuple[str, str]) -> tuple[Plain, list[ModelEvent]]:
    """A stream to which these came, and what it said."""
    one = Plain(Counts())
    return one, [event for each in events for event in one.receive_event(*each)]


def test_what_comes_is_told_up_to_the_end_and_nothing_behind_it() -> None:
    one, said = stream(("", "a"), ("", ""), ("end", "-"), ("", "b"))
    assert said == [TextDelta("a"), Ended(stop=Stop.END)]
    assert one.receive_eof() == []


def test_where_nothing_follows_an_answer_that_had_not_ended_is_cut() -> None:
    one, _ = stream(("", "a"))
    assert one.receive_eof() == [CUT]
    assert one.is_over
    assert one.receive_event("", "b") == one.receive_eof() == []


def test_where_nothing_follows_a_model_that_had_stopped_it_has_ended() -> None:
    one, _ = stream(("", "a"), ("stop", "-"))
    assert not one.is_over
    assert one.receive_eof() == [Ended(stop=Stop.END)]


def test_of_each_number_the_last_one_counts_and_is_told_once() -> None:
    _, said = stream(
        ("usage", '{"read": 3, "said": 1}'),
        ("usage", '{"read": null, "said": 5}'),
        ("usage", '{"said": 5}'),
        ("usage", "null"),
        ("usage", '{"read": "many"}'),
    )
    assert said == [UsageSeen(Usage(input=3, output=1)), UsageSeen(Usage(input=3, output=5))]


@pytest.mark.parametrize(
    ("name", "data", "failure", "words"),
    [
        ("", "x" * (ANSWER_CHARS_MAX + 1), Failure.FATAL, "more than"),
        ("usage", "{", Failure.RETRYABLE, "can't be read"),
    ],
)
def test_what_is_too_much_or_can_t_be_read_ends_it(
    name: str, data: str, failure: Failure, words: str
) -> None:
    one, said = stream((name, data))
    (failed,) = said
    assert isinstance(failed, Failed)
    assert failed.failure is failure
    assert words in failed.message
    assert one.is_over
