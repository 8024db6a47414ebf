"""For any types and values: a deny rule on a value that the tool receives denies."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import glob
from dataclasses import field
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgate_server.policy import Policy, signature_of
from agentgate_server.tools.python import python_tool


class Stage(enum.Enum):
    PROD = "prod"
    DEV = "dev"

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        return cls.PROD if value == "production" else None


TEXTS = st.sampled_from(["prod", "dev", "a b", "5", "true", ""])
LEAVES: list[tuple[Any, st.SearchStrategy[Any], st.SearchStrategy[Any]]] = [
    (str, TEXTS, TEXTS),
    (int, st.integers(-9, 2**60), st.integers(-9, 2**60)),
    (float, st.sampled_from([1, 1.5, -0.0, 2**53 + 1, 1e300]), st.sampled_from([1.5, 2.0])),
    (bool, st.booleans(), st.booleans()),
    (Stage, st.sampled_from(["prod", "production", "dev"]), st.sampled_from(Stage)),
    (
        UUID,
        st.uuids().flatmap(lambda u: st.sampled_from([str(u), u.hex, str(u).upper()])),
        st.uuids(),
    ),
    (
        dt.datetime,
        st.sampled_from(
            ["2026-12-24T22:00:00-05:00", "2026-12-25T00:00:00z", "2026-01-01 01:00:00"]
        ),
        st.datetimes(timezones=st.just(dt.UTC)),
    ),
    (Decimal, st.sampled_from(["1.0", 1, 2.5, "1_0", "1E+2"]), st.just(Decimal("2.50"))),
    (bytes, st.sampled_from(["cHJvZA==", "cHJvZB==", ""]), st.binary(max_size=4)),
    (dt.timedelta, st.sampled_from(["PT1M", "PT60S", "P1D"]), st.just(dt.timedelta(hours=1))),
    (set[str], st.lists(TEXTS, max_size=3), st.frozensets(TEXTS, max_size=2).map(set)),
    (dict[int, str], st.dictionaries(st.sampled_from("123"), TEXTS, max_size=2), st.just({7: "x"})),
]
NAMES = ["alpha", "beta", "gamma", "delta"]


@st.composite
def types(draw: st.DrawFn, depth: int = 2) -> tuple[Any, st.SearchStrategy[Any], Any]:
    """A type, JSON that fits it, and a default for it."""
    kind = draw(st.sampled_from(["leaf", "leaf", "list", "dataclass", "struct", "array", "quiet"]))
    if depth == 0 or kind == "leaf":
        hint, written, default = draw(st.sampled_from(LEAVES))
        return hint, written, draw(default)
    if kind == "list":
        hint, written, _ = draw(types(depth - 1))
        return list[hint], st.lists(written, max_size=3), []
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    inner = {name: draw(types(depth - 1)) for name in names}
    defaults = {name: default for name, (_, _, default) in inner.items()}
    if kind == "dataclass":
        made: Any = dataclasses.make_dataclass(
            "Made",
            [
                (name, hint, field(default_factory=lambda name=name: defaults[name]))
                for name, (hint, _, _) in inner.items()
            ],
        )
    else:
        made = msgspec.defstruct(
            "Made",
            [
                (name, hint, msgspec.field(default_factory=lambda name=name: defaults[name]))
                for name, (hint, _, _) in inner.items()
            ],
            array_like=kind == "array",
            omit_defaults=kind == "quiet",
        )
    if kind == "array":
        whole = st.tuples(*(written for _, written, _ in inner.values())).map(list)
        cut = st.tuples(whole, st.integers(0, len(names))).map(lambda pair: pair[0][: pair[1]])
        return made, cut, made()
    optional = {name: written for name, (_, written, _) in inner.items()}
    return made, st.fixed_dictionaries({}, optional=optional), made()


def leaves_in(value: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    """The single values that the function was called with, by their names in Python."""
    if isinstance(value, list | set):
        return [leaf for item in value for leaf in leaves_in(item, path)]
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves_in(item, (*path, str(key)))]
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
    elif dataclasses.is_dataclass(value):
        names = tuple(each.name for each in dataclasses.fields(value))
    else:
        return [(path, msgspec.to_builtins(value))]
    return [leaf for name in names for leaf in leaves_in(getattr(value, name), (*path, name))]


@settings(max_examples=400, deadline=None)
@given(st.data(), types())
def test_a_deny_rule_on_any_value_that_the_tool_receives_denies(
    data: st.DataObject, drawn: tuple[Any, st.SearchStrategy[Any], Any]
) -> None:
    hint, written, default = drawn
    received: list[Any] = []

    def run(arg: Any = default) -> None:
        received.append(arg)

    run.__annotations__["arg"] = hint
    found = python_tool(run, name="deploy", inline=True)
    args = data.draw(st.fixed_dictionaries({}, optional={"arg": written}))
    found.check(args)
    found.call(args)
    leaves = leaves_in(received[0], ("arg",))
    if not leaves:
        return
    path, value = data.draw(st.sampled_from(leaves))
    test: Any = {"in": [value]}
    if isinstance(value, str) and value and data.draw(st.booleans()):
        test = glob.escape(value)
    rule: dict[str, Any] = {"tool": "deploy", "args": {".".join(path): test}, "action": "deny"}
    is_single = path == ("arg",) and not isinstance(received[0], list | set)
    if is_single and data.draw(st.booleans()):
        signature = signature_of("deploy", {"arg": msgspec.to_builtins(received[0])})
        rule = {"pattern": glob.escape(signature), "action": "deny"}
    allow = {"pattern": "*", "action": "allow"}
    policy = Policy.parse(msgspec.json.encode({"rules": [rule], "defaults": [allow]}).decode())
    decision = policy.decide(
        agent="a", tool="deploy", effects=found.effects, args=args, now=0.0, meaning=found.meant
    )
    assert decision.action == "deny"
