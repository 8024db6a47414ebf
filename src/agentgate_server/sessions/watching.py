"""Watching: brings the events of sessions to those who have attached, at their own pace.

Each attachment has a place in the log, and reads on from there when there is more and its watcher
has room: from memory, or, where it is behind, from the store. Nothing is queued for anybody, so a
watcher that does not read costs nothing but its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session import LogRow, ReadLog, log_row_bytes
from agentgate_proto.records.session_views import BEHIND, SessionEvent
from agentgate_proto.rpc.session_methods import Attached
from agentgate_proto.sessions.book import is_due
from agentgate_proto.sessions.log import events_of
from agentgate_proto.sessions.sessions import Sessions
from agentgate_server.sessions.door import Watcher
from agentgate_server.store.writer import StoreWriter

log = logging.getLogger(__name__)

READ_BYTES = 65_536
"""Of events, what a watcher is handed at a time."""

AGAIN_S = 1.0
"""Pause before the store is asked again for what it could not read."""

PLACES_AT_ONCE = 16
"""Watchers that are handed something before others have their turn: a few milliseconds."""

READ_ROWS = 500
"""Rows of the log that are read from the store at a time."""


class Place:
    """Where somebody is in the log of a session.

    Attributes:
        session: its id.
        offset: the next event that is wanted; -1: it is not known yet.
        watcher: who wants it.
        ended: nothing more is handed over.
        reading: the store is asked.
        has_news: something may have come since it was.
        has_been_told: that it is behind, since it was last up to date.
        has_caught_up: it was up to date once: being behind is news.
    """

    def __init__(self, watching: Watching, session: str, watcher: Watcher) -> None:
        self.session = session
        self.offset = -1
        self.watcher = watcher
        self.ended = False
        self.reading = False
        self.has_news = False
        self.has_been_told = False
        self.has_caught_up = False
        self._watching = watching

    def has_room(self) -> None:
        """See :class:`agentgate_server.sessions.door.Attachment`."""
        self._watching.go_on(self)

    def end(self) -> None:
        """See :class:`agentgate_server.sessions.door.Attachment`."""
        self._watching.end(self)


class Watching:
    """See the module.

    Args:
        sessions: the logs.
        writer: asks the store.
        utc: UTC seconds.
        wake: lets ``work`` be called soon.
    """

    def __init__(
        self,
        sessions: Sessions,
        writer: StoreWriter,
        utc: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._sessions = sessions
        self._writer = writer
        self._utc = utc
        self._wake = wake
        self._places: dict[str, dict[Place, None]] = {}
        self._ready: dict[Place, None] = {}
        self._failed: dict[Place, None] = {}
        self._again_at: float | None = None

    def next_deadline(self) -> float | None:
        """Return the UTC second at which ``work`` is to be called, if not before; or None."""
        return self._again_at

    def begin(self, session: str, watcher: Watcher) -> Place:
        """Somebody wants to watch; ``attached`` or ``end`` follows."""
        return Place(self, session, watcher)

    def attached(self, place: Place, answer: Attached) -> None:
        """It may begin."""
        if place.ended:  # they have gone meanwhile
            return
        place.offset = answer.offset
        self._places.setdefault(place.session, {})[place] = None
        self.go_on(place)

    def end(self, place: Place) -> None:
        """Hand over nothing more."""
        if place.ended:
            return
        place.ended = True
        self._ready.pop(place, None)
        self._failed.pop(place, None)
        if place.offset < 0:
            return  # it is not attached, and will not be
        places = self._places[place.session]
        del places[place]
        if not places:
            del self._places[place.session]

    def grew(self, session: str) -> None:
        """A log has something new."""
        places = self._places.get(session)
        if places:
            self._ready.update(places)
            self._wake()

    def gone(self, session: str) -> None:
        """A session was deleted."""
        for place in list(self._places.get(session, ())):
            self.end(place)
            place.watcher.gone()

    def go_on(self, place: Place) -> None:
        """Look soon whether there is something for it."""
        if not place.ended and place.offset >= 0:
            self._ready[place] = None
            self._wake()

    def work(self) -> None:
        """Hand over what there is, to each a bounded part."""
        if is_due(self._again_at, self._utc(), AGAIN_S):
            self._again_at = None
            self._ready.update(self._failed)
            self._failed.clear()
        ready, self._ready = list(self._ready), {}
        if len(ready) > PLACES_AT_ONCE:  # the rest first, before those that want more
            self._ready = dict.fromkeys(ready[PLACES_AT_ONCE:])
            self._wake()
        for place in ready[:PLACES_AT_ONCE]:
            place.has_news = place.reading
            if not place.ended and not place.reading and place.watcher.has_room:
                self._hand_over(place)

    def _hand_over(self, place: Place) -> None:
        events, start = self._sessions.read(place.session, place.offset, READ_BYTES)
        if events is None:
            place.reading = True
            query = ReadLog(place.session, place.offset, READ_ROWS, READ_BYTES)
            owner = self._sessions.owner_of(place.session)
            self._writer.ask(query, Page(self, place, start), owner)
        elif events:
            self.take(place, events)
        else:
            self.caught_up(place)

    def caught_up(self, place: Place) -> None:
        """There is nothing more for it now."""
        place.has_caught_up = True
        place.has_been_told = False

    def take(self, place: Place, events: list[SessionEvent]) -> None:
        """Hand events over, and look again."""
        last = events[-1]
        place.offset = last.offset + last.count
        place.watcher.take(events)
        self.go_on(place)

    def failed(self, place: Place) -> None:
        """The store could not read on for it: ask again after a pause."""
        self._failed[place] = None
        if self._again_at is None:
            self._again_at = self._utc() + AGAIN_S
            self._wake()

    def behind(self, place: Place) -> list[SessionEvent]:
        """Say that a watcher was too slow, once."""
        if place.has_been_told or not place.has_caught_up:
            return []
        place.has_been_told = True
        return [
            SessionEvent(
                offset=place.offset,
                count=0,
                kind=BEHIND,
                at=rfc3339(self._utc()),
                data=msgspec.Raw(b"{}"),
            )
        ]


class Page:
    """Takes rows that the store was asked for.

    Args:
        watching: what goes on then.
        place: who wants them.
        end: what is not in memory ends before this offset.
    """

    def __init__(self, watching: Watching, place: Place, end: int) -> None:
        self._watching = watching
        self._place = place
        self._end = end

    def __call__(self, answer: Any, problem: str) -> None:
        """Take the answer, or why there is none."""
        place = self._place
        place.reading = False
        if place.ended:
            return
        if problem:
            log.warning("a watcher of session %s waits for the store: %s", place.session, problem)
            self._watching.failed(place)
            return
        rows: list[LogRow] = answer
        size = sum(map(log_row_bytes, rows))
        is_cut = len(rows) >= READ_ROWS or size > READ_BYTES
        end = rows[-1].end if is_cut else max(self._end, rows[-1].end if rows else 0)
        events = events_of(rows, place.offset, end)
        if events:
            self._watching.take(place, self._watching.behind(place) + events)
        elif place.has_news:  # which was not stored, or not even made, when the store looked
            self._watching.go_on(place)
        else:  # of a session that is not in memory only the store knows that there is no more
            self._watching.caught_up(place)
