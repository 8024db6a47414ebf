"""The streams on which MCP clients hear that lists have changed: of a legacy session by ``GET``, or
opened by a modern client's ``subscriptions/listen``."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import anyio
import msgspec

from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.faces.mcp.messages import Wanted
from agentgate_proto.faces.mcp.replies import notification, subscribed, subscription_over
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_server.faces.event_stream import EventStream
from agentgate_server.faces.mcp_carriers import RETRY_MS
from agentgate_server.faces.mcp_catalogue import Catalogues
from agentgate_server.faces.mcp_clock import Clock
from agentgate_server.faces.mcp_offering import Offering, Offers
from agentgate_server.sockets.peer import Peer

STREAMS_MAX: Final = 16
"""Of one principal at once; the next is refused, and not the oldest ended, which would come back at
once. A client has one for each session."""

URIS_MAX: Final = 256
"""Resources of whose changes one principal hears, on all streams and in all sessions: servers tell
of some thousand to all together."""

SESSIONS_MAX: Final = 256
"""Sessions of one principal that want to hear of resources; beyond it the oldest hear no more."""

SETTLE_S: Final = 0.1
"""How long changes are gathered: servers are known that say five times that their tools changed."""

TOOLS: Final = "notifications/tools/list_changed"
PROMPTS: Final = "notifications/prompts/list_changed"
RESOURCES: Final = "notifications/resources/list_changed"
UPDATED: Final = "notifications/resources/updated"
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"


@dataclass(eq=False, slots=True)
class Stream:
    """One of them.

    Attributes:
        peer: its connection.
        who, token_hash: who opened it, and by what they were let in.
        wanted: what it tells of.
        key: of the legacy session; "": it is a modern one.
        request_id: which opened it; None: it is a legacy one.
        events: what goes out on it.
        fingerprint: of the tools that its client knows of.
        uris: the resources whose changes it tells of.
    """

    peer: Peer
    who: Principal
    token_hash: str
    wanted: Wanted
    key: str
    request_id: RequestId
    events: EventStream
    fingerprint: bytes
    uris: set[str] = field(default_factory=set)


class Notices:
    """All of them. See the module.

    Args:
        catalogues: the tools of each principal.
        clock: looks after deadlines.
        offers: tell when a resource changes.
        lists: know whether other lists are others than before.
    """

    def __init__(
        self, catalogues: Catalogues, clock: Clock, offers: Offers, lists: Offering
    ) -> None:
        self.armed_at = math.inf
        self._catalogues = catalogues
        self._clock = clock
        self._offers = offers
        self._lists = lists
        self._seen = lists.fingerprints()
        self._streams: dict[int, Stream] = {}  # by number of the connection
        self._wanted: defaultdict[Principal, OrderedDict[str, set[str]]] = defaultdict(OrderedDict)
        self._stops: dict[str, Callable[[], None]] = {}  # what ends our interest in a resource
        self._look_at: float | None = None

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._streams)

    def open(
        self,
        peer: Peer,
        who: Principal,
        token_hash: str,
        wanted: Wanted,
        *,
        key: str = "",
        request_id: RequestId = None,
    ) -> bool:
        """Open one as the answer to the request that came last; return whether there is room.

        Args:
            peer: the connection.
            who, token_hash: who asked, and by what they were let in.
            wanted: what to tell of, as far as there is such a thing here.
            key: of the legacy session, whose former stream ends; "": there is none.
            request_id: of ``subscriptions/listen``.
        """
        own = [each for each in self._streams.values() if each.who == who]
        for each in own:
            if key and each.key == key:
                self._end(each)
                own.remove(each)
                break
        if len(own) >= STREAMS_MAX:
            return False
        fingerprint = self._catalogues.of(who).fingerprint
        events = EventStream(peer)
        agreed = wanted.resource_subscriptions[: self._room(who, key)]
        wanted = msgspec.structs.replace(wanted, resource_subscriptions=agreed)
        stream = Stream(peer, who, token_hash, wanted, key, request_id, events, fingerprint)
        if key:
            stream.uris = self._uris_of(who, key)
        stream.uris.update(agreed)
        self._streams[peer.number] = stream
        for uri in stream.uris:
            self._watch(uri)
        if key:
            with suppress(ConnectionClosedError):
                events.come_back_after(RETRY_MS)
        else:
            self._tell(stream, ACKNOWLEDGED, {"notifications": acknowledged(wanted)})
        return True

    def closed(self, connection: int) -> None:
        """A connection is over."""
        if self._streams.pop(connection, None) is not None:
            self._unwatch()

    def peers_of(self, counts: Callable[[Principal, str], bool]) -> list[Peer]:
        """Return the connections of those whose token counts no more."""
        streams = self._streams.values()
        return [each.peer for each in streams if not counts(each.who, each.token_hash)]

    def end_all(self) -> None:
        """The gateway is about to end."""
        for stream in list(self._streams.values()):
            self._end(stream)

    # What has changed

    def lists_changed(self) -> None:
        """The tools may be others than before, and other lists as well."""
        if self._streams and self._look_at is None:
            self._look_at = anyio.current_time() + SETTLE_S
            self._clock.rearm(self)

    def subscribe(self, who: Principal, key: str, uri: str, *, on: bool) -> bool:
        """Tell of changes of a resource on the stream of a legacy session, or no more. A session
        may say so before it has a stream.

        Returns:
            Whether there is room.
        """
        uris = self._uris_of(who, key)
        if not on:
            uris.discard(uri)
            self._unwatch()
        elif uri not in uris and not self._room(who, key):
            return False
        else:
            uris.add(uri)
            if any(stream.uris is uris for stream in self._streams.values()):
                self._watch(uri)
        return True

    def _room(self, who: Principal, key: str) -> int:
        """Return of how many resources more a principal may hear; sessions but the one of this key
        that have no stream give way to that, the oldest first."""
        streams = [each for each in self._streams.values() if each.who == who]
        wanted, heard = self._wanted[who], {each.key for each in streams}
        held = sum(map(len, wanted.values())) + sum(len(s.uris) for s in streams if not s.key)
        for other in list(wanted):
            if held >= URIS_MAX and other != key and other not in heard:
                held -= len(wanted.pop(other))
        return max(URIS_MAX - held, 0)

    def _uris_of(self, who: Principal, key: str) -> set[str]:
        wanted = self._wanted[who]
        uris = wanted.setdefault(key, set())
        wanted.move_to_end(key)
        if len(wanted) > SESSIONS_MAX:
            wanted.popitem(last=False)
        return uris

    def _watch(self, uri: str) -> None:
        if uri not in self._stops:
            stop = self._offers.subscribe(uri, partial(self._updated, uri))
            if stop is not None:
                self._stops[uri] = stop

    def _unwatch(self) -> None:
        """Let go of resources that no stream tells of any more."""
        if self._stops:
            wanted = set().union(*(stream.uris for stream in self._streams.values()))
            for uri in [each for each in self._stops if each not in wanted]:
                self._stops.pop(uri)()

    def _updated(self, uri: str) -> None:
        for stream in list(self._streams.values()):
            if uri in stream.uris:
                self._tell(stream, UPDATED, {"uri": uri})

    # The clock

    def next_deadline(self) -> float | None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        return self._look_at

    def handle_timer(self, now: float) -> None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        self._look_at = None
        before, self._seen = self._seen, self._lists.fingerprints()
        for stream in list(self._streams.values()):
            fingerprint = self._catalogues.of(stream.who).fingerprint
            if fingerprint != stream.fingerprint:
                stream.fingerprint = fingerprint
                if stream.wanted.tools_list_changed:
                    self._tell(stream, TOOLS)
            if self._seen[0] != before[0] and stream.wanted.resources_list_changed:
                self._tell(stream, RESOURCES)
            if self._seen[1] != before[1] and stream.wanted.prompts_list_changed:
                self._tell(stream, PROMPTS)

    def timer_failed(self) -> None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`: the next change counts."""

    def _tell(self, stream: Stream, method: str, params: dict[str, Any] | None = None) -> None:
        if stream.key:
            message = notification(method, msgspec.json.encode(params or {}))
        else:
            message = subscribed(stream.request_id, method, params)
        with suppress(ConnectionClosedError):  # its end is under way
            stream.events.put(message.decode())

    def _end(self, stream: Stream) -> None:
        self._streams.pop(stream.peer.number, None)
        self._unwatch()
        if not stream.key:
            with suppress(ConnectionClosedError):
                stream.events.put(subscription_over(stream.request_id).decode())
        stream.events.end()


def acknowledged(wanted: Wanted) -> dict[str, Any]:
    """What a client is told that it will hear of: what it wants and is here."""
    agreed: dict[str, Any] = {}
    if wanted.tools_list_changed:
        agreed["toolsListChanged"] = True
    if wanted.prompts_list_changed:
        agreed["promptsListChanged"] = True
    if wanted.resources_list_changed:
        agreed["resourcesListChanged"] = True
    if wanted.resource_subscriptions:
        agreed["resourceSubscriptions"] = wanted.resource_subscriptions
    return agreed
