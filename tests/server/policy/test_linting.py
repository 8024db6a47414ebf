"""Linting: what is most likely not meant is found, and what is said of it holds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.policy.helpers import decide, json_args

from agentgate_server import tool
from agentgate_server.policy import Policy
from agentgate_server.policy.globs import Glob
from agentgate_server.policy.linting import Finding, Level, lint, may_ask
from agentgate_server.policy.shadows import STATES_MAX, takes_all_of
from agentgate_server.tools.catalogue import Catalogue


@tool(effects="read")
def get_state(entity_id: str) -> str:
    return entity_id


@tool
def set_light(room: str, brightness: int = 100) -> str:
    return room


@tool
def restart() -> str:
    return "restarted"


@tool
def deploy(spec: dict[str, Any]) -> str:
    return "deployed"


NOTHING = object()
TOOLS = tuple(Catalogue.of(get_state, set_light, restart, deploy))


def findings(*rules: str, defaults: str = "") -> list[Finding]:
    text = "rules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules)
    policy = Policy.parse(text + (f"defaults:\n  - {{{defaults}}}\n" if defaults else ""))
    return lint(policy, file="p.yaml", tools=TOOLS, agents=["garden", "house"])


def test_a_gateway_without_tools_is_told_so_once_and_no_rule_is_blamed() -> None:
    rules = (
        'rules:\n  - {pattern: "ha_*", action: deny}\n  - {pattern: "set_light(*)", action: ask}'
    )
    policy = Policy.parse(rules)
    (finding,) = lint(policy, file="p.yaml", tools=(), agents=["garden"])
    assert (finding.place, finding.level) == ("p.yaml:2", Level.WARNING)
    assert finding.message.startswith("this gateway has no tools yet")
    assert lint(policy, file="p.yaml", tools=(), agents=["garden"], errors_only=True) == []
    assert len(lint(policy, file="p.yaml", tools=TOOLS[:1], agents=["garden"])) == 2


def found(*rules: str, defaults: str = "") -> list[str]:
    return [
        f"{each.place} {each.level} {each.message}" for each in findings(*rules, defaults=defaults)
    ]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            "tool: set_lihgt, action: deny",
            'p.yaml:2 error "set_lihgt" is about no known tool; did you mean set_light?',
        ),
        (
            "tool: get_state, effects: write, action: deny",
            "p.yaml:2 error is about tools that write, and none of these does: it never matches",
        ),
        (
            'tool: set_light, args: {room: {in: [hall, bath], pattern: "k*"}}, action: deny',
            "p.yaml:2 error args.room can never hold: no value of its list passes its tests",
        ),
        (
            "tool: set_light, agents: gardn, action: deny",
            "p.yaml:2 warning there is no agent \"gardn\"; did you mean 'garden'?",
        ),
        (
            "tool: set_light, action: allow",
            (
                "p.yaml:2 warning allows set_light, which can change things, with any arguments: "
                "say in args which, or ask"
            ),
        ),
        (
            'pattern: "*", action: allow',
            (
                "p.yaml:2 warning allows set_light, deploy, which can change things, with any "
                "arguments: say in args which, or ask"
            ),
        ),
        (
            'tool: set_light, args: {room: "*"}, other_args: true, action: allow',
            (
                "p.yaml:2 warning allows set_light, which can change things, with any arguments: "
                "say in args which, or ask"
            ),
        ),
        (
            "tool: set_light, args: {rom: hall}, action: deny",
            "p.yaml:2 warning set_light has no argument 'rom'; did you mean 'room'?",
        ),
        (
            "pattern: restart(now), action: deny",
            (
                'p.yaml:2 error no request of restart can match "restart(now)": it takes no '
                "arguments: write restart"
            ),
        ),
        (
            'pattern: "set_light([\\"hall\\"])", action: deny',
            (
                'p.yaml:2 warning ["hall"] is one of these characters in a pattern: for [ itself '
                "write [[]"
            ),
        ),
        (
            "pattern: 'set_light(ceil(2)', action: deny",
            ("p.yaml:2 warning has 2 ( and 1 ) in its pattern: most likely one is missing"),
        ),
        (
            'tool: set_light, args: {room: [hall, "k*"]}, action: deny',
            (
                'p.yaml:2 warning args.room: "k*" in a list is this very text: only a text that '
                "stands alone is a pattern"
            ),
        ),
    ],
)
def test_each_mistake_is_found_and_named(rule: str, text: str) -> None:
    assert found(rule) == [text]


@pytest.mark.parametrize(
    "rule",
    [
        "tool: set_light, action: ask",
        "tool: set_light, args: {room: hall}, action: allow",
        "tool: set_light, args: {Room: hall}, action: deny",
        'pattern: "set_light(*, hall)", action: allow',
        "tool: get_state, action: allow",
        "tool: restart, action: allow",
        "pattern: restart*, action: deny",
        "pattern: '*t(*)', action: ask",
        "pattern: 'r*(*)', action: ask",
        "tool: deploy, args: {spec.replicas: {max: 3}}, action: allow",
        'agents: "g*", effects: read, action: allow',
    ],
)
def test_what_is_in_order_is_left_alone(rule: str) -> None:
    assert found(rule) == []


@pytest.mark.parametrize(
    ("rules", "line", "by"),
    [
        (["tool: set_light, action: deny", "tool: set_light, action: ask"], 3, 2),
        (["tool: set_light, action: allow", 'tool: "set*", action: deny'], 2, 3),
        (['pattern: "set*", action: deny', 'pattern: "set_light(*, hall)", action: ask'], 3, 2),
        (['pattern: "*(*hall*)", action: deny', 'pattern: "*(*, hall)", action: allow'], 3, 2),
        (
            [
                "tool: set_light, args: {room: hall}, action: deny",
                "tool: set_light, args: {room: hall, brightness: 3}, action: ask",
            ],
            3,
            2,
        ),
        (
            [
                "tool: set_light, args: {room: hall}, action: allow",
                "tool: set_light, args: {room: hall}, action: allow",
            ],
            3,
            2,
        ),
        (
            [
                "tool: set_light, agents: [garden, house], action: deny",
                "tool: set_light, agents: house, action: ask",
            ],
            3,
            2,
        ),
    ],
)
def test_a_rule_that_never_decides_is_said_to_with_the_one_that_does(
    rules: list[str], line: int, by: int
) -> None:
    text = f"never decides: permissions.yaml:{by} comes first and matches it all"
    (shadow,) = [each for each in findings(*rules) if "never" in each.message]
    assert (shadow.level, shadow.line, shadow.message) == (Level.WARNING, line, text)


@pytest.mark.parametrize(
    "rules",
    [
        ["tool: set_light, agents: garden, action: deny", "tool: set_light, action: ask"],
        ['tool: set_light, hours: "08:00-09:00", action: deny', "tool: set_light, action: ask"],
        ["tool: get_state, action: deny", 'tool: "*e*", action: ask'],
        ["tool: set_light, args: {room: hall}, action: deny", "tool: set_light, action: ask"],
        ['pattern: "set_light(*, hall)", action: deny', 'pattern: "set_light(*)", action: ask'],
        ["tool: set_light, effects: read, action: deny", "tool: set_light, action: ask"],
    ],
)
def test_a_rule_that_decides_at_times_is_not_said_never_to(rules: list[str]) -> None:
    assert not [each for each in findings(*rules) if "never decides" in each.message]


def test_a_rule_with_a_rate_leaves_something_to_the_next() -> None:
    rate = "tool: set_light, args: {room: hall}, rate: 2/min, action: allow"
    assert found(rate, "tool: set_light, args: {room: hall}, action: allow") == []


def test_a_default_behind_a_rule_for_everything_never_decides() -> None:
    said = found('pattern: "*", action: ask', defaults="tool: set_light, action: allow")
    assert said == [
        "p.yaml:4 warning never decides: permissions.yaml:2 comes first and matches it all"
    ]


RULES = st.sampled_from(
    [
        'pattern: "*", action: {}',
        'pattern: "ha_*", action: {}',
        'pattern: "ha_call_service(light.*)", action: {}',
        'pattern: "ha_call_service(light.*, *)", action: {}',
        'pattern: "ha_call_service(light.turn_on*", action: {}',
        'pattern: "*(*light.a*)", action: {}',
        'pattern: "restart", action: {}',
        'pattern: "restart(?)", action: {}',
        'pattern: "restart(*)", action: {}',
        'pattern: "*(5*)", action: {}',
        "tool: restart, args: {{where: dev}}, action: {}",
        "tool: restart, args: {{where: dev, amount: 5}}, action: {}",
        'tool: "*", args: {{where: dev}}, action: {}',
        "args: {{amount: {{max: 3}}}}, action: {}",
        'args: {{entity_id: "light.*"}}, action: {}',
        "agents: house, action: {}",
        'agents: "h*", tool: restart, action: {}',
    ]
)
ACTIONS = st.sampled_from(["allow", "deny", "ask"])
POLICIES = st.lists(st.tuples(RULES, ACTIONS), min_size=2, max_size=6)


@tool(name="ha_call_service")
def call_service(domain: str, service: str, entity_id: str = "") -> None: ...


@tool(name="restart")
def restart_where(where: str = "", amount: float = 0) -> None: ...


@tool(name="ha_get_state", effects="read")
def get_house_state(entity_id: str) -> None: ...


@tool(name="ha_fire_event")
def fire_event(event_type: str, **data: Any) -> None: ...


HOUSE = tuple(Catalogue.of(call_service, get_house_state, fire_event))


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("ha_call_service(light)", False),
        ("ha_call_service(light, light.bedroom)", False),
        ("ha_call_service(lock)", False),
        ("ha_call_service(lock.*)", True),
        ("ha_call_service(lock.front)", True),
        ("ha_call_service(light.turn_off, )", True),
        ("ha_call_service(*area_id*)", True),
        ("ha_call_service(*.turn_off)", True),
        ("ha_call_service(light.turn_on, *bed*)", True),
        ("ha_call_service(lock*)", True),
        ("ha_get_state(lock)", False),
        ("ha_get_state(lock.front)", True),
        ("ha_get_*", True),
        ("ha_fire_event(door bell)", False),
        ("ha_fire_event(door.bell)", True),
        ("ha_fire_event(doorbell)", True),
        ("*(light)", True),
    ],
)
def test_a_pattern_that_no_signature_of_the_house_looks_like_is_an_error(
    pattern: str, fits: bool
) -> None:
    policy = Policy.parse(f"rules:\n  - {{pattern: '{pattern}', action: deny}}\n")
    said = lint(policy, file="p.yaml", tools=HOUSE, agents=["house"], errors_only=True)
    assert bool(said) is not fits
    if said:
        tool_name = pattern.partition("(")[0]
        assert f"its signatures look like {tool_name}(" in said[0].message


def test_errors_come_without_warnings_if_only_they_are_asked_for() -> None:
    text = (
        "rules:\n  - {tool: lokc, action: deny}\n  - {tool: set_light, agents: x, action: allow}\n"
    )
    policy = Policy.parse(text)
    both = lint(policy, file="p.yaml", tools=TOOLS, agents=["house"])
    only = lint(policy, file="p.yaml", tools=TOOLS, agents=["house"], errors_only=True)
    assert {each.level for each in both} == {Level.ERROR, Level.WARNING}
    assert only == [each for each in both if each.level is Level.ERROR]


OTHERS = tuple(Catalogue.of(call_service, restart_where))
LIGHT_ARGS = st.fixed_dictionaries(
    {
        "domain": st.sampled_from(["light", "lock", "homeassistant"]),
        "service": st.sampled_from(["turn_on", "turn_off"]),
    },
    optional={"entity_id": st.sampled_from(["light.a", "Light.A", ["light.a", "lock.b"], "all"])},
)
RESTART_ARGS = st.fixed_dictionaries(
    {},
    optional={
        "where": st.sampled_from(["dev", "Dev", "5"]),
        "amount": st.sampled_from([5, 1, "5"]),
    },
)


@settings(max_examples=600)
@given(POLICIES, POLICIES, st.one_of(LIGHT_ARGS, RESTART_ARGS, json_args))
def test_a_rule_of_which_it_is_said_never_decides(
    rules: list[tuple[str, str]], defaults: list[tuple[str, str]], args: dict[str, Any]
) -> None:
    lines = [
        [f"  - {{{text.format(action)}}}\n" for text, action in part] for part in (rules, defaults)
    ]
    policy = Policy.parse("rules:\n" + "".join(lines[0]) + "defaults:\n" + "".join(lines[1]))
    said = lint(policy, file="permissions.yaml", tools=OTHERS, agents=["house"])
    never = {each.place for each in said if "never decides" in each.message}
    for name in ("ha_call_service", "restart"):
        assert decide(policy, name, args).rule not in never


PIECES = st.lists(st.sampled_from(["*", "?", "a", "b", "ab"]), max_size=5).map("".join)


@settings(max_examples=400)
@given(PIECES, PIECES, st.lists(st.text("abc", max_size=6), max_size=8))
def test_a_glob_that_takes_all_of_another_does(wide: str, narrow: str, texts: list[str]) -> None:
    if takes_all_of(Glob(wide), Glob(narrow)):
        for text in texts:
            assert Glob(wide).matches(text) or not Glob(narrow).matches(text)


@pytest.mark.parametrize(
    ("wide", "narrow", "takes"),
    [
        ("*", "?*", True),
        ("?*", "*", False),
        ("a*", "ab*", True),
        ("*a*", "a", True),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("*" + "?" * 200, "*" + "a?" * 400, False),
    ],
)
def test_globs_are_compared_with_care(wide: str, narrow: str, takes: bool) -> None:
    assert takes_all_of(Glob(wide), Glob(narrow)) is takes


def test_a_comparison_of_globs_is_bounded() -> None:
    assert STATES_MAX < 10_000
    assert not takes_all_of(Glob("*a" + "?" * 60), Glob("*" + "b" * 60))


@pytest.mark.parametrize(
    ("rules", "asks"),
    [
        ('  - {pattern: "*", action: deny}\n', False),
        ('  - {pattern: "*", action: allow}\n', False),
        ("  - {effects: read, action: allow}\n", True),
        ('  - {agents: garden, action: ask}\n  - {pattern: "*", action: allow}\n', True),
    ],
)
def test_it_is_known_whether_a_person_may_be_asked(rules: str, asks: bool) -> None:
    policy = Policy.parse("rules:\n" + rules)
    assert may_ask(policy, tools=TOOLS, agents=["garden", "house"]) is asks


@pytest.mark.parametrize(
    ("rule", "is_known"),
    [
        ("tool: kitchen.temp, action: allow", True),
        ('tool: "kitchen.*", action: ask', True),
        ('tool: "*.data_snapshot", action: allow', True),
        ('tool: "kitchen.te[mn]p?", action: allow', True),
        ('pattern: "kitchen.temp(hall, *)", action: deny', True),
        ('pattern: "kitchen.temp*", action: deny', True),
        ("tool: kitchen.pi.temp, action: allow", True),
        ('tool: "*.pi.data_snapshot", action: allow', True),
        ("tool: kitchin.temp, action: allow", False),
        ("tool: kitchen, action: allow", False),
        ("tool: temp, action: allow", False),
        ('pattern: "kitchen(a.b)", action: deny', False),
    ],
)
def test_a_rule_on_tools_that_a_principal_may_provide_is_not_about_nothing(
    rule: str, is_known: bool
) -> None:
    policy = Policy.parse(f"rules:\n  - {{{rule}}}\n")
    said = lint(policy, file="p.yaml", tools=TOOLS, agents=["house"], sources=["kitchen"])
    assert [each.message for each in said if "no known tool" in each.message] == [
        each.message for each in said
    ]
    assert bool(said) is not is_known


def test_a_rule_on_everything_decides_about_what_is_provided_later() -> None:
    """Where the rules before it take all tools that there are, or where there are none yet."""
    rest = '{tool: "*", action: deny}'
    both = f"rules:\n  - {{tool: [get_state, set_light], action: allow}}\ndefaults:\n  - {rest}\n"
    tools = [each for each in TOOLS if each.name in ("get_state", "set_light")]
    for known in (tools, []):
        said = lint(Policy.parse(both), file="p.yaml", tools=known, agents=[], sources=["pi"])
        assert [each.message for each in said if each.line == 4] == []
    said = lint(Policy.parse(both), file="p.yaml", tools=tools, agents=[])
    assert ["never decides" in each.message for each in said if each.line == 4] == [True]
    alone = lint(Policy.parse(f"defaults:\n  - {rest}\n"), file="p.yaml", tools=[], agents=[])
    assert "no tools yet" in alone[0].message
    twice = f"defaults:\n  - {rest}\n  - {rest}\n"
    said = lint(Policy.parse(twice), file="p.yaml", tools=TOOLS, agents=[], sources=["pi"])
    assert ["never decides" in each.message for each in said] == [True]


def test_a_rule_that_holds_because_a_default_cannot_be_seen_is_told() -> None:
    @tool
    def send(to: str, how: Any = NOTHING, limit: float = math.inf) -> None: ...

    def told(rule: str) -> list[str]:
        policy = Policy.parse(f"rules: [{{{rule}}}]")
        tools = tuple(Catalogue.of(send))
        return [each.message for each in lint(policy, file="p.yaml", tools=tools, agents=["a"])]

    text = "what send gets as how where it is left out can't be seen, so this rule matches then"
    assert told("tool: send, args: {to: mallory}, action: deny") == [
        f"{text}: give it a default of JSON"
    ]
    assert text in told('pattern: "send(*mallory*)", action: ask')[0]
    assert told("tool: send, action: deny") == []
    assert told("tool: send, args: {to: bob}, action: allow") == []
