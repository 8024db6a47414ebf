"""Spelling: the forms in which one text may be meant.

A rule that forbids ``kube-system`` also forbids ``Kube-System``, full-width letters, Cyrillic
look-alikes, a zero-width space in the middle, quotes, brackets or a comma list around it, and
percent-encoding. ``fold`` brings the first four to one form; ``spellings`` lists all forms of a
text. Deny and ask rules look at every form, allow rules need every form to fit. What a tool may
take a text for besides is in ``rereading``.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from agentgate_server.policy.confusables import CONFUSABLES
from agentgate_server.policy.rereading import is_unresolved

SPELLINGS_MAX = 2_000
"""Forms of one text. A longer list of names in one text is taken for anything at all."""

UNQUOTE_ROUNDS_MAX = 3
"""Layers of percent-encoding that are taken off; proxies in a row add one each."""

PLAIN_TEXT = re.compile(r"(?!/proc/|/dev/)/?[a-z_][a-z0-9_-]*(?:[.:/@][a-z0-9_-]+)*")
"""Texts that have one form only. Nearly all arguments of nearly all calls are such."""

PLAIN_CHARS_MAX = 8_192
"""Longer texts are not worth looking whether they are plain."""

JSON_WORDS = frozenset({"true", "false", "null"})
PERCENTS_MAX = 10_000
"""Percent signs in one text; decoding them costs a microsecond each."""

DROPPED = frozenset({"Cc", "Cf", "Cs", "Me", "Mn"})
CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
LIST_SEPARATORS = re.compile(r"[,;|\x00-\x1f]")
WRAPPERS = "[](){}<>'\"` "
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?")
EXACT_MAX = 2**53
"""Up to here each whole number is a floating-point number as well."""

NUMBER_CHARS_MAX = 400
"""No longer number means anything to a range; a double ends at 309 digits."""

FOLDINGS_MAX = 16_384
"""Characters that are remembered in folded form, about 2 MB at the worst."""

DIVERSE_CHARS_MAX = 50_000
DISTINCT_CHARS_MAX = 4_096
"""A text that is longer and has more different characters is no text: it fills the memory of
foldings, and folding it would take long. It may mean anything."""

NO_TEXT = "\ufffd"
"""What such a text is folded to."""
IRREGULAR_PATH = re.compile(r"//|(?:^|/)\.\.?(?:/|$)|/$")


def is_plain(text: str) -> bool:
    """Whether the text has no other form than itself, and shows as itself in a signature."""
    if len(text) > PLAIN_CHARS_MAX or text in JSON_WORDS:
        return False
    return PLAIN_TEXT.fullmatch(text) is not None


def fold(text: str) -> str:
    """Return the form that all spellings of a text share.

    Compatibility forms, case, accents, look-alikes, invisible characters, digits of other
    scripts, and white space at the ends and in runs make no difference.
    """
    if not text.isascii():
        if len(text) > DIVERSE_CHARS_MAX and len(set(text)) > DISTINCT_CHARS_MAX:
            return NO_TEXT
        text = text.translate(FOLDINGS)
    elif not text.islower():
        text = text.lower()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split()) if " " in text else text


class Foldings(dict[int, str]):
    """What each character becomes; made as they come, a bounded number at a time.

    Characters are folded one by one, not with the text as a whole: marks are dropped, so that
    their order does not matter, and putting a long run of them in order takes quadratic time.
    """

    def __missing__(self, point: int) -> str:
        if len(self) >= FOLDINGS_MAX:
            self.clear()
        folded = chr(point)
        for _ in range(2):
            folded = "".join(map(fold_char, folded))
        self[point] = folded
        return folded


FOLDINGS = Foldings()


def fold_char(char: str) -> str:
    """Return one character in lower case, without what does not show."""
    if char.isascii():
        return char.lower()
    known = CONFUSABLES.get(ord(char))
    if known is not None:
        return known
    return "".join(map(plain_char, unicodedata.normalize("NFKD", char))).casefold()


def plain_char(char: str) -> str:
    """Return one decomposed character as white space, an ASCII digit, nothing, or itself."""
    category = unicodedata.category(char)
    if char.isascii():
        return char
    if category in DROPPED:
        return ""
    if category == "Nd":
        return str(unicodedata.digit(char))
    return " " if category[0] == "Z" else CONFUSABLES.get(ord(char), char)


def squeeze(key: str) -> str:
    """Return a key's form for comparison: ``entityId``, ``Entity-ID`` and ``entity_id`` are one."""
    if key.isascii() and key.isalpha() and key.islower():
        return key
    return fold(key).translate({ord("_"): None, ord("-"): None, ord(" "): None})


def spellings(text: str, count_max: int = SPELLINGS_MAX) -> tuple[list[str], bool]:
    """Return the folded forms in which a text may be meant, and whether these are all.

    The first, if there is one, is the folded text itself. There are at most ``count_max``.
    """
    if is_plain(text):
        return [text], True
    first = fold(text)
    if first == NO_TEXT:
        return [], False
    forms: dict[str, None] = {}
    seen = {text}
    queue = [text]
    complete = True
    for form in queue:
        folded = first if form is text else fold(form)
        forms[folded] = None
        for other in other_forms(form, folded):
            if other is None or len(queue) >= count_max:
                complete = False
                break
            if other and other not in seen:
                seen.add(other)
                queue.append(other)
    return list(forms), complete


def other_forms(text: str, folded: str) -> Iterator[str | None]:
    """Yield the forms one step away from a text; None: there are more than we follow.

    Args:
        text: the text.
        folded: the same, folded.
    """
    yield folded
    yield text.strip(WRAPPERS)
    yield text.translate(CONTROLS)
    if LIST_SEPARATORS.search(text):
        yield from LIST_SEPARATORS.split(text)
    if "%" in text:
        yield from unquoted(text)
    if NUMBER.fullmatch(folded) and len(folded) <= NUMBER_CHARS_MAX:
        yield number_text(float(folded))
    if ("/" in folded or folded in (".", "..")) and IRREGULAR_PATH.search(folded):
        yield regular_path(folded)
    if is_unresolved(folded):
        yield None


def unquoted(text: str) -> Iterator[str | None]:
    """Yield a text without its layers of percent-encoding; None: there are more than we follow."""
    if text.count("%") <= PERCENTS_MAX:
        for _ in range(UNQUOTE_ROUNDS_MAX):
            yield (text := unquote(text))
    if text.count("%") > PERCENTS_MAX or unquote(text) != text:
        yield None


def regular_path(text: str) -> str:
    """Return the path, or the path of the URL, without ``.``, ``..``, ``//`` and a final ``/``."""
    head, separator, path = text.rpartition("://")
    if separator:
        return head + separator + posixpath.normpath(path)
    # normpath keeps a double slash in front, which POSIX leaves to the system.
    return posixpath.normpath(re.sub(r"^/+", "/", path))


def number_text(value: float) -> str:
    """Return one text for all spellings of a number: 5, 5.0 and 5e0 are ``5``."""
    if isinstance(value, float):
        if not value.is_integer() or abs(value) > EXACT_MAX:
            return repr(value)
        value = int(value)
    try:
        return str(value)
    except ValueError:  # beyond the interpreter's limit on digits
        return hex(value)
