"""Values of rules beside the types of tools: what no tool gets so is found."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest

from agentgate_server import tool
from agentgate_server.policy import Policy
from agentgate_server.policy.linting import lint
from agentgate_server.tools.catalogue import Catalogue


class Stage(enum.Enum):
    PROD = "prod"
    DEV = "dev"

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        return cls.PROD if value == "production" else None


class Plain(enum.Enum):
    A = "a"
    B = "b"


@dataclass
class Where:
    stage: Stage
    plain: list[Plain | None]
    ident: UUID


@tool(name="typed")
def typed(
    ident: UUID,
    at: dt.datetime,
    stage: Stage,
    plain: Plain | None,
    word: Literal["x", "y"],
    force: bool,
    amount: Decimal,
    count: int,
    rate: float,
    code: bytes,
    where: Where,
    by_name: dict[str, Where],
    whatever: Any,
    **others: UUID,
) -> None: ...


@tool(name="loose")
def loose(stage: str, ident: str) -> None: ...


ID = "12345678-1234-1234-1234-1234567890ab"
BARE = ID.replace("-", "")


def said_of(condition: str, word: str = "deny", name: str = "typed") -> list[str]:
    policy = Policy.parse(f"rules:\n  - {{tool: {name}, args: {{{condition}}}, action: {word}}}\n")
    said = lint(policy, file="p.yaml", tools=tuple(Catalogue.of(typed, loose)), agents=["a"])
    return [f"{each.level} {each.message}" for each in said]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (f"ident: {BARE}", f'warning typed gets "{ID}" for "{BARE}" as ident: write that'),
        (f"ident: [{BARE}]", f'warning typed gets "{ID}" for "{BARE}" as ident: write that'),
        (f"ident: {{not_in: [{BARE}]}}", f'warning typed gets "{ID}" for "{BARE}" as ident:'),
        (f"where.ident: {BARE}", f'warning typed gets "{ID}" for "{BARE}" as where.ident:'),
        (f"else: {BARE}", f'warning typed gets "{ID}" for "{BARE}" as else: write that'),
        ("stage: production", 'warning typed gets "prod" for "production" as stage: write that'),
        ("by_name.x.stage: production", 'warning typed gets "prod" for "production" as by_name.x'),
        ('at: "2026-12-24T01:00:00.0z"', 'warning typed gets "2026-12-24T01:00:00Z" for "2026-12-'),
        ("ident: abc", 'error typed never gets "abc" as ident'),
        ("stage: prdo", 'error typed never gets "prdo" as stage; there are "prod", "dev"'),
        ("plain: c", 'error typed never gets "c" as plain; there are "a", "b", null'),
        ("where.plain: c", 'error typed never gets "c" as where.plain; there are "a", "b", null'),
        ("word: [x, z]", 'error typed never gets "z" as word; there are "x", "y"'),
        ('word: "z*"', 'error typed never gets "z*" as word; there are "x", "y"'),
        ("force: 'yes'", 'error typed never gets "yes" as force; there are true, false'),
        ("amount: lots", 'error typed never gets "lots" as amount'),
        ("count: lots", 'error typed never gets "lots" as count'),
        ("count: [5, 5.5]", "error typed never gets 5.5 as count"),
        ("count: true", "error typed never gets true as count"),
    ],
)
def test_a_value_that_no_tool_gets_is_found(condition: str, said: str) -> None:
    (found,) = said_of(condition)
    assert found.startswith(said)


@pytest.mark.parametrize(
    "condition",
    [
        f"ident: {ID}",
        f"ident: {ID.upper()}",
        'ident: "1234*"',
        'at: "2026-12-24*"',
        "at: '2026-12-24T01:00:00Z'",
        "stage: PROD",
        "stage: {not_in: [dev]}",
        "plain: null",
        "plain: 'A'",
        'word: "X*"',
        "force: true",
        "amount: 1000",
        "amount: 1000.0",
        "amount: {min: 5}",
        "count: 5",
        "count: 5.0",
        "count: '5.0'",
        "count: '5*'",
        "rate: 2.5",
        "rate: '2.50'",
        "code: anything",
        "whatever: anything",
        "whatever.where: anything",
        "where.stage: prod",
        "by_name.x.stage: dev",
    ],
)
def test_a_value_that_a_tool_may_get_is_left_alone(condition: str) -> None:
    assert said_of(condition) == []


@tool(name="narrow")
def narrow(where: Where, count: int = 1) -> None: ...


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("where.stage: dev", ""),
        ("stage: dev", ""),
        ("where.stag: dev", "narrow has no argument 'where.stag'; did you mean 'stage'?"),
        ("wher.stage: dev", "narrow has no argument 'wher.stage'; did you mean 'where'?"),
        ("cuont: 5", "narrow has no argument 'cuont'; did you mean 'count'?"),
    ],
)
def test_a_field_that_no_tool_has_is_found(condition: str, said: str) -> None:
    policy = Policy.parse(f"rules:\n  - {{tool: narrow, args: {{{condition}}}, action: deny}}\n")
    found = lint(policy, file="p.yaml", tools=tuple(Catalogue.of(narrow)), agents=["a"])
    assert [each.message for each in found] == ([said] if said else [])


def test_an_allow_rule_needs_the_very_form() -> None:
    (found,) = said_of(f"ident: {ID.upper()}", "allow")
    assert found.startswith(f'warning typed gets "{ID}" for "{ID.upper()}"')
    assert said_of(f"ident: {ID}, amount: [5, 2.5]", "allow") == []


def test_a_value_that_one_of_the_tools_may_get_is_no_error() -> None:
    assert said_of("stage: prdo", name="[typed, loose]") == []
    (found,) = said_of(f"ident: {BARE}", name="[typed, loose]")
    assert found.startswith("warning typed gets")
