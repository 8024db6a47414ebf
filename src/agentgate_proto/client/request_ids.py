"""The ids of a client's requests: integers that count upward, over all its connections.

An id names a request for ever, so none may come twice: a client goes on above what the gateway
knows of it. From 2**53 on there are no integers that every language knows from each other; then
texts follow, which must differ from those of any other process with the same ``client_id``.
"""

from __future__ import annotations

from agentgate_proto.limits import ID_INTEGER_MAX


class RequestIds:
    """See the module.

    Args:
        instance: names this process among all that use the same ``client_id``, ever.
    """

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._last = 0
        self._texts = 0

    @property
    def upcoming(self) -> int | str:
        """The id that ``take`` returns next."""
        if self._last < ID_INTEGER_MAX:
            return self._last + 1
        return f"{self._instance}-{self._texts + 1}"

    def take(self) -> int | str:
        """Return the next id; it is used from now on."""
        request_id = self.upcoming
        if isinstance(request_id, int):
            self._last = request_id
        else:
            self._texts += 1
        return request_id

    def follow(self, highest: int) -> None:
        """Go on above the highest id that the gateway knows."""
        self._last = max(self._last, highest)
