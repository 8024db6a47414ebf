"""An answer of server-sent events that keeps pace with who reads it."""

from __future__ import annotations

from collections.abc import Iterable

from agentgate_proto.faces.sse import ALIVE, CONTENT_TYPE, encode_event, encode_retry
from agentgate_server.sockets.peer import Peer

QUEUED_BYTES = 65_536
"""With more than this on its way to the client, the next event waits."""

HEADERS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))
"""No cache may keep it, and no nginx hold it back."""


class EventStream:
    """The answer to the request that came last on a connection, as long as it lasts.

    Args:
        peer: the connection.
        headers: further ones of the answer.
    """

    def __init__(self, peer: Peer, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._peer = peer
        peer.connection.start_http(200, CONTENT_TYPE, [*HEADERS, *headers], alive=ALIVE)
        peer.poke()

    async def send(self, data: str, *, event: str = "", event_id: str = "") -> None:
        """Send an event, and wait until the client has taken most of what is queued.

        Raises:
            ConnectionClosedError: the client is gone.
            ValueError: as ``encode_event``.
        """
        self._peer.connection.send_http_body(encode_event(data, event=event, event_id=event_id))
        self._peer.poke()
        await self._peer.wait_for_room(QUEUED_BYTES)

    def put(self, data: str, *, event_id: str = "", retry_ms: int = 0) -> None:
        """Send an event without waiting. For who says little: a client that takes nothing of it is
        cut by the connection.

        Args:
            data: of the event.
            event_id: where the client goes on from after a break; "": it does not.
            retry_ms: after how many milliseconds it does so; 0: as it likes.

        Raises:
            ConnectionClosedError: the client is gone.
            ValueError: as ``encode_event``.
        """
        encoded = encode_event(data, event_id=event_id, retry_ms=retry_ms)
        self._peer.connection.send_http_body(encoded)
        self._peer.poke()

    def come_back_after(self, retry_ms: int) -> None:
        """Say how long to wait before coming back after a break, in milliseconds.

        Raises:
            ConnectionClosedError: the client is gone.
        """
        self._peer.connection.send_http_body(encode_retry(retry_ms))
        self._peer.poke()

    def end(self) -> None:
        """End the answer; the connection may ask again."""
        self._peer.connection.end_http()
        self._peer.poke()
