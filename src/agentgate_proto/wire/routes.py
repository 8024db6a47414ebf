"""Routes: which face owns a path, and what it takes there.

A path belongs to one face, so a request is never anybody's but its owner's. What no face claims
belongs to the native protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SEGMENTS_MAX = 64
"""Parts of a path; a longer one is nobody's."""

PART = re.compile(r"[^{}?#*]*|\{[a-z_]+\}")
REST = re.compile(r"\{[a-z_]+\*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a face takes under a path.

    Attributes:
        face: the name of the face.
        path: as in ``/api/approvals/{id}``: ``{name}`` stands for one part that is not empty, and
            ``{name*}`` at the end for all that is left, be it nothing. What a name stands for is
            given as it was written: with ``..``, ``%2e`` and empty parts.
        methods: of plain HTTP; ``HEAD`` goes with ``GET``, and ``OPTIONS`` is answered by the core.
        websocket: an upgrade may be asked here (RFC 6455); the face answers.
        binary: binary messages are taken from its WebSockets.
        body_bytes_max: the largest body; None: ``Limits.http_body_bytes_max``.
        message_bytes_max: the largest message of its WebSockets; None:
            ``Limits.message_bytes_max``.
        cors: pages of other origins that may connect may also read the answers (Fetch standard,
            CORS protocol).
        origins: such origins, besides those that may connect to the whole gateway.
        request_headers: names of headers that such pages may send, besides the usual ones.
    """

    face: str
    path: str
    methods: frozenset[str] = frozenset()
    websocket: bool = False
    binary: bool = False
    body_bytes_max: int | None = None
    message_bytes_max: int | None = None
    cors: bool = False
    origins: frozenset[str] = frozenset()
    request_headers: tuple[str, ...] = ()


@dataclass(slots=True)
class Place:
    """One pattern of paths, and its routes by method."""

    face: str
    parts: tuple[str, ...]
    by_method: dict[str, Route] = field(default_factory=dict)
    websocket: Route | None = None

    @property
    def allow(self) -> str:
        """The header Allow (RFC 9110 section 10.2.1)."""
        return ", ".join([*self.by_method, "OPTIONS"])

    def concerned(self, method: str, upgrade: bool) -> list[Route]:
        """The route that a request is for, if there is one; of ``OPTIONS``, all of them."""
        if upgrade:
            return [] if self.websocket is None else [self.websocket]
        if method == "OPTIONS":
            return list(self.by_method.values())
        route = self.by_method.get(method)
        return [] if route is None else [route]

    def values(self, parts: list[str]) -> dict[str, str] | None:
        """Return what stands for the names in the pattern, or None: the path is another."""
        found: dict[str, str] = {}
        for number, part in enumerate(self.parts):
            if part.endswith("*}"):
                found[part[1:-2]] = "/".join(parts[number:])
                return found
            if number == len(parts):
                return None
            if not part.startswith("{"):
                if part != parts[number]:
                    return None
            elif not parts[number]:
                return None
            else:
                found[part[1:-1]] = parts[number]
        return found if len(parts) == len(self.parts) else None


@dataclass(frozen=True, slots=True)
class Found:
    """Where a target leads, and what stands in it for the names of the pattern."""

    place: Place
    values: Mapping[str, str]


class Routes:
    """All routes of a gateway.

    Args:
        routes: of all faces.

    Raises:
        ValueError: two routes are the same, a path would be of two faces, or is no pattern.
    """

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._plain: dict[str, Place] = {}
        self._patterns: list[Place] = []
        for route in routes:
            self._add(route)
        self._patterns.sort(key=rank)

    def find(self, target: str) -> Found | None:
        """Find who owns the path of a target; None: the native protocol."""
        path = target.partition("?")[0]
        place = self._plain.get(path)
        if place is not None:
            return Found(place, {})
        if not path.startswith("/") or path.count("/") > SEGMENTS_MAX:
            return None
        parts = path.split("/")[1:]
        for place in self._patterns:
            values = place.values(parts)
            if values is not None:
                return Found(place, values)
        return None

    def _add(self, route: Route) -> None:
        place = self._place(route)
        methods = set(route.methods) | ({"HEAD"} if "GET" in route.methods else set())
        if "OPTIONS" in methods:
            raise ValueError(f"OPTIONS {route.path} is answered for all faces")
        for method in sorted(methods):
            if method in place.by_method:
                raise ValueError(f"{method} {route.path} is there twice")
            place.by_method[method] = route
        if route.websocket:
            if place.websocket is not None:
                raise ValueError(f"a WebSocket at {route.path} is there twice")
            place.websocket = route

    def _place(self, route: Route) -> Place:
        """Return the place of a route; a new one must not overlap with another face's."""
        parts = parts_of(route.path)
        for place in [*self._plain.values(), *self._patterns]:
            other = "/" + "/".join(place.parts)
            if place.face != route.face and overlap(place.parts, parts):
                raise ValueError(
                    f"{route.path} of {route.face} and {other} of {place.face} are the same path"
                )
            if place.parts == parts:
                return place
            if shape(place.parts) == shape(parts):
                raise ValueError(f"{route.path} and {other} differ in their names alone")
        place = Place(route.face, parts)
        if any(part.startswith("{") for part in parts):
            self._patterns.append(place)
        else:
            self._plain[route.path] = place
        return place


def parts_of(path: str) -> tuple[str, ...]:
    """Take a pattern apart.

    Raises:
        ValueError: it is none.
    """
    before, slash, rest = path.partition("/")
    parts = rest.split("/")
    last = parts[-1]
    names = [part for part in parts if part.startswith("{")]
    if (
        before
        or not slash
        or len(parts) > SEGMENTS_MAX
        or not all(PART.fullmatch(part) for part in parts[:-1])
        or not (PART.fullmatch(last) or REST.fullmatch(last))
        or len({name.strip("{*}") for name in names}) < len(names)
    ):
        raise ValueError(f"{path!r} is no path of parts, {{names}} and {{rest*}} at the end")
    return tuple(parts)


def shape(parts: tuple[str, ...]) -> tuple[str, ...]:
    """A pattern without the names in it."""
    return tuple(
        "{*}" if part.endswith("*}") else "{}" if part.startswith("{") else part for part in parts
    )


def rank(place: Place) -> tuple[int, ...]:
    """Order patterns: what is said in full goes before a name, and a name before all the rest."""
    return tuple(2 if p.endswith("*}") else 1 if p.startswith("{") else 0 for p in place.parts)


def overlap(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether some path fits both patterns."""
    for a, b in zip(one, two, strict=False):
        if a.endswith("*}") or b.endswith("*}"):
            return True
        if a != b and not (fits(a, b) or fits(b, a)):
            return False
    rest = one[len(two) :] or two[len(one) :]
    return not rest or rest[0].endswith("*}")


def fits(name: str, part: str) -> bool:
    """Whether a name in a pattern can stand for a part of another one."""
    return name.startswith("{") and part != ""
