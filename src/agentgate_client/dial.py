"""Dialling: from an address to an open socket, or to a sentence that says why there is none."""

from __future__ import annotations

import errno
import socket
import ssl

import anyio
from anyio.abc import ByteStream

from agentgate_client.address import Address
from agentgate_client.proxies import Proxy
from agentgate_client.sockets import ProxyError, connect, start_tls, through
from agentgate_names.lookups import LOOKUPS, Lookups
from agentgate_proto.errors import LocalProtocolError

CERT_EXPIRED = 10
HOSTNAME_MISMATCH = 62
IP_ADDRESS_MISMATCH = 64
"""X509_V_ERR_* of OpenSSL's x509_vfy.h; every other one is about whom to trust."""

NO_TLS_THERE = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})
"""OpenSSL's reasons when what answers speaks something else than TLS."""

OS_REASONS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused); is the gateway running?",
    errno.ECONNRESET: "the connection was reset; does the gateway speak TLS there, or a proxy?",
    errno.EHOSTUNREACH: "no route to this host; is the network up?",
    errno.ENETUNREACH: "the network is unreachable; is it up?",
    errno.ETIMEDOUT: "no answer (connection timed out); is a firewall in between?",
}

LOST = (
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.BusyResourceError,
    OSError,
)
"""How a socket says that it is of no use any more."""


class DialError(Exception):
    """There is no socket.

    Attributes:
        message: why, and what to do about it.
        final: another attempt would end the same way.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.final = final


async def dial(
    address: Address,
    context: ssl.SSLContext | None,
    timeout_s: float,
    proxy: Proxy | None = None,
    lookups: Lookups = LOOKUPS,
) -> ByteStream:
    """Open a socket to the gateway, with TLS if there is a context.

    Args:
        address: where to.
        context: what to trust, and who we are.
        timeout_s: for names, TCP, the proxy and TLS together.
        proxy: which leads there; None: none is needed.
        lookups: look names up.

    Raises:
        DialError: it can't be done.
    """
    with anyio.move_on_after(timeout_s):
        stream = await open_stream(address, proxy, lookups)
        if context is None:
            return stream
        try:
            return await start_tls(stream, context, address.host)
        except (*LOST, ValueError) as error:
            raise explain(error, address) from error
    between = f"; the way leads through {proxy}" if proxy is not None else ""
    text = f"no connection within {timeout_s:g} s; is a firewall or a proxy in between?"
    raise DialError(f"{text.partition(';')[0]}{between}" if between else text)


async def open_stream(address: Address, proxy: Proxy | None, lookups: Lookups) -> ByteStream:
    """Connect, straight or through a proxy.

    Raises:
        DialError: it can't be done.
    """
    try:
        if proxy is None:
            return await connect(address.dial_host, address.port, lookups)
        return await through(proxy, address, lookups)
    except ProxyError as error:
        refused = error.refused
        raise DialError(f"{proxy}: {refused.reason}", final=refused.is_final) from error
    except LocalProtocolError as error:
        raise DialError(f"it cannot be dialled like this: {error}", final=True) from error
    except (*LOST, ValueError) as error:
        if proxy is None:
            raise explain(error, address) from error
        raise explain_proxy(error, proxy) from error


def explain(error: BaseException, address: Address) -> DialError:
    """Say in one sentence why there is no connection, and what to do."""
    match error:
        case ssl.SSLCertVerificationError():
            return DialError(explain_certificate(error), final=True)
        case ssl.SSLError() if error.reason in NO_TLS_THERE:
            text = "what answers there speaks no TLS; write ws:// or correct the port"
            return DialError(text, final=True)
        case ssl.SSLError():
            return DialError(describe_loss(error))
        case socket.gaierror():
            reason = error.strerror or error
            return DialError(f"no address for the name {address.host!r} ({reason}); is it right?")
        case UnicodeError():
            return DialError(f"{address.host!r} is no name that can be looked up", final=True)
        case OSError():
            return DialError(explain_os_errors(error))
        case ValueError():
            return DialError(f"it cannot be dialled like this: {error}", final=True)
        case _:
            return DialError("the server hung up during the TLS handshake; does it speak TLS?")


def explain_proxy(error: BaseException, proxy: Proxy) -> DialError:
    """Say the same of the way to a proxy."""
    match error:
        case ssl.SSLCertVerificationError():
            text = f"its certificate is not accepted ({error.verify_message})"
        case ssl.SSLError() if error.reason in NO_TLS_THERE:
            text = "what answers there speaks no TLS: write http:// for it"
        case ssl.SSLError():
            text = describe_loss(error)
        case socket.gaierror():
            text = f"no address for its name ({error.strerror or error})"
        case OSError():
            text = explain_os_errors(error).replace("; is the gateway running?", "")
        case ValueError():
            text = "its name can't be looked up"
        case _:
            text = "it hung up"
    return DialError(f"{proxy} can't be reached: {text}")


def explain_certificate(error: ssl.SSLCertVerificationError) -> str:
    """Say what is wrong with the gateway's certificate."""
    if error.verify_code == CERT_EXPIRED:
        hint = "renew it; or is the clock wrong on this machine?"
    elif error.verify_code in (HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH):
        hint = "use the name that is in the certificate"
    else:
        hint = "if its authority is your own, name it with ca_file (--ca-file)"
    return f"its certificate is not accepted ({error.verify_message}); {hint}"


def explain_os_errors(error: OSError) -> str:
    """Say what went wrong with the sockets: one reason, or one for each address that was tried."""
    causes = error.__cause__.exceptions if isinstance(error.__cause__, ExceptionGroup) else ()
    if not causes:
        causes = (error.__cause__ if isinstance(error.__cause__, OSError) else error,)
    texts = [explain_os_error(cause) for cause in causes if isinstance(cause, OSError)]
    return "; ".join(dict.fromkeys(texts)) or str(error)


def explain_os_error(error: OSError) -> str:
    """Say what one failed connection means."""
    known = OS_REASONS.get(error.errno or 0)
    return known or error.strerror or str(error)


def describe_loss(error: BaseException) -> str:
    """Say why an open socket broke."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError):
        wants = "CERTIFICATE_REQUIRED" in (cause.reason or "")
        hint = "; it wants a client certificate: see cert_file and key_file" if wants else ""
        return f"TLS failed ({cause.reason or cause}){hint}"
    reason = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
    return f"the connection broke ({reason})" if reason else "the connection broke"
