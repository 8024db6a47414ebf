"""The SDK of an agent, without ``await``."""

from __future__ import annotations

from typing import Unpack

from agentgate_client import client as with_await
from agentgate_client.options import AgentOptions
from agentgate_client.sync.base import SyncClient, blocking
from agentgate_client.sync.sessions import Agents, Sessions


class AgentGateClient(SyncClient[with_await.AgentGateClient]):
    """An agent's connection to its gateway: ``with AgentGateClient(url, token) as gw``.

    Names, arguments, results and errors are those of
    :class:`agentgate_client.client.AgentGateClient`, which does the work in a thread of its own; so
    it works in scripts, in threads, and in notebooks whose loop runs already.

    Args:
        url: ``ws://host:port`` or ``wss://host:port``.
        token: the agent's secret.
        max_retries: how often to try again, in a row, before giving up; None: without end.
        options: as there.

    Raises:
        ValueError: the URL, a file, a header or another argument can't be right.
    """

    def __init__(
        self,
        url: str,
        token: str,
        max_retries: int | None = None,
        **options: Unpack[AgentOptions],
    ) -> None:
        super().__init__(with_await.AgentGateClient(url, token, max_retries, **options))

    @property
    def client_id(self) -> str:
        """The name under which the gateway knows this client's requests."""
        return self.inner.client_id

    @property
    def sessions(self) -> Sessions:
        """Conversations with a model."""
        return Sessions(self, self.inner.sessions)

    @property
    def agents(self) -> Agents:
        """Named agents, for tokens of role ``console`` or ``relay``."""
        return Agents(self, self.inner.agents)

    tool_request = blocking(with_await.AgentGateClient.tool_request)
    call = blocking(with_await.AgentGateClient.call)
    ask = blocking(with_await.AgentGateClient.ask)
    get_pending_results = blocking(with_await.AgentGateClient.get_pending_results)
    list_tools = blocking(with_await.AgentGateClient.list_tools)
    list_requests = blocking(with_await.AgentGateClient.list_requests)
    get_request = blocking(with_await.AgentGateClient.get_request)
    provide = blocking(with_await.AgentGateClient.provide)
