"""The watchers: connections of approvers that want to hear of every change, and faces that do."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.rpc.listing import short_view
from agentgate_server.approvals.reach import Reach
from agentgate_server.sockets.peer import Peer


class Watchers:
    """The channel for terminals and programs on the native protocol.

    Args:
        reach: is told what somebody was shown.

    Attributes:
        looks: of faces, which show what concerns their clients, and reach nobody by that.
    """

    name = "terminal"
    problem = ""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.looks: list[Callable[[ApprovalView], None]] = []
        self._peers: dict[int, Peer] = {}

    def add(self, peer: Peer) -> None:
        """From now on this connection hears of changes."""
        self._peers[peer.number] = peer

    def remove(self, peer: Peer) -> None:
        """The connection is gone."""
        self._peers.pop(peer.number, None)

    def approval_changed(self, view: ApprovalView) -> None:
        """See :class:`agentgate_server.approvals.channel.Channel`."""
        view = short_view(view)
        for peer in list(self._peers.values()):
            try:
                peer.connection.send_notification("approval_changed", view)
            except ConnectionClosedError:
                continue  # its Closed event is on the way and will remove it
            peer.poke()
            self.reach.reached(view.id)
        for look in self.looks:
            look(view)
