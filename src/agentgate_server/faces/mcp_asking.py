"""Making a call of what an MCP client asks: on which terms, how it is answered, whether it goes on
with one that was made before."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import msgspec

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.faces.mcp.answering import (
    Answers,
    LookAnswers,
    MethodAnswers,
    PermitAnswers,
    ToolAnswers,
    UnlistedAnswers,
)
from agentgate_proto.faces.mcp.call_effects import Terms
from agentgate_proto.faces.mcp.dispatch import Gate
from agentgate_proto.faces.mcp.messages import NO_META, Meta
from agentgate_proto.faces.mcp.names import GATE_RESULT, PERMIT, RESERVED
from agentgate_proto.faces.mcp.questions import answers_in
from agentgate_proto.faces.mcp.replies import Code, failure
from agentgate_proto.faces.mcp.seals import EventSeal, StateSeal, unseal
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.faces.mcp_asked import Asked
from agentgate_server.faces.mcp_calls import McpCalls
from agentgate_server.faces.mcp_catalogue import Catalogues, can_be_stopped
from agentgate_server.faces.mcp_visits import Visit, token_in

METHODS: Final = frozenset({"resources/read", "prompts/get", "completion/complete"})
"""What is a call of a tool, and is answered as a method."""

NO_STATE: Final = "requestState is none of this call, or was used: call again without it"


class Asking:
    """See the module.

    Args:
        catalogues, calls: parts of the face.
        join_window_s: how long a call can be joined by the same after its end.
        utc: the time, in UTC seconds.
    """

    def __init__(
        self,
        catalogues: Catalogues,
        calls: McpCalls,
        join_window_s: float,
        utc: Callable[[], float] = time.time,
    ) -> None:
        self.join_window_s = join_window_s
        self.calls = calls
        self._catalogues = catalogues
        self._utc = utc

    def ask(
        self, asked: Asked, tool: str, args: dict[str, Any], key: str = "", why: str = ""
    ) -> None:
        """Ask for a tool. It is the same as another call by the key of the client's model, which
        then alone counts, else by its content. A client's own id of the call says nothing: a model
        that asks again gets another one from its client."""
        if key:
            request = ToolRequest(tool=tool, args=args, idempotency_key=key, why=why)
        else:
            request = ToolRequest(tool=tool, args=args, join_s=self.join_window_s, why=why)
        self.calls.ask(asked, request)

    def go_on(
        self,
        asked: Asked,
        tool: str,
        args: dict[str, Any],
        state: str,
        responses: Mapping[str, msgspec.Raw],
    ) -> bool:
        """The client was asked something, and calls again; return whether it was for this call."""
        who = asked.who.name
        content = unseal(self.calls.desk.seal, who, state, StateSeal, self._utc())
        if content is None or content.digest != digest_of(tool, canonical_args(args)):
            return False
        if not self.calls.questions.use(content.nonce):
            return False
        self.calls.go_on(asked, content, answers_in(responses))
        return True

    def resume(self, event_id: str, visit: Visit, gate: Gate) -> bool:
        """A client comes back to the stream of a call; return whether there is such a stream."""
        key = self.calls.desk.seal
        place = unseal(key, visit.who.name, event_id, EventSeal, self._utc())
        if place is None:
            return False
        meta = NO_META if place.token is None else Meta(progress_token=place.token)
        asked = self.asked(visit, gate, place.request_id, place.tool, meta, resumed=True)
        self.calls.find(asked, place.number, place.digest)
        return True

    def asked(
        self,
        visit: Visit,
        gate: Gate,
        request_id: RequestId,
        tool: str,
        meta: Meta,
        *,
        resumed: bool = False,
    ) -> Asked:
        """Return what a request is about.

        Args:
            visit: what it brings along.
            gate: what there is.
            request_id: under which it is answered.
            tool: the published name of what is called, or the method.
            meta: what it says of itself.
            resumed: the client comes back to its stream.
        """
        catalogue = self._catalogues.of(visit.who)
        owns = tool != GATE_RESULT
        row = catalogue.row(tool)
        answers: Answers
        if tool in METHODS:
            answers = MethodAnswers(request_id, visit.version, tool)
        elif tool == PERMIT:
            answers = PermitAnswers(request_id, visit.version)
        elif row is not None:
            answers = ToolAnswers(request_id, visit.version, tool, row)
        elif owns:
            answers = UnlistedAnswers(request_id, visit.version, tool, None)
        else:
            answers = LookAnswers(request_id, visit.version, tool, catalogue.named)
        token = token_in(meta)
        terms = Terms(
            era=visit.era,
            token=token,
            streams=visit.carrier.streams,
            tasks=tool not in RESERVED | METHODS and visit.knows_tasks(meta),
            can=visit.can(meta),
            hold_s=self.calls.holds.hold_s(
                visit.who.name, progress=token is not None, now=anyio.current_time()
            ),
            hears=visit.hears(meta) if gate.logging else "",
            resumed=resumed,
            owns=owns,
            stops=tool in METHODS or can_be_stopped(row),
        )
        return Asked(
            who=visit.who,
            token_hash=visit.token_hash,
            request_id=request_id,
            session=visit.session_key,
            version=visit.version,
            tool=tool,
            terms=terms,
            answers=answers,
            carrier=visit.carrier,
            peer=visit.peer,
        )


def refuse(visit: Visit, request_id: RequestId, text: str) -> None:
    """Answer a request that asks for what there is not."""
    message = failure(request_id, Code.INVALID_PARAMS, text)
    visit.carrier.answer(message, status=visit.bad)
