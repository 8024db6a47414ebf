"""The one exception of documents, and how a place in a document is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

Path = tuple[str | int, ...]
"""Where a value stands: keys and list indices from the root, ``("rules", 0, "action")``."""

PLAIN_KEY = re.compile(r"[\w-]+")
SHOWN_CHARS_MAX = 60
"""How much of a value an error quotes: enough to find it, and still one line."""

MESSAGE_CHARS_MAX = 1_000
"""The longest message, whatever it quotes: more than any list of keys needs."""

PATH_CHARS_MAX = 160
"""How much of a path an error shows, from its end; real ones are far shorter."""


class DocumentError(Exception):
    """A document cannot be used. ``str()`` is one line that says where, what and what to do.

    Attributes:
        file: the document's name, as the user gave it.
        line: 1-based, or None where no line is to blame (a missing file, a dict in a program).
        path: the value's place, as in ``gateway.tls.cert`` or ``rules[0].action``; "" for the root.
        message: what is wrong.
        others: further errors of the same document, in the order of their lines.
    """

    def __init__(
        self,
        file: str,
        message: str,
        *,
        line: int | None = None,
        path: str = "",
        others: tuple[DocumentError, ...] = (),
    ) -> None:
        self.file = file
        self.line = line
        self.path = path
        self.message = one_line(message)
        self.others = others
        super().__init__(str(self))

    @property
    def is_about_file(self) -> bool:
        """Whether there is no such file, or it can't be opened: nothing that stands in it is wrong.

        Whoever knows where the file is named says that as well.
        """
        return isinstance(self.__cause__, OSError)

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


def raise_first(errors: list[DocumentError]) -> None:
    """Raise the error with the lowest line, carrying the rest as ``others``; none: do nothing."""
    if errors:
        first, *rest = sorted(errors, key=lambda error: error.line or 0)
        first.others = tuple(rest)
        raise first


def format_path(path: Path) -> str:
    """Write a path as ``rules[0].args["odd key"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(shorten(part))}]"
    return text if len(text) <= PATH_CHARS_MAX else "…" + text[-PATH_CHARS_MAX:]


def one_line(text: str) -> str:
    """Write a message for a terminal: on one line, cut to its cap, nothing in it that a terminal
    would act on."""
    line = " ".join(text.split())
    if not line.isprintable():
        escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        line = "".join(escaped)
    return line if len(line) <= MESSAGE_CHARS_MAX else line[: MESSAGE_CHARS_MAX - 1] + "…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'port'?`` for the nearest known word, or ""."""
    import difflib

    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""


def shorten(text: str) -> str:
    """Cut a text that came from a document to what an error may quote."""
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 1] + "…"
