"""Renderer: what a message shows, words and buttons, for each state of its approval."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.telegram import text
from agentgate_server.approvals.telegram.buttons import Rows, rows_for

if TYPE_CHECKING:
    from agentgate_server.approvals.desk import Desk


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a message shows: HTML and buttons."""

    html: str
    rows: Rows = ()

    @property
    def digest(self) -> str:
        """Tells renderings apart, in this process and the next; short, for the note."""
        seen = repr((self.html, self.rows)).encode("utf-8", "backslashreplace")
        return sha256(seen).hexdigest()[:16]


class Renderer:
    """Renders approvals.

    Args:
        desk: knows the words of grants.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def announced(self, view: ApprovalView) -> str:
        """What is sent first, without buttons, as HTML."""
        return text.announcement(view)

    def of(self, view: ApprovalView, words: str = "") -> Rendering:
        """What a message shows.

        Args:
            view: its approval.
            words: of a grant that somebody is about to confirm, or "".
        """
        rows = rows_for(view, confirming=bool(words))
        if view.grant and not words:
            words = self._words_of(view.grant)
        return Rendering(text.message_of(view, words=words), rows)

    def _words_of(self, grant_id: str) -> str:
        found = (grant.words for grant in self.desk.grants() if grant.id == grant_id)
        return next(found, "")
