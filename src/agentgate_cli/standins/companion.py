"""Phones with Home Assistant's companion app, as its ``notify.mobile_app_*`` services reach them.

After https://companion.home-assistant.io/docs/notifications/: a tag takes the place of what had it,
``clear_notification`` takes it away, and a tap fires ``mobile_app_notification_action`` and, on
Android, takes the notification away too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

EVENT = "mobile_app_notification_action"
CLEAR = "clear_notification"
ACTIONS_MAX = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A notification on a phone."""

    title: str
    message: str
    data: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        """What its buttons say; Android shows three."""
        return [each["title"] for each in self.data.get("actions", ())][:ACTIONS_MAX]

    def action(self, label: str) -> dict[str, Any]:
        """The button of this label."""
        found: list[dict[str, Any]] = [a for a in self.data["actions"] if a["title"] == label]
        return found[0]


@dataclass(slots=True)
class Phone:
    """One phone.

    Attributes:
        shown: what lies on it, by tag.
        received: all that came, oldest first.
    """

    shown: dict[str, Shown] = field(default_factory=dict)
    received: list[Shown] = field(default_factory=list)

    def notify(self, data: dict[str, Any]) -> None:
        """Show a notification, or take one away."""
        more = data.get("data") or {}
        notification = Shown(data.get("title", ""), data["message"], more)
        self.received.append(notification)
        tag = more.get("tag", f"no tag {len(self.received)}")
        self.shown.pop(tag, None)
        if data["message"] != CLEAR:
            self.shown[tag] = notification

    @property
    def asking(self) -> list[Shown]:
        """The notifications with buttons."""
        return [each for each in self.shown.values() if each.labels]

    @property
    def rung(self) -> list[Shown]:
        """Those that made it ring."""
        return [each for each in self.received if each.data.get("importance") == "high"]


class Phones:
    """All phones of a house.

    Args:
        tell: brings an event to who has subscribed to it.
    """

    def __init__(self, tell: Callable[[str, dict[str, Any]], Awaitable[None]]) -> None:
        self.tell = tell
        self.phones: dict[str, Phone] = {}

    def add(self, service: str) -> Phone:
        """Set up the app on one more phone, which gets the service ``notify.`` and this."""
        self.phones[service] = Phone()
        return self.phones[service]

    async def tap(self, service: str, notification: Shown, label: str, text: str = "") -> None:
        """Tap a button of a notification, and type a text if it asks for one."""
        action = notification.action(label)
        data = {"action": action["action"], "tag": notification.data["tag"]}
        if action.get("behavior") == "textInput":
            data["reply_text"] = text
        self.phones[service].shown.pop(notification.data["tag"], None)
        await self.tell(EVENT, data)


def with_phones(
    services: Mapping[str, Mapping[str, str]], phones: Iterable[str]
) -> dict[str, Mapping[str, str]]:
    """The services of a house, those of its phones among them."""
    return {**services, "notify": {**services.get("notify", {}), **dict.fromkeys(phones, "")}}
