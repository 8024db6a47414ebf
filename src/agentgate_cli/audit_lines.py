"""Entries of the audit as lines: when, who, what, and what became of it."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from agentgate_cli.audit_words import Entry, sentence_of, text_of, who_of
from agentgate_cli.style import bad, bold, dim
from agentgate_cli.text import (
    cut,
    parse_time,
    printable,
    short_id,
)

REMEMBERED_MAX = 2_000
"""Requests whose signature is known to their later entries, which have the tool's name alone."""

WHO_CHARS = 10
SEQ_CHARS = 5
WHAT_CHARS_MIN = 18
"""Of the signature, where the line is short: the end of the sentence is left out first then."""

ROOM_CHARS_MIN = 2 * WHAT_CHARS_MIN
"""Of signature and sentence together; where there is less, the sentence has a line of its own."""

WHAT_PART = 3
"""The signature's part of a long line."""

GAP = "  "


class Lines:
    """Makes lines of entries, in their order.

    Args:
        width: of the terminal; None: nobody looks, so nothing is cut, and each line has its date.
    """

    def __init__(self, width: int | None) -> None:
        self.width = width
        self._day = ""
        self._known: OrderedDict[str, str] = OrderedDict()

    def learn(self, lines: Iterable[bytes]) -> None:
        """Take note of entries that are not shown."""
        for line in lines:
            if (entry := decoded(line)) is not None:
                self._signature(entry)

    def of(self, line: bytes) -> list[str]:
        """Return what is to be printed for an entry: its line, after that of a new day; on a very
        narrow terminal two, of which the second says what became of it."""
        entry = decoded(line)
        if entry is None:
            return [bad(f"damaged: {printable(line.decode('utf-8', 'replace'))}")]
        at = datetime.fromtimestamp(parse_time(text_of(entry, "at")), UTC).astimezone()
        what = self._signature(entry)
        style, sentence = sentence_of(entry)
        rid = short_id(text_of(entry, "rid")) if text_of(entry, "rid") else ""
        who = who_of(entry)
        seq = f"{entry.get('seq', '?')!s:>{SEQ_CHARS}}"
        if self.width is None:
            time = at.isoformat(timespec="seconds")
            return [GAP.join(filter(None, (seq.strip(), time, who, what, sentence, rid)))]
        shown = []
        if (day := at.strftime("%A, %Y-%m-%d, times in %Z")) != self._day:
            self._day = day
            shown.append(dim(cut(f"{'':>{SEQ_CHARS}}{GAP}{day}", max(self.width, 1))))
        clock = at.strftime("%H:%M:%S")
        head = len(GAP.join((seq, clock, " " * WHO_CHARS, "")))
        room = self.width - head
        if room < ROOM_CHARS_MIN:
            heading = GAP.join(filter(None, (clock, cut(who, WHO_CHARS), what)))
            under = f"{GAP}{cut(sentence, max(self.width - len(GAP), 1))}"
            return [*shown, bold(cut(heading, self.width)), style(under)]
        who = f"{cut(who, WHO_CHARS):<{WHO_CHARS}}"
        what, sentence = fitted(what, sentence, room)
        if len(GAP.join((what, sentence, rid))) > room:
            rid = ""
        parts = (
            (seq, dim),
            (clock, dim),
            (who, str),
            (what, bold),
            (sentence, style),
        )
        styled = (show(part) for part, show in (*parts, (rid, dim)) if part)
        return [*shown, GAP.join(styled)]

    def _signature(self, entry: Entry) -> str:
        """Say what an entry is about; if an earlier one described the request, as that did."""
        rid, tool = text_of(entry, "rid"), text_of(entry, "tool")
        if not tool:
            return ""
        args = entry.get("args")
        if isinstance(args, dict) and not text_of(entry, "event").startswith("grant."):
            from agentgate_server.policy.signature import person_sees

            self._known[rid] = printable(person_sees(tool, args))
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)
        return self._known.get(rid) or printable(tool)


def decoded(line: bytes) -> Entry | None:
    """Read an entry; None: it is none."""
    from agentgate_proto.rpc.jsonrpc import UNREADABLE

    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except UNREADABLE:
        return None


def terminal_lines() -> Lines:
    """Make lines for standard output."""
    import shutil

    return Lines(shutil.get_terminal_size().columns if sys.stdout.isatty() else None)


def fitted(what: str, sentence: str, room: int) -> tuple[str, str]:
    """Cut a signature and a sentence so that they fit into one line, the former first."""
    if not what:
        return "", cut(sentence, room)
    left = room - len(sentence) - len(GAP)
    what = cut(what, max(left, room // WHAT_PART, min(WHAT_CHARS_MIN, room)))
    return what, cut(sentence, max(room - len(what) - len(GAP), 1))
