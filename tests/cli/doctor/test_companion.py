"""Phones that the house does not know: what the doctor says, and what to do."""

from __future__ import annotations

from pathlib import Path

from tests.cli.doctor.ward import HOME_TOKEN, diagnose, found, home, pytest, write_well

from agentgate_cli.standins.home_assistant import HomeAssistant

pytestmark = pytest.mark.anyio


async def test_a_phone_that_the_house_does_not_know_is_told_with_those_that_it_does(
    tmp_path: Path,
) -> None:
    async with HomeAssistant(token=HOME_TOKEN) as house:
        house.phones.add("mobile_app_pixel")
        people = [{"service": f"mobile_app_{each}", "name": each} for each in ("pixel", "old")]
        write_well(tmp_path, messenger={"companion": {"people": people}}, services=home(house.url))
        said = [each for each in await diagnose(tmp_path) if each.probe == "companion"]
        assert ["mobile_app_old" in each.text for each in said] == [True]
        found(said, "companion", "has no service", "mobile_app_pixel")
