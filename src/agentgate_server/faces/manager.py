"""A manager: consoles on Socket.IO that talk to the agents of this gateway."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.faces.consoles.manager import NAMESPACE, ManagerConsole
from agentgate_proto.faces.socketio.application import Sockets
from agentgate_proto.faces.socketio.events import Connected
from agentgate_server.faces.console_seat import Seat
from agentgate_server.faces.consoles import Consoles, new_prefix
from agentgate_server.faces.local_desk import Agents, LocalDesk, LocalDesks
from agentgate_server.sessions.door import SessionDoor


class ManagerConsoles(Consoles):
    """Consoles that talk to the agents of this gateway.

    Args:
        agents: who they are.
        sessions: where their conversations are.
        sockets, settle: see :class:`Consoles`.
    """

    def __init__(
        self,
        agents: Agents,
        sessions: SessionDoor,
        sockets: Sockets,
        settle: Callable[[], None],
    ) -> None:
        super().__init__(NAMESPACE, sockets, settle)
        self._desks = LocalDesks(agents, sessions)

    def closing(self, now: float) -> None:
        """See ``Application``. Nothing must be said: clients come back, and are told then."""

    def _seat(self, who: Connected) -> Seat:
        console = ManagerConsole(who.principal.name, new_prefix(), self._waiting)
        desk = LocalDesk(self._desks, who.principal, who.address)
        return Seat(who.socket, console, self._sockets, self._drained, desk)
