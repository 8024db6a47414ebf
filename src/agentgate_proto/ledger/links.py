"""Links: the authenticated connections, and which of them an outcome goes to.

A client that names itself (``client_id``) has one link at a time; the newer takes over. Its
requests belong to the *scope* (principal, client id), whatever link they came by.

An old client names no ``client_id`` and may have many connections. Its requests belong to the
link that they came by. When that link goes they are orphans, until a link of the same principal
asks for pending results under an id above theirs: then it is the same process after a reconnect
(a new process starts at id 1 again), and it gets the late answers. An id that it has used on that
very connection is its own there, and never gets the answer to a former request.
"""

from __future__ import annotations

from math import inf

from agentgate_proto.ledger.effects import Effect
from agentgate_proto.limits import ID_COUNTED_MAX, OWN_IDS_MAX

ScopeKey = tuple[str, str]


class Link:
    """One authenticated connection.

    Attributes:
        number: the adapter's own; it names this connection and never another one.
        scope: principal and client id.
        is_old: whether the client names no ``client_id``.
        sent: outcomes that were sent here and are not received for certain, by their rids: under
            which id, and when that was asked.
        requests: the requests that are answered here, by their ids; old clients only.
        passed_over: rids that were looked at for what this client is collecting, and left out.
        has_more: an old client has not got all yet that it was to collect; it does not ask again.
        collected_upto: the highest id of a ``get_pending_results`` that was answered; 0: none.
        own: ids that an old client's requests have had here, whatever became of those; beyond
            ``OWN_IDS_MAX`` the lowest of them stands for all above it: ids are counted upward.
        replies_due: how many replies nothing may overtake are on their way: the auth result, and
            that of ``get_pending_results``, for which an old client takes whatever comes next.
        held: what goes out after them.
    """

    def __init__(self, number: int, principal: str, client_id: str, *, progress: bool) -> None:
        self.number = number
        self.principal = principal
        self.client_id = client_id
        self.scope: ScopeKey = principal, client_id
        self.is_old = not client_id
        self.progress = progress
        self.sent: dict[str, tuple[int | str, float]] = {}
        self.requests: dict[int | str, str] = {}
        self.passed_over: dict[str, None] = {}
        self.has_more = False
        self.collected_upto = 0
        self.own: set[int] = set()
        self._own_from = inf
        self.replies_due = 0
        self.held: list[Effect] = []

    def asks_as(self, request_id: int | str) -> None:
        """An old client makes a request of its own under this id, here."""
        if not isinstance(request_id, int):
            return
        self.own.add(request_id)
        if len(self.own) > OWN_IDS_MAX:
            self._own_from = min(self._own_from, *self.own)
            self.own.clear()

    def collects_as(self, call_id: int | str | None) -> None:
        """An old client has asked for pending results under this id."""
        if isinstance(call_id, int):
            self.collected_upto = max(self.collected_upto, call_id)

    def continues(self, request_id: int | str) -> bool:
        """Whether this old client's process is the one that made a request with this id."""
        return (
            isinstance(request_id, int)
            and request_id < self.collected_upto
            and request_id not in self.requests
            and request_id not in self.own
            and request_id < self._own_from
        )


class Scope:
    """The requests of one client that names itself, over all its connections."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.highest_id = 0
        self.known = False
        self.requests: dict[int | str, str] = {}

    def is_new(self, request_id: int | str) -> bool:
        """Whether an id was certainly not used before: clients count upward."""
        if not self.known or not isinstance(request_id, int):
            return False
        return self.highest_id < request_id <= ID_COUNTED_MAX

    def take(self, request_id: int | str) -> bool:
        """Take note of an id; return whether it is certainly new."""
        is_new = self.is_new(request_id)
        if isinstance(request_id, int) and request_id <= ID_COUNTED_MAX:
            self.highest_id = max(self.highest_id, request_id)
        return is_new


class Links:
    """All links and scopes."""

    def __init__(self) -> None:
        self._links: dict[int, Link] = {}
        self._scopes: dict[ScopeKey, Scope] = {}
        self._old: dict[str, dict[int, Link]] = {}

    def get(self, number: int) -> Link | None:
        """Return the link, or None: it is gone."""
        return self._links.get(number)

    def scope(self, key: ScopeKey) -> Scope:
        """Return the scope, made if need be; ``forget_idle`` when it may not be needed any more."""
        scope = self._scopes.get(key)
        if scope is None:
            scope = self._scopes[key] = Scope()
        return scope

    def attach(self, link: Link) -> Link | None:
        """Add a link; return the one that it takes over from, which is detached already."""
        self._links[link.number] = link
        if link.is_old:
            self._old.setdefault(link.principal, {})[link.number] = link
            return None
        scope = self.scope(link.scope)
        former = scope.link
        if former is not None:
            del self._links[former.number]
        scope.link = link
        return former

    def detach(self, link: Link) -> None:
        """Remove a link; for a client that names itself ``forget_idle`` is due afterwards."""
        del self._links[link.number]
        if not link.is_old:
            self.scope(link.scope).link = None
            return
        siblings = self._old[link.principal]
        del siblings[link.number]
        if not siblings:
            del self._old[link.principal]

    def forget_idle(self, key: ScopeKey) -> None:
        """Drop a scope that has neither a link nor requests: the store remembers the rest."""
        scope = self._scopes.get(key)
        if scope is not None and scope.link is None and not scope.requests:
            del self._scopes[key]

    def of_client(self, principal: str, client_id: str, number: int) -> Link | None:
        """Return the link on which a client is to be reached; ``number`` counts for old ones."""
        if not client_id:
            return self._links.get(number)
        scope = self._scopes.get((principal, client_id))
        return scope.link if scope is not None else None

    def of_old_clients(self, principal: str) -> list[Link]:
        """Return the principal's links that name no client, newest first."""
        return list(reversed(self._old.get(principal, {}).values()))

    def heir(self, principal: str, request_id: int | str) -> Link | None:
        """Return the newest link of an old client that continues the process of a request."""
        links = self.of_old_clients(principal)
        return next((link for link in links if link.continues(request_id)), None)

    def requests_at(self, link: Link) -> dict[int | str, str]:
        """Return the requests under way that this link may refer to by id."""
        return link.requests if link.is_old else self.scope(link.scope).requests
