"""The console's face: its files, and the few calls that its pages make over HTTP.

All else the pages ask by the native protocol, as any other client: there a ticket stands once for
the token (``ticket``). No cookie is looked at where a WebSocket is asked for, so no page of
somebody else can open one in a person's name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import anyio.to_thread

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.bearer import bearer_token
from agentgate_proto.faces.browser.asking import BODY_BYTES_MAX, read_call
from agentgate_proto.faces.http_api import Reply, problem, too_many, unauthorized
from agentgate_proto.principal import Principal
from agentgate_proto.records.console_session import ConsoleSession
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_proto.wire.hosts import by_name
from agentgate_proto.wire.routes import Route
from agentgate_server.console.logins import ConsoleLogins
from agentgate_server.console.visit import Handler, Visit
from agentgate_server.faces.entrance import Declined
from agentgate_server.faces.face import FaceEvent
from agentgate_server.faces.static_files import StaticFiles
from agentgate_server.identity.address_throttle import (
    STRANGERS_REQUESTS_PER_MINUTE,
    AddressThrottle,
)
from agentgate_server.identity.tokens import hash_token
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import HttpReply
from agentgate_server.store.engine import StoreError
from agentgate_server.version import VERSION

NAME = "console"
LINKS = "/api/console-links"
LOGIN = "login"

CSP = "; ".join(
    (
        "default-src 'none'",
        *(f"{what}-src 'self'" for what in ("script", "style", "img", "connect")),
        *(f"{what}-src 'self'" for what in ("manifest", "worker")),
        *(f"{what} 'none'" for what in ("base-uri", "form-action", "frame-ancestors")),
    )
)
"""What a page may load, and from where: nothing but what this gateway serves, and no markup of an
agent's runs, should it ever get into a page."""

PAGE_HEADERS = {
    "content-security-policy": CSP,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

NOT_SERVED = (".d.ts", ".md")
"""Endings of what is in the folder for those who write the pages."""

FILES_PER_MINUTE = 12_000
"""Of the console's, by address: a page has some dozens, and they come from memory."""

LOGINS_PER_MINUTE = 30
"""Of one principal: each is a row of the store and an entry of the audit."""

NOT_FOR = "the console is for people: it takes tokens of the roles approver and operator, not {}"
NO_LINK = "this link is used, too old, or none: 'agent-gate console' makes another"
TOO_MANY = "too many requests from this address of somebody who is not logged in"
NO_PROOF = 'send {"token": "…"} or {"link": "…"}'

log = logging.getLogger(__name__)


class Lets(Protocol):
    """Knows who may come: the authenticator of the gate."""

    def identify(self, peer: Peer, token: str) -> Principal | Declined:
        """Return whose token it is."""
        ...

    def guessed(self, address: str) -> Declined:
        """Count a proof that is none, and say what to answer."""
        ...

    def seat(self, peer: Peer, principal: Principal) -> Declined | None:
        """Let a connection count as somebody's; None: it does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolePlace:
    """Where the console is.

    Attributes:
        path: without a slash at the end.
        public_url: where browsers reach the gateway by a proxy; "": nobody has said so.
        public_origin: the origin of that, as browsers write it.
        serves_tls: the gateway speaks TLS itself.
        idle_s: for how long a login counts that nobody uses.
    """

    path: str
    idle_s: float
    public_url: str = ""
    public_origin: str = ""
    serves_tls: bool = False


class ConsoleFace:
    """See the module.

    Args:
        place: where it is.
        logins: who is logged in.
        lets: knows who may come.
        spawn: starts an async function with its arguments, in a task.
        monotonic: seconds.

    Attributes:
        handlers: what pages may ask, by its name after ``api/``, and whether only those may who
            are logged in.
        facts: what ``me`` says besides, by name.
    """

    name = NAME

    def __init__(
        self,
        place: ConsolePlace,
        logins: ConsoleLogins,
        lets: Lets,
        spawn: Callable[..., None],
        monotonic: Callable[[], float],
    ) -> None:
        self.place = place
        self.logins = logins
        self.handlers: dict[str, tuple[Handler, bool]] = {
            LOGIN: (self._login, False),
            "me": (self._me, True),
            "ticket": (self._ticket, True),
            "logout": (self._logout, True),
        }
        self.facts: dict[str, Callable[[], Any]] = {
            "passkeys": lambda: False,
            "push": lambda: "off",
        }
        self._lets = lets
        self._spawn = spawn
        self._monotonic = monotonic
        self._strangers = AddressThrottle(STRANGERS_REQUESTS_PER_MINUTE)
        self._readers = AddressThrottle(FILES_PER_MINUTE)
        self._logins_of = AddressThrottle(LOGINS_PER_MINUTE)  # by name: it takes any text
        self._files: StaticFiles | None = None
        ours = frozenset({place.public_origin} if place.public_origin else ())
        self.routes: Sequence[Route] = (
            Route(face=NAME, path=place.path, methods=frozenset({"GET"})),
            Route(face=NAME, path=f"{place.path}/{{file*}}", methods=frozenset({"GET"})),
            Route(
                face=NAME,
                path=f"{place.path}/api/{{call*}}",
                methods=frozenset({"POST"}),
                body_bytes_max=BODY_BYTES_MAX,
                origins=ours,
            ),
            Route(face=NAME, path=LINKS, methods=frozenset({"POST"})),
        )

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """Answer a request, now or when a login is durable."""
        if not isinstance(event, HttpRequested):
            return
        assert event.route is not None, "it came by one of ours"
        if event.route.path == LINKS:
            self._make_link(peer, event)
        elif event.method == "POST":
            self._visit(peer, event)
        else:
            self._send_file(peer, event)

    def let_in(self, visit: Visit, who: Principal, token_hash: str, by: str) -> None:
        """Log somebody in who has shown who they are, and answer the visit.

        Args:
            visit: what it is for.
            who: the principal.
            token_hash: of the token that counts for them.
            by: what they have shown: ``token``, ``link`` or ``passkey``.
        """
        if who.role not in PEOPLE:
            visit.refuse(ErrorCode.FORBIDDEN, NOT_FOR.format(who.role.value))
        elif pause_s := self._logins_of.take(who.name, self._monotonic()):
            text = f"{LOGINS_PER_MINUTE} logins a minute"
            visit.refuse(ErrorCode.LIMIT_EXCEEDED, text, pause_s=pause_s)
        elif (declined := self._lets.seat(visit.peer, who)) is not None:
            visit.decline(declined)
        else:
            self._spawn(self._open, visit, who, token_hash, by)

    def send_off(self, visit: Visit, reason: str) -> None:
        """Say that what somebody has shown proves nothing; who tries that often has to wait."""
        declined = self._lets.guessed(visit.peer.address)
        visit.decline(declined if declined.pause_s else Declined(reason))

    # Its pages

    def _send_file(self, peer: Peer, request: HttpRequested) -> None:
        if pause_s := self._readers.take(peer.address, self._monotonic()):
            HttpReply(peer).send(too_many(pause_s))
            return
        if "file" not in request.values:
            # relative addresses of the page begin at its folder
            query = request.target.partition("?")[2]
            where = f"{self.place.path}/{'?' if query else ''}{query}"
            HttpReply(peer).send(
                problem(308, "the console is one slash further", {"location": where})
            )
        elif self._files is None:
            self._spawn(self._read_files, peer, request)
        else:
            serve(self._files, peer, request)

    async def _read_files(self, peer: Peer, request: HttpRequested) -> None:
        """Read them for the first who asks: most gateways start for agents, and at once."""
        self._files = await anyio.to_thread.run_sync(console_files)
        serve(self._files, peer, request)

    # Their calls

    def _visit(self, peer: Peer, request: HttpRequested) -> None:
        call = read_call(request, self.place.public_origin)
        if isinstance(call, Reply):
            HttpReply(peer).send(call)
            return
        visit = Visit(peer, request, call, self.logins.find(call.secret))
        name, session = request.values["call"], visit.session
        handler, is_for_people = self.handlers.get(name, (None, False))
        if session is None:
            # Who has a right token must get in, whatever others at the address do
            if name != LOGIN and (pause_s := self._strangers.take(peer.address, self._monotonic())):
                visit.refuse(ErrorCode.LIMIT_EXCEEDED, TOO_MANY, pause_s=pause_s)
                return
        elif (declined := self._lets.seat(peer, session.who)) is not None:
            visit.decline(declined)
            return
        if handler is None:
            visit.refuse(ErrorCode.NOT_FOUND, "the console has no such call")
        elif is_for_people and session is None:
            visit.send_away()
        else:
            handler(visit)

    def _login(self, visit: Visit) -> None:
        token, link = visit.text("token"), visit.text("link")
        if bool(token) == bool(link):
            visit.refuse(ErrorCode.INVALID_PARAMS, NO_PROOF)
            return
        if token:
            who = self._lets.identify(visit.peer, token)
            if isinstance(who, Declined):
                visit.decline(who)
            else:
                self.let_in(visit, who, hash_token(token), "token")
            return
        found = self.logins.take_link(link)
        if found is None:
            self.send_off(visit, NO_LINK)
        else:
            self.let_in(visit, *found, "link")

    async def _open(self, visit: Visit, who: Principal, token_hash: str, by: str) -> None:
        """Log somebody in with a secret that nobody has seen before; an older login goes."""
        browser = visit.request.headers.get("user-agent")
        try:
            session, secret = await self.logins.open(
                who, token_hash, by=by, address=visit.peer.address, browser=browser
            )
            if visit.session is not None:
                await self.logins.end(visit.session.id, visit.session.who)
        except StoreError as error:
            visit.refuse(ErrorCode.INTERNAL_ERROR, f"the login could not be stored: {error}")
            return
        visit.answer(told(session, is_secure=visit.call.is_secure), secret=secret)

    def _me(self, visit: Visit) -> None:
        facts = {name: say() for name, say in self.facts.items()}
        who = told(visit.logged_in, is_secure=visit.call.is_secure)
        visit.answer({**who, "session": visit.logged_in.id, **facts, "version": VERSION})

    def _ticket(self, visit: Visit) -> None:
        made = self.logins.make_ticket(visit.logged_in)
        visit.answer({"token": made.ticket, "expires_in_s": made.expires_in_s})

    def _logout(self, visit: Visit) -> None:
        self._spawn(self._end, visit)

    async def _end(self, visit: Visit) -> None:
        session = visit.logged_in
        try:
            await self.logins.end(session.id, session.who)
        except StoreError as error:
            log.error("a logout at the console could not be stored: %s", error)
        visit.answer({}, secret="")

    # For the command line

    def _make_link(self, peer: Peer, request: HttpRequested) -> None:
        """Make a link for who has a token: it logs their browser in."""
        token = bearer_token(request.headers)
        if not token:
            HttpReply(peer).send(unauthorized("send your token: Authorization: Bearer …"))
            return
        who = self._lets.identify(peer, token)
        if isinstance(who, Declined):
            code = ErrorCode.LIMIT_EXCEEDED if who.pause_s else ErrorCode.AUTHENTICATION
            data = {"retry_after_s": who.pause_s} if who.pause_s else None
            HttpReply(peer).error(code, who.reason, data)
        elif who.role not in PEOPLE:
            HttpReply(peer).error(ErrorCode.FORBIDDEN, NOT_FOR.format(who.role.value), None)
        else:
            made = self.logins.make_link(who, hash_token(token))
            url = f"{self._base(request)}{self.place.path}/#link={made.ticket}"
            HttpReply(peer).result({"url": url, "expires_in_s": made.expires_in_s})

    def _base(self, request: HttpRequested) -> str:
        """Where a browser on that machine opens the gateway: by a name, which passkeys need."""
        if self.place.public_url:
            return self.place.public_url
        host = request.headers.get("host")
        if self.place.serves_tls:
            return f"https://{host}"  # the certificate may be for the address
        return f"http://{by_name(host)}"


@cache
def console_files() -> StaticFiles:
    """Read the console's files, once in a process."""
    folder = files("agentgate_console") / "static"
    return StaticFiles(folder, headers=PAGE_HEADERS, compress=True, besides=NOT_SERVED)


def serve(found: StaticFiles, peer: Peer, request: HttpRequested) -> None:
    """Answer with a file, or say that there is none."""
    if not found.serve(peer, request, request.values["file"]):
        HttpReply(peer).send(problem(404, "the console has no such page"))


def told(session: ConsoleSession, *, is_secure: bool) -> dict[str, Any]:
    """What a page is told of a login."""
    who = {"name": session.principal, "role": session.role.value}
    return {"who": who, "secure": is_secure}
