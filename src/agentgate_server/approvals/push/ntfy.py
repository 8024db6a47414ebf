"""ntfy: notifications by a server of https://ntfy.sh, whose buttons call ``POST /api/answers``.

A message is published as JSON at the root of the server. ``sequence_id`` lets a later message take
the place of an earlier one (ntfy 2.16 and later); older servers show both, and the later one says
what happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any, Final

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.push.notification import Button, Loudness, Notification
from agentgate_server.approvals.push.sender import Place
from agentgate_server.approvals.sending import LaterError, RefusedError, SendError, UnreachableError
from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.answer import Answer
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import HttpOptions
from agentgate_server.config import NtfyConfig
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.secrets.secret import Secret

CHANNEL: Final = "ntfy"

TEXT_BYTES_MAX: Final = 3_000
"""ntfy makes a file of a message of more than 4,096 bytes, and refuses JSON of more than twice
that, in which a letter may take two bytes."""

PER_MINUTE: Final = 60
"""Calls. ntfy.sh takes 60 at once and then one each five seconds; it says when that is too much."""

PAUSE_S: Final = 60.0
"""After a 429 that does not say for how long."""

PAUSE_S_MAX: Final = 3_600.0
"""However long it says: a wrong header must not silence a phone for a day."""

NEVER: Final = 1_000_000
"""Failures until further calls are refused at once: the outbox has pauses of its own."""

ANSWERS_PATH: Final = "/api/answers"
ANYWHERE: Final = Reach(private=True, allow=(ip_network("0.0.0.0/0"), ip_network("::/0")))
"""The operator has named the one address; nothing that an agent says changes it."""

QUIET: Final = 1
NEWS: Final = 3
TAGS: Final = {
    Loudness.ASK: ["question"],
    Loudness.NEWS: ["warning"],
    Loudness.SILENT: [],
    Loudness.GONE: [],
}
"""Each is an emoji before the title."""


class NtfySender:
    """See the module. A :class:`~agentgate_server.approvals.push.sender.Sender`.

    Args:
        config: the server.
        public_url: where the phones reach the gateway.

    Raises:
        OSError: ``ca`` can't be used.
    """

    name = CHANNEL
    per_minute = PER_MINUTE
    text_bytes_max = TEXT_BYTES_MAX
    shows_gone = True

    def __init__(self, config: NtfyConfig, public_url: str) -> None:
        self.priority = config.priority
        self.answers_url = f"{public_url}{ANSWERS_PATH}"
        self.backend = HttpBackend(options_of(config))

    def buttons(self, view: ApprovalView) -> tuple[Button, ...]:
        """The buttons of an approval: a code can't be typed here, so such a one can be denied."""
        deny = Button("Deny", approve=False)
        return (deny,) if view.needs_code else (Button("Approve", approve=True), deny)

    async def send(self, place: Place, notification: Notification) -> None:
        """Publish a message; see :class:`~agentgate_server.approvals.push.sender.Sender`."""
        message = {
            "topic": place.address,
            "title": notification.title,
            "message": notification.text,
            "priority": self._priority(notification.loudness),
            "tags": TAGS[notification.loudness],
            "actions": [*self._actions(notification.buttons)],
            "sequence_id": notification.tag,
        }
        answer = await self._call("POST", "/", msgspec.json.encode(message))
        refuse(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.backend.aclose()

    async def probe(self, places: Iterable[str]) -> list[str]:
        """Look whether the server is there, and lets our token read these topics: what is wrong.

        It sends nothing to anybody. That a topic may be written to, only a message can tell.
        """
        try:
            answer = await self._call("GET", "/v1/health", b"")
            if answer.status != 200 or b'"healthy":true' not in answer.body.replace(b" ", b""):
                return ["what answers there is no ntfy server: check messenger.ntfy.url"]
            for place in places:
                refuse(await self._call("GET", f"/{place}/auth", b""))
        except SendError as error:
            return [str(error)]
        return []

    def _priority(self, loudness: Loudness) -> int:
        match loudness:
            case Loudness.ASK:
                return self.priority
            case Loudness.NEWS:
                return NEWS
            case _:
                return QUIET

    def _actions(self, buttons: Iterable[Button]) -> Iterable[dict[str, Any]]:
        for button in buttons:
            body = msgspec.json.encode({"ticket": button.ticket.value}).decode()
            yield {
                "action": "http",
                "label": button.label,
                "method": "POST",
                "url": self.answers_url,
                "headers": {"Content-Type": "application/json"},
                "body": body,
                "clear": True,
            }

    async def _call(self, method: str, path: str, content: bytes) -> Answer:
        headers = (("Content-Type", "application/json"),) if content else ()
        try:
            return await self.backend.request(method, path, headers=headers, content=content)
        except (NotStarted, EffectUnknown, ToolFailed) as error:
            raise UnreachableError(str(error)) from None


def options_of(config: NtfyConfig) -> HttpOptions:
    """Say how the server is reached."""
    token = config.token
    headers = {} if token is None else {"Authorization": Secret(f"Bearer {token.value}")}
    return HttpOptions(
        name=CHANNEL,
        url=str(config.url),
        headers=headers,
        reach=ANYWHERE,
        ca=config.ca,
        failures_max=NEVER,
        connections_max=2,
    )


def refuse(answer: Answer) -> None:
    """Raise what an answer other than "OK" means."""
    if answer.status < 300:
        return
    if answer.status == 429:
        raise LaterError(CHANNEL, pause_of(answer))
    if answer.status in (401, 403):
        hint = "check messenger.ntfy.token, and what it may do with the topics of all people"
        raise RefusedError(f"ntfy lets us not in there ({answer.status}): {hint}")
    if answer.status == 404:
        raise RefusedError("what answers there is no ntfy server (404): check messenger.ntfy.url")
    if answer.status < 500:
        raise RefusedError(f"ntfy refuses a message ({answer.status})")
    raise UnreachableError(f"ntfy fails ({answer.status})")


def pause_of(answer: Answer) -> float:
    """How long to wait: as it says, within reason."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), PAUSE_S_MAX) if said.isdecimal() else PAUSE_S
