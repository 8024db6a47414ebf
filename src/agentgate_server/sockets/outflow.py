"""Outflow: what waits for those who do not read it is counted by owner, and cut where it is too
much. How much that is, the core says."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.connection.face import FaceConnection
from agentgate_proto.quotas.output import Cut, Output
from agentgate_proto.quotas.owners import Owner


class Reader:
    """A connection that is sent something.

    Attributes:
        connection: its machine.
        owner: whose it is.
        outflow: counts what waits for it; None: nobody does.
    """

    connection: FaceConnection
    owner: Owner
    outflow: Outflow | None = None
    _waiting = 0

    def poke(self) -> None:
        """See :class:`agentgate_server.sockets.peer.Peer`."""
        raise NotImplementedError

    def note_output(self) -> None:
        """Output was queued or taken: for a pump to call when it has sent what it could."""
        waiting = self.connection.queued_bytes
        if waiting != self._waiting:
            self._waiting = waiting
            if self.outflow is not None:
                self.outflow.note(self, waiting)

    def forget_output(self) -> None:
        """The connection is over: for a pump to call."""
        if self.outflow is not None:
            self.outflow.note(self, 0)
            self.outflow = None


class Outflow:
    """See the module.

    Args:
        capped: hears who was held to their share; see ``Observer``.

    Attributes:
        output: what waits.
    """

    def __init__(self, capped: Callable[[str, str], None]) -> None:
        self.output: Output[Reader] = Output()
        self._capped = capped

    def note(self, reader: Reader, waiting: int) -> None:
        """So many bytes wait for a connection now; whoever has too much ends."""
        for cut in self.output.note(reader, reader.owner, waiting):
            self.end(cut)

    def end(self, cut: Cut[Reader]) -> None:
        """End a connection for what waits for it."""
        self._capped(cut.owner.name, cut.cap.value)
        cut.who.connection.cut_slow()
        cut.who.poke()
