"""Home Assistant's WebSocket, tried: a proxy may pass on its pages and not that."""

from __future__ import annotations

import ssl
from random import SystemRandom
from typing import TYPE_CHECKING

import anyio

from agentgate_cli.doctor.probe import doubtful
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_server.backends.http_client import HttpBackend
    from agentgate_server.policy.linting import Finding

WAIT_S = 15.0
READ_BYTES = 65_536


async def socket_trouble(backend: HttpBackend, token: str) -> Finding | None:
    """Log in by the WebSocket, and leave; None: that works.

    Args:
        backend: whose pages have answered.
        token: the access token, which it knows.
    """
    why = await why_not(backend, token)
    if not why:
        return None
    return doubtful(
        f"its WebSocket can't be used ({printable(why)}): changes in the house are heard of late, "
        "and errors are without its words",
        "let the proxy in front of it pass on WebSockets at /api/websocket (the headers Upgrade "
        "and Connection)",
    )


async def why_not(backend: HttpBackend, token: str) -> str:
    """Why it can't be used; "": it can."""
    import httpcore2

    from agentgate_server.errors import NotStarted
    from agentgate_server.tools.home_assistant.machine import Machine
    from agentgate_server.tools.home_assistant.messages import Ended, Ready

    try:
        stream = await backend.open_stream()
    except NotStarted as error:
        return str(error)
    origin, now = backend.origin, anyio.current_time()
    machine = Machine(origin.authority, backend.base, token, SystemRandom(), now)
    try:
        with anyio.move_on_after(WAIT_S):
            while True:
                if data := machine.data_to_send():
                    await stream.write(data)
                match machine.next_event():
                    case Ready():
                        return ""
                    case Ended(reason=reason):
                        return reason
                    case None:
                        data = await stream.read(READ_BYTES)
                        if data:
                            machine.receive_data(data, anyio.current_time())
                        else:
                            machine.receive_eof()
        return f"no answer within {WAIT_S:g} s"
    except (httpcore2.NetworkError, httpcore2.TimeoutException, ssl.SSLError):
        return "the connection broke"
    finally:
        await stream.aclose()
