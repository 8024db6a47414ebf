"""What clients take besides address and token, for those who hand it on."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import TypedDict

from agentgate_client.lifecycle import OnState
from agentgate_client.tls import FilePath
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.limits import Limits
from agentgate_proto.rpc.messages import RequestWaiting

OnWaiting = Callable[[RequestWaiting], None]


class ConnectionOptions(TypedDict, total=False):
    """What every client takes; see :class:`agentgate_client.client.AgentGateClient`."""

    ca_file: FilePath | None
    cert_file: FilePath | None
    key_file: FilePath | None
    ssl_context: ssl.SSLContext | None
    headers: Mapping[str, str] | None
    proxy: str | None
    insecure: bool | None
    on_state: OnState | None
    jitter: bool
    backoff: Backoff | None
    limits: Limits


class AgentOptions(ConnectionOptions, total=False):
    """What an agent's client takes besides."""

    client_id: str | None
    timeout_s: float | None
    on_waiting: OnWaiting | None
    wait_for_limits: bool


class ClientOptions(AgentOptions, total=False):
    """All that an agent's client takes."""

    max_retries: int | None
