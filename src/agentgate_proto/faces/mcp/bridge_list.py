"""The tools of a gateway, as a client on a pipe sees them: lists that wait, and news of changes."""

from __future__ import annotations

from typing import Final

import msgspec

from agentgate_proto.faces.mcp import lists, replies
from agentgate_proto.faces.mcp.eras import MODERN
from agentgate_proto.faces.mcp.names import Published
from agentgate_proto.faces.mcp.permit import PREFIX
from agentgate_proto.faces.mcp.replies import Code
from agentgate_proto.faces.mcp.tools import tool_definitions
from agentgate_proto.faces.mcp.wishes import ListenFor, ListTools
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.results import ToolRow

LIST_WAIT_S: Final = 15.0
"""How long ``tools/list`` waits for a gateway that is away: clients give a server that starts 20 to
60 s."""

WAITING_MAX: Final = 100
"""Lists that wait, and subscriptions, of one client: it needs one of each."""

CHANGED: Final = "notifications/tools/list_changed"
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"


class WaitingList(msgspec.Struct, frozen=True):
    """A ``tools/list`` that waits for the gateway until then."""

    wish: ListTools
    version: str
    until: float


class ToolShelf:
    """What there is.

    Args:
        join_s: how long after its end a request is joined by one for the same.

    Attributes:
        published: the tools by their published names; None: nobody knows yet.
        permits: whether the client may ask here for tools of its own.
        waiting: lists that wait.
    """

    def __init__(self, join_s: float) -> None:
        self.published: Published | None = None
        self.permits = False
        self.waiting: list[WaitingList] = []
        self._join_s = join_s
        self._made: dict[str, list[bytes]] = {}
        self._seen: list[bytes] | None = None
        self._owes_news = False
        self._listens: dict[RequestId, bool] = {}

    def listed(self, rows: list[ToolRow]) -> bool:
        """Take the tools; return whether the client should look again."""
        self.permits = any(row.name.startswith(PREFIX) for row in rows)
        self.published = Published(row for row in rows if not row.name.startswith(PREFIX))
        self._made.clear()
        before, self._seen = self._seen, self._defined(MODERN[0])
        is_news = self._owes_news or before not in (None, self._seen)
        self._owes_news = False
        return is_news

    def tool_named(self, name: str) -> tuple[str, ToolRow | None]:
        """Return the published name of a tool of the catalogue, and the tool, if it is known."""
        tools = self.published.tools if self.published is not None else {}
        found = ((shown, row) for shown, row in tools.items() if row.name == name)
        return next(found, (name, None))

    def want(self, wish: ListTools, version: str, now: float) -> bytes | None:
        """Return the answer to ``tools/list``; None: it waits."""
        if self.published is not None:
            return self.answer(wish, version)
        if len(self.waiting) >= WAITING_MAX:
            return replies.failure(wish.id, Code.BUSY, "too many lists wait already")
        self.waiting.append(WaitingList(wish, version, now + LIST_WAIT_S))
        return None

    def answer(self, wish: ListTools, version: str) -> bytes:
        """The answer to ``tools/list``, once the tools are known."""
        try:
            result = lists.tools(self._defined(version), wish.cursor, version)
        except lists.BadCursor as error:
            return replies.failure(wish.id, Code.INVALID_PARAMS, str(error))
        return replies.success(wish.id, result)

    def take(self) -> list[bytes]:
        """The answers to all that wait, now that the tools are known."""
        waiting, self.waiting = self.waiting, []
        return [self.answer(each.wish, each.version) for each in waiting]

    def give_up(self, trouble: str, now: float | None = None) -> list[bytes]:
        """The answers to those that have waited long enough; without a time, to all."""
        over = [each for each in self.waiting if now is None or each.until <= now]
        self.waiting = [each for each in self.waiting if each not in over]
        return [self.failure(each.wish.id, trouble) for each in over]

    def failure(self, request_id: RequestId, trouble: str) -> bytes:
        """Why there is no list; when there is one, the client hears of it."""
        self._owes_news = True
        return replies.failure(request_id, Code.INTERNAL_ERROR, trouble)

    def listen(self, wish: ListenFor) -> bytes:
        """The acknowledgement of ``subscriptions/listen``, or why not."""
        if len(self._listens) >= WAITING_MAX:
            return replies.failure(wish.id, Code.BUSY, "too many subscriptions on one pipe")
        wants_tools = wish.wanted.tools_list_changed
        self._listens[wish.id] = wants_tools
        told = {"notifications": {"toolsListChanged": True} if wants_tools else {}}
        return replies.subscribed(wish.id, ACKNOWLEDGED, told)

    def news(self, agreed: str) -> list[bytes]:
        """What is said when the list has changed.

        Args:
            agreed: the revision of ``initialize``; "": there was none.
        """
        said = [replies.notification(CHANGED)] if agreed else []
        wanting = (request_id for request_id, wants in self._listens.items() if wants)
        return said + [replies.subscribed(request_id, CHANGED) for request_id in wanting]

    def forget(self, request_id: RequestId) -> None:
        """The client does not want this list, or these notifications, any more."""
        self._listens.pop(request_id, None)
        self.waiting = [each for each in self.waiting if each.wish.id != request_id]

    def next_deadline(self) -> float | None:
        """Until when the first list waits."""
        return min((each.until for each in self.waiting), default=None)

    def _defined(self, version: str) -> list[bytes]:
        assert self.published is not None, "it has been listed"
        if version not in self._made:
            tools, permit = self.published.tools, self.permits
            self._made[version] = tool_definitions(tools, version, self._join_s, permit=permit)
        return self._made[version]
