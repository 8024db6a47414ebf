"""Web Push: notifications to browsers whose console is closed (RFC 8030, 8291, 8292).

A message goes to the push service of the browser's vendor, encrypted for that browser, and names
the approval; the decision is made at the console, which a tap opens. That a service has taken a
message says nothing of whether anybody has seen it, so nothing here counts as that.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.link import Link
from agentgate_server.approvals.needs import Needs
from agentgate_server.approvals.push.channel import PushChannel
from agentgate_server.approvals.push.notification import Button, Loudness, Notification
from agentgate_server.approvals.push.sender import Place
from agentgate_server.approvals.push.subscriptions import Subscription, Subscriptions, decoded
from agentgate_server.approvals.sending import (
    NEVER,
    LaterError,
    RefusedError,
    UnreachableError,
    pause_of,
)
from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.answer import Answer
from agentgate_server.backends.http_options import HttpOptions
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed

if TYPE_CHECKING:
    from pathlib import Path

    from agentgate_server.backends.http_client import HttpBackend

CHANNEL: Final = "push"

TEXT_BYTES_MAX: Final = 1_500
"""A service takes 4,096 bytes of everything together, and a letter of JSON may take several."""

PER_MINUTE: Final = 120
"""Messages, to all browsers together."""

TTL_S: Final = 900
"""For how long a service keeps a message for a browser that is off: as long as approvals wait."""

CLAIM_S: Final = 43_200
"""For how long a service may take our word for who we are; RFC 8292 allows a day."""

SERVICES_MAX: Final = 8
"""Services with open connections; there are four vendors."""

SENT_MAX: Final = 1_000
"""Messages of which is known who has them already."""

CURVE_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (FIPS 186-5)."""

PUBLIC: Final = Reach()

GONE: Final = frozenset({404, 410})
"""The browser has unsubscribed, or is no more (RFC 8030 section 7.3)."""

log = logging.getLogger(__name__)


def is_installed() -> bool:
    """Whether the extra is there."""
    return all(find_spec(name) for name in ("http_ece", "py_vapid"))


class Vapid:
    """Says to push services who sends: always the same gateway (RFC 8292).

    Args:
        seal: returns secret bytes that last as long as the store: the key is made of them.
        subject: whom a service may write to: an address that begins with https: or mailto:.
        utc: the clock, UTC seconds.
    """

    def __init__(self, seal: Callable[[], bytes], subject: str, utc: Callable[[], float]) -> None:
        self._seal = seal
        self._subject = subject
        self._utc = utc
        self._signer: Any = None

    @property
    def signer(self) -> Any:
        """What signs."""
        if self._signer is None:
            from cryptography.hazmat.primitives.asymmetric import ec
            from py_vapid import Vapid02  # type: ignore[import-untyped]

            drawn = sha256(b"web push 1" + self._seal()).digest()
            drawn += sha256(b"web push 2" + self._seal()).digest()
            number = 1 + int.from_bytes(drawn) % (CURVE_ORDER - 1)
            self._signer = Vapid02(ec.derive_private_key(number, ec.SECP256R1()))
        return self._signer

    @property
    def public_key(self) -> str:
        """What browsers subscribe with, base64url."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        point = self.signer.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def authorization(self, origin: str) -> str:
        """What to say to a service."""
        claims = {"aud": origin, "exp": int(self._utc()) + CLAIM_S, "sub": self._subject}
        said: dict[str, str] = self.signer.sign(claims)
        return said["Authorization"]


def encrypted(message: bytes, to: Subscription) -> bytes:
    """Encrypt a message for one browser (RFC 8291).

    Raises:
        ValueError: its key is no point of the curve.
    """
    import http_ece  # type: ignore[import-untyped]
    from cryptography.hazmat.primitives.asymmetric import ec

    sealed: bytes = http_ece.encrypt(
        message,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=decoded(to.key),
        auth_secret=decoded(to.auth),
        version="aes128gcm",
    )
    return sealed


class WebPushSender:
    """Tells browsers. A :class:`~agentgate_server.approvals.push.sender.Sender`.

    Args:
        subscriptions: of people.
        vapid: says who sends.
        reach: which addresses push services may have; those of the house they have not.
        ca: PEM file of the authorities that may vouch for them; None: the system's.
    """

    name = CHANNEL
    per_minute = PER_MINUTE
    text_bytes_max = TEXT_BYTES_MAX
    shows_gone = True

    def __init__(
        self,
        subscriptions: Subscriptions,
        vapid: Vapid,
        *,
        reach: Reach = PUBLIC,
        ca: Path | None = None,
    ) -> None:
        self.subscriptions = subscriptions
        self.vapid = vapid
        self._reach = reach
        self._ca = ca
        self._services: dict[str, HttpBackend] = {}
        self._sent: dict[str, set[str]] = {}  # messages by digest: the browsers that have them

    def buttons(self, view: ApprovalView) -> tuple[Button, ...]:
        """None: a tap opens the console, which shows the whole of it."""
        del view
        return ()

    async def send(self, place: Place, notification: Notification) -> None:
        """Tell all browsers; those that were told of it before are passed over.

        Raises:
            SendError: some were not told, and it is worth another try.
        """
        del place
        digest = f"{notification.tag} {notification.digest}"
        has_it = self._sent.setdefault(digest, set())
        while len(self._sent) > SENT_MAX:
            del self._sent[next(iter(self._sent))]
        problem: Exception | None = None
        for each in self.subscriptions.there():
            if each.id in has_it:
                continue
            try:
                await self.tell(each, notification)
            except LaterError:
                raise
            except (RefusedError, UnreachableError) as error:
                problem = error
            else:
                has_it.add(each.id)
        if problem is not None:
            raise problem

    async def tell(self, to: Subscription, notification: Notification) -> None:
        """Tell one browser. One that is gone is forgotten.

        Raises:
            SendError: its service has not taken the message.
        """
        is_quiet = notification.loudness in (Loudness.SILENT, Loudness.GONE)
        message = {
            "title": notification.title,
            "text": notification.text,
            "tag": notification.tag,
            "id": "" if notification.tag.startswith("held-") else notification.tag,
            "silent": is_quiet,
        }
        try:
            sealed = encrypted(msgspec.json.encode(message), to)
        except ValueError:
            self.subscriptions.forget(to.endpoint)
            return
        headers = (
            ("Content-Encoding", "aes128gcm"),
            ("Content-Type", "application/octet-stream"),
            ("TTL", str(TTL_S)),
            ("Urgency", "normal" if is_quiet else "high"),
            ("Topic", sha256(notification.tag.encode()).hexdigest()[:32]),
            ("Authorization", self.vapid.authorization(to.origin)),
        )
        backend = await self._service(to.origin)
        try:
            answer = await backend.request("POST", to.target, headers=headers, content=sealed)
        except (NotStarted, EffectUnknown, ToolFailed) as error:
            raise UnreachableError(str(error)) from None
        if answer.status in GONE:
            log.info("a browser has unsubscribed from push, and is told no more")
            self.subscriptions.forget(to.endpoint)
            return
        refuse(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        while self._services:
            await self._services.popitem()[1].aclose()

    async def _service(self, origin: str) -> HttpBackend:
        """What calls a service."""
        if origin not in self._services:
            if len(self._services) >= SERVICES_MAX:
                await self._services.pop(next(iter(self._services))).aclose()
            options = HttpOptions(
                name="a push service",
                url=origin,
                reach=self._reach,
                ca=self._ca,
                failures_max=NEVER,
                connections_max=2,
            )
            from agentgate_server.backends.http_client import HttpBackend  # takes long

            self._services[origin] = HttpBackend(options)
        return self._services[origin]


def refuse(answer: Answer) -> None:
    """Raise what an answer other than "Created" means."""
    if answer.status < 300:
        return
    if answer.status == 429:
        raise LaterError("a push service", pause_of(answer))
    if answer.status < 500:
        raise RefusedError(f"a push service refuses a message ({answer.status})")
    raise UnreachableError(f"a push service fails ({answer.status})")


class SentLink(Link):
    """The link of a channel that knows what was sent, and not what was seen."""

    def asked(self, rid: str) -> None:
        """A service has taken it; that reaches nobody yet."""
        self._observers.shown(self.channel)


class WebPushChannel(PushChannel):
    """Tells the browsers that have subscribed; while there is none, it has nothing to do."""

    def __init__(self, sender: WebPushSender, asks_per_minute: int, needs: Needs) -> None:
        super().__init__(sender, [(CHANNEL, "")], asks_per_minute, needs)
        self._subscriptions = sender.subscriptions
        self.link = self.outbox.link = SentLink(self.name, needs)

    def approval_changed(self, view: ApprovalView) -> None:
        """See :class:`~agentgate_server.approvals.channel.Channel`."""
        is_known = view.id in self.outbox.board.turns.cards
        if is_known or (view.status == "waiting" and self._subscriptions.there()):
            super().approval_changed(view)
