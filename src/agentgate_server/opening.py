"""Opening: the parts of a gateway that hold something open, as its configuration wants them.

Whoever opens one closes it; see :mod:`agentgate_server.gateway`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from socket import gethostname
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from anyio.lowlevel import current_token

from agentgate_names.lookups import teller
from agentgate_proto.limits import Limits
from agentgate_proto.quotas.connections import Connections
from agentgate_proto.quotas.memory import OF_ALL, Memory
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.hosts import name_of
from agentgate_proto.wire.routes import Route, Routes
from agentgate_server.config import (
    Config,
    GatewayConfig,
    everybody,
    principals_of,
    who_is_missing,
)
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.token_file import TokenFile
from agentgate_server.observing.gauges import Gauges
from agentgate_server.observing.setup import Setup
from agentgate_server.secrets.masking import Masker
from agentgate_server.sockets.binding import ListenError
from agentgate_server.sockets.certificate import Certificate, CertificateError
from agentgate_server.sockets.listener import Listener
from agentgate_server.sockets.memory_there import bytes_there, used_bytes
from agentgate_server.sockets.peer import Handler
from agentgate_server.sockets.rounds import Rounds
from agentgate_server.store.audit_rows import AuditRows
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.runner import Runner

if TYPE_CHECKING:
    from agentgate_server.observing.tracing import Tracing

WRITTEN = 4
"""How many times more bytes arguments may take as they are sent: who writes ``\\u00e9`` for each
letter that is not ASCII sends three bytes for one."""

AROUND_BYTES = 16_384
"""What comes with arguments in one request: names, a key, and what relays say."""

HAND_OVER_S = 5.0
"""How long a shutdown waits for whoever collects traces."""

log = logging.getLogger(__name__)


def open_runner(config: Config, masker: Masker) -> Runner:
    """Make what runs the tools; its threads come with the first that needs one."""
    tools = config.tools
    return Runner(timeout_s=tools.timeout_s, output_bytes_max=tools.output_bytes_max, masker=masker)


def limits_for(limits: Limits, config: Config, catalogue: Catalogue) -> Limits:
    """Return the limits of connections, by what the tools take: more is refused unread."""
    sizes = [config.tools.args_bytes_max]
    sizes += [tool.args_bytes_max or 0 for tool in catalogue.tools.values()]
    sizes += [server.args_bytes_max or 0 for server in config.tools.mcp.values()]
    largest = WRITTEN * max(sizes) + AROUND_BYTES
    return replace(limits, request_bytes_max=min(limits.request_bytes_max, largest))


def open_observing(config: Config, tools: Iterable[str], gauges: Callable[[], Gauges]) -> Setup:
    """Make what keeps logs, metrics and traces.

    Args:
        config: the configuration.
        tools: the names in the catalogue.
        gauges: looks into the gate, once there is one.

    Raises:
        DocumentError: traces are wanted and can't be made.
    """
    return Setup(
        tools,
        gauges,
        metrics=config.metrics.enabled,
        tracing=config.tracing.enabled,
        config_name=config.name,
    )


def open_store(config: Config, masker: Masker) -> SqliteEngine:
    """Open the store. It blocks: call it in a thread.

    Raises:
        StoreError: it can't be opened.
    """
    storage, audit = config.storage, config.audit
    return SqliteEngine(
        storage.path,
        keep_days=storage.keep_days,
        keep_undelivered_days=storage.keep_undelivered_days,
        keep_rows_max=storage.keep_rows_max,
        keep_bytes_max=storage.keep_bytes_max,
        keep_session_days=config.sessions.keep_days,
        keep_usage_days=config.sessions.keep_usage_days,
        audit=AuditRows(
            keep_days=audit.keep_days,
            keep_entries_max=audit.keep_entries_max,
            keep_bytes_max=audit.keep_bytes_max,
            mask=masker.entries,
        ),
    )


def open_keyring(config: Config) -> Keyring:
    """Read who has tokens, and see that they can use a gateway.

    Raises:
        TokenFileError: the token file can't be used.
        DocumentError: nobody could use it, or two have one name.
    """
    tokens = Keyring(config.identities, TokenFile(config.tokens))
    named = principals_of(config.agents)
    who_is_missing(config.name, everybody(config.name, config.faces, tokens.principals, named))
    return tokens


def open_certificate(config: Config) -> Certificate | None:
    """Load the certificate, if TLS is to be spoken.

    Raises:
        ListenError: certificate or key can't be used.
    """
    gateway = config.gateway
    if gateway.tls is None or not gateway.serves_tls:
        return None
    try:
        return Certificate(gateway.tls.cert, gateway.tls.key)
    except CertificateError as error:
        raise ListenError(str(error)) from None


def listener_of(
    config: Config,
    handler: Handler,
    routes: Iterable[Route],
    limits: Limits,
    certificate: Certificate | None,
    capped: Callable[[str, str], None],
    rounds: Rounds,
    closed: Callable[[str], None],
) -> Listener:
    """Make the listener; it listens when it is opened itself.

    Args:
        config: the configuration.
        handler: the gate.
        routes: of all faces.
        limits: of each connection.
        certificate: what TLS is spoken with, if it is.
        capped: hears who was held to their share.
        rounds: give the connections their turns.
        closed: hears why no requests can be taken for now, or "": they can.

    Raises:
        ValueError: two faces claim one path.
    """
    gateway = config.gateway
    return Listener(
        handler,
        doors_of(gateway, routes, gethostname()),
        limits,
        host=gateway.host,
        port=gateway.port,
        connections=Connections(gateway.connections_max, gateway.connections_of_principal_max),
        capped=capped,
        certificate=certificate,
        rounds=rounds,
        memory=memory_of(gateway),
        closed=closed,
    )


def memory_of(config: GatewayConfig) -> Memory:
    """Say how much memory the gateway may take."""
    if config.memory_max is not None:
        return Memory(config.memory_max)
    return Memory(int(bytes_there() * OF_ALL) if used_bytes() else 0)


def doors_of(config: GatewayConfig, routes: Iterable[Route], machine: str = "") -> Doors:
    """Say who may come in, and where to.

    Args:
        config: of the listener.
        routes: of all faces.
        machine: the name of this machine, which is one of the gateway's; "": of none.

    Raises:
        ValueError: two faces claim one path.
    """
    names: list[str] = [config.host]
    if machine:
        names += [machine, f"{machine}.local"]
    if config.public_url is not None:
        names.append(urlsplit(config.public_url).hostname or "")
    return Doors(
        routes=Routes(routes),
        origins=frozenset(config.allowed_origins),
        hosts=frozenset(name_of(name) for name in names) | frozenset(config.allowed_hosts),
        trusted_proxies=tuple(proxy.network for proxy in config.trusted_proxies),
    )


async def hand_over(tracing: Tracing) -> None:
    """Send the last spans, if whoever takes them does so in time.

    In a thread that nobody waits for: an exporter asks a name server, which may be silent for
    longer, and a thread of the event loop would keep the process from ending.
    """
    over = anyio.Event()
    tell = teller(current_token(), over)

    def close() -> None:
        try:
            tracing.close()
        except Exception:
            log.warning("the last traces could not be handed over", exc_info=True)
        tell()

    threading.Thread(target=close, name="agentgate traces", daemon=True).start()
    with anyio.move_on_after(HAND_OVER_S, shield=True):
        await over.wait()
