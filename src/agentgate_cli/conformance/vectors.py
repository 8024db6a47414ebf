"""The vectors: transcripts that say what a gateway or a client must do. See spec/vectors/README.md.

A vector is a list of steps. An input step is done to the machine under test; an output step says
what it must do before the next input. This module reads them and compares; who plays them is
elsewhere (``live``, and the tests of the core).
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import msgspec

from agentgate_cli.conformance.onetime import code_of, wrong_code_of

Step = dict[str, Any]

INPUTS = {
    "server": frozenset(
        {
            *("connect", "receive", "receive_text", "receive_frame", "lose", "advance", "restart"),
            *("request", "shut_down"),
        }
    ),
    "client": frozenset(
        {
            *("open", "connected", "dial_failed", "receive", "receive_text", "closed", "lost"),
            *("call", "cancel", "collect", "end", "advance", "say", "watch", "leave"),
            *("provide", "returns", "fails", "login", "ask", "rejected"),
        }
    ),
}
OUTPUTS = {
    "server": frozenset({"send", "events", "ping", "pong", "close", "response"}),
    "client": frozenset({"dial", "send", "ping", "close", "settle", "hears", "runs", "stops"}),
}

SETTLED_BEFORE = frozenset({"advance", "lose", "restart", "shut_down"})
"""Inputs before which, as at the end, every output must have been taken by a step."""


class Mismatch(Exception):
    """The machine under test did something else; the text says what."""


class Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One transcript.

    Attributes:
        name: unique among all vectors of the role.
        rule: what it shows, in a sentence.
        steps: see the module.
        role: whose behaviour it is.
        watch: kinds of output that count, besides the usual ones ("ping", "pong").
        needs: what not everything that can be tested has, such as "restart" or "codes".
        client: for a client's vectors: what the client is made with.
        rules: the rules of the text that it tests, such as "R6"; by default those of its sheet.
        level: the level of the rules, which is the name of a page; by default that of its sheet.
        ordered: answers come in the order in which they stand here.
    """

    name: str
    rule: str
    steps: list[Step]
    role: Literal["server", "client"] = "server"
    watch: list[str] = []
    needs: list[str] = []
    client: dict[str, Any] = {}
    rules: list[str] = []
    level: str = ""
    ordered: bool = False


class Sheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: vectors on one subject. What ``rules`` and ``level`` a vector does not name are
    those of its sheet."""

    role: Literal["server", "client"]
    subject: str
    vectors: list[Vector]
    rules: list[str] = []
    level: str = ""

    def whole(self) -> list[Vector]:
        """The vectors, each with all that it has from its sheet."""
        return [
            msgspec.structs.replace(
                vector,
                role=self.role,
                rules=vector.rules or self.rules,
                level=vector.level or self.level,
            )
            for vector in self.vectors
        ]


def load(role: str) -> list[Vector]:
    """Read all vectors of a role, in the order of the files' names."""
    folder = files("agentgate_cli.conformance") / "vectors"
    found = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            sheet = msgspec.json.decode(file.read_bytes(), type=Sheet)
            if sheet.role == role:
                found += sheet.whole()
    return found


def kind_of(step: Step, role: str) -> tuple[str, bool]:
    """Return what a step is, and whether it is an output.

    Raises:
        ValueError: it is none, or more than one.
    """
    kinds = [name for name in step if name in INPUTS[role] | OUTPUTS[role]]
    if len(kinds) != 1 or set(step) - {*kinds, "on"}:
        raise ValueError(f"not one kind of step: {step}")
    return kinds[0], kinds[0] in OUTPUTS[role]


JOINED = ("text", "thinking")
"""Kinds of a session's events that are told in pieces."""

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def special(value: Any) -> str:
    """Return the operator of a value such as ``{"$ref": "x"}``, or ""."""
    if isinstance(value, dict) and len(value) == 1:
        name = next(iter(value))
        return name if name.startswith("$") else ""
    return ""


def filled(value: Any, bound: dict[str, Any], utc: float = 0.0) -> Any:
    """Put in what an input leaves open: bound values, long and joined texts, one-time codes.

    Args:
        value: of the input.
        bound: what is remembered; a code is remembered too.
        utc: the time that codes are for, in seconds since 1970.
    """
    match special(value):
        case "$ref":
            return bound[value["$ref"]]
        case "$repeat":
            text, times = value["$repeat"]
            return text * times
        case "$join":
            return "".join(filled(part, bound) for part in value["$join"])
        case "$totp":
            secret, name = value["$totp"]
            bound[name] = code_of(bound[secret], utc)
            return bound[name]
        case "$wrong_totp":
            return wrong_code_of(bound[value["$wrong_totp"]], utc)
    if isinstance(value, dict):
        return {name: filled(item, bound, utc) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, bound, utc) for item in value]
    return value


def compare(wanted: Any, got: Any, bound: dict[str, Any], at: str = "$") -> None:
    """Compare what came with what a vector wants; bind what it binds.

    Raises:
        Mismatch: it does not fit.
    """
    match special(wanted):
        case "$bind":
            bound[wanted["$bind"]] = got
        case "$type":
            boolean = isinstance(got, bool) and wanted["$type"] != "boolean"
            empty = wanted["$type"] == "text" and not got
            if boolean or empty or not isinstance(got, TYPES[wanted["$type"]]):
                raise Mismatch(f"{at}: {brief(got)} is no {wanted['$type']}")
        case "$above":
            name = wanted["$above"]
            if isinstance(got, bool) or not isinstance(got, int) or got <= bound[name]:
                raise Mismatch(f"{at}: {brief(got)} is no integer above {bound[name]}")
            bound[name] = got
        case "$without":
            for name in wanted["$without"]:
                if isinstance(got, dict) and name in got:
                    raise Mismatch(f"{at}.{name} is there: {brief(got[name])}")
        case "$contains":
            if not isinstance(got, str) or wanted["$contains"] not in got:
                raise Mismatch(f"{at}: {brief(got)} does not contain {brief(wanted['$contains'])}")
        case "$unordered":
            compare_unordered(wanted["$unordered"], got, bound, at)
        case "":
            compare_plain(wanted, got, bound, at)
        case _:
            compare_plain(filled(wanted, bound), got, bound, at)


def compare_plain(wanted: Any, got: Any, bound: dict[str, Any], at: str) -> None:
    """Compare values: of an object the members that are named, of everything else all."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for name, item in wanted.items():
            if special(item) == "$absent":
                if name in got:
                    raise Mismatch(f"{at}.{name} is there: {brief(got[name])}")
            elif special(item) == "$without" and name not in got:
                continue
            elif name not in got:
                raise Mismatch(f"{at}.{name} is missing in {brief(got)}")
            else:
                compare(item, got[name], bound, f"{at}.{name}")
    elif isinstance(wanted, list) and isinstance(got, list):
        if len(wanted) != len(got):
            raise Mismatch(f"{at}: {len(got)} elements instead of {len(wanted)}: {brief(got)}")
        for number, (item, other) in enumerate(zip(wanted, got, strict=True)):
            compare(item, other, bound, f"{at}[{number}]")
    elif wanted != got or isinstance(wanted, bool) is not isinstance(got, bool):
        raise Mismatch(f"{at}: {brief(got)} instead of {brief(wanted)}")


def compare_unordered(wanted: list[Any], got: Any, bound: dict[str, Any], at: str) -> None:
    """Compare an array whose order means nothing."""
    if not isinstance(got, list) or len(wanted) != len(got):
        raise Mismatch(f"{at}: {brief(got)} instead of {len(wanted)} elements")
    rest = list(got)
    for item in wanted:
        for other in rest:
            attempt = dict(bound)
            try:
                compare(item, other, attempt, at)
            except Mismatch:
                continue
            bound.update(attempt)
            rest.remove(other)
            break
        else:
            raise Mismatch(f"{at}: nothing like {brief(item)} in {brief(got)}")


class Gathered:
    """The events of a session, out of as many messages as they come in.

    How many deltas of a text there are in one event, and how many events in one message, is left to
    a gateway: deltas that follow each other are joined here.

    Args:
        wanted: the value of an ``events`` step.
        bound: what is remembered.

    Attributes:
        events: those that came.
    """

    def __init__(self, wanted: dict[str, Any], bound: dict[str, Any]) -> None:
        self.events: list[dict[str, Any]] = []
        self._wanted = wanted
        self._bound = bound

    @property
    def is_whole(self) -> bool:
        """As many are there as are wanted. The last that is wanted is never a text."""
        return len(self.events) >= len(self._wanted["log"])

    def add(self, message: Any) -> None:
        """Take the next message.

        Raises:
            Mismatch: it tells no events of this session.
        """
        session = filled(self._wanted["session"], self._bound)
        compare({"method": "session_event", "params": {"session": session}}, message, {})
        for told in message["params"]["events"]:
            event = {"count": 1, **told}
            last = self.events[-1] if self.events else None
            if last is not None and last["kind"] == event["kind"] in JOINED:
                last["count"] += event["count"]
                last["data"]["text"] += event["data"]["text"]
            else:
                self.events.append(event)

    def compare(self) -> None:
        """Compare all of them with what is wanted.

        Raises:
            Mismatch: they do not fit.
        """
        compare(self._wanted["log"], self.events, self._bound)


def brief(value: Any) -> str:
    """Show a value in one line that is not too long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:200]}…"
