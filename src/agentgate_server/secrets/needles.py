"""Needles: some dozens of secrets' spellings in a text, found without holding up anybody.

One pattern of all of them looks at each place of a text for each spelling, and Python lets no other
thread go on meanwhile: a result of a megabyte would stop the gateway for a third of a second. So
what is long is searched for one spelling after the other, each of which takes a moment.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from typing import AnyStr

from agentgate_server.secrets.forms import utf8

SHORT = 256
"""Characters or bytes of a text in which the pattern is quicker."""

IN_WORD = re.compile(r"\w")
ASCII_IN_WORD = re.compile(rb"\w")

Replace = Callable[[str], str]
"""Gets a spelling that was found; returns what is to stand in its place."""


class Needles:
    """See the module. Of spellings that overlap the first counts, and of several that begin at one
    place the longest.

    Args:
        anywhere: are found wherever they stand.
        alone: are found where no letter, digit or underscore is before or behind them.

    Attributes:
        is_empty: there are none.
    """

    def __init__(self, anywhere: Iterable[str] = (), alone: Iterable[str] = ()) -> None:
        self._anywhere = sorted(set(anywhere), key=len, reverse=True)
        self._alone = sorted(set(alone) - set(self._anywhere), key=len, reverse=True)
        self._anywhere_utf8 = [utf8(form) for form in self._anywhere]
        self._alone_utf8 = [utf8(form) for form in self._alone]
        forms = [re.escape(form) for form in self._anywhere]
        forms += [rf"(?<!\w){re.escape(form)}(?!\w)" for form in self._alone]
        whole = "|".join(forms) or r"(?!)"  # which is nowhere
        self._pattern, self._pattern_utf8 = re.compile(whole), re.compile(utf8(whole))
        self.is_empty = not forms

    def are_in(self, data: bytes) -> bool:
        """Whether any of them is in a text as UTF-8."""
        if len(data) <= SHORT:
            return self._pattern_utf8.search(data) is not None
        for form in self._anywhere_utf8:
            if form in data:
                return True
        return any(
            stands_alone(ASCII_IN_WORD, data, at, at + len(form))
            for form in self._alone_utf8
            for at in places(data, form)
        )

    def found(self, text: str) -> list[str]:
        """Return all that are in a text, in order, each as often as it is there."""
        if len(text) <= SHORT:
            return self._pattern.findall(text)
        return [text[start:end] for start, end in self._spans(text)]

    def replaced(self, text: str, replace: Replace) -> str:
        """Return a text with something else in the place of each."""
        if self.is_empty:
            return text
        if len(text) <= SHORT:
            return self._pattern.sub(lambda found: replace(found[0]), text)
        parts: list[str] = []
        done = 0
        for start, end in self._spans(text):
            parts += text[done:start], replace(text[start:end])
            done = end
        return "".join((*parts, text[done:])) if parts else text

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where those that count begin and end."""
        forms = [(form, False) for form in self._anywhere]
        forms += [(form, True) for form in self._alone]
        waiting: list[tuple[int, int]] = []  # where each is next, and which it is

        def look(which: int, start: int) -> None:
            form, is_alone = forms[which]
            at = text.find(form, start)
            while is_alone and at >= 0 and not stands_alone(IN_WORD, text, at, at + len(form)):
                at = text.find(form, at + 1)
            if at >= 0:
                heapq.heappush(waiting, (at, which))

        for which in range(len(forms)):
            look(which, 0)
        done = 0
        while waiting:
            at, which = heapq.heappop(waiting)
            if at >= done:
                done = at + len(forms[which][0])
                yield at, done
            look(which, done)


def places(data: bytes, form: bytes) -> Iterator[int]:
    """Yield all places where a form begins, also where it overlaps itself."""
    at = data.find(form)
    while at >= 0:
        yield at
        at = data.find(form, at + 1)


def stands_alone(in_word: re.Pattern[AnyStr], text: AnyStr, start: int, end: int) -> bool:
    """Whether no part of a word is before or behind a place."""
    if start and in_word.match(text, start - 1):
        return False
    return end >= len(text) or not in_word.match(text, end)
