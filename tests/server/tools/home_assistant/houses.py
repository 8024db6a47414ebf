"""Houses, as Home Assistant would tell of them."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_cli.standins.home import Home, make_home
from agentgate_cli.standins.home_templates import RENDERED
from agentgate_server.tools.home_assistant.house import House, Told
from agentgate_server.tools.home_assistant.reading import read_house


class Clock:
    """Seconds that go forward when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class TimedHouse(House):
    """A house whose time the test tells."""

    clock: Clock


def rendered(home: Home, *left_out: str) -> dict[str, list[bytes]]:
    """What the templates come to, two rows a page, and an empty one in the end."""
    return {
        template: [msgspec.json.encode(page) for page in batched(rows(home))]
        for template, rows in RENDERED.items()
        if template not in left_out
    }


def batched(rows: list[Any]) -> list[list[Any]]:
    return [rows[at : at + 2] for at in range(0, len(rows) + 2, 2)]


def told_of(home: Home, *left_out: str) -> Told:
    """What one look at a house tells."""
    return read_house(rendered(home, *left_out))


def house(home: Home | None = None, *left_out: str) -> TimedHouse:
    """A house whose every row is understood, after one look."""
    made = TimedHouse(stale_s=60, clock=Clock())
    told = told_of(home or make_home(), *left_out)
    assert told.problems == ()
    made.learn(told, made.clock())
    return made
