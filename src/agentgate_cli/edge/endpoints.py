"""Local endpoints of a device: one request, one answer, nothing else. A device has little memory,
and a whole HTTP client would take more of it than the rest of the agent."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import ByteStream

from agentgate_client.edge import ChannelError
from agentgate_client.sockets import connect, start_tls

CHUNK_BYTES = 65_536

OK = range(200, 300)


async def ask_endpoint(
    url: str, given: bytes | None, *, headers: Mapping[str, str], bytes_max: int
) -> bytes:
    """Ask an endpoint: by GET, or by POST with a body of JSON. Redirects are not followed.

    Args:
        url: of the endpoint.
        given: the body; None: there is none.
        headers: further headers.
        bytes_max: of the answer.

    Raises:
        ChannelError: it can't be reached, or its answer is none.
    """
    parts = urlsplit(url)
    assert parts.hostname, "it was checked"
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    place = f"{parts.hostname}:{port}"
    try:
        stream = await dial(parts.hostname, port, is_tls=is_tls)
    except (OSError, UnicodeError, anyio.EndOfStream, anyio.BrokenResourceError) as error:
        raise ChannelError(f"{place} can't be reached: {reason_of(error)}") from None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    rows = [("Host", parts.netloc), ("Accept", "application/json"), ("Connection", "close")]
    if given is not None:
        rows += [("Content-Type", "application/json"), ("Content-Length", str(len(given)))]
    rows += headers.items()
    method = "GET" if given is None else "POST"
    async with stream:
        try:
            request = h11.Request(method=method, target=target, headers=rows)
            return await exchange(stream, request, given or b"", bytes_max)
        except (h11.ProtocolError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise ChannelError(f"{place} answers no HTTP: {error}") from None


async def dial(host: str, port: int, *, is_tls: bool) -> ByteStream:
    """Open a connection; of TLS the system's authorities are trusted.

    Raises:
        OSError, UnicodeError, anyio.EndOfStream, anyio.BrokenResourceError: it can't be done.
    """
    stream = await connect(host, port)
    if not is_tls:
        return stream
    named = host.partition("%")[0].rstrip(".")  # a zone and a last dot are for the dial alone
    return await start_tls(stream, ssl.create_default_context(), named)


def reason_of(error: BaseException) -> str:
    """Say why there is no connection: one reason, or one for each address that was tried."""
    cause = error.__cause__ or error
    causes = cause.exceptions if isinstance(cause, ExceptionGroup) else (cause,)
    return "; ".join(dict.fromkeys(map(str, causes))) or "it hung up"


async def exchange(stream: ByteStream, request: h11.Request, given: bytes, bytes_max: int) -> bytes:
    """Send a request, and read the answer to its end."""
    machine = h11.Connection(h11.CLIENT)
    data = machine.send(request) or b""
    if given:
        data += machine.send(h11.Data(data=given)) or b""
    await stream.send(data + (machine.send(h11.EndOfMessage()) or b""))
    body = b""
    while True:
        event = machine.next_event()
        match event:
            case h11.NEED_DATA:
                try:
                    machine.receive_data(await stream.receive(CHUNK_BYTES))
                except anyio.EndOfStream:
                    machine.receive_data(b"")
            case h11.Response() if event.status_code not in OK:
                raise ChannelError(f"the endpoint answers {event.status_code}")
            case h11.Data():
                body += event.data
                if len(body) > bytes_max:
                    raise ChannelError(f"the endpoint answers more than {bytes_max} bytes")
            case h11.EndOfMessage():
                return body
            case h11.ConnectionClosed() | h11.PAUSED:
                raise ChannelError("the endpoint ended the connection")
            case _:
                pass
