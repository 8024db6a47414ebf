"""A visit: one call of a page of the console, and its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.browser.asking import PageCall, refusal, result
from agentgate_proto.faces.browser.cookies import cookie_line
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.records.console_session import LASTS_S, ConsoleSession
from agentgate_server.faces.entrance import Declined
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import HttpReply


class Visit:
    """See the module.

    Attributes:
        peer: the connection.
        request: what came on it.
        call: what it asks.
        session: whose login the cookie is; None: nobody is logged in.
    """

    def __init__(
        self, peer: Peer, request: HttpRequested, call: PageCall, session: ConsoleSession | None
    ) -> None:
        self.peer = peer
        self.request = request
        self.call = call
        self.session = session

    @property
    def logged_in(self) -> ConsoleSession:
        """Whose login it is, where nobody else is let in."""
        assert self.session is not None, "others were refused"
        return self.session

    def text(self, name: str) -> str:
        """A member of the body that is to be a text; "": it is none."""
        value = self.call.body.get(name)
        return value if isinstance(value, str) else ""

    def answer(self, value: Any, *, secret: str | None = None) -> None:
        """Answer the call.

        Args:
            value: what goes out as JSON.
            secret: for the browser to keep; "": it is to forget the one that it has.
        """
        self.send(result(value, None if secret is None else self._cookie(secret)))

    def refuse(self, code: ErrorCode, message: str, *, pause_s: float = 0.0) -> None:
        """Say why the call is not answered."""
        self.send(refusal(code, message, pause_s=pause_s))

    def decline(self, declined: Declined) -> None:
        """Say the same of somebody who is not let in."""
        code = ErrorCode.LIMIT_EXCEEDED if declined.pause_s else ErrorCode.AUTHENTICATION
        self.refuse(code, declined.reason, pause_s=declined.pause_s)

    def send_away(self) -> None:
        """Say that nobody is logged in; a cookie that counts no more is forgotten."""
        headers = self._cookie("") if self.call.secret else None
        text = "nobody is logged in here, or not any more"
        self.send(refusal(ErrorCode.AUTHENTICATION, text, headers=headers))

    def send(self, reply: Reply) -> None:
        """Send a response."""
        HttpReply(self.peer).send(reply)

    def _cookie(self, secret: str) -> dict[str, str]:
        return dict([cookie_line(secret, is_secure=self.call.is_secure, lasts_s=LASTS_S)])


Handler = Callable[[Visit], None]
"""Answers a visit by its verbs, now or later."""
