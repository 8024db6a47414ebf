"""Binding: one form of what a tool gets, read back as it is, or rules take it for anything."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest

from agentgate_proto.digest import canonical_args
from agentgate_server.errors import ArgumentError
from agentgate_server.policy import Policy
from agentgate_server.policy.meanings import Either, Meant
from agentgate_server.tools.arguments import Arguments
from agentgate_server.tools.binding import Binding
from agentgate_server.tools.docstring import Docstring
from agentgate_server.tools.forms import UNSAYABLE
from agentgate_server.tools.python import python_tool

ID = "12345678-1234-1234-1234-1234567890ab"
NUMBERS = count(1)
NOTHING: Any = object()


class Stage(enum.Enum):
    PROD = "prod"
    DEV = "dev"

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        return cls.PROD if value == "production" else None


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int = 1
    y: float = 2.0


class Lamp(TypedDict, total=False):
    on: bool
    id: UUID


class Struct(msgspec.Struct, omit_defaults=True, rename="camel"):
    where_to: str = "prod"
    note: str | None = None
    limit: int | None = 5
    more: str | msgspec.UnsetType = msgspec.UNSET


@dataclass
class Options:
    where: str = "prod"
    replicas: int | None = None
    tags: list[str] = field(default_factory=lambda: ["a"])


@dataclass
class Plan:
    first: Options = field(default_factory=Options)
    steps: list[Options] = field(default_factory=list)
    number: int = field(default_factory=lambda: next(NUMBERS))


@dataclass
class Rooted:
    path: str

    def __post_init__(self) -> None:
        self.path = f"/srv/{self.path}"


@dataclass
class Tidied:
    path: str

    def __post_init__(self) -> None:
        self.path = self.path.strip("/")


@dataclass
class Endless:
    limit: float = math.inf


def binding(function: Callable[..., Any]) -> Binding:
    return Binding(Arguments.of(function, Docstring()))


def one(hint: Any, default: Any = NOTHING) -> Binding:
    """The binding of a function with one argument of this type."""

    def function(arg: Any) -> None: ...

    def with_default(arg: Any = default) -> None: ...

    made = function if default is NOTHING else with_default
    made.__annotations__["arg"] = hint
    return binding(made)


@pytest.mark.parametrize(
    ("hint", "written", "form"),
    [
        (str, "x", "x"),
        (int, 5, 5),
        (float, 5, 5.0),
        (float, 2**53 + 1, float(2**53)),
        (bool, True, True),
        (Any, {"a": [1, None]}, {"a": [1, None]}),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (dict[str, int | None], {"a": None}, {"a": None}),
        (UUID, ID.replace("-", "").upper(), ID),
        (dt.datetime, "2026-12-25 01:00:00+05:00", "2026-12-25T01:00:00+05:00"),
        (dt.datetime, "2026-12-25T01:00:00+00:00", "2026-12-25T01:00:00Z"),
        (dt.timedelta, "PT1M", "PT60S"),
        (Stage, "production", "prod"),
        (Level, 2.0, 2),
        (list[Level], [1, 2.0], [1, 2]),
        (int, 128.0, 128),
        (dict[str, int], {"a": 5.0}, {"a": 5}),
        (Options, {"where": None}, {"where": "prod", "tags": ["a"]}),
        (bytes, "cHJvZB==", "cHJvZA=="),
        (Decimal, 1.5, "1.5"),
        (Decimal, "1_0", "10"),
        (set[str], ["b", "a", "b"], ["a", "b"]),
        (frozenset[int], [3, 1], [1, 3]),
        (Point, [4], [4, 2.0]),
        (Lamp, {"id": ID.upper()}, {"id": ID}),
        (Struct, {}, {"whereTo": "prod", "limit": 5}),
        (Struct, {"limit": None, "note": None}, {"whereTo": "prod", "limit": None}),
        (Options, {"other": 1}, {"where": "prod", "tags": ["a"]}),
        (list[Options], [{"where": "dev"}], [{"where": "dev", "tags": ["a"]}]),
        (dict[UUID, Stage], {ID.upper(): "production"}, {ID: "prod"}),
        (Tidied, {"path": "/a/"}, {"path": "a"}),
        (Options | None, None, None),
    ],
)
def test_each_value_has_one_form_and_that_is_its_own(hint: Any, written: Any, form: Any) -> None:
    made = one(hint)
    found = made.bound({"arg": written})
    bound = {"arg": written} if found is None else found
    assert canonical_args(bound) == canonical_args({"arg": form})
    assert made.bound(bound) is None
    assert words(made.values(bound)["arg"]) == words(made.values({"arg": written})["arg"])


def words(value: Any) -> str:
    """A value with its types; how a set is written depends on the order in which it was filled."""
    return repr(sorted(value) if isinstance(value, set | frozenset) else value)


def test_defaults_are_told_at_every_depth_and_made_once() -> None:
    made = one(Plan, Plan(number=0))
    first = made.bound({"arg": {"steps": [{}]}})
    assert first is not None
    number = first["arg"]["number"]
    usual = {"where": "prod", "tags": ["a"]}
    assert first == {"arg": {"first": usual, "steps": [usual], "number": number}}
    assert made.values(first)["arg"].number == number
    assert made.bound(first) is None
    whole = made.bound({})
    assert whole == {"arg": {"first": usual, "steps": [], "number": 0}}
    assert made.values(whole) == {"arg": Plan(number=0)}


@pytest.mark.parametrize(
    ("hint", "default", "form"),
    [
        (float, 1, 1.0),
        (list[str], ("a",), ["a"]),
        (str, PurePosixPath("/srv"), "/srv"),
        (Stage, Stage.DEV, "dev"),
        (dt.datetime, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "2026-01-01T00:00:00Z"),
    ],
)
def test_a_default_has_the_form_that_it_has_when_it_is_written(
    hint: Any, default: Any, form: Any
) -> None:
    made = one(hint, default)
    whole = made.bound({})
    assert whole == {"arg": form}
    assert canonical_args(whole) == canonical_args(made.bound({"arg": form}) or {"arg": form})
    assert made.unreadable == frozenset()


def test_what_is_none_by_default_is_left_out_and_so_it_is_if_it_is_written() -> None:
    made = one(int | None, None)
    assert made.bound({}) is None
    assert made.bound({"arg": None}) == {}
    assert made.bound({"arg": 5}) is None
    other = one(int | None, 5)
    assert other.bound({"arg": None}) is None
    assert other.bound({}) == {"arg": 5}


def test_a_default_of_another_type_is_shown_and_given_as_it_is() -> None:
    made = one(int, "auto")
    assert made.unreadable == {"arg"}
    assert made.bound({}) == {"arg": "auto"}
    assert made.values({"arg": "auto"}) == {}
    assert made.bound({"arg": 5}) is None
    with pytest.raises(ArgumentError):
        made.bound({"arg": "other"})


def test_a_default_that_json_cannot_say_is_anything_to_rules() -> None:
    made = one(str, object())
    assert made.bound({}) is None
    assert made.meant({}, {}) == Meant({"arg": UNSAYABLE})
    assert made.meant({"arg": "x"}, {"arg": "x"}) is None


def test_a_number_that_is_none_of_json_is_shown_as_text() -> None:
    endless = one(float, math.inf)
    assert endless.bound({}) == {"arg": "inf"}
    assert endless.values({"arg": "inf"}) == {}
    assert endless.meant({}, {"arg": "inf"}) == Meant({"arg": Either(("inf", math.inf))})
    assert endless.bound({"arg": 5.0}) is None


@pytest.mark.parametrize(("hint", "written"), [(Rooted, {"path": "a"}), (Endless, {})])
def test_what_does_not_read_back_stays_as_it_is_written_and_is_anything(
    hint: Any, written: Any
) -> None:
    made = one(hint)
    args = {"arg": written}
    assert made.bound(args) is None
    meant = made.meant(args, args)
    assert meant is not None
    assert isinstance(meant.whole["arg"], Either)
    assert meant.whole["arg"][0] == written
    assert meant.whole["arg"][-1] is UNSAYABLE


def test_a_rule_matches_what_cannot_be_seen() -> None:
    def read(file: Rooted) -> None: ...

    found = python_tool(read, effects="read", inline=True)
    policy = Policy.parse(
        'rules: [{tool: read, args: {file.path: "/srv/secret"}, action: deny}]\n'
        'defaults: [{pattern: "*", action: allow}]'
    )
    request: dict[str, Any] = {"agent": "a", "tool": "read", "effects": found.effects, "now": 0.0}
    for path in ("secret", "other"):
        args = {"file": {"path": path}}
        decision = policy.decide(args=args, meaning=found.meaning, **request)
        assert decision.action == "deny"


def test_other_names_are_bound_by_their_type() -> None:
    def tag(**ids: UUID) -> None: ...

    made = binding(tag)
    assert made.bound({"a": ID.upper(), "b": ID}) == {"a": ID, "b": ID}
    assert made.meant({"a": ID.upper()}, {"a": ID}) == Meant(
        {"a": Either((ID, ID.upper()))}, {"a": ID}
    )


def test_the_forms_of_a_default_are_all_that_a_rule_may_mean() -> None:
    made = one(bytes, b"prod")
    assert made.bound({}) == {"arg": "cHJvZA=="}
    assert made.meant({}, {"arg": "cHJvZA=="}) == Meant({"arg": Either(("cHJvZA==", "prod"))})


def test_a_large_whole_number_stays_as_it_is_written() -> None:
    made = one(list[int])
    assert made.bound({"arg": [2**70]}) is None


def test_a_tool_runs_with_the_form_that_was_bound() -> None:
    got: list[Any] = []

    def plan(plan: Plan, at: dt.datetime, count: float = 1) -> None:
        got.append((plan, at, count))

    found = python_tool(plan, inline=True)
    bound = found.bound({"plan": {}, "at": "2026-01-01 00:00:00Z"})
    assert bound is not None
    found.call(dict(bound))  # type: ignore[union-attr]
    assert msgspec.to_builtins(got[0][0])["number"] == bound["plan"]["number"]
    assert (got[0][1].isoformat(), got[0][2]) == ("2026-01-01T00:00:00+00:00", 1.0)
    assert found.binds_to(bound)
    assert not found.binds_to({"plan": bound["plan"], "at": bound["at"]})
    assert not found.binds_to({**bound, "gone": 1})


def test_null_for_what_has_no_null_is_what_is_left_out() -> None:
    made = one(int, 5)
    assert made.bound({"arg": None}) == {"arg": 5}
    assert made.meant({"arg": None}, {"arg": 5}) == Meant({"arg": 5})
    none = one(int, None)
    assert none.bound({"arg": None}) == {}
