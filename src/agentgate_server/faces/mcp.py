"""The MCP face: the gate as a server of the Model Context Protocol over Streamable HTTP, both eras.

What came is said by the core (``http``, ``dispatch``), what becomes of a call as well (``call``).
Here is who asks, and what belongs to a connection or a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from agentgate_proto.connection.events import Closed, HttpRequested
from agentgate_proto.faces.mcp import http
from agentgate_proto.faces.mcp.dispatch import Gate, dispatch
from agentgate_proto.faces.mcp.eras import UNNAMED, Era
from agentgate_proto.faces.mcp.holds import Holds
from agentgate_proto.faces.mcp.http import End, Listen, Post, Problem
from agentgate_proto.faces.mcp.messages import Wanted
from agentgate_proto.faces.mcp.replies import NAMELESS, Code, failure
from agentgate_proto.faces.mcp.seals import SessionSeal
from agentgate_proto.faces.mcp.wishes import LISTINGS
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.jsonrpc import Request
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.mcp_asking import Asking
from agentgate_server.faces.mcp_calls import McpCalls
from agentgate_server.faces.mcp_carriers import BatchCarrier, Carrier, HttpCarrier, Receipts
from agentgate_server.faces.mcp_catalogue import Catalogues
from agentgate_server.faces.mcp_clock import Clock
from agentgate_server.faces.mcp_notices import Notices
from agentgate_server.faces.mcp_offering import Nothing as NoOffers
from agentgate_server.faces.mcp_offering import Offering, Offers
from agentgate_server.faces.mcp_sessions import Sessions
from agentgate_server.faces.mcp_tasks import Tasks
from agentgate_server.faces.mcp_visits import Visit, admitted
from agentgate_server.faces.mcp_wishes import Wishes
from agentgate_server.sockets.peer import Peer
from agentgate_server.version import VERSION

BODY_BYTES_MAX: Final = 1_048_576
"""Of a request: as much as a message of the native protocol may have."""

EVERYTHING: Final = Wanted(
    tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True
)
"""What the stream of a legacy session tells of."""

REVOKED: Final = "the token was revoked"


class McpFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        path: where it is.
        is_open: whoever asks on this machine needs no token.
        holds: how long clients may be held.
        join_window_s: how long after its end a call can be joined by the same, in seconds.
        permit: whether clients may ask here for the use of their own tools.
        offers: what MCP servers offer besides tools; None: there are none.
    """

    name = "mcp"

    def __init__(
        self,
        around: Surroundings,
        *,
        path: str,
        is_open: bool,
        holds: Holds,
        join_window_s: float,
        permit: bool = False,
        offers: Offers | None = None,
    ) -> None:
        assert around.calls is not None, "this face is made where there is a call desk"
        desk = self._desk = around.calls
        methods = frozenset({"GET", "POST", "DELETE"})
        self.routes: Sequence[Route] = (
            Route(face=self.name, path=path, methods=methods, body_bytes_max=BODY_BYTES_MAX),
        )
        self._entrance = around.entrance
        self._is_open = is_open
        clock = Clock(around.spawn)
        self._receipts = Receipts()
        self._sessions = Sessions(lambda: desk.seal)
        self._catalogues = Catalogues(desk, join_window_s, permit=permit)
        self._calls = McpCalls(desk, clock, holds)
        self._calls.tasks = tasks = Tasks(desk, clock, self._calls.questions, self._catalogues.row)
        self._asking = Asking(self._catalogues, self._calls, join_window_s)
        offering = Offering(offers or NoOffers(), self._asking)
        self._notices = Notices(self._catalogues, clock, offers or NoOffers(), offering)
        self._wishes = Wishes(
            self._catalogues,
            self._asking,
            offering,
            tasks,
            self._notices,
            self._sessions,
            permit=permit,
        )
        has_servers = offers is not None
        self._gate = Gate(
            version=VERSION,
            resources=has_servers,
            prompts=has_servers,
            completions=has_servers,
            logging=has_servers,
        )
        desk.on_tools_changed(self._notices.lists_changed)
        around.entrance.on_change(self._look_at_tokens)
        around.closing.append(self.close)
        around.reports[self.name] = lambda: {"hidden_tools": self._catalogues.hidden}
        around.clients[self.name] = lambda: self._calls.count + self._notices.count

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """See :class:`~agentgate_server.faces.face.Face`."""
        match event:
            case HttpRequested():
                self._receipts.next_request(peer)
                self._visit(peer, event)
            case Closed():
                self._notices.closed(peer.number)
                self._calls.closed(peer.number)
                self._receipts.closed(peer, event)
            case _:
                raise AssertionError("there are no WebSockets here")

    def close(self) -> None:
        """The gateway shuts down: tell those who can't come back to where they are."""
        self._calls.end_all()
        self._notices.end_all()

    # Requests

    def _visit(self, peer: Peer, request: HttpRequested) -> None:
        peer.connection.principal = None  # whose the last request was says nothing of this one
        who = admitted(self._entrance, peer, request, is_open=self._is_open)
        if isinstance(who, Problem):
            refuse(peer, who)
            return
        peer.connection.principal = who[0]
        match http.read(request.method, request.headers, request.body):
            case Problem() as problem:
                refuse(peer, problem)
            case Post() as post:
                self._post(peer, who, post)
            case Listen(session, last_event_id):
                self._listen(peer, who, session, last_event_id, request.headers)
            case End(session):
                self._end(peer, who[0], session)

    def _post(self, peer: Peer, who: tuple[Principal, str], post: Post) -> None:
        session = None
        if post.session:
            session = self._sessions.find(who[0].name, post.session)
            if session is None:
                refuse(peer, http.unknown_session())
                return
        settled = http.settled(post, "" if session is None else session.version)
        if isinstance(settled, Problem):
            refuse(peer, settled)
            return
        wanted = sum(isinstance(message, Request) for message in settled.messages)
        carrier: Carrier
        if settled.batch and wanted:
            carrier = BatchCarrier(peer, self._receipts, wanted)
        else:
            carrier = HttpCarrier(peer, self._receipts)
        visit = self._made(
            peer, who, settled.version, settled.era, session, settled.headers, carrier
        )
        gate = self._gate
        for message in settled.messages:
            if isinstance(message, Request) and self._is_too_often(message, visit):
                continue
            self._wishes.do(dispatch(message, settled.version, gate), visit, gate)
        if not wanted:
            peer.connection.send_http(202, b"", "")

    def _is_too_often(self, request: Request, visit: Visit) -> bool:
        """Count a listing; whoever wants too many is told so, and nothing is listed."""
        if request.method not in LISTINGS:
            return False
        objection = self._desk.objection_to_listing(visit.who)
        if objection is None:
            return False
        text, pause_s = objection
        visit.carrier.add_header("retry-after", str(ceil(pause_s)))
        text = f"{text}: try again in {ceil(pause_s)} s"
        visit.carrier.answer(failure(request.id, Code.BUSY, text), status=429)
        return True

    def _listen(
        self,
        peer: Peer,
        who: tuple[Principal, str],
        session_id: str,
        last_event_id: str,
        headers: Headers,
    ) -> None:
        """The stream of a session, or of a call that was cut."""
        session = self._sessions.find(who[0].name, session_id)
        if session is None:
            refuse(peer, http.unknown_session())
        elif last_event_id:
            carrier = HttpCarrier(peer, self._receipts)
            visit = self._made(peer, who, session.version, Era.LEGACY, session, headers, carrier)
            if not self._asking.resume(last_event_id, visit, self._gate):
                text = "no such event: it is not one of yours"
                refuse(peer, Problem(404, failure(NAMELESS, Code.INVALID_REQUEST, text)))
        elif not self._notices.open(peer, *who, EVERYTHING, key=session.nonce):
            text = "too many streams at once: close others first"
            body = failure(NAMELESS, Code.BUSY, text)
            refuse(peer, Problem(429, body, (("retry-after", "30"),)))

    def _end(self, peer: Peer, who: Principal, session_id: str) -> None:
        session = self._sessions.find(who.name, session_id)
        if session is None:
            refuse(peer, http.unknown_session())
        else:
            self._sessions.end(who.name, session)
            peer.connection.send_http(204, b"", "")

    def _made(
        self,
        peer: Peer,
        who: tuple[Principal, str],
        version: str,
        era: Era,
        session: SessionSeal | None,
        headers: Headers,
        carrier: Carrier,
    ) -> Visit:
        return Visit(
            peer=peer,
            who=who[0],
            token_hash=who[1],
            era=era,
            version=version or UNNAMED,
            session=session,
            level=self._sessions.level(who[0].name, session),
            headers=headers,
            carrier=carrier,
        )

    def _look_at_tokens(self) -> None:
        """End what was let in by a token that counts no more."""
        counts = self._entrance.counts
        for peer in [*self._calls.peers_of(counts), *self._notices.peers_of(counts)]:
            peer.connection.abort(REVOKED)
            peer.poke()


def refuse(peer: Peer, problem: Problem) -> None:
    """Answer a request that is refused."""
    kind = http.JSON if problem.body else ""
    peer.connection.send_http(problem.status, problem.body, kind, problem.headers)
