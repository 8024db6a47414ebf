"""Home Assistant's companion app: notifications by ``notify.mobile_app_*``, answered by actions.

A notification goes out by Home Assistant's WebSocket, and a tap comes back on it, as the event
``mobile_app_notification_action`` with the ``action`` that the button had, and what the person has
typed (https://companion.home-assistant.io/docs/notifications/actionable-notifications). The action
holds a ticket: whoever may fire events in the house could make such an event up, but not a ticket.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import anyio
import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.answers import Answers
from agentgate_server.approvals.decisions import Decision
from agentgate_server.approvals.push.notification import Button, Loudness, Notification
from agentgate_server.approvals.push.outbox import Outbox
from agentgate_server.approvals.push.sender import Place
from agentgate_server.approvals.sending import RefusedError, SendError, UnreachableError
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.tools.home_assistant.link import Link
from agentgate_server.tools.home_assistant.watching import Watching

CHANNEL: Final = "companion"
EVENT: Final = "mobile_app_notification_action"

PREFIX: Final = "AGENTGATE_"
"""What our actions begin with, so that automations of the house can tell them from their own."""

TEXT_BYTES_MAX: Final = 2_000
"""Of a notification: the push services take 4,096 bytes of everything together."""

PER_MINUTE: Final = 60
"""Calls. The push relay takes 500 notifications of a phone in a day, and says so."""

CALL_S: Final = 15.0
"""How long a call may take: Home Assistant waits for the push relay for 10 s."""

TAPS_MAX: Final = 1_000
"""Taps that wait to be dealt with; beyond it they are dropped, and can be made again."""

TYPED_CHARS_MAX: Final = 1_000
"""Of what somebody has typed; the rest is cut off."""

GONE: Final = "clear_notification"
"""The message that takes a notification away."""

DISCONNECTED: Final = "Home Assistant is not connected by its WebSocket"

log = logging.getLogger(__name__)


class CompanionSender:
    """Notifies phones. A :class:`~agentgate_server.approvals.push.sender.Sender`.

    Args:
        link: to Home Assistant.
        critical: asks ring on phones that are silent.
    """

    name = CHANNEL
    per_minute = PER_MINUTE
    text_bytes_max = TEXT_BYTES_MAX
    shows_gone = False

    def __init__(self, link: Link, *, critical: bool) -> None:
        self.link = link
        self.critical = critical

    def buttons(self, view: ApprovalView) -> tuple[Button, ...]:
        """The buttons of an approval; a code is typed where it takes one, or a word with a no."""
        yes = Button("Approve", approve=True)
        if view.needs_code:
            yes = Button("Approve with a code", approve=True, takes_text=True)
        word = Button("Deny with a word", approve=False, takes_text=True)
        return (yes, Button("Deny", approve=False), word)

    async def send(self, place: Place, notification: Notification) -> None:
        """Notify a phone; see :class:`~agentgate_server.approvals.push.sender.Sender`."""
        try:
            await self.link.ask(
                "call_service",
                timeout_s=CALL_S,
                what="a notification",
                domain="notify",
                service=place.address,
                service_data=self._data(notification),
            )
        except ToolFailed as error:
            log.warning("notify.%s: %s", place.address, error)
            text = "Home Assistant does not notify a phone: the log says why"
            raise RefusedError(text) from None
        except NotStarted:
            raise UnreachableError(DISCONNECTED) from None
        except EffectUnknown as error:
            raise UnreachableError(str(error)) from None

    async def aclose(self) -> None:
        """The link is others'."""

    def _data(self, notification: Notification) -> dict[str, Any]:
        if notification.loudness is Loudness.GONE:
            return {"message": GONE, "data": {"tag": notification.tag}}
        more = {
            "tag": notification.tag,
            "group": "agentgate",
            "visibility": "private",
            "actions": [action_of(each) for each in notification.buttons],
            **self._loudness(notification.loudness),
        }
        return {"title": notification.title, "message": notification.text, "data": more}

    def _loudness(self, loudness: Loudness) -> dict[str, Any]:
        """How it comes, for Android and for iOS, which each pass over what is the other's."""
        if loudness is Loudness.SILENT:
            quiet = {"channel": "agentgate quiet", "importance": "low", "alert_once": "true"}
            return {**quiet, "push": {"interruption-level": "passive"}}
        urgent = {"ttl": 0, "priority": "high", "importance": "high", "sticky": "true"}
        if loudness is not Loudness.ASK:
            return {**urgent, "channel": "agentgate"}
        if self.critical:
            sound = {"name": "default", "critical": 1, "volume": 1.0}
            return {**urgent, "channel": "alarm_stream", "push": {"sound": sound}}
        push = {"interruption-level": "time-sensitive"}
        return {**urgent, "channel": "agentgate", "push": push}


def action_of(button: Button) -> dict[str, Any]:
    """A button as the app has it: a yes wants a phone that is unlocked."""
    action: dict[str, Any] = {
        "action": f"{PREFIX}{button.ticket.value}",
        "title": button.label,
        "authenticationRequired": button.approve,
        "destructive": not button.approve,
    }
    if button.takes_text:
        hint = "One-time code" if button.approve else "A word to the agent"
        action |= {"behavior": "textInput", "textInputPlaceholder": hint}
    return action


class Tapped(msgspec.Struct):
    """What an event says of a tap, as far as we look at it."""

    action: str = ""
    reply_text: str | None = None


class Told(msgspec.Struct):
    """The event."""

    data: Tapped


class Taps:
    """Hears taps, and tells who was too late.

    Args:
        watching: has the link to Home Assistant.
        sender: tells what became of a tap.
        answers: takes answers.
        drain: does what the ledger then wants done.
    """

    def __init__(
        self,
        watching: Watching,
        sender: CompanionSender,
        answers: Answers,
        drain: Callable[[], None],
    ) -> None:
        self.watching = watching
        self.sender = sender
        self.answers = answers
        self.drain = drain
        self.outbox: Outbox | None = None
        self._taps: deque[Tapped] = deque(maxlen=TAPS_MAX)
        self._wake = anyio.Event()
        watching.listeners[EVENT] = self._heard

    def problem(self) -> str:
        """Why taps are not heard at present, or ""."""
        if not self.watching.link.is_open:
            return DISCONNECTED
        if EVENT in self.watching.unheard:
            return "Home Assistant tells us of no taps: its token must be an administrator's"
        return ""

    def _heard(self, event: msgspec.Raw) -> None:
        try:
            tapped = msgspec.json.decode(event, type=Told).data
        except msgspec.MsgspecError:
            return  # of an automation of the house, which may fire what it likes
        if tapped.action.startswith(PREFIX):
            self._taps.append(tapped)
            self._wake.set()

    async def run(self) -> None:
        """Deal with taps, one after the other, until cancelled."""
        while True:
            self._wake = anyio.Event()
            if not self._taps:
                await self._wake.wait()
                continue
            await self._take(self._taps.popleft())

    async def _take(self, tapped: Tapped) -> None:
        """Take a tap to the end: the decision in it is durable, or was refused, after this."""
        decision, text = Decision(), (tapped.reply_text or "")[:TYPED_CHARS_MAX]
        secret = tapped.action.removeprefix(PREFIX)
        ticket = self.answers.take(secret, (CHANNEL,), decision, text=text)
        if ticket is None:
            log.warning("somebody has tapped a button in Home Assistant that is none of ours")
            return
        self.drain()
        await decision.made.wait()
        if decision.won or self.outbox is None:
            return
        is_open = decision.view is None or decision.view.status == "waiting"
        for place in self.outbox.places.values():
            if place.person == ticket.approver:
                await self._tell(place, ticket.rid, decision.text)
                if is_open:  # with the tap, the phone has taken the notification away
                    self.outbox.show_again(ticket.rid, place.key)

    async def _tell(self, place: Place, rid: str, words: str) -> None:
        """Say what became of a tap, now or never: what counts is shown elsewhere."""
        told = Notification(f"{rid}-told", "Not taken", words, Loudness.NEWS)
        try:
            await self.sender.send(place, told)
        except SendError as error:
            log.debug("what became of a tap could not be told: %s", error)
