"""What one request of an MCP client is about, for whoever deals with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentgate_proto.faces.mcp.answering import Answers
from agentgate_proto.faces.mcp.call_effects import Terms
from agentgate_proto.principal import Principal
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_server.faces.call_desk import FaceCall
from agentgate_server.faces.mcp_carriers import Carrier
from agentgate_server.sockets.peer import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one request of a client is about.

    Attributes:
        who: whose it is.
        token_hash: by which they were let in, or "".
        request_id: under which it is answered.
        session: the legacy session, as its id; "": none.
        version: the revision.
        tool: the published name of what is called.
        terms: what the client can do.
        answers: makes the response.
        carrier: takes it.
        peer: the connection that it came on.
    """

    who: Principal
    token_hash: str
    request_id: RequestId
    session: str
    version: str
    tool: str
    terms: Terms
    answers: Answers
    carrier: Carrier
    peer: Peer


class TaskMaker(Protocol):
    """Makes tasks of calls."""

    def make(self, asked: Asked, call: FaceCall, record: Record | None) -> bytes:
        """Return the result that answers the call with a task, which listens from now on."""
        ...
