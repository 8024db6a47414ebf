"""What a connection does for old clients only: those that name no ``client_id``."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from agentgate_proto.connection.requests import BatchAnswer, Frame
from agentgate_proto.limits import LEGACY_MESSAGE_BYTES_MAX
from agentgate_proto.records.outcome import Outcome, failed

ENVELOPE_BYTES = 4_096
"""Room for what surrounds an outcome: braces, names, times, and an id of escaped characters."""


def fitting(outcome: Outcome) -> Outcome:
    """What an old client can take of an outcome; too much would make it drop the connection.

    Of what people have said and changed it is told what stands in the words of an error.
    """
    if outcome.word or outcome.edited is not UNSET:
        outcome = replace(outcome, word="", edited=UNSET)
    size = 0 if outcome.code else len(bytes(outcome.data))  # of an error only the words go out
    if size <= LEGACY_MESSAGE_BYTES_MAX - ENVELOPE_BYTES:
        return outcome
    return failed(
        f"the tool ran, but its result of {size} bytes is larger than "
        "a client without client_id is taken to accept (1 MiB)"
    )


class LateAnswers:
    """Answers to requests of an earlier connection, which nothing may let overtake a reply.

    An old client takes whatever comes after its ``get_pending_results`` for the reply; one that
    came in a batch is sent only when the whole batch is answered.

    Args:
        bytes_max: of the outcomes that wait.

    Attributes:
        wait: a reply must go out before any of them.
    """

    def __init__(self, bytes_max: int) -> None:
        self.wait = False
        self._bytes_max = bytes_max
        self._bytes = 0
        self._replies: list[BatchAnswer] = []
        self._frames: list[Frame] = []

    def follow(self, batch: BatchAnswer) -> None:
        """Let what comes from now on wait for the answer to this batch."""
        self._replies.append(batch)
        self.wait = True

    def hold(self, frame: Frame, outcome: Outcome) -> bool:
        """Keep an answer, if there is room; return whether there was."""
        self._frames.append(frame)
        self._bytes += len(bytes(outcome.data)) + len(outcome.message)
        return self._bytes <= self._bytes_max

    def take(self) -> list[Frame]:
        """Take the answers that nothing stands before any more."""
        self._replies = [batch for batch in self._replies if batch.waiting]
        self.wait = bool(self._replies)
        if self.wait:
            return []
        frames, self._frames, self._bytes = self._frames, [], 0
        return frames
