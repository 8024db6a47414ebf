"""The HTTP client of a backend: one request, one answer, and the truth about what was sent.

How a request ends::

    an answer came, of whatever status      Answer, which says if its body can't be used
    nothing was sent                        NotStarted
    it was sent, or may have been,
    and no whole answer came                EffectUnknown

Nothing is ever sent twice, except that a redirect of a GET or HEAD that only reads is followed
where the backend allows it: what it does decides, since a GET can open a door. There are no cookies
and no proxies; nothing is read from the environment but where the system keeps its certificates.

Below it are the streams of httpcore2, so that we dial for ourselves (see ``dialling``), h11, which
sends the target as it is given, and our own care for connections (see ``connection``).
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import anyio
import h11
import httpcore2

from agentgate_proto.quotas.news import News
from agentgate_proto.records.request import Effects
from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.answer import Answer
from agentgate_server.backends.circuit_breaker import CircuitBreaker, Permit
from agentgate_server.backends.connection import Connection
from agentgate_server.backends.connections import Connections
from agentgate_server.backends.dialling import Dialler
from agentgate_server.backends.http_options import ANSWER_BYTES_MAX, HttpOptions, Redirects
from agentgate_server.backends.urls import Origin, follow, split_url
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.version import VERSION

REDIRECTS_MAX: Final = 5
"""Redirects of one request that are followed."""

MARGIN_S: Final = 0.05
"""We give up a moment before whoever called us does, because only we know what was sent."""

CONTEXTS_MAX: Final = 16
"""TLS contexts that are kept. Each holds the system's authorities: a megabyte or two."""

REASON_CHARS_MAX: Final = 200
"""Characters of an error that a peer may have had a part in."""

REDIRECT_STATUS: Final = frozenset({301, 302, 303, 307, 308})

Pairs = Iterable[tuple[str, str]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """How far a request got.

    Attributes:
        sent: its first byte may have left.
        status: of the answer that has begun, or 0.
    """

    sent: bool = False
    status: int = 0


class HttpBackend:
    """One backend: its connections and its circuit. Close it when the gateway stops."""

    def __init__(self, options: HttpOptions) -> None:
        """Connect to nothing yet.

        Raises:
            ValueError: ``url`` is none.
            OSError: ``ca`` can't be read, or holds no certificate.
        """
        self.options = options
        self.name = options.name
        self.origin, base = split_url(options.url)
        self.base = base.rstrip("/")
        self.circuit = CircuitBreaker(options.name, options.failures_max)
        self._news = News()
        self.connections = Connections(
            Dialler(options.name, self.reach_of),
            tls_context(options.ca) if self.needs_tls else None,
            options.connections_max,
            options.connect_timeout_s,
        )

    @property
    def needs_tls(self) -> bool:
        """Whether a request may come to need TLS."""
        return self.origin.scheme == "https" or self.options.redirects is Redirects.ANY

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Pairs = (),
        content: bytes = b"",
        timeout_s: float | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
        effects: Effects = Effects.WRITE,
    ) -> Answer:
        """Send one request and wait for the answer, whatever its status.

        Args:
            method: ``GET``, ``POST`` ...
            target: path from the backend's base, and query, encoded: ``/states/light.x?a=%20``.
            headers: further ones; they win over the backend's own.
            content: the body.
            timeout_s: how long it may take, in seconds; None: the backend's ``timeout_s``.
            bytes_max: more of a body is not read.
            effects: of whatever is asked for; only a ``READ`` may be sent again.

        Raises:
            NotStarted: nothing was sent: no connection, an address that may not be reached, or
                an open circuit.
            EffectUnknown: it was sent, and no whole answer came.
            ToolFailed: a read was redirected to where it may not go.
        """
        permit = self.circuit.admit(anyio.current_time())
        progress = Progress()
        limit_s = self.options.timeout_s if timeout_s is None else timeout_s
        left_s = anyio.current_effective_deadline() - anyio.current_time() - MARGIN_S
        limit_s = max(min(limit_s, left_s), 0.0)
        follows = self.follows(method, effects)
        why = ""
        try:
            with anyio.fail_after(limit_s):
                answer = await self.exchange(
                    method, target, headers, content, bytes_max, progress, follows=follows
                )
        except TimeoutError:
            why = f"no answer within {limit_s:.3g} s"
            raise self.lost(why, progress) from None
        except FAULTS as error:
            why = explain(error)
            raise self.lost(why, progress) from None  # a log needs none of its many frames
        except ToolFailed:
            self.answered(permit)
            raise
        else:
            if answer.status in self.options.failing:
                why = f"status {answer.status}"
            else:
                self.answered(permit)
            return answer
        finally:
            if why:
                self.failed(permit, why)
            else:
                self.circuit.dropped(permit)

    async def open_stream(self) -> httpcore2.AsyncNetworkStream:
        """Open a connection to the backend for another protocol; whoever asks closes it.

        Raises:
            NotStarted: there is none; the text says why.
        """
        try:
            return await self.connections.open_stream(self.origin)
        except FAULTS as error:
            raise self.lost(explain(error), Progress()) from None

    def failed(self, permit: Permit, why: str) -> None:
        """Tell the circuit that the backend failed, and the operator if it opened."""
        opened = self.circuit.opened
        self.circuit.failed(permit, anyio.current_time(), why)
        now = anyio.current_time()
        if opened != self.circuit.opened and (more := self._news.failed(why, now)) is not None:
            log.warning("%s%s", self.circuit.refusal(now), more)

    def answered(self, permit: Permit) -> None:
        """Tell the circuit that the backend is alive, and the operator if it had been dead."""
        if (after := self._news.well(anyio.current_time())) is not None:
            log.info("%s answers again%s", self.name, after)
        self.circuit.succeeded(permit)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.connections.aclose()

    def reach_of(self, host: str, port: int) -> Reach:
        """Return which addresses a host may have: what is private is so for our own host only."""
        reach = self.options.reach
        if (host, port) == (self.origin.host, self.origin.port):
            return reach
        return Reach(allow=reach.allow)

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Pairs,
        content: bytes,
        bytes_max: int,
        progress: Progress,
        *,
        follows: bool,
    ) -> Answer:
        """Send a request, and follow its redirects if it ``follows``; see ``request``."""
        origin, target = self.origin, self.base + target
        fields = self.fields(headers)
        for _ in range(REDIRECTS_MAX + 1):
            answer = await self.send(origin, method, target, fields, content, bytes_max, progress)
            if answer.status not in REDIRECT_STATUS or not follows:
                return answer
            try:
                led, target = follow(origin, target, answer.headers.get("location", ""))
            except ValueError:
                raise self.misled("to what is no URL") from None
            if led != origin:
                if self.options.redirects is not Redirects.ANY:
                    raise self.misled(f"to {led}; only redirects to itself are followed")
                if origin.scheme == "https" and led.scheme != "https":
                    raise self.misled(f"from https to {led}")
                fields = dict(ALWAYS)
            origin = led
        raise self.misled(f"more than {REDIRECTS_MAX} times")

    async def send(
        self,
        origin: Origin,
        method: str,
        target: str,
        fields: Mapping[str, str],
        content: bytes,
        bytes_max: int,
        progress: Progress,
    ) -> Answer:
        """Send one request to one origin and read its answer up to the cap."""
        lines = [("Host", origin.authority), *fields.items()]
        if content or method in ("POST", "PUT", "PATCH"):
            lines.append(("Content-Length", str(len(content))))
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in lines]
        async with self.connections.lent(origin) as connection:
            data = connection.request(method.encode(), target.encode(), encoded, content)
            progress.sent, progress.status = True, 0
            await connection.write(data)
            response = await connection.head()
            progress.status = response.status_code
            body, flaw = await self.read(connection, bytes_max)
        lines = [
            (name.decode("latin-1"), text.decode("latin-1")) for name, text in response.headers
        ]
        if body and (how := compression(lines)):
            body, flaw = b"", f"compressed ({how[:40]}) although it was asked not to"
        return Answer(response.status_code, dict(lines), body, flaw)

    async def read(self, connection: Connection, bytes_max: int) -> tuple[bytes, str]:
        """Read a body up to the cap; return it, and why it can't be used or ""."""
        body = bytearray()
        async with aclosing(connection.body()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > bytes_max:
                    flaw = f"with more than {bytes_max:,} bytes; the rest was not read"
                    return bytes(body[:bytes_max]), flaw
        return bytes(body), ""

    def fields(self, headers: Pairs) -> dict[str, str]:
        """Return all headers but those of the connection itself, each name once."""
        ours = ((name, secret.value) for name, secret in self.options.headers.items())
        by_name = {name.lower(): (name, value) for name, value in (*ALWAYS, *ours, *headers)}
        return dict(by_name.values())

    def follows(self, method: str, effects: Effects) -> bool:
        """Whether redirects are followed. Those of a write would be a second one; of another method
        than these, the body would have to be sent elsewhere."""
        allowed = self.options.redirects is not Redirects.NONE
        return allowed and effects is Effects.READ and method in ("GET", "HEAD")

    def misled(self, where: str) -> ToolFailed:
        """Make the error of a redirect that is not followed."""
        return ToolFailed(f"{self.name} redirects {where}; it was not followed")

    def lost(self, why: str, progress: Progress) -> NotStarted | EffectUnknown:
        """Make the error of a request without an answer."""
        if not progress.sent:
            return NotStarted(f"{self.name} could not be reached: {why}; nothing was sent")
        if progress.status:
            return EffectUnknown(
                f"{self.name} answered {progress.status}, but the answer broke off: {why}"
            )
        return EffectUnknown(f"a request was sent to {self.name}, but no answer came: {why}")


ALWAYS: Final = (
    ("User-Agent", f"agent-gate/{VERSION}"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
)
"""Headers of every request, wherever a redirect leads."""

FAULTS: Final = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    h11.ProtocolError,
    ssl.SSLError,
)
"""What is raised below when a request fails on its way."""


def compression(lines: Pairs) -> str:
    """Return how a body is compressed, or "": nothing is decompressed, so that a small answer can't
    become a large one."""
    said = (text.split(",") for name, text in lines if name == "content-encoding")
    words = (word.strip().lower() for words in said for word in words)
    return ", ".join(word for word in words if word not in ("", "identity"))


NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""What OpenSSL calls an answer that is none of TLS, by version."""


WORDS: dict[type[Exception], str] = {
    httpcore2.ConnectError: "the connection was closed before it stood",
    httpcore2.ConnectTimeout: "no connection came about in time",
    httpcore2.ReadError: "the connection broke",
    httpcore2.WriteError: "the connection broke",
    httpcore2.ReadTimeout: "no answer came in time",
    httpcore2.WriteTimeout: "it did not take the request in time",
}
"""For errors that have no words of their own."""


def explain(error: Exception) -> str:
    """Say what happened on the wire, in a few words."""
    if isinstance(error, h11.LocalProtocolError):
        return "the request could not be written"  # its own text would quote headers
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not good: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and cause.reason in NO_TLS:
            return "it speaks no TLS there: write http://, or another port"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(cause, socket.gaierror):
            return f"its host can't be resolved: {cause.strerror or cause}"
        if isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]  # several addresses, as a rule for one reason
        else:
            cause = cause.__cause__ or cause.__context__
    text = " ".join(str(error).split()) or WORDS.get(type(error), type(error).__name__)
    return text[:REASON_CHARS_MAX]


@lru_cache(maxsize=CONTEXTS_MAX)
def tls_context(ca: Path | None) -> ssl.SSLContext:
    """Make a TLS context that verifies names and certificates; backends with one ``ca`` share it.

    Raises:
        OSError: ``ca`` can't be read, or holds no certificate.
    """
    if ca is None:
        return httpcore2.default_ssl_context()
    return ssl.create_default_context(cafile=str(ca))
