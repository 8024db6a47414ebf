"""A server that is reached over HTTP (Streamable HTTP, both eras).

Each message is a POST, and what answers it comes on its own response, whole or as a stream of
events. In the legacy era a stream that breaks can be taken up again if the server has named its
events, and one more stream brings what is about no request. Redirects are not followed, nothing is
sent twice, and only addresses are connected to that the server may have.

What is known of a request that fails: a connection that could not be made has sent nothing; all
else may have been read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Final, Protocol

import anyio
import h11

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.lines import LINE_BYTES_MAX
from agentgate_proto.faces.mcp_backend.calls import CALLS_MAX
from agentgate_proto.faces.mcp_backend.events import Abort, Send
from agentgate_proto.faces.mcp_backend.streams import EventReader, EventTooLong
from agentgate_server.backends.connection import Connection
from agentgate_server.backends.http_client import FAULTS, HttpBackend, compression, explain
from agentgate_server.backends.http_options import HttpOptions
from agentgate_server.backends.urls import split_url
from agentgate_server.errors import NotStarted
from agentgate_server.tools.mcp.driver import Driver
from agentgate_server.tools.mcp.turns import pieces

log = logging.getLogger(__name__)

CONNECTIONS_MAX: Final = CALLS_MAX + 16
"""Connections to one server: no call waits for one. The others are for streams of notifications and
for what we answer."""

ERROR_BYTES_MAX: Final = 65_536
"""Of the body of an answer that says that it failed."""

NOTE_S: Final = 10.0
"""How long a message may take that wants no answer."""

NOTES_MAX: Final = 64
"""Of these at once; the next waits. A server that asks without end gets no more answers than it
takes, and is given up by the talk."""

RESUMES_MAX: Final = 8
"""How often a stream is taken up again that brings nothing in between."""

RESUME_S: Final = 1.0
"""How long to wait before that, unless the server says."""

LISTEN_S_MAX: Final = 60.0
"""The stream of what is about no request is opened again after 1 s, 2 s, 4 s, and at most so
many."""

END_S: Final = 2.0
"""How long the end of a session may take to be told."""

SESSION_CHARS_MAX: Final = 1_024
OK: Final = range(200, 300)
UNAUTHORIZED: Final = 401
GONE: Final = 404
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"


class Authorizer(Protocol):
    """Gives what lets us in, where headers of the configuration do not."""

    async def headers(self) -> Mapping[str, str]:
        """Return headers for the next request.

        Raises:
            NotStarted: there are none, and only a person can bring them about.
        """
        ...

    async def refused(self) -> bool:
        """The server did not let us in: renew what can be; return whether there is another one."""
        ...


class TooLarge(Exception):
    """An answer is larger than any that is read."""


class HttpLink:
    """See the module, and :class:`agentgate_server.tools.mcp.driver.Link`.

    Args:
        options: where it is, and which addresses it may have.
        authorizer: lets us in; None: the headers of the options do.

    Raises:
        ValueError: its URL is none.
        OSError: its authorities can't be read.
    """

    def __init__(self, options: HttpOptions, authorizer: Authorizer | None = None) -> None:
        self._backend = HttpBackend(options)
        self._authorizer = authorizer
        _, self._target = split_url(options.url)
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._again: set[int] = set()
        self._notes = anyio.Semaphore(NOTES_MAX)

    async def run(self, driver: Driver) -> None:
        """See ``Link``."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(driver.keep_time)
                tasks.start_soon(self._pump, driver, tasks.start_soon)
                tasks.start_soon(self._listen, driver)
                driver.open()
                await driver.over.wait()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                with anyio.move_on_after(END_S):
                    await self._end(driver)
                await self._backend.aclose()

    async def _pump(self, driver: Driver, start: Callable[..., object]) -> None:
        """Send what is to be sent: each in a task of its own, but for what has to come first."""
        while True:
            await driver.wait_outgoing()
            while (message := driver.talk.next_message()) is not None:
                if isinstance(message, Abort):
                    if (scope := self._scopes.get(message.request)) is not None:
                        scope.cancel()
                elif message.request is not None:
                    start(self._request, driver, message, message.request)
                elif message.goes_first:
                    await self._note(driver, message)
                else:
                    await self._notes.acquire()
                    start(self._note_beside, driver, message)

    async def _request(self, driver: Driver, message: Send, request: int) -> None:
        """Send a request, and bring what answers it."""
        reader = EventReader()
        with anyio.CancelScope() as scope:
            self._scopes[request] = scope
            try:
                is_over = await self._exchange(driver, message, request, reader)
                if request in self._again and not is_over:
                    is_over = await self._exchange(driver, message, request, reader)
                if is_over:
                    return
                if not message.stays:
                    await self._resume(driver, request, reader)
                driver.talk.broken(request, "its answer has no end", driver.now)
                driver.act()
            finally:
                self._again.discard(request)
                if self._scopes.get(request) is scope:  # it may have been sent again by now
                    del self._scopes[request]

    async def _exchange(
        self, driver: Driver, message: Send, request: int, reader: EventReader
    ) -> bool:
        """Send a request and read its answer, as far as that comes; return whether that is all."""
        is_sent = False
        try:
            lines = await self._headers(message.headers)
            async with self._backend.connections.lent(self._backend.origin) as connection:
                data = self._written(connection, b"POST", lines, message.body)
                is_sent = True
                await connection.write(data)
                response = await connection.head()
                if response.status_code not in OK:
                    return await self._refused(driver, connection, response.status_code, request)
                await self._answer(driver, connection, response, request, reader)
        except NotStarted as error:
            driver.talk.not_sent(request, str(error), driver.now)
        except TooLarge:
            driver.talk.broken(request, "its answer is too large", driver.now)
        except FAULTS as error:
            why = explain(error)
            if not is_sent:
                driver.talk.not_sent(request, f"it could not be reached: {why}", driver.now)
            elif not reader.last_id:
                driver.talk.broken(request, f"no answer came: {why}", driver.now)
        driver.act()
        return not driver.talk.awaits(request)

    async def _refused(
        self, driver: Driver, connection: Connection, status: int, request: int
    ) -> bool:
        """Read the answer to a request that failed; return whether that is all: else it was not
        read, and may be sent again."""
        body = await self._body(connection, ERROR_BYTES_MAX, cut=True)
        if status == UNAUTHORIZED and self._authorizer is not None and request not in self._again:
            self._again.add(request)
            if await self._authorizer.refused():
                return False
        driver.talk.refused(request, status, body, driver.now)
        driver.act()
        return True

    async def _answer(
        self,
        driver: Driver,
        connection: Connection,
        response: h11.Response,
        request: int,
        reader: EventReader,
    ) -> None:
        """Read the answer to a request that went well."""
        talk, headers = driver.talk, headers_of(response)
        session = headers.get("mcp-session-id", "")
        if 0 < len(session) <= SESSION_CHARS_MAX and session.isprintable():
            talk.joined(session)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if how := compression(headers.items()):
            talk.broken(request, f"its answer is compressed ({how[:40]})", driver.now)
        elif kind == EVENTS:
            await self._events(driver, connection, reader, request)
        else:
            body = await self._body(connection, LINE_BYTES_MAX)
            async with driver.turns.turn():
                talk.receive(body, driver.now, request)

    async def _events(
        self, driver: Driver, connection: Connection, reader: EventReader, request: int | None
    ) -> None:
        """Read a stream of events, until it ends or the request that it answers is answered."""
        async with aclosing(connection.body()) as chunks:
            async for chunk in chunks:
                for piece in pieces(chunk):
                    async with driver.turns.turn():
                        take_piece(driver, reader, piece, request)
                    if request is not None and not driver.talk.awaits(request):
                        return

    async def _resume(self, driver: Driver, request: int, reader: EventReader) -> None:
        """Take a stream up again that broke before the answer came (legacy)."""
        tries = 0
        while driver.talk.era is Era.LEGACY and reader.last_id and tries < RESUMES_MAX:
            await anyio.sleep(RESUME_S if reader.retry_s is None else reader.retry_s)
            before = reader.last_id
            status = await self._get(driver, reader, request)
            if not driver.talk.awaits(request) or (status and status not in OK):
                return
            tries = tries + 1 if reader.last_id == before else 0

    async def _get(self, driver: Driver, reader: EventReader, request: int | None) -> int:
        """Read a stream that is about no POST; return its status, 0: there was none."""
        status = 0
        again = EventReader()  # what was left of the old one is no beginning of this
        again.last_id, again.retry_s = reader.last_id, reader.retry_s
        said = {**driver.talk.stream_headers(), "Accept": EVENTS}
        if reader.last_id:
            said["Last-Event-ID"] = reader.last_id
        try:
            lines = await self._headers(said)
            async with self._backend.connections.lent(self._backend.origin) as connection:
                await connection.write(self._written(connection, b"GET", lines, b""))
                response = await connection.head()
                status = response.status_code
                if status in OK:
                    await self._events(driver, connection, again, request)
        except (NotStarted, TooLarge, *FAULTS) as error:
            log.debug("a stream of %s broke: %s", self._backend.name, type(error).__name__)
        reader.last_id, reader.retry_s = again.last_id, again.retry_s
        return status

    async def _listen(self, driver: Driver) -> None:
        """Keep the stream open that brings what is about no request (legacy)."""
        pause_s = RESUME_S
        reader = EventReader()
        session: Mapping[str, str] = {}
        while True:
            await self._until_ready(driver)
            if driver.talk.era is not Era.LEGACY:
                return
            if driver.talk.stream_headers() != session:
                session, reader = driver.talk.stream_headers(), EventReader()
            began = driver.now
            status = await self._get(driver, reader, None)
            if status and status not in OK and status != GONE:
                return  # it has none
            if driver.now - began > LISTEN_S_MAX:
                pause_s = RESUME_S
            await anyio.sleep(max(pause_s, reader.retry_s or 0.0))
            pause_s = min(2 * pause_s, LISTEN_S_MAX)

    async def _until_ready(self, driver: Driver) -> None:
        while not driver.talk.is_ready:
            await driver.wait_changed()

    async def _note_beside(self, driver: Driver, message: Send) -> None:
        try:
            await self._note(driver, message)
        finally:
            self._notes.release()

    async def _note(self, driver: Driver, message: Send) -> None:
        """Send what wants no answer. That it does not arrive is seen by what does."""
        with anyio.move_on_after(NOTE_S):
            try:
                lines = await self._headers(message.headers)
                async with self._backend.connections.lent(self._backend.origin) as connection:
                    await connection.write(self._written(connection, b"POST", lines, message.body))
                    response = await connection.head()
                    await self._body(connection, ERROR_BYTES_MAX, cut=True)
                if response.status_code not in OK:
                    what = self._backend.name, response.status_code
                    log.debug("%s answered a notification by status %d", *what)
            except (NotStarted, *FAULTS) as error:
                log.debug("%s took no notification: %s", self._backend.name, type(error).__name__)

    async def _end(self, driver: Driver) -> None:
        """Tell the server that our session is over (legacy)."""
        said = driver.talk.stream_headers()
        if "Mcp-Session-Id" not in said:
            return
        try:
            lines = await self._headers(said)
            async with self._backend.connections.lent(self._backend.origin) as connection:
                await connection.write(self._written(connection, b"DELETE", lines, b""))
                await connection.head()
        except (NotStarted, *FAULTS):
            log.debug("%s was not told of the end", self._backend.name)

    async def _headers(self, said: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request."""
        more = {} if self._authorizer is None else await self._authorizer.headers()
        accept = {"Accept": f"{JSON}, {EVENTS}"}
        return self._backend.fields({**accept, **more, **said}.items())

    def _written(
        self, connection: Connection, method: bytes, fields: Mapping[str, str], body: bytes
    ) -> bytes:
        """Return the bytes of a request."""
        lines = {"Host": self._backend.origin.authority, **fields}
        if body:
            lines |= {"Content-Type": JSON, "Content-Length": str(len(body))}
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in lines.items()]
        return connection.request(method, self._target.encode(), encoded, body)

    async def _body(self, connection: Connection, bytes_max: int, *, cut: bool = False) -> bytes:
        """Read a body.

        Raises:
            TooLarge: it is, unless it is to be cut.
        """
        body = bytearray()
        async with aclosing(connection.body()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > bytes_max:
                    if cut:
                        return bytes(body[:bytes_max])
                    raise TooLarge
        return bytes(body)


def take_piece(driver: Driver, reader: EventReader, piece: bytes, request: int | None) -> None:
    """Take a piece of a stream of events."""
    try:
        events = reader.receive_data(piece)
    except EventTooLong:
        raise TooLarge from None
    for event in events:
        driver.talk.receive(event.data, driver.now, request)
    driver.act()


def headers_of(response: h11.Response) -> dict[str, str]:
    """Return the headers of a response, by name in lower case."""
    return {name.decode("latin-1"): text.decode("latin-1") for name, text in response.headers}
