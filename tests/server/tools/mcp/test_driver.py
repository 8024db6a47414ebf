"""The driver: events out, messages to whoever sends them, time when it has come."""

from __future__ import annotations

import anyio
import pytest

from agentgate_proto.faces.mcp_backend.events import Event, Over, Send
from agentgate_proto.faces.mcp_backend.talk import ServerTalk
from agentgate_server.tools.mcp.driver import Driver

pytestmark = pytest.mark.anyio


async def test_what_is_to_be_sent_wakes_whoever_sends() -> None:
    heard: list[Event] = []
    driver = Driver(ServerTalk("gate", "1"), heard.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(driver.wait_outgoing)
        await anyio.wait_all_tasks_blocked()
        driver.open()
    assert isinstance(driver.talk.next_message(), Send)
    driver.close("enough")
    assert heard == [Over(reason="enough")]
    assert driver.over.is_set()
    assert driver.reason == "enough"
    driver.close("again")
    assert len(heard) == 1


async def test_time_passes_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_proto.faces.mcp_backend.opening.PROBE_S", 0.05)
    driver = Driver(ServerTalk("gate", "1"), lambda event: None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(driver.keep_time)
        await anyio.wait_all_tasks_blocked()
        driver.open()
        assert b"server/discover" in body(driver)
        await driver.wait_changed()
        assert b"initialize" in body(driver)
        tasks.cancel_scope.cancel()


def body(driver: Driver) -> bytes:
    message = driver.talk.next_message()
    assert isinstance(message, Send)
    return message.body
