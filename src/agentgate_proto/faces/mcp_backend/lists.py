"""What a server offers, and that it stays known: lists, their changes, subscriptions.

A list is asked for when the server is ready and whenever it says that it has changed, at most every
so often. In the legacy era it says so by itself; in the modern era on a stream that we keep open.
"""

from __future__ import annotations

from typing import Any, Final

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp_backend import saying
from agentgate_proto.faces.mcp_backend.channel import Channel
from agentgate_proto.faces.mcp_backend.events import Kind, Listed, Updated
from agentgate_proto.faces.mcp_backend.listing import METHODS, Listing
from agentgate_proto.faces.mcp_backend.pending import Pending, Purpose
from agentgate_proto.faces.mcp_backend.reading import UNREADABLE, ServerCapabilities

RELIST_S: Final = 1.0
"""A list that changes all the time is asked for so often."""

LIST_S: Final = 60.0
"""How long a server may take for a list: a slow one looks all over a disk."""

FAILED_S: Final = 10.0
"""A list that could not be had is asked for again after so long: without it no call goes out."""

LISTEN_S_MAX: Final = 60.0
"""The stream of changes is opened again after 1 s, 2 s, 4 s, and at most so many."""

LISTEN_DOUBLINGS_MAX: Final = 16

SUBSCRIPTIONS_MAX: Final = 1_000
"""Resources of one server that somebody in front watches."""

CHANGES: Final = {
    "notifications/tools/list_changed": (Kind.TOOLS,),
    "notifications/resources/list_changed": (Kind.RESOURCES, Kind.TEMPLATES),
    "notifications/prompts/list_changed": (Kind.PROMPTS,),
}


class Lists:
    """See the module.

    Args:
        channel: to the server.
        wanted: which lists somebody has a use for.
    """

    def __init__(self, channel: Channel, wanted: frozenset[Kind]) -> None:
        self.capabilities = ServerCapabilities()
        self._channel = channel
        self._wanted = [kind for kind in Kind if kind in wanted]
        self._asked: dict[Kind, float] = {}
        self._due: dict[Kind, float] = {}
        self._under_way: dict[Kind, Pending] = {}
        self._watched: dict[str, None] = {}
        self._listening: Pending | None = None
        self._listen_due: float | None = None
        self._ends = 0

    def begin(self, capabilities: ServerCapabilities, now: float) -> None:
        """The server is ready: ask for all that it has."""
        self.capabilities = capabilities
        self._under_way.clear()
        self._due.clear()
        self._listening = None
        self._ends = 0
        for kind in self._wanted:
            if self._of(kind) is None:
                self._channel.events.append(Listed(kind=kind, items=()))
            else:
                self._ask(kind, now)
        if self._channel.era is Era.MODERN:
            self._listen()
        else:
            for uri in self._watched:
                self._subscribe("resources/subscribe", uri)

    def changed(self, method: str, now: float) -> str:
        """The server says that a list has changed, unless it says something else; returns as
        ``handle_timer``."""
        for kind in CHANGES.get(method, ()):
            if kind in self._wanted and self._of(kind) is not None:
                at = max(now, self._asked.get(kind, now) + RELIST_S)
                self._due[kind] = min(at, self._due.get(kind, at))
        return self.handle_timer(now)

    def watch(self, uri: str) -> bool:
        """Subscribe to a resource; return whether the server tells of its changes."""
        resources = self.capabilities.resources
        if resources is None or not resources.subscribe or len(self._watched) == SUBSCRIPTIONS_MAX:
            return False
        if uri not in self._watched:
            self._watched[uri] = None
            self._rewatch("resources/subscribe", uri)
        return True

    def unwatch(self, uri: str) -> None:
        """Subscribe to a resource no longer."""
        if uri in self._watched:
            del self._watched[uri]
            self._rewatch("resources/unsubscribe", uri)

    def updated(self, uri: str) -> None:
        """A resource has changed; nobody is told of one that is not watched."""
        if uri in self._watched:
            self._channel.events.append(Updated(uri=uri))

    def page(self, pending: Pending, result: Any, now: float) -> None:
        """A page of a list has come."""
        listing = pending.listing
        assert listing is not None, "a request for a list is part of one"
        try:
            cursor = listing.receive(result)
        except UNREADABLE:
            self.failed(pending, now)
            return
        del self._under_way[listing.kind]
        if cursor is not None:
            self._page(listing, cursor)
            return
        items = tuple(listing.items)
        self._channel.events.append(Listed(kind=listing.kind, items=items, is_cut=listing.is_cut))
        self._ask_due(now)

    def failed(self, pending: Pending, now: float, *, is_known: bool = True) -> None:
        """A list can't be had; what was known before is still the best that is known.

        Args:
            pending: the request for it.
            now: monotonic seconds.
            is_known: the server knows of such lists, and may have it later.
        """
        assert pending.listing is not None, "a request for a list is part of one"
        kind = pending.listing.kind
        del self._under_way[kind]
        if is_known:
            self._due.setdefault(kind, now + FAILED_S)

    def listened(self, now: float, *, is_known: bool) -> None:
        """The stream of changes has ended.

        Args:
            now: monotonic seconds.
            is_known: the server knows of such streams.
        """
        self._listening = None
        pause_s = min(2.0 ** min(self._ends, LISTEN_DOUBLINGS_MAX), LISTEN_S_MAX)
        self._ends += 1
        self._listen_due = now + pause_s if is_known else None

    def acknowledged(self) -> None:
        """The stream of changes stands."""
        self._ends = 0

    def deadline(self) -> float | None:
        """When ``handle_timer`` is due."""
        late = (self._asked[kind] + LIST_S for kind in self._under_way)
        due = (at for kind, at in self._due.items() if kind not in self._under_way)
        listen = () if self._listen_due is None else (self._listen_due,)
        return min((*late, *due, *listen), default=None)

    def handle_timer(self, now: float) -> str:
        """Ask for what is due; return what is wrong with the server, or ""."""
        for kind in self._under_way:
            if now >= self._asked[kind] + LIST_S:
                return f"it did not answer {METHODS[kind]} within {LIST_S:g} s"
        self._ask_due(now)
        if self._listen_due is not None and now >= self._listen_due:
            self._listen()
        return ""

    def _of(self, kind: Kind) -> object:
        said = self.capabilities
        return {Kind.TOOLS: said.tools, Kind.PROMPTS: said.prompts}.get(kind, said.resources)

    def _ask_due(self, now: float) -> None:
        for kind, at in list(self._due.items()):
            if now >= at and kind not in self._under_way:
                self._ask(kind, now)

    def _ask(self, kind: Kind, now: float) -> None:
        self._due.pop(kind, None)
        self._asked[kind] = now
        self._page(Listing(kind), None)

    def _page(self, listing: Listing, cursor: str | None) -> None:
        params = self._params({} if cursor is None else {"cursor": cursor})
        pending = self._channel.request(Purpose.LIST, METHODS[listing.kind], params)
        pending.listing = listing
        self._under_way[listing.kind] = pending

    def _rewatch(self, method: str, uri: str) -> None:
        if self._channel.era is Era.LEGACY:
            self._subscribe(method, uri)
        else:
            self._listen()

    def _subscribe(self, method: str, uri: str) -> None:
        self._channel.request(Purpose.OTHER, method, {"uri": uri})

    def _listen(self) -> None:
        """Have the server tell of changes, in place of what it told of before (modern)."""
        self._listen_due = None
        said = self.capabilities
        wanted: dict[str, Any] = {
            f"{name}ListChanged": True
            for name, each in (
                ("tools", said.tools),
                ("prompts", said.prompts),
                ("resources", said.resources),
            )
            if each is not None and each.list_changed
        }
        if self._watched:
            wanted["resourceSubscriptions"] = list(self._watched)
        before = self._listening
        if before is not None and not self._channel.take_back(before):
            if self._channel.is_http:
                self._channel.abort(before.id)
            else:
                cancelled = {"requestId": before.id, "reason": "listening anew"}
                self._channel.notify("notifications/cancelled", cancelled)
        self._listening = None
        if wanted:
            params = self._params({"notifications": wanted})
            self._listening = self._channel.request(Purpose.LISTEN, "subscriptions/listen", params)

    def _params(self, params: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel
        if channel.era is not Era.MODERN:
            return params
        meta = saying.modern_meta(channel.version, channel.client, saying.ALL)
        return {**params, "_meta": meta}
