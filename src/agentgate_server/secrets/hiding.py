"""Hiding: what people see of a request's arguments, and what they hear of what they do not see.

Arguments are the words of whoever asks, so no rule that the asker can steer may blank them. Hidden
is what stands under a secret's name, there and nowhere else: the same words elsewhere in the same
arguments stay. What the gateway's own configuration holds is hidden where it turns up in a text.
Never hidden are the names in an object, and what says what is done to what
(:func:`~agentgate_server.secrets.secret_names.is_naming`); objects stay objects, lists stay lists.

Whatever a person who decides could miss by that is said in words, in :meth:`Arguments.warning`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from agentgate_proto.records.audit_entry import AUDIT_MASKED_MAX, AUDIT_PLACES_CHARS_MAX
from agentgate_server.policy.spelling import fold
from agentgate_server.secrets.secret_names import (
    counts_tokens,
    is_naming,
    is_program,
    is_secret_name,
)

MASK: Final = "•••"
"""Stands for a secret. It tells neither its length nor how it begins."""

CALL_SECRET_CHARS_MIN: Final = 3
"""What a call has under a secret's name and is shorter is looked for nowhere else."""

CALL_SECRETS_MAX: Final = 100
"""Secrets of one call that are looked for in texts."""

COMPARED_HIDDEN_MAX: Final = 20
COMPARED_OPEN_MAX: Final = 1_000
COMPARED_CHARS_MAX: Final = 20_000
COMPARED_HIDDEN_CHARS_MAX: Final = 1_000
"""Hidden and open values of one request that are compared with each other, the characters of all
open ones together, and those of each hidden one: some milliseconds at the worst. Where that is too
little the warning says so."""

LONG_CHARS: Final = 200
"""No password or key that people type is longer: whoever decides hears how much is hidden."""

TOLD_MAX: Final = 2
"""Places that a warning names, of each kind; of the others it says how many there are."""

PLACE_CHARS_MAX: Final = 40
"""Of a place in a warning: the names in it are of the asker's choosing."""

PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""Names that need no quotes: no sentence of the asker's is among them."""

Path: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = str | int | float
Key = TypeVar("Key")

encode = msgspec.json.Encoder(order="sorted").encode


def unchanged(text: str) -> str:
    """Know of no configured secret."""
    return text


class Arguments:
    """Arguments, or other JSON that an agent chose, as people may see them.

    Args:
        args: decoded JSON.
        values: hides configured secrets in a text.

    Attributes:
        shown: decoded JSON of the same form.
        by_name: what is hidden because of the name it stands under, by its place.
        by_value: texts in which a part is hidden because the configuration holds it.
        open: texts and numbers that are shown as they are.
        names: those of all objects.
    """

    def __init__(self, args: Any, values: Callable[[str], str] = unchanged) -> None:
        self.by_name: dict[Path, Scalar] = {}
        self.by_value: dict[Path, str] = {}
        self.open: dict[Path, Scalar] = {}
        self.names: dict[str, None] = {}
        self._values = values
        self.shown = self._seen(args, (), name="", secret="")

    @property
    def hides(self) -> bool:
        """Whether anything is not shown as it is."""
        return bool(self.by_name or self.by_value)

    def hidden(self) -> Iterator[tuple[str, Scalar]]:
        """Yield the places (JSON Pointers) of what is not shown as it is, and what stands there.

        The first ``AUDIT_MASKED_MAX``, if their places are not too long to be kept.
        """
        chars = 0
        for path, value in [*self.by_name.items(), *self.by_value.items()][:AUDIT_MASKED_MAX]:
            place = pointer(path)
            chars += len(place)
            if chars > AUDIT_PLACES_CHARS_MAX:
                return
            yield place, value

    def warning(self) -> str:
        """Say what a person must know of what is hidden, before saying yes; or ""."""
        told = []
        if self.by_value:
            places = listed([quoted(path) for path in self.by_value])
            told.append(
                f"a part of {places} is hidden because it equals a secret of the gateway's own "
                "configuration: find out why before you say yes"
            )
        told += some(self._repeats())
        told += some(self._long())
        return "; ".join(told)

    def secrets(self, *others: str) -> tuple[str, ...]:
        """What is to be hidden in what a tool says of its call, as texts to look for.

        What also stands in the open is none, as far as that is looked through: hiding it would hide
        what was asked for.

        Args:
            others: words that stand in the open as well, such as the tool's name.
        """
        if not self.by_name:
            return ()
        words = {word: word for word in chain(others, self.names, map(str, self.open.values()))}
        seen = "\n".join(within(words, COMPARED_CHARS_MAX))
        found: dict[str, None] = {}
        for value in self.by_name.values():
            text = str(value).strip()
            if len(text) >= CALL_SECRET_CHARS_MIN and not stands_in(text, seen):
                found[text] = None
            if len(found) >= CALL_SECRETS_MAX:
                break
        return tuple(found)

    def _seen(self, value: Any, path: Path, *, name: str, secret: str) -> Any:
        """Return a part as it is shown.

        Args:
            value: the part.
            path: its place.
            name: the nearest name above it.
            secret: the nearest secret's name above it, or "".
        """
        match value:
            case dict():
                self.names |= dict.fromkeys(value)
                return {
                    key: self._seen(
                        item, (*path, key), name=key, secret=key if is_secret_name(key) else secret
                    )
                    for key, item in value.items()
                }
            case list():
                return [
                    self._seen(item, (*path, place), name=name, secret=secret)
                    for place, item in enumerate(value)
                ]
            case bool() | None | "":
                return value
            case _ if is_naming(name):
                self.open[path] = value
                return value
            case _ if secret and is_hidden(secret, name, value):
                self.by_name[path] = value
                return MASK
            case str() if (text := self._values(value)) != value:
                self.by_value[path] = value
                return text
        self.open[path] = value
        return value

    def _long(self) -> Iterator[str]:
        """Say which hidden values are long."""
        for path, value in self.by_name.items():
            chars = len(str(value))
            if chars > LONG_CHARS:
                yield f"the hidden {quoted(path)} is {chars:,} characters long"

    def _repeats(self) -> Iterator[str]:
        """Say which hidden values stand, or have a part that stands, in the open as well."""
        texts = {path: str(value) for path, value in self.open.items()}
        places = islice(within(texts, COMPARED_CHARS_MAX), COMPARED_OPEN_MAX)
        seen = [(fold(texts[path]).strip(), path) for path in places]
        for path, value in list(self.by_name.items())[:COMPARED_HIDDEN_MAX]:
            text = fold(str(value)[:COMPARED_HIDDEN_CHARS_MAX]).strip()
            most, place = max(
                ((overlap(text, other), place) for other, place in seen),
                key=lambda found: found[0],
                default=(0, ()),
            )
            if most:
                yield f"the hidden {quoted(path)} repeats what stands in {quoted(place)}"
        if self.by_name and (len(seen) < len(self.open) or len(self.by_name) > COMPARED_HIDDEN_MAX):
            yield "too much is asked to compare all of it with what is hidden"


def is_hidden(secret: str, name: str, value: Scalar) -> bool:
    """Whether a value below a secret's name is one, and no count and no program."""
    if isinstance(value, str):
        return not is_program(secret, value)
    return not counts_tokens(name)


def overlap(hidden: str, other: str) -> int:
    """How many characters of a folded text are another one, or are in it; 0: none that matter."""
    if hidden == other:
        return len(hidden)
    short, long = sorted((hidden, other), key=len)
    return len(short) if len(short) >= CALL_SECRET_CHARS_MIN and short in long else 0


def within(texts: Mapping[Key, str], chars_max: int) -> Iterator[Key]:
    """Yield the keys of the first texts that have together at most so many characters.

    One that is too long is left out, and keeps none of the others away.
    """
    for key, text in texts.items():
        if len(text) <= chars_max:
            chars_max -= len(text)
            yield key


def some(sentences: Iterator[str]) -> list[str]:
    """Return the first sentences, and how many others there are."""
    found = list(sentences)
    more = len(found) - TOLD_MAX
    return found if more <= 0 else [*found[:TOLD_MAX], f"and {more} more of this kind"]


def listed(places: list[str]) -> str:
    """Return the first places, and how many others there are."""
    more = len(places) - TOLD_MAX
    shown = ", ".join(places[:TOLD_MAX])
    return shown if more <= 0 else f"{shown} and {more} more"


def quoted(path: Path) -> str:
    """Write a place for people: ``'data.code'``. Nothing in it passes for words of ours."""
    parts = [
        str(part)
        if isinstance(part, int) or PLAIN.fullmatch(part)
        else json.dumps(part).replace("'", "\\u0027")
        for part in path
    ]
    text = ".".join(parts)
    return f"'{text if len(text) <= PLACE_CHARS_MAX else text[: PLACE_CHARS_MAX - 1] + '…'}'"


def pointer(path: Path) -> str:
    """Write a place as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def stands_in(word: str, text: str) -> bool:
    """Whether a text holds this word, as a word of its own."""
    return word in text and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def alone(text: str, secrets: tuple[str, ...]) -> str:
    """Mask these texts where they stand as words of their own."""
    for secret in secrets:
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return text


def told_apart(names: list[str], hidden: list[str]) -> list[str]:
    """Keep the names of one object apart from each other, so that no value is lost with its name.

    A name that is shown as it is stays as it is; of those that a mask makes equal the first stays,
    and the others are numbered: ``•••``, ``•••_2``, ``•••_3``. What joins the number is part of a
    word, so that it is not taken for a secret of few digits.

    Args:
        names: all different.
        hidden: the same names as they may be seen.
    """
    if len(set(hidden)) == len(hidden):
        return hidden
    taken = {name for name, seen in zip(names, hidden, strict=True) if name == seen}
    counts: dict[str, int] = {}
    apart = []
    for name, seen in zip(names, hidden, strict=True):
        told = seen
        while name != seen and told in taken:
            counts[seen] = counts.get(seen, 1) + 1
            told = f"{seen}_{counts[seen]}"
        taken.add(told)
        apart.append(told)
    return apart
