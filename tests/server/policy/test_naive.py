"""The engine against an evaluator that does it plainly: one look at each rule, in file order.

Names and values are spelled plainly here, so that nothing but the rules themselves counts; what
other spellings come to is for ``test_escapes``.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy

WORDS = ["dev", "prod", "dmz", "all-of-it", "d"]
PATTERNS = ["dev", "d*", "*", "pro?", "[!d]*", "x*", "*o*"]
NAMES = ["where", "amount", "note"]
TOOLS = ["restart", "pay", "read_it"]
AGENTS = ["house", "garden", "night-watch"]
HOUR_S = 3_600.0

values = st.sampled_from(WORDS) | st.integers(0, 9)
members = st.lists(values, min_size=1, max_size=3)
bounds = st.fixed_dictionaries({}, optional={"min": st.integers(0, 9), "max": st.integers(0, 9)})
tests = (
    st.sampled_from(PATTERNS)
    | members
    | bounds.filter(lambda found: found and found.get("min", 0) <= found.get("max", 9))
    | st.fixed_dictionaries({"not_in": members})
    | st.fixed_dictionaries({"in": members, "not_in": members})
    | st.fixed_dictionaries({"pattern": st.sampled_from(PATTERNS), "not_in": members})
)
globs = st.sampled_from(["*", "r*", "pay", "read_it", "re*t", "[pr]*"])
agent_globs = st.sampled_from(["house", "*", "*-*", "g?rden"])


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """One rule, as the file has it."""
    rule: dict[str, Any] = {"action": draw(st.sampled_from(["allow", "deny", "ask"]))}
    if draw(st.booleans()):
        rule["args"] = draw(st.dictionaries(st.sampled_from(NAMES), tests, min_size=1, max_size=2))
        if rule["action"] == "allow" and draw(st.booleans()):
            rule["other_args"] = True
    if "args" not in rule or draw(st.booleans()):
        rule["tool"] = draw(globs | st.lists(globs, min_size=1, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        rule["agents"] = draw(agent_globs)
    if draw(st.integers(0, 3)) == 0:
        rule["effects"] = draw(st.sampled_from(["read", "write"]))
    if draw(st.integers(0, 3)) == 0:
        start, end = draw(st.permutations(range(24)))[:2]
        rule["hours"] = {"between": f"{start:02}:00-{end:02}:00", "tz": "UTC"}
    if rule["action"] == "allow" and draw(st.integers(0, 2)) == 0:
        rule["rate"] = f"{draw(st.integers(1, 3))}/min"
    if rule["action"] == "ask" and draw(st.integers(0, 2)) == 0:
        rule["approval"] = {"approvers": draw(st.integers(1, 3)), "code": draw(st.booleans())}
    return rule


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """One request, and how long after the one before it comes."""
    return {
        "agent": draw(st.sampled_from(AGENTS)),
        "tool": draw(st.sampled_from(TOOLS)),
        "args": draw(st.dictionaries(st.sampled_from([*NAMES, "more"]), values, max_size=3)),
        "after_s": draw(st.sampled_from([0.0, 7.0, 49.0, 5.5 * HOUR_S])),
    }


class Plain:
    """The evaluator."""

    def __init__(self, file: dict[str, list[dict[str, Any]]]) -> None:
        self.rules = file["rules"]
        found = list(enumerate(self.rules))
        self.order = [each for each in found if each[1]["action"] == "deny"]
        asks = [each for each in found if each[1]["action"] == "ask"]
        self.order += sorted(asks, key=demands, reverse=True)
        self.order += [each for each in found if each[1]["action"] == "allow"]
        self.order += list(enumerate(file["defaults"], start=len(found)))
        self.allowed: list[tuple[int, str, float]] = []

    def decide(self, request: dict[str, Any], now: float) -> tuple[str, int | None]:
        """The action, and the number of the rule in the file."""
        for number, rule in self.order:
            if not applies(rule, request, now):
                continue
            if "rate" in rule:
                times = [
                    at
                    for which, agent, at in self.allowed
                    if (which, agent) == (number, request["agent"]) and at > now - 60
                ]
                if len(times) >= int(rule["rate"].partition("/")[0]):
                    continue
                self.allowed.append((number, request["agent"], now))
            return rule["action"], number
        return "ask", None

    def demanded(self, request: dict[str, Any], now: float) -> tuple[int, bool]:
        """What all ask rules that match demand together; defaults add nothing."""
        asks = [rule for _, rule in self.order if rule["action"] == "ask" and rule in self.rules]
        found = [demands((0, rule)) for rule in asks if applies(rule, request, now)]
        return max(people for people, _ in found), any(code for _, code in found)


def demands(numbered: tuple[int, dict[str, Any]]) -> tuple[int, bool]:
    approval = numbered[1].get("approval", {})
    return approval.get("approvers", 1), approval.get("code", False)


def applies(rule: dict[str, Any], request: dict[str, Any], now: float) -> bool:
    """Whether all keys of a rule match."""
    tools = rule.get("tool", "*")
    if not any(fnmatchcase(request["tool"], glob) for glob in listed(tools)):
        return False
    if not fnmatchcase(request["agent"], rule.get("agents", "*")):
        return False
    if rule.get("effects", request["effects"]) != request["effects"]:
        return False
    if "hours" in rule:
        start, end = (int(part[:2]) for part in rule["hours"]["between"].split("-"))
        hour = int(now // HOUR_S) % 24
        if not (start <= hour < end if start < end else hour >= start or hour < end):
            return False
    strict = rule["action"] == "allow"
    args, conditions = request["args"], rule.get("args")
    if conditions is None:
        return True
    if strict and not rule.get("other_args") and args.keys() - conditions.keys():
        return False
    return all(holds(test, args.get(name), strict) for name, test in conditions.items())


def holds(test: Any, value: Any, strict: bool) -> bool:
    """Whether one condition is met. A value of the wrong kind meets what is wide, by range."""
    if isinstance(test, str):
        test = {"pattern": test}
    elif isinstance(test, list):
        test = {"in": test}
    if value is None:
        return not strict and set(test) <= {"not_in", "pattern"} and "not_in" in test
    if "pattern" in test and not fnmatchcase(str(value), test["pattern"]):
        return False
    if "in" in test and value not in test["in"]:
        return False
    if value in test.get("not_in", []):
        return False
    if "min" in test or "max" in test:
        if isinstance(value, str):
            return not strict
        return test.get("min", value) <= value <= test.get("max", value)
    return True


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def text_of(file: dict[str, list[dict[str, Any]]]) -> str:
    """The file, one rule a line; the first rule is in line 2."""
    lines = ["rules:", *(f"  - {json.dumps(rule)}" for rule in file["rules"]), "defaults:"]
    return "\n".join([*lines, *(f"  - {json.dumps(rule)}" for rule in file["defaults"])]) + "\n"


files = st.fixed_dictionaries(
    {
        "rules": st.lists(rules(), min_size=1, max_size=8),
        "defaults": st.lists(rules(), min_size=1, max_size=3),
    }
)


@given(files, st.lists(requests(), min_size=1, max_size=12))
@settings(deadline=None, max_examples=150)
@example(
    {"rules": [{"action": "allow", "tool": "*", "rate": "1/min"}], "defaults": []},
    [{"agent": "house", "tool": "pay", "args": {}, "after_s": 7.0}] * 12,
)
def test_the_engine_decides_as_one_would_by_hand(
    file: dict[str, list[dict[str, Any]]], asked: list[dict[str, Any]]
) -> None:
    policy, plain = Policy.parse(text_of(file)), Plain(file)
    now = 1_000_000 * 86_400.0 / 1_000
    for request in asked:
        now += request["after_s"]
        effects = Effects.READ if request["tool"] == "read_it" else Effects.WRITE
        asks = {**request, "effects": effects.value}
        wanted, number = plain.decide(asks, now)
        told = {key: request[key] for key in ("agent", "tool", "args")}
        explained = policy.explain(**told, effects=effects, now=now)
        decision = policy.decide(**told, effects=effects, now=now)
        assert decision.action.value == wanted
        assert explained.decision == decision
        if number is not None:
            line = number + (2 if number < len(file["rules"]) else 3)
            assert decision.rule.partition(",")[0] == f"permissions.yaml:{line}"
            if wanted == "ask" and number < len(file["rules"]):
                demanded = decision.approvers, decision.code
                assert demanded == plain.demanded(asks, now)
