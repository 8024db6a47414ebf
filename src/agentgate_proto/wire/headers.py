"""Header fields of one HTTP message (RFC 9110 section 5): names without case, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from agentgate_proto.errors import LocalProtocolError

Lines = Mapping[str, str] | Iterable[tuple[str, str]]
"""Header lines of an answer; in pairs, a name may come several times."""

FRAMING = ("content-length", "transfer-encoding")
"""What says how long an answer is: that follows from its body, and nobody else may say it."""


class Headers:
    """The header lines of one request, which never change.

    Args:
        lines: names in small letters, with their values; a name may come several times.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self._lines = tuple(lines)

    @classmethod
    def from_bytes(cls, lines: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Read them as they came; what is not ASCII in a value is taken as Latin-1."""
        return cls((name.decode("ascii"), value.decode("latin-1")) for name, value in lines)

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a field; several lines of it are one list (section 5.3)."""
        values = self.all(name)
        return ", ".join(values) if values else default

    def all(self, name: str) -> list[str]:
        """Return the values of all lines of this name."""
        return [value for each, value in self._lines if each == name]

    def items_of(self, name: str) -> list[str]:
        """Return the items of a list that is written with commas (section 5.6.1)."""
        items = (item.strip() for item in ",".join(self.all(name)).split(","))
        return [item for item in items if item]

    def __contains__(self, name: object) -> bool:
        return any(each == name for each, _ in self._lines)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(self._lines)

    def __repr__(self) -> str:
        """The names alone: a value may be a token."""
        return f"Headers({', '.join(name for name, _ in self._lines)})"


def encoded(lines: Lines) -> list[tuple[bytes, bytes]]:
    """Return the header lines of an answer as they are written.

    Raises:
        LocalProtocolError: a text that can't be written, or a line that says how long the answer
            is.
    """
    pairs = list(lines.items() if isinstance(lines, Mapping) else lines)
    for name, _ in pairs:
        if name.lower() in FRAMING:
            raise LocalProtocolError(f"the header {name} follows from the body of an answer")
    try:
        return [(name.encode(), value.encode()) for name, value in pairs]
    except UnicodeEncodeError:
        raise LocalProtocolError("a header that is not Unicode") from None
