"""Answers: from what a backend said to the result of a tool, or to why it failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from agentgate_proto.records.request import Effects
from agentgate_server.backends.answer import Answer
from agentgate_server.errors import EffectUnknown, ToolFailed
from agentgate_server.tools.http.form import ErrorForm, ResponseForm

EXCERPT_CHARS_MAX: Final = 300
"""Characters of a body that an error shows: enough for an API's own words."""

MASKED_BYTES_MAX: Final = 65_536
"""Bytes of a body that are searched for secrets before it is cut to an excerpt: cut first, half a
secret would not be found."""

STEP: Final = re.compile(r"(?:\\.|[^.\\])+")
TEXTUAL: Final = re.compile(r"(?:text/.*|application/(?:xml|.*\+xml|yaml|javascript)|)")
MISSING: Final = object()

Mask = Callable[[str], str]


class Answers:
    """What becomes of the answers of one tool."""

    def __init__(self, backend: str, effects: Effects, form: ResponseForm, mask: Mask) -> None:
        """Read the declaration.

        Args:
            backend: what errors call who answered.
            effects: of the tool.
            form: the declaration.
            mask: hides secrets in a text.

        Raises:
            ValueError: a path has an empty step.
        """
        self.backend = backend
        self.effects = effects
        self.form = form
        self.mask = mask
        self.take = steps_of(form.take)
        self.errors = [(error, steps_of(error.path)) for error in form.error_if]

    def result(self, answer: Answer) -> Any:
        """Return what the agent gets.

        Raises:
            EffectUnknown: the answer does not say whether a write was done.
            ToolFailed: it says that it failed, or a read did not bring what was declared.
        """
        status = answer.status
        if status not in self.form.ok_status:
            if status in self.form.unknown_status and self.effects is Effects.WRITE:
                raise EffectUnknown(self.told(answer))
            if status in self.form.unknown_status or not answer.ok:
                raise ToolFailed(self.told(answer))
        value, why = self.read(answer)
        if any(is_met(error, steps, status, value) for error, steps in self.errors):
            raise ToolFailed(self.told(answer))
        if why:
            return self.without_data(status, why, judged=not self.looks_into(status))
        taken = value_at(value, self.take)
        if taken is MISSING:
            why = f"without '{self.form.take}'{self.quoted(answer)}"
            return self.without_data(status, why, judged=True)
        return taken

    def without_data(self, status: int, why: str, *, judged: bool) -> Any:
        """Return what the agent gets of an answer that is good and can't be passed on. A write was
        done all the same: called failed, it would be done again.

        Args:
            status: a good one.
            why: what is wrong with the answer.
            judged: whether nothing in the body could have said that it failed.

        Raises:
            EffectUnknown: it may have said so.
            ToolFailed: it was to read something.
        """
        text = f"{self.backend} answered {status}, but {why}"
        if self.effects is Effects.READ:
            raise ToolFailed(text)
        if not judged:
            raise EffectUnknown(f"{text}; so nobody can see whether it has a sign of failure")
        return {"status": status, "note": f"it was done, only its answer can't be shown: {text}"}

    def looks_into(self, status: int) -> bool:
        """Whether ``error_if`` looks into the body of an answer with this status."""
        return any(
            error.path and (not error.status or status in error.status) for error, _ in self.errors
        )

    def read(self, answer: Answer) -> tuple[Any, str]:
        """Decode a body; return its value, and why it has none or ""."""
        if answer.flaw:
            return MISSING, answer.flaw
        if not answer.body:
            return None, ""
        media, form = answer.media, self.form.format
        if form == "json" or (form == "auto" and (media.endswith("json") or self.take)):
            try:
                return answer.json(), ""
            except ValueError:
                return MISSING, f"not with JSON{self.quoted(answer)}"
        if form == "auto" and not TEXTUAL.fullmatch(media):
            return MISSING, f"with {media[:80]}, which can't be passed on"
        return answer.text(), ""

    def told(self, answer: Answer) -> str:
        """Say what was answered, in one line."""
        status = answer.status
        try:
            phrase = f" {HTTPStatus(status).phrase}"
        except ValueError:
            phrase = ""
        text = f"{self.backend} answered {status}{phrase}"
        if 300 <= status < 400:
            text += " (a redirect, which was not followed)"
        text += self.quoted(answer)
        if wait := answer.headers.get("retry-after", "")[:40]:
            text += f" (try again in {wait} s)" if wait.isdecimal() else f" (try after {wait})"
        return text

    def quoted(self, answer: Answer) -> str:
        """Return the beginning of a body after a colon, or "" if there is none."""
        shown = self.excerpt(answer.body)
        return f": {shown}" if shown else ""

    def excerpt(self, body: bytes) -> str:
        """Return the beginning of a body as one readable line without secrets."""
        text = self.mask(body[:MASKED_BYTES_MAX].decode("utf-8", "replace"))
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= EXCERPT_CHARS_MAX else f"{line[: EXCERPT_CHARS_MAX - 1]}…"


def steps_of(path: str) -> tuple[str, ...]:
    """Take a path apart: ``a.b\\.c.0`` is ``a``, ``b.c``, ``0``.

    Raises:
        ValueError: a step is empty.
    """
    if not path:
        return ()
    steps = STEP.findall(path)
    if ".".join(steps) != path:
        raise ValueError("is a path like current.days.0.temp: no step may be empty")
    return tuple(re.sub(r"\\(.)", r"\1", step) for step in steps)


def value_at(value: Any, steps: tuple[str, ...]) -> Any:
    """Return what is at a place, or ``MISSING``."""
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and re.fullmatch(r"[0-9]{1,9}", step):
            if int(step) >= len(value):
                return MISSING
            value = value[int(step)]
        else:
            return MISSING
    return value


def is_met(error: ErrorForm, steps: tuple[str, ...], status: int, value: Any) -> bool:
    """Whether an answer has a sign of failure."""
    if error.status and status not in error.status:
        return False
    if not error.path:
        return True
    found = value_at(value, steps)
    if error.equals is msgspec.UNSET:
        return found is not MISSING and bool(found)
    return type(found) is type(error.equals) and bool(found == error.equals)
