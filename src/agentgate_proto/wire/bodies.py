"""The body of a request: how much of it may come, and what has come.

A stranger's large body is not collected: where nobody knows yet who asks, the head is offered
first, and whoever looks at the token in it takes the body or refuses the request.
"""

from __future__ import annotations

from agentgate_proto.wire.chunks import ChunkedBody
from agentgate_proto.wire.headers import Headers

STRANGER_BYTES_MAX = 8_192
"""Of a message or a body from somebody who has not said who it is: a token has at most 4,096
characters. A head may be larger (``http_head_bytes_max``), for the token stands in it, beside
cookies of whatever else is served under the gateway's name."""


class IncomingBody:
    """The body of one request after the other.

    Attributes:
        data: what has come.
        left: how much is still to come of a body with a length.
        chunks: reads one without, until it is whole.
        is_offered: nothing of it is read until somebody wants it.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.left = 0
        self.chunks: ChunkedBody | None = None
        self.is_offered = False

    def begin(self, headers: Headers, bytes_max: int, *, offer_large: bool) -> None:
        """Get ready for the body of a request whose framing was checked.

        Args:
            headers: of the request.
            bytes_max: the largest body.
            offer_large: let somebody say first whether a large one is wanted.
        """
        self.left = int(headers.get("content-length", "0"))
        self.chunks = ChunkedBody(bytes_max) if "transfer-encoding" in headers else None
        is_large = self.chunks is not None or self.left > STRANGER_BYTES_MAX
        self.is_offered = offer_large and is_large

    def take(self) -> bytes:
        """Return what has come, and forget it."""
        data = bytes(self.data)
        self.data.clear()
        return data
