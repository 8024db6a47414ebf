"""Request ids: each request is answered exactly once, in both directions.

``Outstanding`` holds what we asked the peer; ``InFlight`` what the peer asked us, with the batches
that some of it came in.
"""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.errors import ASK_AGAIN, ErrorCode, LocalProtocolError
from agentgate_proto.rpc.jsonrpc import RequestId, encode_batch

Frame = Callable[[], bytes]
"""Makes the text of one answer at the moment when it is really sent."""


class Outstanding:
    """Requests of ours that the peer has not answered yet, by id."""

    def __init__(self) -> None:
        self._methods: dict[RequestId, str] = {}

    def __len__(self) -> int:
        return len(self._methods)

    def add(self, request_id: RequestId, method: str) -> None:
        """Remember a request that is about to be sent.

        Raises:
            LocalProtocolError: the id is in use.
        """
        if request_id in self._methods:
            raise LocalProtocolError(f"request id {request_id!r} is in use")
        self._methods[request_id] = method

    def settle(self, request_id: RequestId) -> str | None:
        """Forget the request and return its method; None: an answer that nobody waits for."""
        return self._methods.pop(request_id, None)


class BatchAnswer:
    """The answers of one batch, to be sent as one array when the last one is there.

    Args:
        waiting: how many messages of the batch must be answered.
    """

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.frames: list[Frame] = []

    def text(self) -> bytes:
        """Encode the array. Numbers that must follow the order of sending are drawn here."""
        return encode_batch([frame() for frame in self.frames])


class InFlight:
    """Requests of the peer that we have not answered yet, by id.

    Args:
        requests_max: how many there may be.
    """

    def __init__(self, requests_max: int) -> None:
        self.requests_max = requests_max
        self._batches: dict[RequestId, BatchAnswer | None] = {}
        self._alone: dict[str, RequestId] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def __contains__(self, request_id: RequestId) -> bool:
        return request_id in self._batches

    def batch_of(self, request_id: RequestId) -> BatchAnswer | None:
        """Return the batch in which a request that is in flight came, if it came in one."""
        return self._batches.get(request_id)

    def no_room(self, request_id: RequestId, alone: str = "") -> tuple[ErrorCode, str] | None:
        """Say why no further request can be in flight under this id.

        Args:
            request_id: the id.
            alone: the method, if there is to be one at a time of it.
        """
        if request_id in self._batches:
            return ErrorCode.INVALID_REQUEST, f"id {request_id!r} is in flight already"
        if len(self._batches) >= self.requests_max:
            text = f"{self.requests_max} requests are in flight on this connection"
            return ErrorCode.LIMIT_EXCEEDED, f"{text}; {ASK_AGAIN}"
        if alone in self._alone:
            text = f"one {alone} is in flight on this connection, and there may be one at a time"
            return ErrorCode.LIMIT_EXCEEDED, f"{text}; {ASK_AGAIN}"
        return None

    def add(self, request_id: RequestId, batch: BatchAnswer | None, alone: str = "") -> None:
        """Take a request, for which there must be room."""
        assert request_id not in self._batches, "no_room was asked"
        self._batches[request_id] = batch
        if alone:
            self._alone[alone] = request_id

    def answer(self, request_id: RequestId, frame: Frame) -> bytes | None:
        """Settle a request.

        Returns:
            The text to send now, or None: it belongs to a batch that is not complete yet.

        Raises:
            LocalProtocolError: the id is not in flight, or was answered before.
        """
        if request_id not in self._batches:
            raise LocalProtocolError(f"request {request_id!r} is not in flight")
        batch = self._batches[request_id]
        text = frame() if batch is None else None  # if that fails, the request is still unanswered
        del self._batches[request_id]
        self._alone = {name: held for name, held in self._alone.items() if held != request_id}
        return text if batch is None else self.answer_in(batch, frame)

    def answer_in(self, batch: BatchAnswer, frame: Frame) -> bytes | None:
        """Add an answer to a batch; return its text once nothing is missing."""
        batch.frames.append(frame)
        batch.waiting -= 1
        return None if batch.waiting else batch.text()
