"""The link and what is learned by it, each over a real socket to the stand-in."""

from __future__ import annotations

import logging

import anyio
import pytest
from tests.server.embedded import until
from tests.server.tools.home_assistant.houses import told_of
from tests.server.tools.home_assistant.linked import TOKEN, linked

from agentgate_cli.standins.home import Area, Entity, make_home
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, text_response
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.link import Link
from agentgate_server.tools.home_assistant.reading import read_rows

pytestmark = pytest.mark.anyio


def refuses_sockets(request: HttpRequest) -> HttpResponse | None:
    """What a proxy does that passes on no WebSocket."""
    return text_response("no", 400) if request.target == "/api/websocket" else None


async def test_the_house_is_learned_without_a_template() -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home, linked(home) as backend:
            assert backend.health() == {"status": "ok", "names": "known"}
            assert backend.house("area_id", "garden") == {"lock.back"}
            assert home.calls == [], "nothing was asked by REST"
            assert backend.watching.link.version == "2025.4.4"


async def test_it_learns_the_same_as_by_templates() -> None:
    home = make_home()
    home.entities["group.lights"].state = "unavailable"
    home.entities["sensor.odd"] = Entity(id="sensor.odd", state="1", attributes={"entity_id": 5})
    with anyio.fail_after(20):
        async with StandIn(home, token=TOKEN) as standin, linked(standin) as backend:
            by_link, by_templates = read_rows(backend.watching.mirror.rows()), told_of(home)
            # Templates know of no device without an entity that has a state.
            nothing = {key for key, held in by_link.members.items() if not held}
            members = {k: v for k, v in by_link.members.items() if k not in nothing}
            assert members == {k: v for k, v in by_templates.members.items() if v}
            assert by_link.holders == by_templates.holders
            assert set(by_link.unread) == set(by_templates.unread)
            assert by_link.problems == by_templates.problems


async def test_what_changes_is_known_without_another_look() -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home, linked(home) as backend:
            home.home.entities["lock.back"].area = "hall"
            home.home.areas["shed"] = Area(id="shed", name="Shed")
            home.home.entities["group.lights"].members = ("lock.front",)
            await home.sockets.tell()
            await until(lambda: backend.house("area_id", "shed") == frozenset(), "the shed")
            assert "lock.back" in (backend.house("area_id", "hall") or ())
            assert backend.house("entity_id", "group.lights") == {"lock.front"}
            assert backend.watching.mirror.area_name_of("lock.back") == "Entrance Hall"


async def test_a_state_that_changes_shows_at_once() -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home, linked(home) as backend:
            mirror = backend.watching.mirror
            home.home.entities["light.hall"].set_state("off")
            del home.home.entities["switch.kettle"]
            await home.sockets.tell()
            await until(lambda: "switch.kettle" not in mirror.states, "the kettle to go")
            assert mirror.states["light.hall"].state == "off"


async def test_a_connection_that_breaks_is_made_again_and_until_then_rest_serves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(30):
        async with StandIn(token=TOKEN) as home, linked(home) as backend:
            await home.sockets.cut()
            await until(lambda: not backend.watching.mirror.is_live, "the end of the connection")
            assert backend.house("area_id", "garden") == {"lock.back"}, "what was told still holds"
            await backend.look()
            assert any(call.kind == "template" for call in home.calls)
            await until(lambda: backend.watching.mirror.is_live, "another connection")
            assert backend.health() == {"status": "ok", "names": "known"}


async def test_without_a_websocket_rest_serves_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home:
            home.fault = refuses_sockets
            async with linked(home) as backend:
                assert backend.house("area_id", "garden") == {"lock.back"}
                await backend.look()
                said = [each for each in caplog.messages if "WebSocket can't be used" in each]
                assert len(said) == 1
                assert "it answered 400 where its WebSocket should be" in said[0]
                caplog.set_level(logging.INFO)
                home.fault = None
                await until(lambda: backend.watching.mirror.is_live, "a connection")
                await backend.look()
                assert "WebSocket can be used after" in caplog.text


async def test_a_defect_of_ours_is_told_and_told_rarely_and_the_link_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        def __init__(self) -> None:
            self.tried = 0

        async def open_stream(self) -> None:
            self.tried += 1
            raise ZeroDivisionError

    async def begin() -> None:
        raise AssertionError("there is no connection")

    broken, ends = Broken(), []
    link = Link(broken, Secret("x"), begin, lambda: ends.append(link.problem))  # type: ignore[arg-type]
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            await until(lambda: broken.tried == 2, "another try")
            tasks.cancel_scope.cancel()
    assert ends[0] == "ZeroDivisionError"
    assert [each for each in caplog.messages if "link to Home" in each] == [
        "the link to Home Assistant failed"
    ]


async def test_an_older_version_is_known_as_far_as_it_tells() -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home:
            home.sockets.unknown = {"config/floor_registry/list"}
            async with linked(home) as backend:
                assert backend.house("area_id", "garden") == {"lock.back"}
                assert backend.house("floor_id", "ground") is None
                assert backend.health() == {"status": "ok", "names": "partly known"}
                assert "floors can't be had" in backend.unresolved


async def test_a_wrong_token_is_not_shown_and_serves_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with anyio.fail_after(20):
        async with StandIn(token="another-token-0123456789") as home, linked(home) as backend:
            assert backend.watching.link.problem == "it refuses the gateway's token"
            assert backend.health()["status"] == "failing"
            assert TOKEN not in caplog.text


async def test_who_waits_hears_that_nobody_knows_or_that_nothing_was_sent() -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home, linked(home) as backend:
            link = backend.watching.link
            with pytest.raises(ToolFailed, match=r"refused nonsense: Unknown command\."):
                await link.ask("nonsense", timeout_s=5)
            home.sockets.mute = True
            with pytest.raises(EffectUnknown, match=r"not answered get_config within 0\.01 s"):
                await link.ask("get_config", timeout_s=0.01)
            errors: list[Exception] = []

            async def ask() -> None:
                try:
                    await link.ask("get_config", timeout_s=15)
                except EffectUnknown as error:
                    errors.append(error)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                await until(lambda: home.sockets.commands.count("get_config") == 2, "the command")
                await home.sockets.cut()
            assert "no answer came: the connection was closed" in str(errors[0])
            with pytest.raises(NotStarted, match="nothing was sent"):
                await link.ask("get_config", timeout_s=5)


async def test_an_event_that_is_not_understood_ends_the_connection() -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home, linked(home) as backend:
            (client,) = home.sockets.open
            await client.push("entities", {"c": {"light.nowhere": {"+": {"s": "on"}}}})
            await until(lambda: "not understood" in backend.watching.link.problem, "the end")
            await until(lambda: backend.watching.mirror.is_live, "another connection")
