"""The edge face: seed 000's devices on a WebSocket. What their messages mean, the core knows.

A device has one link at a time: whoever comes with its token takes the place of who was there, and
is told nothing of what was meant for the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anyio
import msgspec

from agentgate_proto.connection.base import TAKEN_OVER
from agentgate_proto.connection.events import Closed, MessageReceived, UpgradeAsked
from agentgate_proto.faces import edge
from agentgate_proto.faces.edge_messages import Prompt, Snapped
from agentgate_proto.principal import Principal
from agentgate_proto.providing.effects import Refusal
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool, ToolCalled
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.entrance import Refused, may_converse
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.talker import Talker
from agentgate_server.sessions.door import SessionDoor
from agentgate_server.sockets.peer import Peer
from agentgate_server.tools.provided.desk import ProviderDesk

log = logging.getLogger(__name__)

REPLACED = "another connection came with this device's token"

SNAPSHOT_S = 10.0
"""How long a device may take to tell its data."""

SNAPSHOT = OfferedTool(
    name="data_snapshot",
    description="The device's data as they are now: of these channels, or of all.",
    effects=Effects.READ,
    args={
        "type": "object",
        "properties": {"channels": {"type": "array", "items": {"type": "string"}}},
    },
    timeout_s=SNAPSHOT_S,
)

LOOK_AGAIN_S = 60.0
"""The longest sleep of a link's timer: a system clock that was set is noticed within it."""


class EdgeFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        path: where its WebSocket is.
        is_open: whoever asks on this machine needs no token.
        url_tokens: a token may stand in the URL.
    """

    name = edge.FACE

    def __init__(self, around: Surroundings, *, path: str, is_open: bool, url_tokens: bool) -> None:
        self.routes: Sequence[Route] = (Route(face=self.name, path=path, websocket=True),)
        assert around.sessions is not None, "this face is made where there are sessions"
        self._entrance = around.entrance
        self._sessions = around.sessions
        self._providers = around.providers
        self._spawn = around.spawn
        self._is_open = is_open
        self._url_tokens = url_tokens
        self._links: dict[int, Link] = {}  # by number of the connection
        self._newest: dict[str, Link] = {}  # by principal
        self._unsent: dict[str, list[Prompt]] = {}  # of those that are gone, by principal
        around.clients[self.name] = lambda: len(self._links)

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """See :class:`~agentgate_server.faces.face.Face`."""
        match event:
            case UpgradeAsked():
                self._accept(peer, event)
            case MessageReceived(data=data):
                self._links[peer.number].receive(data)
            case Closed():
                link = self._links.pop(peer.number, None)
                if link is not None:
                    self._gone(link)
            case _:
                pass  # the core answers plain HTTP on the path of a WebSocket

    def _accept(self, peer: Peer, asked: UpgradeAsked) -> None:
        asks = self._entrance.ask(peer, asked, is_open=self._is_open, url_tokens=self._url_tokens)
        who = may_converse(asks)
        if isinstance(who, Refused):
            peer.connection.refuse_upgrade(who.status, who.reason, who.headers)
            return
        former = self._newest.get(who.name)
        if former is not None:
            log.info("%s: a new connection of the device takes the place of the last", who.name)
            self._gone(former)
            former.replaced()
        peer.connection.accept_upgrade()
        unsent = self._unsent.pop(who.name, [])
        link = Link(peer, who, self._sessions, self._providers, unsent, self._spawn)
        self._links[peer.number] = self._newest[who.name] = link
        link.begin()

    def _gone(self, link: Link) -> None:
        """A connection is over. What it was asked, and could bring to no session yet, is for the
        next."""
        link.close()
        name = link.principal.name
        if self._newest.get(name) is link:
            del self._newest[name]
            if link.unsent:
                self._unsent[name] = link.unsent


class Link(Talker):
    """One connection of a device, with its timer. Its data are a tool as long as it is there; see
    :class:`~agentgate_server.tools.provided.desk.ProviderLink`.

    Args:
        peer: the connection, which has been accepted.
        principal: whose device it is.
        sessions: where its prompts go.
        providers: takes its data as a tool; None: nobody can ask for them.
        unsent: what the connection before was asked, and had no session for.
        spawn: starts an async function with its arguments, in a task.
        utc: the clock, UTC seconds.
    """

    def __init__(
        self,
        peer: Peer,
        principal: Principal,
        sessions: SessionDoor,
        providers: ProviderDesk | None,
        unsent: Iterable[Prompt],
        spawn: Callable[..., None],
        utc: Callable[[], float] = time.time,
    ) -> None:
        self.principal = principal
        self._providers = providers
        self._device = edge.Device(utc(), unsent)
        self._alarm = anyio.Event()
        self._armed = self._device.next_deadline()
        super().__init__(peer, principal, self._device, sessions, spawn, utc)

    @property
    def unsent(self) -> list[Prompt]:
        """Prompts that it could bring to no session."""
        return self._device.unsent

    def begin(self) -> None:
        """Look for the device's session, offer its data, and keep time."""
        self._spawn(self._keep_time)
        self._drain()
        if self._providers is None:
            return
        name = self.principal.name
        taken = self._providers.offer(self._peer.number, self, name, edge.FACE, [SNAPSHOT])
        if isinstance(taken, Refusal):
            log.warning("%s: its data can't be asked for: %s", name, taken.message)
        self._providers.drain()

    def replaced(self) -> None:
        """Another connection of this device has come: this one ends, and does nothing more."""
        self._peer.connection.close(TAKEN_OVER, REPLACED)
        self._peer.poke()

    def close(self) -> None:
        """See :class:`Talker`."""
        super().close()
        self._alarm.set()
        if self._providers is not None:
            self._providers.leave(self._peer.number)

    # As a provider

    def ask(self, request: str, call: CallTool) -> bool:
        """See :class:`~agentgate_server.tools.provided.desk.ProviderLink`."""
        channels = call.args.get("channels") or ()
        if self._is_over or not self._device.snapshot(request, channels, self._utc()):
            return False
        self._drain()
        return True

    def drop(self, request: str, call: str) -> None:
        """See :class:`~agentgate_server.tools.provided.desk.ProviderLink`."""
        self._device.forget_snapshot(request)

    def _drain(self) -> None:
        super()._drain()
        if self._device.next_deadline() < self._armed:
            self._alarm.set()

    def _told(self, what: Any) -> None:
        """See :class:`Talker`: the device's data came."""
        assert isinstance(what, Snapped), "the core tells nothing else"
        if self._providers is not None:
            result = msgspec.Raw(msgspec.json.encode(ToolCalled(data=what.snapshots)))
            self._providers.answered(self._peer.number, what.request_id, result, None)

    async def _keep_time(self) -> None:
        while not self._is_over:
            self._armed = self._device.next_deadline()
            pause_s = min(max(self._armed - self._utc(), 0.0), LOOK_AGAIN_S)
            with anyio.move_on_after(pause_s):
                await self._alarm.wait()
            self._alarm = anyio.Event()
            if not self._is_over:
                self._device.handle_timer(self._utc())
                self._drain()
