"""Streams in pieces: the same bytes whole and cut must come to the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.proto.byhand import ByHand

SIZES = (1, 2, 3, 7, 16, 100)


def cut(data: bytes, size: int) -> list[bytes]:
    """Cut a stream into pieces of one size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


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
    assert pieces.happened() == whole.happened()
    assert pieces.frames == whole.frames
