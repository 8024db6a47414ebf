"""Streams in pieces: the same bytes whole and cut must come to the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.proto.byhand import PING, ByHand

from agentgate_proto.connection.events import Closed
from agentgate_proto.wire.websocket import INVALID_DATA, MESSAGE_TOO_BIG

SIZES = (1, 2, 3, 7, 16, 100)


def cut(data: bytes, size: int) -> list[bytes]:
    """Cut a stream into pieces of one size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def forgive(machines: Sequence[ByHand]) -> None:
    """Take away the verdicts on a text that is too large and no UTF-8 either: it is refused for
    what is seen first, and that depends on how it came."""
    last = [machine.events[-1] if machine.events else None for machine in machines]
    codes = {event.code for event in last if isinstance(event, Closed) and not event.by_peer}
    if codes == {INVALID_DATA, MESSAGE_TOO_BIG}:
        for machine in machines:
            machine.events.pop()
            machine.frames.pop()


def cut_and_whole(
    data: bytes, stages: Mapping[int, Callable[[], ByHand]], check: Callable[[ByHand], None]
) -> None:
    """Send the bytes after the first, whole to one machine and in pieces to another."""
    if not data:
        return
    make, size = stages[data[0] % 4], SIZES[data[0] // 4 % len(SIZES)]
    whole, pieces = make(), make()
    whole.send(data[1:])
    check(whole)
    for piece in cut(data[1:], size):
        pieces.send(piece)
        check(pieces)
    forgive((whole, pieces))
    assert pieces.happened() == whole.happened()
    assert answers(pieces) == answers(whole)


def answers(machine: ByHand) -> list[tuple[int, bytes]]:
    """The frames that it sent but for its pings: receipts are asked for once a read."""
    return [frame for frame in machine.frames if frame[0] != PING]
