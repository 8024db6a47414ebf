"""Reading: a feed of a session's log whose reader takes everything at once."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_client.session_streams import Watching
from agentgate_proto.client.session_feed import Cursor, Event, SessionFeed
from agentgate_server.relay.link import Reader


class Reading:
    """Hands a feed's events to a reader.

    Args:
        cursor: where to begin.
        reader: takes them.
        over: is told when nothing more is read; until then somebody must keep this alive.

    Attributes:
        feed: what is read.
    """

    def __init__(
        self, cursor: Cursor | None, reader: Reader, over: Callable[[Reading], object]
    ) -> None:
        self.feed = SessionFeed(cursor)
        self._reader = reader
        self._over = over
        self._watching: Watching | None = None
        self._is_over = False
        self._is_busy = False

    def join(self, watching: Watching) -> None:
        """Begin; once."""
        self._watching = watching
        watching.add(self)

    def wake(self) -> None:
        """There may be something to read."""
        if self._is_over or self._is_busy:
            return
        self._is_busy = True  # what the reader does may wake us
        while events := self._next():
            self._reader.take(events)
        self._is_busy = False
        self._end_if_ended()

    def stop(self) -> None:
        """Read no longer; nothing more is told."""
        if not self._is_over:
            self._is_over = True
            self._over(self)
            self.feed.close()
            if self._watching is not None:
                self._watching.turn()

    def _next(self) -> list[Event]:
        """Take all that there is, and let the watch go on if there was no room for more."""
        feed = self.feed
        was_full = feed.full
        events = []
        while (event := feed.next_event()) is not None:
            events.append(event)
        if was_full and not feed.full and self._watching is not None:
            self._watching.turn()
        return events

    def _end_if_ended(self) -> None:
        if self.feed.ended and not self._is_over:
            self._is_over = True
            self._over(self)
            self._reader.ended(self.feed.error)
