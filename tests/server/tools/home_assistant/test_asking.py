"""Templates are rendered as far as Home Assistant does it: each page over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest

from agentgate_cli.standins.home import Area, Entity, Home
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, json_response
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant import asking, templates
from agentgate_server.tools.home_assistant.api import Api
from agentgate_server.tools.home_assistant.asking import ask, ask_former
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl
from agentgate_server.tools.home_assistant.reading import read_house

pytestmark = pytest.mark.anyio
TOKEN = "long-lived-token-0123456789"


@asynccontextmanager
async def asked_of(*entities: Entity, areas: int = 0) -> AsyncIterator[tuple[StandIn, Api]]:
    with anyio.fail_after(10):
        home = Home(entities, areas=[Area(id=f"a{at:03}", name=f"A {at}") for at in range(areas)])
        async with StandIn(home, token=TOKEN) as stand_in:
            url = HomeAssistantUrl(stand_in.url)
            api = Api(HomeAssistantConfig(url=url, token=Secret(TOKEN)))
            try:
                yield stand_in, api
            finally:
                await api.aclose()


def group(name: str, count: int, chars: int = 0) -> Entity:
    members = tuple(f"cover.{name}_{at:0{chars}}" for at in range(count))
    return Entity(id=f"cover.{name}", state="open", members=members)


def refusing(condition: Any) -> Any:
    """Refuse to render what a condition on the template and the variables says."""

    def fault(request: HttpRequest) -> HttpResponse | None:
        if request.segments != ("api", "template"):
            return None
        body = msgspec.json.decode(request.body)
        if condition(body["template"], body["variables"]):
            return json_response({"message": "Error rendering template: no"}, 400)
        return None

    return fault


def renders(home: StandIn, template: str) -> int:
    return sum(call.kind == "template" and call.name == template for call in home.calls)


async def test_a_house_is_asked_page_by_page() -> None:
    async with asked_of(areas=250) as (home, api):
        rendered, refused = await ask(api)
        assert refused == []
        assert len(read_house(rendered).members) == 250 * 2
        assert renders(home, templates.AREAS) == 3


async def test_things_that_come_and_go_meanwhile_hide_no_others() -> None:
    async with asked_of(areas=150) as (home, api):

        def shrink(request: HttpRequest) -> None:
            if b'"a099"' in request.body:
                home.home.areas.pop("a003", None)

        home.fault = shrink
        rendered, _ = await ask(api)
        found = {name for _, name in read_house(rendered).members}
        assert {f"a{at:03}" for at in range(150)} <= found


async def test_groups_beyond_the_length_of_a_page_are_asked_for_in_smaller_ones() -> None:
    entities = [group(f"g{at:02}", 300, 45) for at in range(25)]
    async with asked_of(*entities) as (home, api):
        rendered, refused = await ask(api)
        assert refused == []
        holders = read_house(rendered).holders
        assert holders == {each.id: set(each.members or ()) for each in entities}
        assert renders(home, templates.SHORT[templates.HOLDERS]) == 1


async def test_areas_beyond_the_length_of_a_page_are_known_as_well() -> None:
    entities = [
        Entity(id=f"light.{'l' * 40}{at:04}", state="on", area=f"a{at % 30:03}")
        for at in range(7_500)
    ]
    async with asked_of(*entities, areas=30) as (_, api):
        rendered, refused = await ask(api)
        assert refused == []
        members = read_house(rendered).members
        assert sum(len(held) for (_, name), held in members.items() if name[:2] == "a0") == 7_500


async def test_a_group_that_is_too_long_by_itself_is_known_for_one() -> None:
    small = [group(f"d{at:03}", 2) for at in range(150)]
    long = group("b", 2_000, 200)
    async with asked_of(group("a", 2), long, group("c", 2), *small) as (home, api):
        rendered, (refused,) = await ask(api)
        assert refused.startswith("groups and scenes: 'cover.b' can't be resolved: ")
        assert "exceeded maximum size" in refused
        holders = read_house(rendered).holders
        assert holders is not None
        assert holders["cover.a"] == {"cover.a_0", "cover.a_1"}
        assert holders["cover.b"] == {"*"}
        assert holders["cover.c"] == {"cover.c_0", "cover.c_1"}
        assert len(holders) == 153
        assert renders(home, templates.HOLDERS) < 20, "pages grow again behind it"


async def test_an_area_that_is_too_long_by_itself_may_hold_anything_and_others_are_known() -> None:
    lights = [
        Entity(id=f"light.{'l' * 200}{at:04}", state="on", area="a001") for at in range(1_500)
    ]
    small = [Entity(id=f"light.{name}", state="on", area=name) for name in ("a000", "a002")]
    async with asked_of(*lights, *small, areas=3) as (_, api):
        rendered, (refused,) = await ask(api)
        assert refused.startswith("areas: 'a001' can't be resolved: ")
        assert "exceeded maximum size" in refused
        members = read_house(rendered).members
        assert members["area_id", "a000"] == {"light.a000"}
        assert members["area_id", "a001"] == {"*"}
        assert members["area_id", "a002"] == {"light.a002"}


async def test_a_template_that_is_refused_for_its_own_sake_is_asked_for_twice_only() -> None:
    seen: list[str] = []

    def floors(template: str, variables: dict[str, Any]) -> bool:
        seen.append(template)
        return "floors()" in template

    async with asked_of(areas=3) as (home, api):
        home.fault = refusing(floors)
        rendered, refused = await ask(api)
        assert len(refused) == 1
        assert refused[0].startswith("floors can't be resolved: ")
        assert templates.FLOORS not in rendered
        assert len([template for template in seen if "floors()" in template]) == 2


async def test_where_rows_are_refused_one_after_the_other_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "SHORT_MAX", 3)
    async with asked_of(areas=8) as (home, api):
        home.fault = refusing(lambda template, _: template == templates.AREAS)
        rendered, refused = await ask(api)
        assert [text.partition(":")[0] for text in refused] == ["areas can't be resolved"]
        assert templates.AREAS not in rendered


async def test_there_is_an_end_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "ROWS_MAX", 2)
    monkeypatch.setattr(templates, "RENDERS_MAX", 2)
    async with asked_of(areas=9) as (_, api):
        rendered, refused = await ask(api)
        assert refused == ["areas can't be resolved: there are more than 2 pages"]
        assert templates.AREAS not in rendered


async def test_pages_that_do_not_go_on_are_not_asked_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(templates, "ROWS_MAX", 1)
    async with asked_of(areas=2) as (home, api):
        home.fault = lambda request: (
            json_response([["a000", "A", []]]) if b"area_entities(a)" in request.body else None
        )
        _, refused = await ask(api)
        assert refused == [
            "areas can't be resolved: the rows that come after one are those before it"
        ]


async def test_what_is_no_group_any_more_is_told() -> None:
    away = Entity(id="cover.away", state="unavailable", members=("cover.garage",))
    single = Entity(id="cover.single", state="open")
    async with asked_of(away, single, group("doors", 2)) as (home, api):
        names = ["cover.away", "cover.doors", "cover.gone", "cover.single"]
        assert await ask_former(api, names) == ["cover.single"]
        home.fault = refusing(lambda template, _: template == templates.FORMER)
        assert await ask_former(api, names) == []
        home.calls.clear()
        assert await ask_former(api, []) == []
        assert home.calls == []
