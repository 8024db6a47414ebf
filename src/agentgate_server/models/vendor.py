"""A model behind a vendor's HTTP API that streams server-sent events.

One stream is one POST. What the events mean, the core's streams know; here is what can go wrong on
the way. There are no redirects, cookies or proxies, and nothing is read from the environment. An
answer counts as over when the vendor says so: then it is told at once, and the rest of the body is
read afterwards, so that the connection can be used again.
"""

from __future__ import annotations

import logging
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final

import anyio
import httpcore2
import httpx2

from agentgate_proto.models.events import Failed, Failure, ModelEvent
from agentgate_proto.models.failures import read, refused, reported, shortened
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded
from agentgate_proto.models.vendor_stream import VendorStream
from agentgate_server.backends.http_client import tls_context
from agentgate_server.backends.names import look_names_up
from agentgate_server.backends.urls import split_url
from agentgate_server.models.pace import Pace
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.version import VERSION

TIMEOUT_S: Final = 60.0
"""Without a byte for this long, a stream has stalled. Vendors send pings long before."""

CONNECT_TIMEOUT_S: Final = 10.0
"""For a connection, and for one of ours to be free."""

STREAM_S_MAX: Final = 3_600.0
"""A whole answer: pings could go on for ever."""

GRACE_S: Final = 5.0
"""From when a model has stopped to when its server says that the stream is over. Some never do."""

DRAIN_S: Final = 1.0
"""For the body to end after the stream is over; then the connection is closed instead."""

CONNECTIONS_MAX: Final = 1_024
"""Streams of one model at the same time; more wait for CONNECT_TIMEOUT_S. There are more than runs
in all (``SessionLimits``): one agent's keep nobody else's from the model."""

EVENT_BYTES_MAX: Final = 8_388_608
"""One event: an answer's whole text may come in one."""

ERROR_BYTES_MAX: Final = 65_536
"""Of a body that is read although it is no stream."""

STREAM_TYPE: Final = "text/event-stream"
EVENT_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
TAIL_BYTES: Final = 3
"""Of what came before, since the end of an event may be cut in two."""

log = logging.getLogger(__name__)


class VendorModel(ABC):
    """What the vendors have in common. Close it when the gateway stops.

    Args:
        info: what is known of the model.
        api_key: None: the server wants none.
        base_url: what its paths are added to.
        timeout_s: without a byte for this long a stream has stalled.
        masker: hides the key, and other secrets, in the vendor's words.

    Raises:
        ValueError: ``base_url`` is no URL, or the key can't stand in a header.
    """

    def __init__(
        self,
        info: ModelInfo,
        *,
        base_url: str,
        masker: Masker,
        api_key: Secret | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.info = info
        self.api_key = api_key
        self.masker = masker
        self.timeout_s = timeout_s
        self.origin, target = split_url(base_url)
        path, mark, query = target.partition("?")
        self.base, self.query = path.rstrip("/"), mark + query
        if api_key is not None:
            if not api_key.value.isascii() or not api_key.value.isprintable():
                raise ValueError("must be visible ASCII")
            masker.learn([api_key])
        self.trouble = ""
        self.grace_s = GRACE_S
        self.client = httpx2.AsyncClient(
            trust_env=False,
            verify=tls_context(None) if self.origin.scheme == "https" else True,
            timeout=httpx2.Timeout(
                timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s), pool=CONNECT_TIMEOUT_S
            ),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX),
        )
        look_names_up(self.client, httpcore2)

    @property
    @abstractmethod
    def path(self) -> str:
        """Where streams are asked for, from the base."""

    @abstractmethod
    def new_stream(self) -> VendorStream[Any]:
        """Begin to read an answer."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Headers of this vendor. They hold the key: they are never logged."""

    async def stream(self, request: Encoded) -> AsyncIterator[ModelEvent]:
        """Ask once; see ``Model.stream``."""
        stream = self.new_stream()
        has_head = False
        failed = None
        try:
            async with self.client.stream(
                "POST", self.url(self.path), content=request.body, headers=self.all_headers()
            ) as response:
                has_head = True
                if not is_stream(response):
                    yield self.told(await self.refusal(response))
                    return
                self.trouble = ""
                async with aclosing(self.read(stream, response)) as events:
                    async for event in events:
                        yield self.told(event)
        except httpx2.TimeoutException as error:
            failed = self.late(error, has_head=has_head)
        except EventTooLong as error:
            failed = Failed(failure=Failure.FATAL, message=str(error))
        except TookTooLong as error:
            failed = Failed(failure=Failure.TRUNCATED, message=str(error))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            failed = self.broken(error, has_head=has_head)
        except Exception:
            log.exception("a fault while model %s was read", self.info.name)
            failed = Failed(failure=Failure.FATAL, message="a fault of the gateway; see its log")
        if failed is not None and not stream.is_over:
            last = stream.receive_eof() if stream.is_stopped else [failed]
            for event in last:
                yield self.told(event)

    async def count(self, request: Encoded) -> int | None:
        """Say nothing: most vendors can't count; see ``Model.count``."""
        del request
        return None

    def problem(self) -> str:
        """Say why it can't be used; see ``Model.problem``."""
        return self.trouble

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    async def read(
        self, stream: VendorStream[Any], response: httpx2.Response
    ) -> AsyncGenerator[ModelEvent, None]:
        """Yield what a stream says; the last is its end, whatever comes."""
        events = aiter(events_of(response))
        try:
            while not stream.is_over:
                if stream.is_stopped:
                    one = await soon(events, self.grace_s)
                else:
                    one = await anext(events, None)  # bounded from one byte to the next
                if one is None:
                    said = stream.receive_eof()
                else:
                    said = stream.receive_event(one.event, one.data)
                for event in said:
                    yield event
            with anyio.move_on_after(DRAIN_S):
                await exhaust(events)
        finally:
            await leave(response, events)

    async def refusal(self, response: httpx2.Response) -> Failed:
        """Read an answer that is no stream."""
        body = await beginning(response)
        headers = {name.lower(): value for name, value in response.headers.items()}
        status = response.status_code
        if status == 200:
            kind = headers.get("content-type", "none")
            failed = reported(read(body), f"the answer is of the type {kind} and no stream")
            return Failed(failure=Failure.FATAL, message=failed.message)
        failed = refused(status, headers, body, time.time())
        if status in (401, 403, 404) or 300 <= status < 400:
            self.trouble = self.masker.text(failed.message)
        return failed

    def late(self, error: httpx2.TimeoutException, *, has_head: bool) -> Failed:
        """Tell of a time-out."""
        if isinstance(error, httpx2.PoolTimeout):
            message = f"{CONNECTIONS_MAX} streams of this model are under way"
            return Failed(failure=Failure.RETRYABLE, message=message)
        if isinstance(error, httpx2.ConnectTimeout):
            self.trouble = f"{self.origin} could not be reached"
            return Failed(failure=Failure.RETRYABLE, message=f"{self.trouble}: no connection")
        what = "the stream" if has_head else f"the answer of {self.origin}"
        message = f"{what} stalled: nothing came for {self.timeout_s:g} s"
        return Failed(failure=Failure.TRUNCATED, message=message)

    def broken(self, error: Exception, *, has_head: bool) -> Failed:
        """Tell of a connection that broke, or was none."""
        words = shortened(str(error)) or type(error).__name__
        if isinstance(error, httpx2.LocalProtocolError | httpx2.InvalidURL):
            # its own words would quote headers
            return Failed(failure=Failure.FATAL, message="the request could not be written")
        if isinstance(error, httpx2.ConnectError):
            self.trouble = self.masker.text(f"{self.origin} could not be reached: {words}")
            failure = Failure.FATAL if is_distrust(error) else Failure.RETRYABLE
            return Failed(failure=failure, message=self.trouble)
        if has_head:
            return Failed(failure=Failure.TRUNCATED, message=f"the stream broke off: {words}")
        message = f"{self.origin} broke off before it answered: {words}"
        return Failed(failure=Failure.RETRYABLE, message=message)

    def told(self, event: ModelEvent) -> ModelEvent:
        """Hide secrets in what the vendor says of us; what the model says is its own."""
        if isinstance(event, Failed):
            message = self.masker.text(event.message)
            return Failed(failure=event.failure, message=message, retry_after_s=event.retry_after_s)
        return event

    def url(self, path: str) -> str:
        """Return where a path is."""
        return f"{self.origin}{self.base}{path}{self.query}"

    def all_headers(self) -> Mapping[str, str]:
        """Return all headers of a request."""
        return {
            "User-Agent": f"agent-gate/{VERSION}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # a small answer must not become a large one
            **self.headers(),
        }


class EventTooLong(Exception):
    """An event is beyond EVENT_BYTES_MAX."""


class TookTooLong(Exception):
    """A stream goes on beyond STREAM_S_MAX, be it with nothing but comments."""


class Chunks(httpx2.AsyncByteStream):
    """The bytes of a body as they come, as long as neither an event of them nor all takes too long.

    httpx2 has such a cap itself, but what it raises then leaves the generators below half-way.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.chunks = aiter(response.aiter_raw())
        self.deadline = anyio.current_time() + STREAM_S_MAX
        self.pace = Pace()
        self.pending = 0
        self.tail = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes.

        Raises:
            EventTooLong: they belong to an event that is.
            TookTooLong: it is time to end.
        """
        chunk = await anext(self.chunks)
        try:
            await self.pace.keep()
        except BaseException:  # cancelled between two pieces: nothing else ends those below
            await leave(self.response, self.chunks)
            raise
        if anyio.current_time() > self.deadline:
            await leave(self.response, self.chunks)
            raise TookTooLong(f"the answer took more than {STREAM_S_MAX:g} s")
        seen = self.tail + chunk
        end = max(map(seen.rfind, EVENT_ENDS))
        self.pending = self.pending + len(chunk) if end < 0 else len(seen) - end
        self.tail = seen[-TAIL_BYTES:]
        if self.pending > EVENT_BYTES_MAX:
            await leave(self.response, self.chunks)
            raise EventTooLong(f"an event has more than {EVENT_BYTES_MAX:,} bytes")
        return chunk


def events_of(response: httpx2.Response) -> httpx2.EventSource:
    """Read a body as a stream of events: always in UTF-8, whatever its header says."""
    headers = {"content-type": STREAM_TYPE}
    body = httpx2.Response(200, headers=headers, stream=Chunks(response), request=response.request)
    return httpx2.EventSource(body, max_event_size=None)


async def soon(
    events: AsyncIterator[httpx2.ServerSentEvent], within_s: float
) -> httpx2.ServerSentEvent | None:
    """Return the next event; None: there is none, or not within this time."""
    with anyio.move_on_after(within_s):
        return await anext(events, None)
    return None


async def exhaust(events: AsyncIterator[object]) -> None:
    """Read all that is left."""
    while await anext(events, None) is not None:
        pass


async def leave(response: httpx2.Response, events: AsyncIterator[object]) -> None:
    """Leave a body, be it in the middle: its connection is closed at once then.

    Below a body there is a chain of generators. They end where the connection is found closed;
    otherwise they would be left to the garbage collector, to trio's dismay.
    """
    with anyio.CancelScope(shield=True):
        await response.aclose()
        with suppress(httpx2.HTTPError):
            await exhaust(events)


def is_stream(response: httpx2.Response) -> bool:
    """Whether an answer is a stream of events, and not a compressed one."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    return response.status_code == 200 and kind == STREAM_TYPE and coding == "identity"


async def beginning(response: httpx2.Response) -> bytes:
    """Read as much of a body as an error may have."""
    body = bytearray()
    chunks = aiter(response.aiter_raw())
    try:
        async for chunk in chunks:
            body += chunk
            if len(body) >= ERROR_BYTES_MAX:
                break
    finally:
        await leave(response, chunks)
    return bytes(body[:ERROR_BYTES_MAX])


def is_distrust(error: BaseException | None) -> bool:
    """Whether a certificate is why there is no connection."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
