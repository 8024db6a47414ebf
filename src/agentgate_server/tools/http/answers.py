"""Answers: from what a backend said to the result of a tool, or to why it failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from agentgate_server.tools.errors import EffectUnknown, ToolFailed
from agentgate_server.tools.http.form import ErrorForm, ResponseForm

EXCERPT_CHARS_MAX: Final = 300
"""Characters of a body that an error shows: enough for an API's own words."""

MASKED_BYTES_MAX: Final = 65_536
"""Bytes of a body that are searched for secrets before it is cut to an excerpt: cut first, half a
secret would not be found."""

CHARSET: Final = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
STEP: Final = re.compile(r"(?:\\.|[^.\\])+")
TEXTUAL: Final = re.compile(r"(?:text/.*|application/(?:xml|.*\+xml|yaml|javascript)|)")
MISSING: Final = object()

Mask = Callable[[str], str]


class Answers:
    """What becomes of the answers of one tool."""

    def __init__(self, backend: str, form: ResponseForm, mask: Mask) -> None:
        """Read the declaration.

        Args:
            backend: what errors call who answered.
            form: the declaration.
            mask: hides secrets in a text.

        Raises:
            ValueError: a path has an empty step.
        """
        self.backend = backend
        self.form = form
        self.mask = mask
        self.take = steps_of(form.take)
        self.errors = [(error, steps_of(error.path)) for error in form.error_if]

    def result(self, status: int, headers: Mapping[str, str], body: bytes) -> Any:
        """Return what the agent gets.

        Raises:
            EffectUnknown: the status does not say whether it was done.
            ToolFailed: the answer says that it failed, or is not what was declared.
        """
        if status not in self.form.ok_status:
            if status in self.form.unknown_status:
                raise EffectUnknown(self.told(status, headers, body))
            if not 200 <= status < 300:
                raise ToolFailed(self.told(status, headers, body))
        value = self.read(status, headers, body)
        if any(is_met(error, steps, status, value) for error, steps in self.errors):
            raise ToolFailed(self.told(status, headers, body))
        taken = value_at(value, self.take)
        if taken is MISSING:
            where = f"without '{self.form.take}'"
            raise ToolFailed(f"{self.backend} answered {status}, but {where}: {self.excerpt(body)}")
        return taken

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> Any:
        """Decode a body."""
        if not body:
            return None
        kind = headers.get("content-type", "")
        media = kind.partition(";")[0].strip().lower()
        if self.form.format == "json" or (
            self.form.format == "auto" and (media.endswith("json") or self.take)
        ):
            try:
                return msgspec.json.decode(body)
            except (ValueError, RecursionError):
                raise ToolFailed(
                    f"{self.backend} answered {status}, but not with JSON: {self.excerpt(body)}"
                ) from None
        if self.form.format == "auto" and not TEXTUAL.fullmatch(media):
            raise ToolFailed(
                f"{self.backend} answered {status}, but with {media[:80]}, which can't be passed on"
            )
        charset = CHARSET.search(kind)
        try:
            return body.decode(charset[1] if charset else "utf-8", "replace")
        except (LookupError, ValueError):  # no such charset, or one that is no text
            return body.decode("utf-8", "replace")

    def told(self, status: int, headers: Mapping[str, str], body: bytes) -> str:
        """Say what was answered, in one line."""
        try:
            phrase = f" {HTTPStatus(status).phrase}"
        except ValueError:
            phrase = ""
        text = f"{self.backend} answered {status}{phrase}"
        if 300 <= status < 400:
            text += " (a redirect, which was not followed)"
        if shown := self.excerpt(body):
            text += f": {shown}"
        if wait := headers.get("retry-after", "")[:40]:
            text += f" (try again in {wait} s)" if wait.isdecimal() else f" (try after {wait})"
        return text

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
