"""The vectors of Engine.IO and Socket.IO through whole connections, cut at every byte."""

from __future__ import annotations

import pytest
from tests.proto.faces.socket_lines import Line, Lines
from tests.proto.support import cuts
from tests.vectors.socketio import CONVERSATIONS, Turn


class Playing:
    """Plays turns, and checks what is sent after each."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.open: dict[int, Line] = {}

    def play(self, one: Turn, pieces: list[bytes]) -> None:
        if one.line not in self.open:
            self.open[one.line] = self.lines.line()
        for piece in pieces:
            self.lines.feed(self.open[one.line], piece)
        for number, each in self.open.items():
            got, each.out = each.out, b""
            assert got == one.got.get(number, b""), number


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_goes_as_it_is_written_down_wherever_its_bytes_are_cut(name: str) -> None:
    turns = CONVERSATIONS[name]
    for number, one in enumerate(turns):
        for pieces in cuts(one.sent):
            playing = Playing()
            for before in turns[:number]:
                playing.play(before, [before.sent])
            playing.play(one, pieces)
