"""The pins file: which tools of MCP servers were accepted, and which wait for somebody to look.

The gateway writes what it has seen, ``agent-gate mcp review`` what was accepted; either does so
while the other runs. So nobody need start a server anew to look at what it offers, and what a
person accepts is what they were shown, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import msgspec
from msgspec.structs import replace

from agentgate_proto.records.tool_pin import Definition, Difference, compare, definition_of
from agentgate_server.store.private_file import PrivateFile, PrivateFileError

PINS_NAME = "mcp-pins.json"
"""Beside the database."""

FILE_BYTES_MAX = 32_000_000
"""The file: sixty servers with a hundred tools each."""

SEEN_BYTES_MAX = 1_000_000
"""Definitions of one server that wait to be looked at: three hundred usual ones. What is beyond is
neither kept nor used."""

FIRST_USE = "first use"
"""Who has accepted what a server offered the first time, where its configuration says so."""


class PinsFileError(PrivateFileError):
    """The pins file cannot be used. The text says why and what to do."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A definition that was accepted.

    Attributes:
        hash: see :class:`agentgate_proto.records.tool_pin.Definition`.
        definition: its text, to show later what has changed.
        by, at: who accepted it, and when (RFC 3339).
    """

    hash: str
    definition: msgspec.Raw
    by: str
    at: str


class Seen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a server offered last.

    Attributes:
        at: since when (RFC 3339).
        names: all its tools.
        waiting: definitions of those that are not accepted as they are.
    """

    at: str
    names: tuple[str, ...]
    waiting: tuple[msgspec.Raw, ...] = ()


class ServerPins(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of one server.

    Attributes:
        accepted: by the tool's name there.
        since: when anything was accepted or the first list was taken (RFC 3339); "": never.
        seen: None: it was never reached.
    """

    accepted: dict[str, Accepted] = {}
    since: str = ""
    seen: Seen | None = None

    def pins(self) -> dict[str, str]:
        """Return the accepted hashes, by the tool's name there."""
        return {name: each.hash for name, each in self.accepted.items()}

    def definitions(self) -> list[Definition]:
        """Return what was accepted."""
        return [
            Definition(name, each.hash, each.definition) for name, each in self.accepted.items()
        ]

    def offered(self) -> list[Definition]:
        """Return what the server offered last, as far as it is known: what is accepted as it is,
        and what waits."""
        if self.seen is None:
            return self.definitions()
        waiting = {each.name: each for each in map(definition_of, self.seen.waiting)}
        known = {each.name: each for each in self.definitions()} | waiting
        return [known[name] for name in self.seen.names if name in known]

    @property
    def unkept(self) -> int:
        """How many tools are neither accepted nor kept to be looked at: they are too much."""
        names = self.seen.names if self.seen is not None else ()
        return len(names) - len(self.offered()) if names else 0

    def differences(self) -> list[Difference]:
        """Say what somebody has to look at."""
        return compare(self.definitions(), self.offered())


NOTHING = ServerPins()


class Contents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file: the servers by their names in the configuration."""

    version: Literal[1] = 1
    servers: dict[str, ServerPins] = {}

    def of(self, alias: str) -> ServerPins:
        """Return what is kept of a server."""
        return self.servers.get(alias, NOTHING)

    def with_server(self, alias: str, pins: ServerPins) -> Contents:
        """Return the same with other pins of one server."""
        return replace(self, servers=self.servers | {alias: pins})


class PinsFile(PrivateFile):
    """The file at a path; it need not exist. Its methods block: call them in a thread."""

    error_type: ClassVar[type[PrivateFileError]] = PinsFileError
    bytes_max: ClassVar[int] = FILE_BYTES_MAX
    danger: ClassVar[str] = "others can write it and accept tools"

    @classmethod
    def beside(cls, database: Path) -> Self:
        """The file that belongs to the gateway with this database."""
        return cls(database.with_name(PINS_NAME))

    def contents(self) -> Contents:
        """Return what is in the file; nothing if there is no file.

        Raises:
            PinsFileError: it cannot be read, others can write it, or it says something wrong. Then
                nothing of it counts: neither is everything accepted, nor is all forgotten.
        """
        raw = self.read_bytes()
        if raw is None:
            return Contents()
        try:
            found = msgspec.json.decode(raw, type=Contents)
            return replace(found, servers={a: checked(each) for a, each in found.servers.items()})
        except (ValueError, RecursionError) as error:
            text = f"is not as agent-gate writes it ({error}): restore it, or delete it and"
            raise self.error(
                f"{text} accept the tools again with 'agent-gate mcp review'"
            ) from None

    def change(self, how: Callable[[Contents], Contents]) -> Contents:
        """Replace what is in the file, alone, and return what is in it then.

        Raises:
            PinsFileError: it cannot be used.
        """
        with self.writing():
            before = self.contents()
            after = how(before)
            if after != before:
                data = msgspec.json.format(msgspec.json.encode(after)) + b"\n"
                if len(data) > self.bytes_max:
                    raise self.error(f"would be larger than {self.bytes_max} bytes")
                self.replace(data)
        return after

    def saw(
        self, seen: Mapping[str, Sequence[Definition]], first_use: Collection[str], at: str
    ) -> Contents:
        """Note what servers offer; the first list of some is taken as it is.

        Args:
            seen: by the servers' names.
            first_use: names of those whose first list is taken.
            at: now, RFC 3339.

        Raises:
            PinsFileError: it cannot be used.
        """

        def noted(now: Contents) -> Contents:
            for alias, definitions in seen.items():
                pins = now.of(alias)
                if alias in first_use and not pins.since:
                    pins = accepted(pins, definitions, FIRST_USE, at)
                now = now.with_server(alias, offering(pins, definitions, at))
            return now

        return self.change(noted)

    def accept(
        self, alias: str, shown: Sequence[Difference], hashes: Mapping[str, str], by: str, at: str
    ) -> list[str]:
        """Accept differences as they were shown.

        Args:
            alias: of the server.
            shown: the differences; of one that is gone the pin is dropped.
            hashes: those that were shown, by the tool's name.
            by, at: who accepts them, and when (RFC 3339).

        Returns:
            Names of what is not as it was shown any more, and so is not accepted.

        Raises:
            PinsFileError: it cannot be used.
        """
        other: list[str] = []

        def taken(now: Contents) -> Contents:
            pins = now.of(alias)
            offered = {each.name: each for each in pins.offered()}
            wanted = {each.name for each in shown}
            wanted |= {each.other for each in shown if each.change == "renamed"}
            fresh = [offered[name] for name in sorted(wanted) if name in offered]
            other.extend(each.name for each in fresh if each.hash != hashes.get(each.name))
            other.extend(sorted(name for name in hashes if name not in offered))
            kept = {
                name: each
                for name, each in pins.accepted.items()
                if name not in wanted or name in offered
            }
            pins = replace(pins, accepted=kept)
            pins = accepted(pins, [each for each in fresh if each.name not in other], by, at)
            return now.with_server(alias, offering(pins, list(offered.values()), at))

        self.change(taken)
        return other


def checked(pins: ServerPins) -> ServerPins:
    """Return pins with definitions in canonical form.

    Raises:
        ValueError: a definition can't be one, or is not that of its name and hash.
    """
    found = {}
    for name, each in pins.accepted.items():
        definition = definition_of(each.definition)
        if (definition.name, definition.hash) != (name, each.hash):
            raise ValueError(f"the definition of {name!r} is not the one that was accepted")
        found[name] = replace(each, definition=definition.text)
    seen = pins.seen
    if seen is not None:
        seen = replace(seen, waiting=tuple(definition_of(each).text for each in seen.waiting))
    return replace(pins, accepted=found, seen=seen)


def accepted(pins: ServerPins, definitions: Sequence[Definition], by: str, at: str) -> ServerPins:
    """Return pins with these definitions accepted."""
    fresh = {
        each.name: Accepted(hash=each.hash, definition=each.text, by=by, at=at)
        for each in definitions
    }
    return replace(pins, accepted=pins.accepted | fresh, since=pins.since or at)


def offering(pins: ServerPins, definitions: Sequence[Definition], at: str) -> ServerPins:
    """Return pins of a server that offers this; as they are, if it has offered it before."""
    known = pins.pins()
    waiting: list[msgspec.Raw] = []
    room = SEEN_BYTES_MAX
    for each in definitions:
        room -= len(bytes(each.text)) if known.get(each.name) != each.hash else 0
        if known.get(each.name) != each.hash and room >= 0:
            waiting.append(each.text)
    names = tuple(each.name for each in definitions)
    before = pins.seen
    if before is not None and (names, waiting) == (before.names, list(before.waiting)):
        return pins
    return replace(pins, seen=Seen(at=at, names=names, waiting=tuple(waiting)))
