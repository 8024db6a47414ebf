"""Devices: the connections that provide tools, as people see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.health_methods import DeviceList, DeviceRow
from agentgate_proto.rpc.listing import page_of
from agentgate_server.sockets.peer import Peer
from agentgate_server.tools.provided.desk import ProviderDesk


def devices_of(
    desk: ProviderDesk,
    peers: Mapping[int, Peer],
    utc: Callable[[], float],
    monotonic: Callable[[], float],
) -> DeviceList:
    """List them, in the order in which they came.

    Args:
        desk: knows who provides what.
        peers: the connections, by number.
        utc, monotonic: the clocks, in seconds.
    """
    ahead = utc() - monotonic()
    rows = (
        DeviceRow(
            name=each.principal,
            client_id=each.client_id,
            face=desk.face_of(each.link),
            since=rfc3339(each.since + ahead),
            address=peers[each.link].address if each.link in peers else "",
            tools=list(each.offers),
            calls=len(each.asked),
        )
        for each in desk.providers.everybody
        if each.offers
    )
    page, more = page_of(rows)
    return DeviceList(page, more)
