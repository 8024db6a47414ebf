"""Whatever odd entities are in a house: a group that holds what is denied is never allowed."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.server.policy.helpers import action
from tests.server.tools.home_assistant.houses import Clock

from agentgate_cli.standins.home import Entity, Home
from agentgate_cli.standins.home_templates import RENDERED
from agentgate_server.policy import Policy
from agentgate_server.tools.home_assistant.house import House
from agentgate_server.tools.home_assistant.reading import read_house

DENIED = "cover.garage"
POLICY = """
rules:
  - {pattern: "ha_call_service(cover.*, cover.garage)", action: deny}
defaults:
  - {pattern: "*", action: allow}
"""
GROUPS = ("cover.all_doors", "cover.blinds", "group.house", "light.mixed", "sensor.odd")
PLAIN = ("cover.shed", "light.a", "lock.front", "switch.kettle")
ODD_IDS = ("cover.itho_non-cve", "Cover.Shed", "light.katkinson_(en)", "", "*", "cover.a,light.b")

names = st.sampled_from((DENIED, *GROUPS, *PLAIN))
oddities: st.SearchStrategy[Any] = st.none() | st.integers() | st.sampled_from(ODD_IDS)
oddities |= st.lists(names, max_size=2) | st.dictionaries(names, names, max_size=1)
values: st.SearchStrategy[Any] = st.lists(names | oddities, max_size=5)
values |= st.lists(names, max_size=4).map(tuple) | st.frozensets(names, max_size=3).map(set)
values |= st.lists(names, max_size=4).map(", ".join) | oddities
houses = st.dictionaries(st.sampled_from(GROUPS), values, min_size=1)


def held(value: Any) -> set[str]:
    """What an attribute names for certain."""
    if isinstance(value, str):
        return {part.strip() for part in value.split(",")}
    if isinstance(value, list | tuple | set):
        return {name for name in value if isinstance(name, str)}
    return set()


def holds_denied(house: dict[str, Any], group: str) -> bool:
    """Whether a group holds the denied entity, at any depth; asked of the house itself."""
    seen, queue = {group}, [group]
    while queue:
        found = held(house.get(queue.pop())) - seen
        seen |= found
        queue += found
    return DENIED in seen


def is_odd(house: dict[str, Any], group: str) -> bool:
    """Whether something of what a group itself holds can't be told."""
    value = house[group]
    listed = isinstance(value, list | tuple | set)
    if not listed and not isinstance(value, str):
        return True
    return listed and any(not isinstance(name, str) or name in ODD_IDS for name in value)


@given(houses, st.sampled_from(["", *GROUPS]))
def test_a_group_that_holds_what_is_denied_is_never_allowed(
    house: dict[str, Any], away: str
) -> None:
    home = Home(
        Entity(id=name, state="on", attributes={"entity_id": value})
        for name, value in house.items()
    )
    known = House(stale_s=60, clock=Clock())
    policy = Policy.parse(POLICY, resolver=known)

    def look() -> None:
        told = read_house({text: [msgspec.json.encode(of(home))] for text, of in RENDERED.items()})
        known.learn(told, known.clock())

    def decide(service: str, name: str) -> str:
        args = {"domain": service, "service": "turn_on", "entity_id": name}
        return action(policy, "ha_call_service", args)

    look()
    for _ in range(2):
        for name in house:
            if holds_denied(house, name) or is_odd(house, name):
                assert decide("homeassistant", name) == "deny"
            if holds_denied(house, name):
                assert decide("cover", name) == "deny"
        for name in PLAIN:
            assert decide("homeassistant", name) == "allow", "an odd row is its own matter"
        # Then one is unavailable, and does not tell any more what is in it.
        if away in home.entities and not away.startswith("group."):
            home.entities[away].state = "unavailable"
            look()
