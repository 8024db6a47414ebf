"""A rule for the garage holds for the group of all doors, whatever else is in the house."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import raw_client, serving
from tests.server.policy.helpers import action

from agentgate_cli.standins.home import Entity, Home, make_home
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, json_response
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_server.policy import Policy
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl

pytestmark = pytest.mark.anyio
TOKEN = "long-lived-token-0123456789"
POLICY = """
rules:
  - {pattern: "ha_call_service(cover.*, cover.garage)", action: deny, description: garage}
  - {pattern: "ha_call_service(lock.*)", action: deny, description: locks}
defaults:
  - {pattern: "*", action: allow}
"""
ODD = Entity(id="sensor.odd", state="on", attributes={"entity_id": None})


def doors(*more: Entity) -> Home:
    """The make-believe home with doors, and a group of them."""
    home = make_home()
    covers = [Entity(id=f"cover.{name}", state="closed") for name in ("garage", "shed", "gate")]
    groups = [
        Entity(id="cover.all_doors", state="closed", members=("cover.garage", "cover.shed")),
        Entity(id="cover.small_doors", state="closed", members=("cover.gate", "cover.shed")),
    ]
    home.entities |= {entity.id: entity for entity in (*covers, *groups, *more)}
    return home


@asynccontextmanager
async def looked_at(home: Home) -> AsyncIterator[tuple[StandIn, HomeAssistant, Policy]]:
    """A house that was looked at once, and a policy that knows it."""
    with anyio.fail_after(10):
        async with StandIn(home, token=TOKEN) as stand_in:
            url = HomeAssistantUrl(stand_in.url)
            backend = HomeAssistant(HomeAssistantConfig(url=url, token=Secret(TOKEN)))
            policy = Policy.parse(POLICY)
            backend.serve(policy)
            await backend.look()
            try:
                yield stand_in, backend, policy
            finally:
                await backend.api.aclose()


def opens(policy: Policy, name: str) -> str:
    args = {"domain": "cover", "service": "open_cover", "entity_id": name}
    return action(policy, "ha_call_service", args)


def refuses_groups(request: HttpRequest) -> HttpResponse | None:
    refused = b'selectattr(\\"attributes.entity_id\\"' in request.body
    return json_response({"message": "no"}, 400) if refused else None


@pytest.mark.parametrize(
    "odd",
    [
        ODD,
        Entity(id="sensor.odd", state="on", attributes={"entity_id": 5}),
        Entity(id="sensor.odd", state="on", attributes={"entity_id": {"a": "b"}}),
        Entity(id="light.odd", state="on", members=("light.katkinson_(en)",)),
        Entity(id="light.long", state="on", members=tuple(f"light.l{n:0200}" for n in range(2000))),
    ],
)
async def test_an_odd_entity_changes_nothing_for_other_groups(odd: Entity) -> None:
    async with looked_at(doors(odd)) as (_, backend, policy):
        names = "partly known" if odd.id == "light.long" else "known"
        assert backend.health() == {"status": "ok", "names": names}
        assert opens(policy, "cover.all_doors") == "deny"
        assert opens(policy, "cover.small_doors") == "allow"
        assert opens(policy, "cover.gate") == "allow"


async def test_an_odd_entity_that_comes_later_changes_nothing_either() -> None:
    async with looked_at(doors()) as (home, backend, policy):
        home.home.entities[ODD.id] = ODD
        await backend.look()
        assert opens(policy, "cover.all_doors") == "deny"
        assert opens(policy, "cover.small_doors") == "allow"
        assert "what is in these is not understood: 'sensor.odd'" in backend.unresolved


@pytest.mark.parametrize("name", ["cover.itho_non-cve", "Cover.Attic", "cover.a, cover.b", ""])
async def test_an_odd_id_in_a_group_is_something_unknown_and_told(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    odd = Entity(id="cover.odd", state="closed", members=("cover.gate", name))
    async with looked_at(doors(odd)) as (_, backend, policy):
        assert opens(policy, "cover.odd") == "deny"
        assert opens(policy, "cover.gate") == "allow"
        assert f"no rule can name these: {name!a} in 'cover.odd'" in caplog.text
        await backend.look()
        assert len(caplog.messages) == 1


async def test_where_groups_can_not_be_read_any_more_they_stay_what_they_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with looked_at(doors()) as (home, backend, policy):
        home.fault = refuses_groups
        await backend.look()
        assert backend.house("area_id", "garden") == {"lock.back"}
        assert opens(policy, "cover.all_doors") == "deny"
        assert opens(policy, "cover.small_doors") == "allow"
        assert "groups and scenes can't be resolved" in caplog.text
        assert backend.health() == {"status": "ok", "names": "groups unknown"}
        now = backend.house.clock()
        backend.house.clock = lambda: now + 301
        await backend.look()
        assert backend.health() == {"status": "ok", "names": "groups unknown"}
        assert opens(policy, "cover.all_doors") == "deny"
        assert opens(policy, "cover.small_doors") == "deny", "it may hold others by now"
        assert opens(policy, "cover.gate") == "allow"
        home.fault = None
        await backend.look()
        assert backend.health() == {"status": "ok", "names": "known"}
        assert opens(policy, "cover.small_doors") == "allow"


async def test_where_groups_could_never_be_read_each_entity_may_be_one() -> None:
    home = doors()
    async with StandIn(home, token=TOKEN) as stand_in:
        stand_in.fault = refuses_groups
        backend = HomeAssistant(
            HomeAssistantConfig(url=HomeAssistantUrl(stand_in.url), token=Secret(TOKEN))
        )
        policy = Policy.parse(POLICY)
        backend.serve(policy)
        assert opens(policy, "cover.gate") == "allow"
        await backend.look()
        assert backend.health() == {"status": "ok", "names": "groups unknown"}
        assert opens(policy, "cover.all_doors") == "deny"
        assert opens(policy, "cover.gate") == "deny"
        await backend.api.aclose()


async def test_where_nothing_may_be_asked_names_are_not_called_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def forbidden(request: HttpRequest) -> HttpResponse | None:
        refused = request.segments == ("api", "template")
        return json_response({"message": "Unauthorized"}, 401) if refused else None

    async with StandIn(doors(), token=TOKEN) as stand_in:
        stand_in.fault = forbidden
        backend = HomeAssistant(
            HomeAssistantConfig(url=HomeAssistantUrl(stand_in.url), token=Secret(TOKEN))
        )
        await backend.look()
        assert backend.health() == {"status": "ok", "names": "unknown"}
        assert "token of an administrator" in caplog.text
        await backend.api.aclose()


async def test_a_group_that_is_unavailable_stays_one() -> None:
    async with looked_at(doors()) as (home, backend, policy):
        group = home.home.entities["cover.all_doors"]
        group.state = "unavailable"
        await backend.look()
        assert opens(policy, "cover.all_doors") == "deny"
        now = backend.house.clock()
        backend.house.clock = lambda: now + 301
        await backend.look()
        assert opens(policy, "cover.all_doors") == "deny"
        group.state = "closed"
        group.members = ("cover.shed",)
        await backend.look()
        assert opens(policy, "cover.all_doors") == "allow"


async def test_a_group_that_was_unavailable_from_the_start_is_one() -> None:
    home = doors()
    home.entities["cover.all_doors"].state = "unavailable"
    async with looked_at(home) as (_, _, policy):
        assert opens(policy, "cover.all_doors") == "deny"
        assert opens(policy, "cover.small_doors") == "allow"


async def test_a_house_that_starts_again_does_not_lose_its_groups() -> None:
    async with looked_at(doors()) as (home, backend, policy):
        whole = home.home.entities
        home.home.entities = {"cover.gate": whole["cover.gate"]}
        await backend.look()
        assert backend.health() == {"status": "ok", "names": "known"}
        assert opens(policy, "cover.all_doors") == "deny"
        home.home.entities = whole
        await backend.look()
        assert opens(policy, "cover.all_doors") == "deny"


async def test_an_entity_that_takes_the_place_of_a_group_is_one_like_others() -> None:
    async with looked_at(doors()) as (home, backend, policy):
        home.home.entities["cover.all_doors"] = Entity(id="cover.all_doors", state="closed")
        await backend.look()
        assert opens(policy, "cover.all_doors") == "allow"


async def test_a_gateway_denies_what_would_open_the_garage(tmp_path: Path) -> None:
    mixed = Entity(id="light.mixed", state="on", members=("lock.front", "light.katkinson_(en)"))
    async with StandIn(doors(ODD, mixed), token=TOKEN) as home:
        services = {"homeassistant": {"url": home.url, "token": TOKEN}}
        policy = Policy.parse(POLICY)
        async with (
            serving(tmp_path, policy=policy, services=services) as gateway,
            raw_client(gateway) as client,
        ):
            await client.next(Authenticated)

            async def code(number: int, service: str, name: str) -> Any:
                domain, _, service = service.partition(".")
                args = {"domain": domain, "service": service, "entity_id": name}
                asked = {"tool": "ha_call_service", "args": args}
                await client.request(number, "tool_request", asked)
                answer = await client.next(Answered)
                return answer.error and answer.error.code

            assert await code(1, "cover.open_cover", "cover.all_doors") == -32003
            assert await code(2, "homeassistant.turn_off", "light.mixed") == -32003
            assert await code(3, "cover.open_cover", "cover.small_doors") is None
        assert [call.data["entity_id"] for call in home.acts] == ["cover.small_doors"]
