"""A phone with the companion app, as a real Home Assistant knows one.

It registers by the app's REST API, is notified by the app's channel on the WebSocket, and tells a
tap by its webhook (https://developers.home-assistant.io/docs/api/native-app-integration).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import msgspec
from tests.real_home.furnished import TOKEN, URL, linked
from tests.real_home.house import ask

from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.link import Link

APP: Final = {
    "app_id": "io.homeassistant.companion.android",
    "app_name": "Home Assistant",
    "app_version": "2025.4.1",
    "manufacturer": "Google",
    "model": "Pixel 8",
    "os_name": "Android",
    "os_version": "15",
    "supports_encryption": False,
}
ANSWER_S: Final = 30.0


class Phone:
    """See the module.

    Args:
        name: as it is called in Home Assistant, which makes its service of that.

    Attributes:
        received: all notifications that came, oldest first.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.received: list[dict[str, Any]] = []
        self.webhook = ""

    @property
    def service(self) -> str:
        """Its service."""
        return f"notify.mobile_app_{self.name.lower()}"

    @property
    def asking(self) -> list[dict[str, Any]]:
        """What lies on it and has buttons, oldest first."""
        shown: dict[str, dict[str, Any]] = {}
        for each in self.received:
            shown.pop(each["data"]["tag"], None)
            shown[each["data"]["tag"]] = each
        return [each for each in shown.values() if each["data"].get("actions")]

    async def tap(self, notification: dict[str, Any], label: str, text: str | None = None) -> None:
        """Tap a button, as the app for Android tells it: with all that the notification had."""
        (action,) = [each for each in notification["data"]["actions"] if each["title"] == label]
        told = {k: v for k, v in notification["data"].items() if k != "actions"}
        told |= {"message": notification["message"], "action": action["action"]}
        if text is not None:
            told["reply_text"] = text
        event = {"event_type": "mobile_app_notification_action", "event_data": told}
        await self.hook({"type": "fire_event", "data": event})

    async def hook(self, body: dict[str, Any]) -> None:
        """Tell Home Assistant something."""
        await anyio.to_thread.run_sync(ask, f"{URL}/api/webhook/{self.webhook}", "", body)

    def hear(self, event: msgspec.Raw) -> None:
        """Take a notification."""
        self.received.append(msgspec.json.decode(event))


@asynccontextmanager
async def phone_of(name: str) -> AsyncIterator[Phone]:
    """Register a phone, and let it hear."""
    phone, hears = Phone(name), anyio.Event()
    body = {**APP, "device_id": name, "device_name": name}
    body["app_data"] = {"push_websocket_channel": True}
    url = f"{URL}/api/mobile_app/registrations"
    registered = await anyio.to_thread.run_sync(ask, url, TOKEN, body)
    phone.webhook = registered["webhook_id"]

    async def begin() -> None:
        channel = {"webhook_id": phone.webhook}
        kind = "mobile_app/push_notification_channel"
        await link.subscribe(kind, phone.hear, timeout_s=ANSWER_S, **channel)
        hears.set()

    async with linked() as house:
        link = Link(house.api.reads, Secret(TOKEN), begin, lambda: None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            await hears.wait()
            yield phone
            tasks.cancel_scope.cancel()
