"""Words that pass for Latin ones, after UTS 39: in its terms, words of one script that have a Latin
skeleton, and words of several scripts.

A whole word that only looks Latin may be honest in a text of its script: a Russian "with" and a
Greek article are such. They are marked where nothing beside them shows that they are of that
script, and where Latin letters stand in one token with them, as in an address. What is beside them:
the text between two brackets or quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agentgate_proto.text.characters import (
    CODES_END,
    DIGITS,
    GENUINE,
    RIGHT,
    RIGHT_PASSING,
    SCRIPTS,
    marked,
)

UNSPACED = ("Cjk", "Thai", "Laoo", "Khmr", "Mymr")
"""Scripts whose words are not held apart by blanks: Latin words stand among them."""

G = f"{chr(GENUINE)}-{chr(RIGHT_PASSING - 1)}"
P = f"{chr(RIGHT_PASSING)}-{chr(CODES_END - 1)}"
D = f"{chr(DIGITS)}-{chr(CODES_END - 1)}"

LOOKED_AT_MAX = 2_000
"""Places in one text that are looked at one by one; some microseconds each. In a text with more of
them whatever passes for another letter is marked from there on."""

ANY_PASSING = re.compile(f"[{P}]")
PIECE = re.compile(f"(?<![^sn])[^sn{P}]*+[{P}][^sn]*+")
TOKEN = re.compile(f"(?<![^sn ])[^sn l{P}]*+(?:l[^sn {P}]*+[{P}]|[{P}][^sn l]*+l)[^sn ]*+")
"""What has no blank in it, and both Latin letters and others that pass for such."""

WORD = re.compile(f"(?<![lwMd_{G}{P}])[lwMd_{G}]*+[{P}][lwMd_{G}{P}]*+")
RUN = re.compile(f"[{G}{P}][{G}{P}M]*+")
PASSING_WORD = re.compile(f"(?<![lwMd_{G}{P}])[wMd_]*+[{P}][wMd_{P}]*+(?![l{G}])")
FOREIGN = re.compile(f"[{P}]M*+")
MIXED_NUMBER = re.compile(f"(?<=d)[{D}]++|[{D}]++(?=d)")
UNSPACED_LETTER = re.compile(f"[{''.join(chr(GENUINE + SCRIPTS[name]) for name in UNSPACED)}]")


def without_alike(classes: str) -> str:
    """Return the classes of a text with ``X`` for letters and digits that pass for Latin ones."""
    return Look().over(classes) if ANY_PASSING.search(classes) else classes


class Look:
    """One look at a text, in which so many places are looked at and no more."""

    def __init__(self) -> None:
        self.left = LOOKED_AT_MAX

    def over(self, classes: str) -> str:
        """Return the classes of a text with ``X`` for what passes for Latin."""
        classes = MIXED_NUMBER.sub(lambda found: "X" * len(found[0]), classes)
        return self.each(PIECE, self.proven, self.each(TOKEN, self.apart, classes))

    def each(self, pattern: re.Pattern[str], judge: Callable[[str], str], text: str) -> str:
        """Return a text with what is made of each place that the pattern finds."""
        parts: list[str] = []
        at = 0
        for found in pattern.finditer(text):
            if self.left <= 0:
                return "".join([*parts, marked(text[at:], filter(ANY_PASSING.match, set(text)))])
            self.left -= 1
            parts += [text[at : found.start()], judge(found[0])]
            at = found.end()
        return "".join([*parts, text[at:]])

    def apart(self, token: str) -> str:
        """What is made of a token that has Latin letters and such that pass for them."""
        return self.each(WORD, self.unmixed, token)

    def unmixed(self, word: str) -> str:
        """What is made of a word in it, or beside them in it."""
        if "l" in word:
            return self.each(RUN, unmixed_run, word)
        return numbered(word) if PASSING_WORD.fullmatch(word) else word

    def proven(self, piece: str) -> str:
        """What is made of a piece: words that pass for Latin need another of their script."""
        passing = filter(ANY_PASSING.match, set(piece))
        unproven = {code for code in passing if not is_proven(code, piece)}

        def judge(word: str) -> str:
            return word if unproven.isdisjoint(word) else numbered(word)

        return self.each(PASSING_WORD, judge, piece) if unproven else piece


def unmixed_run(run: str) -> str:
    """Letters of other scripts within a Latin word: one that passes for Latin casts doubt on all of
    them, but where words are written without blanks."""
    if ANY_PASSING.search(run) is None or UNSPACED_LETTER.search(run):
        return run
    return "X" * len(run)


def numbered(word: str) -> str:
    """Mark what passes for Latin, with the marks on it."""
    return FOREIGN.sub(lambda found: "X" * len(found[0]), word)


def is_proven(code: str, text: str) -> bool:
    """Whether a letter stands in the text that only the code's script has."""
    script = ord(code) & 0xFF
    return chr(GENUINE + script) in text or chr(RIGHT + script) in text
