"""The zone of a house: asked for once an hour, and done without where it is not to be had."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from tests.server.tools.home_assistant.running import house

from agentgate_cli.standins.http_server import text_response
from agentgate_server.tools.home_assistant.zone import HOLDS_S, Zone, zone_of

pytestmark = pytest.mark.anyio


async def test_it_is_asked_for_once_an_hour() -> None:
    async with house() as (home, tools):
        home.home.records.time_zone = "Europe/Berlin"
        now = [1_000_000.0]
        zone = Zone(tools.backend.api, lambda: now[0])
        assert await zone.get() == ZoneInfo("Europe/Berlin")
        home.home.records.time_zone = "Asia/Tokyo"
        now[0] += HOLDS_S - 1
        assert await zone.get() == ZoneInfo("Europe/Berlin")
        now[0] += 1
        assert await zone.get() == ZoneInfo("Asia/Tokyo")
        home.home.records.time_zone = "UTC"
        now[0] -= 5
        assert await zone.get() == ZoneInfo("UTC"), "the clock went back"
        now[0] += HOLDS_S
        home.fault = lambda request: text_response("404: Not Found", 404)
        assert await zone.get() is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", None, 5])
def test_a_zone_that_is_not_known_is_none(name: object) -> None:
    assert zone_of({"time_zone": name}) is None
    assert zone_of([]) is None
