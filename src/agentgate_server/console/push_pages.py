"""Push at the console: a browser subscribes, ends that, and tries it."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.errors import ErrorCode
from agentgate_server.approvals.push.notification import Loudness, Notification
from agentgate_server.approvals.push.subscriptions import Subscriptions
from agentgate_server.approvals.push.web_push import WebPushSender
from agentgate_server.approvals.sending import SendError
from agentgate_server.console.face import ConsoleFace
from agentgate_server.console.visit import Visit
from agentgate_server.identity.address_throttle import AddressThrottle
from agentgate_server.store.engine import StoreError

TRIES_PER_MINUTE = 6
"""Of one person: each is a message of a service that counts them."""

NOT_SUBSCRIBED = "this browser has not subscribed"


class PushPages:
    """See the module.

    Args:
        face: the console, which gets these calls by this.
        subscriptions: of people.
        sender: sends a try.
        spawn: starts an async function with its arguments, in a task.
        monotonic: seconds.
    """

    def __init__(
        self,
        face: ConsoleFace,
        subscriptions: Subscriptions,
        sender: WebPushSender,
        spawn: Callable[..., None],
        monotonic: Callable[[], float],
    ) -> None:
        self._subscriptions = subscriptions
        self._sender = sender
        self._spawn = spawn
        self._monotonic = monotonic
        self._tries = AddressThrottle(TRIES_PER_MINUTE)  # by name: it takes any text
        face.facts["push"] = lambda: "on"
        face.handlers |= {
            "push/key": (self._key, True),
            "push/subscribe": (self._subscribe, True),
            "push/unsubscribe": (self._unsubscribe, True),
            "push/try": (self._try, True),
        }

    def _key(self, visit: Visit) -> None:
        name, endpoint = visit.logged_in.who.name, visit.text("endpoint")
        known = bool(endpoint) and self._subscriptions.has(endpoint, name)
        visit.answer({"key": self._sender.vapid.public_key, "subscribed": known})

    def _subscribe(self, visit: Visit) -> None:
        self._spawn(self._add, visit)

    async def _add(self, visit: Visit) -> None:
        session = visit.logged_in
        texts = (visit.text("endpoint"), visit.text("key"), visit.text("auth"))
        try:
            await self._subscriptions.add(session, *texts)
        except ValueError as error:
            visit.refuse(ErrorCode.INVALID_PARAMS, str(error))
        except StoreError as error:
            visit.refuse(ErrorCode.INTERNAL_ERROR, f"that could not be stored: {error}")
        else:
            visit.answer({})

    def _unsubscribe(self, visit: Visit) -> None:
        self._subscriptions.forget(visit.text("endpoint"), visit.logged_in.who.name)
        visit.answer({})

    def _try(self, visit: Visit) -> None:
        who = visit.logged_in.who
        if pause_s := self._tries.take(who.name, self._monotonic()):
            text = f"{TRIES_PER_MINUTE} tries a minute"
            visit.refuse(ErrorCode.LIMIT_EXCEEDED, text, pause_s=pause_s)
        else:
            self._spawn(self._send, visit)

    async def _send(self, visit: Visit) -> None:
        name, endpoint = visit.logged_in.who.name, visit.text("endpoint")
        mine = [each for each in self._subscriptions.there(name) if each.endpoint == endpoint]
        if not mine:
            visit.refuse(ErrorCode.NOT_FOUND, NOT_SUBSCRIBED)
            return
        text = "This is how it will look when an agent asks."
        try:
            await self._sender.tell(mine[0], Notification("try", "agentgate", text, Loudness.NEWS))
        except SendError as error:
            visit.refuse(ErrorCode.INTERNAL_ERROR, f"the message was not taken: {error}")
        else:
            visit.answer({"sent": self._subscriptions.has(endpoint, name)})
