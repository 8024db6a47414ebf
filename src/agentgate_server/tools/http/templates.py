"""Templates: where arguments stand in a request, and how each place keeps them in.

A template is text with ``{name}`` in it; a plain brace is written twice. It is parsed once, when
the gateway starts. What an argument may do depends on the place, and is decided there, never by
putting texts together first and encoding later:

- in a path, one value is (a part of) one segment: whatever is not a letter, a digit or ``_ . ~ -``
  is percent-encoded. Servers and proxies differ in how often they decode a path and what they take
  for a separator, so a value that *any* of them could take for ``..`` is refused.
- in a query or a form, one value is one value.
- in a header, only printable ASCII passes.
- in JSON, a value is a value, of its own type; a text around it makes it a part of a JSON string.

Scheme, host and port have no template: no argument can change where a request goes to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from agentgate_server.errors import ArgumentError

LAYERS_MAX: Final = 6
"""Layers of percent-encoding that are looked through in a path; a value with more is refused."""

MARK: Final = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<stray>[{}])")
PATH_LITERAL: Final = re.compile(r"(?:[A-Za-z0-9_.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
SEPARATORS: Final = re.compile(r"[/\\]")
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
HEADER_VALUE: Final = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an argument goes."""

    name: str


@dataclass(frozen=True, slots=True, repr=False)
class Template:
    """A parsed text. It does not show itself: there may be a secret in it.

    Attributes:
        parts: what stands there, and slots, in order; no two texts follow each other.
    """

    parts: tuple[str | Slot, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Parse a text.

        Raises:
            ValueError: a brace stands alone; the text is not quoted.
        """
        parts: list[str | Slot] = []
        literal, end = "", 0
        for mark in MARK.finditer(text):
            literal += text[end : mark.start()]
            end = mark.end()
            if mark["stray"]:
                raise ValueError("write an argument as {name}, and a plain brace twice: {{ or }}")
            if mark["name"]:
                parts += [literal, Slot(mark["name"])] if literal else [Slot(mark["name"])]
                literal = ""
            else:
                literal += mark[0][0]
        literal += text[end:]
        return cls((*parts, literal) if literal else tuple(parts))

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments that it needs."""
        return tuple(part.name for part in self.parts if isinstance(part, Slot))

    @property
    def only(self) -> str:
        """The argument that is all of it, or ""."""
        match self.parts:
            case (Slot(name),):
                return name
            case _:
                return ""

    def has(self, values: Values) -> bool:
        """Whether everything that it needs is there."""
        return all(name in values for name in self.names)

    def text(self, values: Values) -> str:
        """Fill it in as plain text, nothing encoded."""
        return "".join(
            text_of(values[part.name]) if isinstance(part, Slot) else part for part in self.parts
        )

    def header(self, values: Values) -> str:
        """Fill it in as the value of a header.

        Raises:
            ArgumentError: a value has what a header can't carry.
        """
        for name in self.names:
            if not HEADER_VALUE.fullmatch(text_of(values[name])):
                raise ArgumentError(
                    f"argument '{name}' goes into a header: only printable ASCII, no spaces around"
                )
        return self.text(values)


class PathTemplate:
    """A path: segments with slots in them."""

    def __init__(self, text: str) -> None:
        """Parse it.

        Raises:
            ValueError: it is no path that can be sent as it is.
        """
        self.template = Template.parse(text)
        if not text.startswith("/"):
            raise ValueError("must begin with /")
        for part in self.template.parts:
            if isinstance(part, str) and not PATH_LITERAL.fullmatch(part):
                raise ValueError(
                    "has a character that a path can't have: write it percent-encoded, and what "
                    "comes after ? under 'query'"
                )
        self.segments = [Template(tuple(parts)) for parts in segments_of(self.template)]
        for segment in self.segments:
            if not segment.names and unquote("".join(map(str, segment.parts))) in (".", ".."):
                raise ValueError("must not have '.' or '..' as a segment")

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments that it needs: all of them, always."""
        return self.template.names

    def fill(self, values: Values) -> str:
        """Return the path as it is sent.

        Raises:
            ArgumentError: a value would not stay in its segment, or leave it empty.
        """
        return "/" + "/".join(self.fill_segment(segment, values) for segment in self.segments)

    def fill_segment(self, segment: Template, values: Values) -> str:
        """Return one segment as it is sent."""
        for name in segment.names:
            check_path_value(name, text_of(values[name]))
        meant = "".join(
            text_of(values[part.name]) if isinstance(part, Slot) else unquote(part)
            for part in segment.parts
        )
        if segment.names and escapes(meant):
            raise ArgumentError(f"argument '{segment.names[0]}' makes '.' or '..' of its place")
        return "".join(
            quote(text_of(values[part.name]), safe="") if isinstance(part, Slot) else part
            for part in segment.parts
        )


class JsonTemplate:
    """JSON whose texts are templates. Keys are as they are."""

    def __init__(self, value: Any) -> None:
        """Parse it.

        Raises:
            ValueError: a brace stands alone in a text.
        """
        self.value = parse_json(value)

    @property
    def wholes(self) -> tuple[str, ...]:
        """The arguments that stand alone in their place: they may be of any type."""
        return tuple(one.only for one in templates_in(self.value) if one.only)

    @property
    def parts(self) -> tuple[str, ...]:
        """The arguments that are a part of a text."""
        return tuple(name for one in templates_in(self.value) if not one.only for name in one.names)

    def fill(self, values: Values) -> Any:
        """Return the JSON value; an entry that needs an argument that is not given is left out."""
        return fill_json(self.value, values)


def pairs(templates: Mapping[str, Template], values: Values) -> str:
    """Write a query or a form; an entry that needs an argument that is not given is left out."""
    return "&".join(
        f"{quote(name, safe='')}={quote(template.text(values), safe='')}"
        for name, template in templates.items()
        if template.has(values)
    )


def text_of(value: Any) -> str:
    """Write a scalar as JSON does, a text without quotes."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def check_path_value(name: str, text: str) -> None:
    """See whether a value may stand in a path.

    Raises:
        ArgumentError: it may not.
    """
    if not text:
        raise ArgumentError(f"argument '{name}' goes into a path: it must not be empty")
    if CONTROLS.search(text):
        raise ArgumentError(f"argument '{name}' goes into a path: no control characters")
    if escapes(text):
        raise ArgumentError(
            f"argument '{name}' goes into a path: no '.', no '..' and no empty part between "
            "slashes, however they are encoded"
        )


def escapes(text: str) -> bool:
    """Whether any server could take a text for more than one segment that leads elsewhere."""
    for _ in range(LAYERS_MAX):
        for form in (text, unicodedata.normalize("NFKC", text)):
            # Parameters after ";" belong to a segment, and servers cut them off: "..;x" is "..".
            parts = [part.partition(";")[0].strip() for part in SEPARATORS.split(form)]
            if any(part in ("", ".", "..") for part in parts) or CONTROLS.search(form):
                return True
        decoded = unquote(text)
        if decoded == text:
            return False
        text = decoded
    return True


def segments_of(template: Template) -> list[list[str | Slot]]:
    """Split a path at the slashes that stand in it."""
    segments: list[list[str | Slot]] = [[]]
    for part in template.parts:
        if isinstance(part, Slot):
            segments[-1].append(part)
            continue
        first, *rest = part.split("/")
        segments[-1] += [first] if first else []
        segments += [[piece] if piece else [] for piece in rest]
    return segments[1:]


def parse_json(value: Any) -> Any:
    """Make templates of the texts in a JSON value."""
    match value:
        case str():
            return Template.parse(value)
        case dict():
            return {key: parse_json(item) for key, item in value.items()}
        case list():
            return [parse_json(item) for item in value]
        case _:
            return value


def templates_in(value: Any) -> Iterator[Template]:
    """Find the templates in a parsed JSON value."""
    match value:
        case Template():
            yield value
        case dict():
            for item in value.values():
                yield from templates_in(item)
        case list():
            for item in value:
                yield from templates_in(item)
        case _:
            return


def fill_json(value: Any, values: Values) -> Any:
    """Fill in a parsed JSON value."""
    match value:
        case Template():
            return values[value.only] if value.only else value.text(values)
        case dict():
            given = {key: item for key, item in value.items() if is_given(item, values)}
            return {key: fill_json(item, values) for key, item in given.items()}
        case list():
            return [fill_json(item, values) for item in value if is_given(item, values)]
        case _:
            return value


def is_given(value: Any, values: Values) -> bool:
    """Whether an entry has what it needs; a list or an object always has."""
    return value.has(values) if isinstance(value, Template) else True
