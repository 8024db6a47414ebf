"""What a tool gets, written as JSON again: every type, the shapes of a record, what is too much."""

from __future__ import annotations

import datetime as dt
import enum
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest

from agentgate_server.policy.leaves import DEPTH_MAX
from agentgate_server.policy.meanings import Either, forms_of
from agentgate_server.tools.forms import NODES_MAX, UNSAYABLE, either, given, is_exact

ID = "12345678-1234-1234-1234-1234567890ab"


class Stage(enum.Enum):
    PROD = "prod"
    DEV = "dev"

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        return cls.PROD if str(value).lower() in ("production", "live") else None


class Plain(enum.Enum):
    A = "a"


class Level(enum.IntFlag):
    LOW = 1
    HIGH = 2


@dataclass
class Options:
    where: str = "prod"
    replicas: int | None = None
    zones: list[str] = field(default_factory=lambda: ["a"])


@dataclass
class Tidied:
    where: str

    def __post_init__(self) -> None:
        self.where = self.where.strip(".")


@dataclass
class Outer:
    inner: Options = field(default_factory=Options)
    more: list[Options] = field(default_factory=list)


class Quiet(msgspec.Struct, omit_defaults=True, rename="camel"):
    where_to: str = "prod"
    note: str | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True):
    where: str = "prod"
    count: int = 3


class TaggedRow(msgspec.Struct, array_like=True, tag="row"):
    where: str = "prod"


class Tagged(msgspec.Struct, tag="go", tag_field="kind"):
    where: str = "prod"


class Point(NamedTuple):
    where: str = "prod"
    count: int = 3


class Loose(TypedDict, total=False):
    where: str


@dataclass
class Node:
    child: Node | None = None


def convert(written: Any, hint: Any) -> Any:
    return msgspec.convert(written, hint, str_keys=True)


@pytest.mark.parametrize(
    "hint",
    [
        str,
        int,
        float,
        bool,
        None,
        Any,
        object,
        list,
        dict,
        Plain,
        str | None,
        Literal["a", 1],
        list[str],
        tuple[int, str],
        tuple[float, ...],
        dict[str, list[int]],
        Annotated[int, msgspec.Meta(ge=1)],
        Annotated[str, msgspec.Meta(description="x")],
        list[Annotated[int, msgspec.Meta(title="x")] | None],
    ],
)
def test_types_whose_values_are_what_is_written_are_known(hint: Any) -> None:
    assert is_exact(hint)


@pytest.mark.parametrize(
    "hint",
    [
        Stage,
        Level,
        Options,
        Quiet,
        Row,
        Point,
        Loose,
        UUID,
        dt.datetime,
        dt.date,
        dt.time,
        dt.timedelta,
        Decimal,
        bytes,
        bytearray,
        set[str],
        frozenset[int],
        dict[int, str],
        dict[UUID, str],
        list[Options],
        UUID | None,
        dict[str, UUID],
        tuple[int, Stage],
        Iterator,
    ],
)
def test_all_others_are_looked_at(hint: Any) -> None:
    assert not is_exact(hint)


@pytest.mark.parametrize(
    ("hint", "written", "forms"),
    [
        (UUID, ID, [ID]),
        (UUID, ID.replace("-", ""), [ID, ID.replace("-", "")]),
        (UUID, ID.upper(), [ID, ID.upper()]),
        (Stage, "prod", ["prod"]),
        (Stage, "Live", ["prod", "Live"]),
        (Level, 3, [3]),
        (Decimal, 1.5, ["1.5", 1.5]),
        (Decimal, "1_0", ["10", "1_0"]),
        (dt.date, "2026-12-24", ["2026-12-24"]),
        (dt.timedelta, "PT1M", ["PT60S", "PT1M"]),
        (dt.datetime, "2026-12-24T01:00:00", ["2026-12-24T01:00:00"]),
        (bytes, "cHJvZA==", ["cHJvZA==", "prod"]),
        (bytes, "cHJvZB==", ["cHJvZA==", "prod", "cHJvZB=="]),
        (bytes, "/w==", ["/w==", "\\xff"]),
        (set[str], ["b", "a"], [["a", "b"], ["b", "a"]]),
        (set[str], ["b", "a", "b"], [["a", "b"], ["b", "a", "b"]]),
        (frozenset[Plain], ["a", "a"], [["a"], ["a", "a"]]),
        (dict[UUID, int], {ID.upper(): 1}, [{ID: 1}, {ID.upper(): 1}]),
        (dict[int, Stage], {"5": "live"}, [{"5": "prod"}, {"5": "live"}]),
        (list[Stage], ["dev", "live"], [["dev", "prod"], ["dev", "live"]]),
        (Options, {}, [{"where": "prod", "zones": ["a"]}, {}]),
        (
            Options,
            {"where": "dev", "replicas": None, "other": 1},
            [
                {"where": "dev", "zones": ["a"]},
                {"where": "dev", "replicas": None, "other": 1},
            ],
        ),
        (Tidied, {"where": ".prod."}, [{"where": "prod"}, {"where": ".prod."}]),
        (
            Outer,
            {"more": [{}]},
            [
                {
                    "inner": {"where": "prod", "zones": ["a"]},
                    "more": [{"where": "prod", "zones": ["a"]}],
                },
                {"more": [{}]},
            ],
        ),
        (Quiet, {}, [{"whereTo": "prod"}, {}]),
        (Quiet, {"whereTo": "prod"}, [{"whereTo": "prod"}]),
        (Row, [], [["prod", 3], {"where": "prod", "count": 3}, []]),
        (Row, ["dev", 3], [["dev", 3], {"where": "dev", "count": 3}]),
        (TaggedRow, ["row"], [["row", "prod"], {"type": "row", "where": "prod"}, ["row"]]),
        (Tagged, {}, [{"kind": "go", "where": "prod"}, {}]),
        (Point, ["dev"], [["dev", 3], {"where": "dev", "count": 3}, ["dev"]]),
        (Loose, {"where": "dev", "x": 1}, [{"where": "dev"}, {"where": "dev", "x": 1}]),
        (float, 2**53 + 1, [2.0**53, 2**53 + 1]),
        (list[float], [5], [[5]]),
    ],
)
def test_each_type_is_said_in_all_its_forms(hint: Any, written: Any, forms: list[Any]) -> None:
    assert [*forms_of(either(convert(written, hint), written))] == forms


@pytest.fixture
def in_kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is 5:30 hours before UTC, all the year."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_kolkata")
def test_a_moment_is_said_in_its_own_zone_in_utc_and_in_this_machines() -> None:
    at = convert("2026-12-24T22:30:00-01:00", dt.datetime)
    assert [*forms_of(either(at, "2026-12-24 22:30:00-01:00"))] == [
        "2026-12-24T22:30:00-01:00",
        "2026-12-24T23:30:00Z",
        "2026-12-25T05:00:00+05:30",
        "2026-12-24 22:30:00-01:00",
    ]


@pytest.mark.parametrize(
    ("hint", "written", "forms"),
    [
        (dt.time, "01:00:00+05:00", ["01:00:00+05:00", "20:00:00Z"]),
        (dt.time, "01:00:00", ["01:00:00"]),
        (dt.datetime, "0001-01-01T01:00:00+05:00", ["0001-01-01T01:00:00+05:00"]),
    ],
)
def test_times_that_cannot_be_moved_stay(hint: Any, written: str, forms: list[str]) -> None:
    assert [*forms_of(either(convert(written, hint), written))] == forms


@pytest.mark.parametrize(
    ("hint", "written", "meant"),
    [
        (Options, {}, {}),
        (Options, {"where": "dev"}, {"where": "dev"}),
        (Outer, {"more": [{}, {"where": "x"}]}, {"more": [{}, {"where": "x"}]}),
        (Row, ["dev"], ["dev"]),
        (Tagged, {}, {}),
        (Loose, {"x": 1}, {}),
        (dict[UUID, Options], {ID.upper(): {}}, {ID: {}}),
        (Stage, "live", "prod"),
        (dt.datetime, "2026-12-24T01:00:00+05:00", "2026-12-24T01:00:00+05:00"),
        (Tidied, {"where": ".prod"}, {"where": "prod"}),
        (Decimal, "5", "5"),
    ],
)
def test_what_is_given_has_no_defaults(hint: Any, written: Any, meant: Any) -> None:
    assert given(convert(written, hint), written) == meant


def test_a_default_is_said_without_what_was_written() -> None:
    assert either(Options()) == {"where": "prod", "zones": ["a"]}
    assert either(Row()) == Either((["prod", 3], {"where": "prod", "count": 3}))
    assert either(Stage.PROD) == "prod"


def test_what_json_cannot_say_is_no_json() -> None:
    class Odd:
        pass

    assert either(Odd()) is UNSAYABLE
    assert either({"a": Odd()}) == {"a": UNSAYABLE}
    assert either({Stage.PROD: 1, Odd: 2}) == {"prod": 1, str(Odd): 2}
    assert set(either(frozenset({Odd, 5}))) == {UNSAYABLE, 5}


def test_what_is_too_deep_or_too_much_is_no_json() -> None:
    node = None
    for _ in range(DEPTH_MAX + 2):
        node = Node(node)
    said = either(node)
    for _ in range(DEPTH_MAX):
        said = said["child"]
    assert said == {"child": UNSAYABLE}
    assert either([Stage.DEV] * NODES_MAX) is UNSAYABLE
    assert either([Options(zones=["a"] * NODES_MAX), Options()])[1] is UNSAYABLE
    many = [Options() for _ in range(NODES_MAX // 3)]
    assert either(many)[0] == {"where": "prod", "zones": ["a"]}
    assert either(many)[-1] is UNSAYABLE


def test_what_contains_itself_ends() -> None:
    loop: dict[str, Any] = {}
    loop |= {"a": loop, "b": loop, "c": loop}
    assert either(loop)["a"]["a"]["b"] is UNSAYABLE
