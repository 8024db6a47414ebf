"""A controller: consoles on Socket.IO that talk to the agents of gateways behind this one."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.faces.consoles.controller import NAMESPACE, ControllerConsole, Remote
from agentgate_proto.faces.socketio.application import Sockets
from agentgate_proto.faces.socketio.events import Connected
from agentgate_proto.principal import Principal
from agentgate_server.faces.console_seat import Desk, Seat
from agentgate_server.faces.consoles import Consoles, new_prefix
from agentgate_server.faces.link_desk import LinkDesk, SharedLogins
from agentgate_server.relay.link import Link, LinkState, LinkStatus, Stop, Upstreams

REMOTES = {LinkStatus.CONNECTED: Remote.UP, LinkStatus.CLOSED: Remote.CLOSED}
"""What consoles are told of a link; else it is away."""


class NoUpstreams:
    """There are no gateways behind this one; see ``relay.link.Upstreams``."""

    names: tuple[str, ...] = ()

    def get(self, name: str) -> Link | None:
        """See the class."""
        return None


class ControllerConsoles(Consoles):
    """Consoles that talk to the agents of gateways behind this one.

    Args:
        upstreams: the links to those.
        sockets, settle: see :class:`Consoles`.
    """

    def __init__(self, upstreams: Upstreams, sockets: Sockets, settle: Callable[[], None]) -> None:
        super().__init__(NAMESPACE, sockets, settle)
        self._upstreams = upstreams
        self._logins: dict[str, SharedLogins] = {}

    def closing(self, now: float) -> None:
        """See ``Application``. That the links end now is no news to consoles."""
        for seat in self._seats.values():
            assert isinstance(seat, ControllerSeat)
            seat.stop_listening()

    def desk(self, client: str, principal: Principal) -> LinkDesk | None:
        """Find a gateway; None: there is none of that name, or the console may not use it."""
        link = self._upstreams.get(client)
        if link is None or not link.admits(principal.name):
            return None
        logins = self._logins.setdefault(client, SharedLogins(link))
        return LinkDesk(link, logins, principal)

    def _seat(self, who: Connected) -> Seat:
        console = ControllerConsole(who.principal.name, new_prefix(), self._waiting)
        return ControllerSeat(
            self, who.principal, who.socket, console, self._sockets, self._drained
        )


class ControllerSeat(Seat):
    """The seat of a console that chooses its gateway.

    Args:
        consoles: finds it.
        principal: who the console is.
        socket, console, sockets, drained: see :class:`Seat`.
    """

    console: ControllerConsole

    def __init__(
        self,
        consoles: ControllerConsoles,
        principal: Principal,
        socket: int,
        console: ControllerConsole,
        sockets: Sockets,
        drained: Callable[[int], None],
    ) -> None:
        super().__init__(socket, console, sockets, drained)
        self._consoles = consoles
        self._principal = principal
        self._stop: Stop | None = None

    def choose(self, client: str, now: float) -> Desk | None:
        """See :class:`Seat`."""
        self.stop_listening()
        desk = self._consoles.desk(client, self._principal)
        if desk is None:
            self.console.refused()
            return None
        link = desk.link
        self._stop = link.listen(self._heard)
        self.console.chosen(client, link.agents, *remote_of(link.state), now)
        return desk

    def leave(self) -> None:
        """See :class:`Seat`."""
        self.stop_listening()
        super().leave()

    def stop_listening(self) -> None:
        """Hear no more of the link."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def _heard(self, state: LinkState) -> None:
        with self.guarding():
            self.console.remote(*remote_of(state))


def remote_of(state: LinkState) -> tuple[Remote, int]:
    """Say how a gateway can be reached, and which attempt it is that is under way or next: that
    the connection broke counts as a failed one."""
    return REMOTES.get(state.status, Remote.AWAY), max(state.attempt, 1)
