"""The controller's namespace ``/clients``: consoles talk to the agents of gateways behind this one
(seed 002).

From a console: ``setClient {clientId}`` chooses the gateway, ``forward {event, payload, agentId?}``
passes on what a manager's namespace takes. To it: ``clientSet``, ``forwardedEvent {event, payload,
agentId}`` with what a manager would say, ``remoteDisconnected``, ``remoteReconnecting``,
``remoteReconnected``, ``error``.

Stock clients send what they kept while they were offline before their program chooses the gateway
again: forwards before ``setClient`` wait for it, for a while, and are taken in their order. A
forward to an agent whose password is stored here logs in by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from enum import Enum
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.faces.consoles.console import Console, shown
from agentgate_proto.faces.consoles.effects import Answer, Choose
from agentgate_proto.faces.consoles.messages import (
    Chat,
    ClientSet,
    Forward,
    Forwarded,
    Login,
    Logout,
    Received,
    RemoteAttempt,
    RemoteState,
    SetClient,
    ToConsole,
    read,
)
from agentgate_proto.faces.consoles.talks import (
    CHAT,
    HELD_MAX,
    HELD_S,
    LOGIN,
    LOGOUT,
    NO_AGENT,
)
from agentgate_proto.faces.consoles.waiting import Waiting

NAMESPACE = "/clients"

HELD_CHARS_MAX = 1_048_576
"""Of the texts of forwards that wait for ``setClient``, of one console."""

NO_CLIENT = "No client selected. Call setClient first."
NO_ACCESS = "You do not have access to this client"
NO_CLIENT_ID = "clientId is required"
NO_EVENT = "event is required"
CLOSED = "Remote connection failed"


class Remote(Enum):
    """How the gateway behind can be reached."""

    UP = "up"
    AWAY = "away"
    CLOSED = "closed"


class Early(msgspec.Struct, frozen=True):
    """A forward that came before ``setClient``.

    Attributes:
        asked: what is to be passed on.
        ack: to be acknowledged.
        until: how long it waits.
    """

    asked: Login | Chat | Logout
    ack: int | None
    until: float

    @property
    def size(self) -> int:
        """Of its text, characters."""
        return len(self.asked.message) if isinstance(self.asked, Chat) else 0


class ControllerConsole(Console):
    """See the module and :class:`Console`."""

    def __init__(self, principal: str, prefix: str, waiting: Waiting) -> None:
        super().__init__(principal, prefix, waiting)
        self._client = ""
        self._choosing: int | None = None  # the ack of the setClient that is being answered
        self._stored: Collection[str] = ()
        self._remote = Remote.UP
        self._attempt = 0
        self._early: deque[Early] = deque()

    # Inputs beyond those of every console

    def chosen(
        self, client: str, stored: Collection[str], remote: Remote, attempt: int, now: float
    ) -> None:
        """The gateway is there, and the console may use it.

        Args:
            client: its name.
            stored: agents there whose passwords are stored here.
            remote, attempt: as for ``remote``.
            now: see :class:`Console`.
        """
        ack, self._choosing = self._choosing, None
        self._client, self._stored = client, stored
        self._emit("clientSet", ClientSet(client_id=client))
        if ack is not None:
            self._effects.append(Answer(ack, Received(event="setClient")))
        self._remote, self._attempt = Remote.UP, 0
        if remote is not Remote.UP:
            self._tell_remote(remote, attempt)
        early, self._early = self._early, deque()
        for each in early:
            self._forward(each.asked, each.ack, now)

    def refused(self) -> None:
        """There is no such gateway, or the console may not use it: which of these is not said."""
        ack, self._choosing = self._choosing, None
        self._complain(ack, NO_ACCESS)
        self._give_up(len(self._early))

    def remote(self, remote: Remote, attempt: int) -> None:
        """The gateway behind can be reached so now.

        Args:
            remote: how.
            attempt: while it is away: which attempt is the next one, or under way; from 1 on.
        """
        if self._remote is Remote.UP and remote is Remote.AWAY:
            self._emit("remoteDisconnected", RemoteState(client_id=self._client))
        self._tell_remote(remote, attempt)

    # See :class:`Console`

    def next_deadline(self) -> float | None:
        """See :class:`Console`."""
        own = self._early[0].until if self._early else None
        times = [each for each in (own, self.talks.next_deadline()) if each is not None]
        return min(times, default=None)

    def handle_timer(self, now: float) -> None:
        """See :class:`Console`."""
        super().handle_timer(now)
        self._give_up(sum(each.until <= now for each in self._early))

    def close(self) -> None:
        """See :class:`Console`."""
        super().close()
        self._early.clear()

    def _on_event(self, event: str, argument: Any, ack: int | None, now: float) -> None:
        match event:
            case "setClient":
                self._set_client(read(SetClient, argument).client_id, ack)
            case "forward":
                forward = read(Forward, argument)
                asked = self._asked(forward)
                if isinstance(asked, str):
                    self._complain(ack, asked)
                elif self._client:
                    self._forward(asked, ack, now)
                else:
                    self._hold(Early(asked, ack, now + HELD_S))
            case _:
                offered = "setClient, forward"
                self._complain(ack, f"{shown(event)} is not offered here: {offered} are")

    def _tell(self, event: str, payload: ToConsole, agent: str) -> None:
        self._emit("forwardedEvent", Forwarded(event=event, payload=payload, agent_id=agent))

    def _unknown(self, agent: str) -> str:
        return no_credentials(agent) if agent else super()._unknown(agent)

    # The steps

    def _set_client(self, client: str, ack: int | None) -> None:
        if not client:
            self._complain(ack, NO_CLIENT_ID)
        elif client == self._client:
            self._emit("clientSet", ClientSet(client_id=client))
            if ack is not None:
                self._effects.append(Answer(ack, Received(event="setClient")))
        else:
            self.talks.close()  # what comes is of one gateway: their agents may have the same ids
            self._client = ""
            self._choosing = ack
            self._effects.append(Choose(client))

    def _asked(self, forward: Forward) -> Login | Chat | Logout | str:
        """Return what is to be passed on; a text: why it can't be.

        Raises:
            BadMessageError: its payload is not what the event takes.
        """
        kinds: dict[str, type[Login | Chat | Logout]] = {LOGIN: Login, CHAT: Chat, LOGOUT: Logout}
        kind = kinds.get(forward.event)
        if kind is None:
            offered = ", ".join(kinds)
            words = f"{shown(forward.event)} can't be forwarded: {offered} can"
            return words if forward.event else NO_EVENT
        asked = read(kind, forward.payload)
        if forward.agent_id:
            asked = replace(asked, agent_id=forward.agent_id)
        return NO_AGENT if kind is Login and not asked.wanted else asked

    def _forward(self, asked: Login | Chat | Logout, ack: int | None, now: float) -> None:
        wanted = asked.wanted
        match asked:
            case Login(password=password):
                if password or wanted in self._stored:
                    self.talks.log_in(wanted, password or None, ack)
                else:
                    self.talks.refuse(ack, no_credentials(wanted), wanted)
            case Chat():
                if wanted in self._stored and not self.talks.knows(wanted):
                    self.talks.log_in(wanted, None, None, was_asked=False)
                self.talks.chat(asked, wanted, ack, now)
            case _:
                self.talks.log_out(wanted, ack)

    def _hold(self, early: Early) -> None:
        total = sum(each.size for each in self._early) + early.size
        if len(self._early) >= HELD_MAX or total > HELD_CHARS_MAX:
            self._complain(early.ack, NO_CLIENT)
        else:
            self._early.append(early)

    def _give_up(self, number: int) -> None:
        """The oldest forwards wait no longer."""
        for _ in range(number):
            self._complain(self._early.popleft().ack, NO_CLIENT)

    def _tell_remote(self, remote: Remote, attempt: int) -> None:
        """Tell what is new about the gateway behind, but for its going away."""
        was, self._remote = (self._remote, self._attempt), remote
        self._attempt = attempt
        if was == (remote, attempt):
            return
        match remote:
            case Remote.UP:
                self._emit("remoteReconnected", RemoteState(client_id=self._client))
            case Remote.AWAY:
                about = RemoteAttempt(client_id=self._client, attempt=attempt)
                self._emit("remoteReconnecting", about)
            case _:
                self._emit("remoteDisconnected", RemoteState(client_id=self._client))
                self._complain(None, CLOSED)


def no_credentials(agent: str) -> str:
    """Say that a password is needed."""
    return f"No stored credentials for agent {shown(agent)}"
