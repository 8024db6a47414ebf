"""A line that is typed, key by key: what the terminal does itself, where nothing else is written.

A terminal that collects a line on its own keeps it to itself until it is done, so nobody can write
a log line above a question and put the question, and what was typed, back below it.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

LINE_CHARS_MAX = 4_096
"""Of a line, as in terminals; further keys count for nothing."""

ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\[O])")
"""What arrows and their like send (ECMA-48 section 5.4): one key, and none of ours."""

UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")
WORD_BEFORE = re.compile(r"\S*\s*\Z")


class LineEditor:
    """Keys in, a line out.

    Attributes:
        typed: what the line has so far.
        ended: the person has closed the input: Ctrl-D, on an empty line.
    """

    def __init__(self) -> None:
        self.typed = ""
        self.ended = False
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> str | None:
        """Take keys; return the line if one of them was Enter. What comes after it is dropped: it
        was typed for something that nobody has seen yet."""
        text = self._rest + self._decoder.decode(data)
        self._rest, place = "", 0
        while place < len(text) and not self.ended:
            key = text[place]
            if key == "\x1b":
                if (found := ESCAPE.match(text, place)) is not None:
                    place = found.end()
                elif UNFINISHED.fullmatch(text, place):
                    self._rest = text[place:]
                    break
                else:
                    place += 1
                continue
            if key in "\r\n":
                line, self.typed = self.typed, ""
                return line
            self._press(key)
            place += 1
        return None

    def _press(self, key: str) -> None:
        match key:
            case "\x7f" | "\b":
                self.typed = self.typed[:-1]
            case "\x15":
                self.typed = ""
            case "\x17":
                self.typed = WORD_BEFORE.sub("", self.typed)
            case "\x04":
                self.ended = not self.typed
            case _ if key.isprintable() and len(self.typed) < LINE_CHARS_MAX:
                self.typed += key
            case _:
                pass
