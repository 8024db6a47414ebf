"""What the tool gets decides: no way to write a value, and none to leave it out, escapes a rule."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from agentgate_server import tool
from agentgate_server.errors import ArgumentError
from agentgate_server.policy import Policy
from agentgate_server.policy.meanings import Meant
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.tool import Tool

ID = "12345678-1234-1234-1234-1234567890ab"


class Stage(enum.Enum):
    PROD = "prod"
    DEV = "dev"

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        return cls.PROD if value == "production" else None


@dataclass
class Options:
    where: str = "prod"
    replicas: int = 1


class Row(msgspec.Struct, array_like=True):
    where: str = "dev"
    replicas: int = 3


class Point(NamedTuple):
    where: str = "prod"


class Quiet(msgspec.Struct, omit_defaults=True):
    where: str = "prod"


@dataclass
class Plan:
    first: Options = field(default_factory=Options)
    steps: list[Options] = field(default_factory=list)


@tool(name="deploy")
def deploy(opts: Options) -> None: ...


@tool(name="deploy")
def deploy_or_not(opts: Options | None = None, force: bool = False) -> None: ...


USUAL, NO_POINT, QUIET = Options(where="prod", replicas=9), Point(), Quiet()


@tool(name="deploy")
def deploy_as_usual(opts: Options = USUAL) -> None: ...


@tool(name="deploy")
def deploy_row(opts: Row) -> None: ...


@tool(name="deploy")
def deploy_point(opts: Point = NO_POINT) -> None: ...


@tool(name="deploy")
def deploy_quietly(opts: Quiet = QUIET) -> None: ...


@tool(name="deploy")
def deploy_plan(plan: Plan) -> None: ...


@tool(name="deploy")
def deploy_stage(stage: Stage = Stage.PROD) -> None: ...


@tool(name="deploy")
def deploy_by_id(ident: UUID) -> None: ...


@tool(name="deploy")
def deploy_ids(**ids: UUID) -> None: ...


@tool(name="deploy")
def deploy_at(at: dt.datetime, ident: UUID) -> None: ...


@tool(name="deploy")
def deploy_bytes(code: bytes) -> None: ...


@tool(name="deploy")
def deploy_set(zones: set[str]) -> None: ...


@tool(name="deploy")
def deploy_amount(amount: Decimal, rate: float = 1.0) -> None: ...


def decided(made: Tool, rule: str, args: dict[str, Any], default: str = "allow") -> str:
    """Decide by one rule and a default, and see that explaining agrees."""
    policy = Policy.parse(
        f'rules:\n  - {{{rule}}}\ndefaults:\n  - {{pattern: "*", action: {default}}}\n'
    )
    made.check(args)
    request: dict[str, Any] = {"agent": "a", "tool": made.name, "effects": made.effects}
    request |= {"args": args, "now": 0.0, "meaning": made.meant}
    decision = policy.decide(**request)
    assert policy.explain(**request).decision == decision
    return decision.action.value


def made(function: Callable[..., Any]) -> Tool:
    (found,) = Catalogue.of(function)
    return found


@pytest.mark.parametrize(
    ("function", "condition", "denied"),
    [
        (deploy, "opts.where: prod", [{"opts": {}}, {"opts": {"where": "prod"}}]),
        (deploy, "opts.replicas: {max: 1}", [{"opts": {}}, {"opts": {"where": "dev"}}]),
        (deploy, "opts.where: {not_in: [dev]}", [{"opts": {}}]),
        (deploy_as_usual, "opts.replicas: {min: 5}", [{}, {"opts": {"replicas": 6}}]),
        (deploy_as_usual, "opts.where: prod", [{}, {"opts": {}}]),
        (deploy_or_not, "opts: null", [{}, {"opts": None}]),
        (deploy_or_not, "force: false", [{}, {"opts": {}}, {"opts": None, "force": False}]),
        (deploy_row, "opts.where: prod", [{"opts": ["prod"]}, {"opts": ["prod", 3]}]),
        (deploy_row, "opts.replicas: 3", [{"opts": []}, {"opts": ["prod"]}]),
        (deploy_point, "opts.where: prod", [{}, {"opts": []}, {"opts": ["prod"]}]),
        (deploy_quietly, "opts.where: prod", [{}, {"opts": {}}]),
        (deploy_plan, "plan.first.where: prod", [{"plan": {}}, {"plan": {"first": {}}}]),
        (
            deploy_plan,
            "plan.steps.where: prod",
            [{"plan": {"first": {"where": "dev"}, "steps": [{"where": "dev"}, {}]}}],
        ),
        (deploy_stage, "stage: prod", [{}, {"stage": "prod"}, {"stage": "production"}]),
        (deploy_stage, "stage: {not_in: [dev, production]}", [{"stage": "production"}]),
        (
            deploy_by_id,
            f"ident: {ID}",
            [{"ident": ID}, {"ident": ID.upper()}, {"ident": ID.replace("-", "")}],
        ),
        (deploy_ids, f"x: {ID}", [{"x": ID.replace("-", "")}, {"y": ID.upper(), "x": ID}]),
        (
            deploy_at,
            'at: "2026-12-24*"',
            [
                {"at": "2026-12-25T01:00:00+05:00", "ident": ID},
                {"at": "2026-12-24T23:00:00-03:00", "ident": ID},
                {"at": "2026-12-24 01:00:00", "ident": ID},
            ],
        ),
        (
            deploy_at,
            f'at: "2026-12-25T01*+05:00", ident: {ID}',
            [{"at": "2026-12-25T01:00:00+05:00", "ident": ID.replace("-", "")}],
        ),
        (deploy_bytes, 'code: "*rm -rf*"', [{"code": "cm0gLXJmIC8="}]),
        (deploy_bytes, "code: cm0=", [{"code": "cm0="}, {"code": "cm1="[:2] + "1="}]),
        (deploy_set, 'zones: "eu"', [{"zones": ["us", "eu", "eu"]}]),
        (deploy_amount, "amount: 1000", [{"amount": "1_000"}, {"amount": "1e3"}]),
        (
            deploy_amount,
            "rate: 9007199254740992",
            [{"amount": 1, "rate": 2**53 + 1}, {"amount": 1, "rate": float(2**53)}],
        ),
    ],
)
@pytest.mark.parametrize("action", ["deny", "ask"])
def test_a_rule_on_what_the_tool_gets_holds(
    function: Callable[..., Any], condition: str, denied: list[dict[str, Any]], action: str
) -> None:
    rule = f"tool: deploy, args: {{{condition}}}, action: {action}"
    for args in denied:
        assert decided(made(function), rule, args) == action, args


@pytest.mark.parametrize(
    ("function", "pattern", "args"),
    [
        (deploy, 'deploy(*"where":"prod"*)', {"opts": {}}),
        (deploy, 'deploy({"replicas":1,"where":"dev"})', {"opts": {"where": "dev", "x": 1}}),
        (deploy_row, 'deploy(*"where":"prod"*)', {"opts": ["prod"]}),
        (deploy_row, 'deploy([[]"prod",3])', {"opts": ["prod"]}),
        (deploy_stage, "deploy(prod)", {"stage": "production"}),
        (deploy_stage, "deploy(prod)", {}),
        (deploy_by_id, f"deploy({ID})", {"ident": ID.replace("-", "")}),
        (deploy_set, 'deploy([[]"a","b"])', {"zones": ["b", "a", "a"]}),
        (deploy_bytes, "deploy(prod)", {"code": "cHJvZA=="}),
    ],
)
def test_a_pattern_on_what_the_tool_gets_holds(
    function: Callable[..., Any], pattern: str, args: dict[str, Any]
) -> None:
    assert decided(made(function), f"pattern: '{pattern}', action: deny", args) == "deny"


@pytest.mark.parametrize(
    ("function", "condition", "args"),
    [
        (deploy, "opts.where: prod", {"opts": {"where": "dev"}}),
        (deploy_stage, "stage: prod", {"stage": "dev"}),
        (deploy_by_id, f"ident: {ID}", {"ident": ID.replace("a", "c")}),
        (deploy_at, 'at: "2026-12-24*"', {"at": "2026-12-26T01:00:00+05:00", "ident": ID}),
        (deploy_set, "zones: {not_in: [a, b]}", {"zones": ["b", "a"]}),
        (deploy_or_not, "opts.replicas: {min: 5}", {}),
        (deploy_plan, "plan.steps.where: prod", {"plan": {"first": {}}}),
    ],
)
def test_a_deny_rule_leaves_other_values_alone(
    function: Callable[..., Any], condition: str, args: dict[str, Any]
) -> None:
    rule = f"tool: deploy, args: {{{condition}}}, action: deny"
    expected = "deny" if "not_in" in condition else "allow"  # a list is no single value
    assert decided(made(function), rule, args) == expected


@pytest.mark.parametrize(
    ("function", "condition", "args", "action"),
    [
        (deploy, "opts.where: dev", {"opts": {"where": "dev"}}, "allow"),
        (deploy, "opts.where: prod", {"opts": {}}, "ask"),
        (deploy_stage, "stage: [prod, dev]", {"stage": "prod"}, "allow"),
        (deploy_stage, "stage: [production, dev]", {"stage": "production"}, "ask"),
        (deploy_stage, "stage: prod", {"stage": "production"}, "ask"),
        (deploy_by_id, f"ident: {ID}", {"ident": ID}, "allow"),
        (deploy_by_id, f"ident: {ID}", {"ident": ID.replace("-", "")}, "ask"),
        (deploy_by_id, f"ident: {ID.replace('-', '')}", {"ident": ID.replace("-", "")}, "ask"),
        (deploy_by_id, 'ident: "*"', {"ident": ID.replace("-", "")}, "allow"),
        (
            deploy_at,
            f'at: "2026-12-25*", ident: {ID}',
            {"at": "2026-12-25T01:00:00+05:00", "ident": ID},
            "allow",
        ),
        (deploy_row, 'opts: "*"', {"opts": ["dev"]}, "allow"),
        (deploy_amount, "amount: {max: 5}", {"amount": 5}, "allow"),
        (deploy_amount, "amount: {max: 5}", {"amount": 1.5}, "allow"),
        (deploy_set, 'zones: "*"', {"zones": ["b", "a"]}, "allow"),
    ],
)
def test_an_allow_rule_has_to_cover_what_is_written_and_what_the_tool_gets(
    function: Callable[..., Any], condition: str, args: dict[str, Any], action: str
) -> None:
    rule = f"tool: deploy, args: {{{condition}}}, action: allow"
    assert decided(made(function), rule, args, default="ask") == action


def test_explaining_says_what_the_tool_gets() -> None:
    policy = Policy.parse("rules:\n  - {tool: deploy, args: {stage: production}, action: allow}\n")
    found = policy.explain(
        agent="a",
        tool="deploy",
        effects=made(deploy_stage).effects,
        args={"stage": "production"},
        now=0.0,
        meaning=made(deploy_stage).meant,
    )
    assert found.gets == "deploy(prod)"
    assert found.reasons[0].text == "of what it gets: stage is not what it asks for"


def test_tools_whose_types_say_what_is_written_have_no_second_reading() -> None:
    @tool
    def plain(a: str, b: int | None, c: list[float], d: dict[str, Any], e: bool = True) -> None: ...

    args = {"a": "x", "b": None, "c": [1], "d": {"x": {}}, "e": False}
    assert made(plain).meant(args) is None
    del args["e"]
    assert made(plain).meant(args) == Meant({**args, "e": True})


def test_what_is_written_as_the_tool_gets_it_has_no_second_reading() -> None:
    assert made(deploy_by_id).meant({"ident": ID}) is None
    assert made(deploy).meant({"opts": {"where": "dev", "replicas": 2}}) is None


def test_arguments_that_do_not_fit_mean_what_is_written_to_whoever_only_looks() -> None:
    catalogue = Catalogue.of(deploy_by_id)
    with pytest.raises(ArgumentError):
        catalogue.meaning_of("deploy")({"ident": "no"})
    assert catalogue.lenient_meaning_of("deploy")({"ident": "no"}) is None
