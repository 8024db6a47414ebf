"""One rule about locks, in a file that allows all else, against every way to unlock the door.

The rows go through the policy as requests do, with what a real Home Assistant would tell of the
house. ``tests/e2e/test_unlock_spellings.py`` sends the same rows through a gateway.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.server.policy.unlock_rows import HARMLESS, HOME_RULE, ONE_RULE, ROWS

from agentgate_cli.standins.home import make_home
from agentgate_cli.standins.home_templates import RENDERED
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy
from agentgate_server.tools.home_assistant.house import House
from agentgate_server.tools.home_assistant.reading import read_house


def house() -> House:
    home = make_home()
    rendered = {text: [msgspec.json.encode(rows(home))] for text, rows in RENDERED.items()}
    told = read_house(rendered)
    assert told.problems == ()
    known = House(stale_s=1e9)
    known.learn(told, known.clock())
    return known


HOUSE = house()
EVERYTHING = Policy.parse(ONE_RULE, resolver=HOUSE)
HOME = Policy.parse(HOME_RULE, resolver=HOUSE)


def decide(policy: Policy, params: str) -> Decision:
    asked: dict[str, Any] = msgspec.json.decode(params)
    read = asked["tool"].startswith("ha_get_")
    return policy.decide(
        agent="a",
        tool=asked["tool"],
        effects=Effects.READ if read else Effects.WRITE,
        args=asked["args"],
        now=0.0,
    )


def test_the_list_is_long_enough() -> None:
    assert len(ROWS) >= 60
    assert len(HARMLESS) >= 20


@pytest.mark.parametrize("name", ROWS)
def test_one_rule_denies_every_way_to_unlock_the_door(name: str) -> None:
    decision = decide(EVERYTHING, ROWS[name])
    assert (decision.action, decision.rule) == ("deny", "permissions.yaml:5")


@pytest.mark.parametrize("name", [name for name in ROWS if "ha_call_service" in ROWS[name]])
def test_for_home_assistant_the_seeds_own_rule_is_enough(name: str) -> None:
    assert decide(HOME, ROWS[name]).action == "deny"


@pytest.mark.parametrize("name", HARMLESS)
def test_the_same_rule_leaves_everything_else_alone(name: str) -> None:
    assert decide(EVERYTHING, HARMLESS[name]).action == "allow"


@pytest.mark.parametrize("name", [name for name in HARMLESS if "ha_" in HARMLESS[name]])
def test_so_does_the_seeds_own(name: str) -> None:
    assert decide(HOME, HARMLESS[name]).action == "allow"
