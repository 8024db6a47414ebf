"""What one HTTP request of an MCP client brings along, and who may come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.faces.bearer import bearer_token
from agentgate_proto.faces.mcp.eras import TASKS, Era
from agentgate_proto.faces.mcp.http import Problem
from agentgate_proto.faces.mcp.levels import USUAL, wanted_by
from agentgate_proto.faces.mcp.messages import ClientCapabilities, Meta, Token
from agentgate_proto.faces.mcp.replies import NAMELESS, Code, failure
from agentgate_proto.faces.mcp.seals import SessionSeal
from agentgate_proto.principal import Principal, Role
from agentgate_proto.wire.headers import Headers
from agentgate_server.faces.entrance import Entrance, Refused
from agentgate_server.faces.mcp_carriers import Carrier
from agentgate_server.sockets.peer import Peer

TOKEN_CHARS_MAX: Final = 256
"""Of the token under which a client wants progress: as long as an id may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """See the module.

    Attributes:
        peer: the connection.
        who, token_hash: whose it is, and by what they were let in.
        era, version: of the request.
        session: the legacy session that it belongs to; None: none.
        level: from which on that session's client wants messages; "": it never said.
        headers: of the request.
        carrier: takes what it is answered with.
    """

    peer: Peer
    who: Principal
    token_hash: str
    era: Era
    version: str
    session: SessionSeal | None
    level: str
    headers: Headers
    carrier: Carrier

    @property
    def session_key(self) -> str:
        """What tells this session from the principal's others; "": there is none."""
        return "" if self.session is None else self.session.nonce

    @property
    def bad(self) -> int:
        """The HTTP status of a request that asks for what there is not."""
        return 400 if self.era is Era.MODERN else 200

    def can(self, meta: Meta) -> frozenset[str]:
        """What the client may be asked in the midst of a call."""
        if self.era is Era.MODERN:
            return capabilities_in(meta).can()
        return frozenset(() if self.session is None else self.session.can)

    def knows_tasks(self, meta: Meta) -> bool:
        """Whether a call may be answered by a task."""
        return self.era is Era.MODERN and TASKS in capabilities_in(meta).extensions

    def hears(self, meta: Meta) -> str:
        """From which level on messages about a call are wanted; "": none are."""
        return wanted_by(meta) if self.era is Era.MODERN else self.level or USUAL


def capabilities_in(meta: Meta) -> ClientCapabilities:
    """What a request says that its client can do."""
    said = meta.capabilities
    return said if isinstance(said, ClientCapabilities) else ClientCapabilities()


def token_in(meta: Meta) -> Token | None:
    """Under which token progress is wanted; None: it is not, or under one that is too long: each
    piece of progress repeats it."""
    token = meta.progress_token
    return token if isinstance(token, int | str) and len(str(token)) <= TOKEN_CHARS_MAX else None


def admitted(
    entrance: Entrance, peer: Peer, request: HttpRequested, *, is_open: bool
) -> tuple[Principal, str] | Problem:
    """Return who asks and by what they were let in, or how they are refused: agents alone may."""
    found = entrance.ask_by_token(peer, bearer_token(request.headers), is_open=is_open)
    if isinstance(found, Refused):
        body = failure(NAMELESS, Code.INVALID_REQUEST, found.reason)
        return Problem(found.status, body, tuple(found.headers))
    role = found[0].role
    if role is not Role.AGENT:
        text = f"MCP is for the role agent, not for {role.value}"
        return Problem(403, failure(NAMELESS, Code.INVALID_REQUEST, text))
    return found
