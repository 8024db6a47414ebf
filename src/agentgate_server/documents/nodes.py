"""YAML text to a tree of nodes with lines.

PyYAML parses to events; this turns events into nodes itself, because a loader would lose lines,
merge duplicate keys silently, follow YAML 1.1 (where ``on`` is true and ``12:30`` is 750), and
recurse as deep as the document asks.

Scalars follow the core schema of YAML 1.2 (section 10.3.2), except that a number with a leading
zero stays text: 1.1 reads it as octal, 1.2 as decimal, and nobody should have to guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from agentgate_server.documents.environment import SubstitutionError, substitute
from agentgate_server.documents.errors import DocumentError, Path, format_path, raise_first, shorten

NODES_MAX = 200_000
"""Values in one document, each alias counted as what it stands for: bounds "billion laughs"."""

DEPTH_MAX = 64
"""Nesting; real documents stay below ten. Keeps every walk over the tree off the stack's limit."""

NUMBER_CHARS_MAX = 40
"""A longer run of digits stays text: no field wants such a number, and parsing it is quadratic."""

CORE_TAG = "tag:yaml.org,2002:"
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
SPECIAL_FLOAT = re.compile(r"(?P<sign>[-+]?)\.(?:(?P<inf>inf|Inf|INF)|nan|NaN|NAN)")

# libyaml where PyYAML was built with it: ten times faster on a long policy.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Scalar:
    """A value without parts.

    Attributes:
        line: 1-based, or None where the value did not come from a text.
        value: what the scalar stands for by itself.
        text: its text, after substitution.
        source: its text in the document, before substitution: safe to quote in an error.
        plain: written without quotes.
        substituted: an environment variable is in it.
    """

    line: int | None
    value: bool | int | float | str | None
    text: str
    source: str
    plain: bool
    substituted: bool


@dataclass(slots=True)
class ListNode:
    """A YAML sequence."""

    line: int | None
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MapNode:
    """A YAML mapping. Keys are the text that stands there; ``key_lines`` says where."""

    line: int | None
    items: dict[str, Node] = field(default_factory=dict)
    key_lines: dict[str, int | None] = field(default_factory=dict)


Node = Scalar | ListNode | MapNode


def compose(text: str, *, name: str, environment: Mapping[str, str] | None) -> Node:
    """Parse the one document in ``text``.

    Args:
        text: YAML.
        name: what errors call the document.
        environment: where ``${VAR}`` in values (not in keys) is looked up; None: left as it is.

    Raises:
        DocumentError: the text is not YAML, or uses what is not supported or beyond a cap.
    """
    composer = Composer(name, environment)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise syntax_error(name, text, error) from error
    except yaml.reader.ReaderError as error:
        raise character_error(name, text, error) from error
    except (ValueError, OverflowError) as error:  # PyYAML's own scanner, on escapes like \UFFFFFFFF
        raise DocumentError(name, "not valid YAML: an escape is out of range") from error
    raise_first(composer.errors)
    if composer.root is None or (isinstance(composer.root, Scalar) and composer.root.value is None):
        raise DocumentError(
            name, "the document is empty: 'agent-gate init' writes one to begin with"
        )
    return composer.root


def plain_data(node: Node) -> Any:
    """Return the node as dicts, lists and scalars; each alias becomes its own copy."""
    match node:
        case Scalar():
            return node.value
        case ListNode():
            return [plain_data(item) for item in node.items]
        case MapNode():
            return {key: plain_data(item) for key, item in node.items.items()}


def node_of(data: Any, *, name: str, path: Path = ()) -> Node:
    """Turn a program's own data into nodes without lines.

    Raises:
        DocumentError: a value is not a dict with string keys, a list, or a scalar.
    """
    if len(path) > DEPTH_MAX:
        raise DocumentError(name, f"more than {DEPTH_MAX} levels deep", path=format_path(path[:3]))
    match data:
        case None | bool() | int() | float() | str():
            text = data if isinstance(data, str) else str(data)
            return Scalar(None, data, text, text, plain=False, substituted=False)
        case list() | tuple():
            items = [node_of(item, name=name, path=(*path, i)) for i, item in enumerate(data)]
            return ListNode(None, items)
        case Mapping() if all(isinstance(key, str) for key in data):
            entries = {k: node_of(item, name=name, path=(*path, k)) for k, item in data.items()}
            return MapNode(None, entries, dict.fromkeys(entries))
        case _:
            message = f"needs a dict with string keys, a list or a scalar, found {type(data)}"
            raise DocumentError(name, message, path=format_path(path))


def resolve(text: str) -> bool | int | float | str | None:
    """Return what a plain scalar stands for."""
    if text in NULLS:
        return None
    if text in BOOLS:
        return BOOLS[text]
    if len(text) <= NUMBER_CHARS_MAX:
        if INTEGER.fullmatch(text):
            return int(text, 0)
        if FLOAT.fullmatch(text):
            return float(text)
        if special := SPECIAL_FLOAT.fullmatch(text):
            return float(special["sign"] + "inf") if special["inf"] else float("nan")
    return text


@dataclass(slots=True)
class Frame:
    """A list or mapping that is still open."""

    node: ListNode | MapNode
    count_before: int
    anchor: str | None
    key: str | None = None
    height: int = 1


@dataclass(frozen=True, slots=True)
class Anchored:
    """What an alias stands for: the node, its number of values, its levels."""

    node: Node
    count: int
    height: int


class Composer:
    """Builds nodes from events, one by one, on an explicit stack."""

    def __init__(self, name: str, environment: Mapping[str, str] | None) -> None:
        self.name = name
        self.environment = environment
        self.root: Node | None = None
        self.errors: list[DocumentError] = []
        self.documents = 0
        self.count = 0
        self.stack: list[Frame] = []
        self.anchors: dict[str, Anchored] = {}

    def take(self, event: yaml.Event) -> None:
        """Handle one parser event."""
        line = event.start_mark.line + 1 if event.start_mark else None
        match event:
            case yaml.ScalarEvent():
                self.take_scalar(event, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self.take_start(event, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self.take_end()
            case yaml.AliasEvent():
                self.take_alias(event.anchor, line)
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self.error("a second document starts here: keep only one per file", line)
            case _:
                pass

    def take_scalar(self, event: yaml.ScalarEvent, line: int | None) -> None:
        """Handle a scalar: a key, or a value to resolve."""
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.node, MapNode) and top.key is None:
            self.take_key(top, top.node, event, line)
            return
        self.check_tag(event.tag, line, "str")
        source = event.value
        plain = not event.style and event.tag is None
        text, substituted = source, False
        if not is_unicode(source):
            raise self.error("an escape is half of a surrogate pair", line)
        if self.environment is not None and "$" in source:
            try:
                text = substitute(source, self.environment)
            except SubstitutionError as error:
                self.errors.append(self.error(str(error), line))
            substituted = "${" in source.replace("$$", "")
        value = resolve(text) if plain and not substituted else text
        node = Scalar(line, value, text, source, plain, substituted)
        if event.anchor is not None:
            self.anchors[event.anchor] = Anchored(node, 1, 0)
        self.add(node, 1, line)
        self.value_done(0)

    def take_key(
        self, top: Frame, node: MapNode, event: yaml.ScalarEvent, line: int | None
    ) -> None:
        """Remember the key whose value comes next."""
        self.check_tag(event.tag, line, "str")
        key = event.value
        if not is_unicode(key):
            raise self.error("an escape is half of a surrogate pair", line)
        if not event.style and key == "<<":
            raise self.error("merge keys (<<) are not supported: write the keys out", line)
        if not event.style and key in NULLS:
            raise self.error("a key is missing before ':'", line)
        top.key = key
        if key in node.items:
            first = node.key_lines[key]
            message = f"key {shorten(key)!r} is given twice, first in line {first}: remove one"
            raise self.error(message, line)
        node.key_lines[key] = line
        if event.anchor is not None:
            scalar = Scalar(line, key, key, key, plain=False, substituted=False)
            self.anchors[event.anchor] = Anchored(scalar, 1, 0)

    def take_start(
        self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, line: int | None
    ) -> None:
        """Open a list or mapping."""
        self.check_no_key_expected(line)
        self.check_depth(1, line)
        is_list = isinstance(event, yaml.SequenceStartEvent)
        self.check_tag(event.tag, line, "seq" if is_list else "map")
        node = ListNode(line) if is_list else MapNode(line)
        count_before = self.count
        self.add(node, 1, line)
        self.stack.append(Frame(node, count_before, event.anchor))

    def take_end(self) -> None:
        """Close the innermost list or mapping."""
        frame = self.stack.pop()
        if frame.anchor is not None:
            count = self.count - frame.count_before
            self.anchors[frame.anchor] = Anchored(frame.node, count, frame.height)
        self.value_done(frame.height)

    def take_alias(self, anchor: str | None, line: int | None) -> None:
        """Put what an alias stands for in its place."""
        self.check_no_key_expected(line)
        assert anchor is not None
        if any(frame.anchor == anchor for frame in self.stack):
            raise self.error(f"*{shorten(anchor)} contains itself", line)
        if anchor not in self.anchors:
            raise self.error(f"*{shorten(anchor)} is used, but no &{shorten(anchor)} is set", line)
        anchored = self.anchors[anchor]
        self.check_depth(anchored.height, line)
        self.add(anchored.node, anchored.count, line)
        self.value_done(anchored.height)

    def add(self, node: Node, count: int, line: int | None) -> None:
        """Put a node, which may still be open, where it belongs."""
        self.count += count
        if self.count > NODES_MAX:
            raise self.error(f"more than {NODES_MAX} values, aliases counted in full", line)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if isinstance(top.node, ListNode):
            top.node.items.append(node)
        else:
            assert top.key is not None
            top.node.items[top.key] = node

    def value_done(self, height: int) -> None:
        """Expect the next item or key; ``height`` is how many levels the value has."""
        if self.stack:
            top = self.stack[-1]
            top.key = None
            top.height = max(top.height, height + 1)

    def check_depth(self, height: int, line: int | None) -> None:
        """Refuse a value that nests too deep, before it is added."""
        if len(self.stack) + height > DEPTH_MAX:
            raise self.error(f"more than {DEPTH_MAX} levels deep", line)

    def check_no_key_expected(self, line: int | None) -> None:
        """Refuse what is not a scalar where a key must stand."""
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.node, MapNode) and top.key is None:
            raise self.error("a key must be text, not a list, a mapping or an alias", line)

    def check_tag(self, tag: str | None, line: int | None, allowed: str) -> None:
        """Refuse tags, which could ask for any type, save those that change nothing."""
        if tag not in (None, "!", CORE_TAG + allowed):
            shown = shorten(tag.replace(CORE_TAG, "!!"))
            raise self.error(f"the tag {shown} is not supported: remove it", line)

    def error(self, message: str, line: int | None) -> DocumentError:
        """Make an error at the place that the walk has reached."""
        return DocumentError(self.name, message, line=line, path=format_path(tuple(self.path())))

    def path(self) -> Iterator[str | int]:
        """Yield the keys and indices of the place that the walk has reached."""
        for depth, frame in enumerate(self.stack, start=1):
            if isinstance(frame.node, ListNode):
                # An item that is still open counts already.
                yield len(frame.node.items) - (depth < len(self.stack))
            elif frame.key is not None:
                yield frame.key


def is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates, which nothing could write or send later."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def character_error(name: str, text: str, error: yaml.reader.ReaderError) -> DocumentError:
    """Name the line of a character that YAML does not allow (YAML 1.2 section 5.1)."""
    character = error.character if isinstance(error.character, int) else ord(error.character)
    before, found, _ = text.partition(chr(character))
    line = before.count("\n") + 1 if found else None
    return DocumentError(name, f"the character U+{character:04X} is not allowed", line=line)


def reserved_start(problem: str, line: str) -> str:
    """Return the character at a value's beginning that YAML keeps for itself, or ""; of what
    PyYAML says, and the line at fault up to the place that it says."""
    if "cannot start any token" in problem:
        return line[-1:].strip()
    if (
        "alphabetic or numeric" in problem
    ):  # the name of an alias or an anchor, which is meant as text
        return next((each for each in reversed(line[-2:]) if each in "*&"), "")
    return ""


def syntax_error(name: str, text: str, error: yaml.MarkedYAMLError) -> DocumentError:
    """Put PyYAML's account into one line, with a hint for the mistakes that people make."""
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    line = min(mark.line + 1, len(lines)) if mark else None
    at_fault = lines[line - 1] if line else ""
    message = f"not valid YAML: {error.problem or error.context}"
    if error.context and error.context_mark and error.context_mark.line + 1 != line:
        message += f" ({error.context} that starts in line {error.context_mark.line + 1})"
    if "${" in at_fault:
        message += '; inside { } and [ ] put "${...}" in quotes'
    elif "\t" in at_fault:
        message += "; indent with spaces, not tabs"
    elif mark is not None and (
        first := reserved_start(error.problem or "", at_fault[: mark.column + 1])
    ):
        message += f"; a text that begins with {first} needs quotes around it"
    return DocumentError(name, message, line=line)
