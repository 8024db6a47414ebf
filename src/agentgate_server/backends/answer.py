"""What a backend answered, and how its body is read.

Servers say in three ways how they wrote a text: by the bytes that it begins with, by ``charset`` in
its type, or not at all, which means UTF-8.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)

MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before the mark of UTF-16, which is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Bytes that a text may begin with, and what they say of its encoding."""

ENCODINGS: Final = re.compile(
    r"(?:ascii|big5|cp[0-9]|euc_|gb[0-9k]|hz|iso|koi8|latin|mac|shift_jis|tis|utf-(?:8|16|32)).*"
)
"""Encodings of texts, by Python's names. Not the others that Python has: some need half a minute
for a megabyte (``punycode``), and none is one that a server would mean."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend answered.

    Attributes:
        status: the HTTP status.
        headers: by name in lower case; of several with one name, the last.
        body: all of it, or its beginning if there is a flaw.
        flaw: why the body can't be used, as in "compressed (gzip)"; "" if it can.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    flaw: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return 200 <= self.status < 300

    @property
    def media(self) -> str:
        """The type of the body, in lower case and without parameters: ``application/json``."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Decode the body as JSON.

        Not a charset but UTF-8 comes first: that is what JSON is written in (RFC 8259), whatever a
        server says of it by habit.

        Raises:
            ValueError: it is no JSON.
        """
        encoding = marked(self.body)
        try:
            if encoding:
                return msgspec.json.decode(self.body.decode(encoding))
            try:
                return msgspec.json.decode(self.body)
            except ValueError:
                if not (charset := self.charset()):
                    raise
                return msgspec.json.decode(self.body.decode(charset))
        except RecursionError:
            raise ValueError("it is nested too deeply") from None

    def text(self) -> str:
        """Decode the body as text; what can't be decoded becomes U+FFFD."""
        return self.body.decode(marked(self.body) or self.charset() or "utf-8", "replace")

    def charset(self) -> str:
        """Return the encoding that is declared, or "" if there is none that is known."""
        found = CHARSET.search(self.headers.get("content-type", ""))
        try:
            name = codecs.lookup(found[1]).name if found else ""
        except (LookupError, ValueError):
            return ""
        return name if ENCODINGS.fullmatch(name) else ""


def marked(body: bytes) -> str:
    """Return the encoding that a text begins with a mark of, or ""."""
    return next((name for mark, name in MARKS if body.startswith(mark)), "")
