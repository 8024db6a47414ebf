"""Sessions behind one small interface, so that a program runs with or without a server (seed 003).

``RemoteSessions`` talks to a gateway somewhere; ``agentgate_local.LocalSessions`` is a gateway in
the program's own process. Both are the SDK's client underneath.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self, Unpack, runtime_checkable

import msgspec

from agentgate_client.address import websocket_url
from agentgate_client.client import AgentGateClient
from agentgate_client.options import ClientOptions
from agentgate_client.session_streams import Run
from agentgate_client.sessions import Session
from agentgate_proto.client.session_feed import Event
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.records.usage import Usage

RETRIES = 3
"""Attempts after one that failed, within seven seconds: a gateway that restarts is back by then,
and a program with the wrong address hears of it while somebody still looks."""


class GatewayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is asked.

    Attributes:
        user_input: what to say.
        max_iterations: how often the model may be asked, with the results of its tools.
        model: another model than the session's.
        message_id: your own name for this message: a second one with the same name joins the run
            of the first; "": a fresh one.
    """

    user_input: str
    max_iterations: int = 25
    model: str = ""
    message_id: str = ""


class GatewayResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        output: what the model said last.
        run: the run's id.
        status: how it ended: "completed", "max_tokens", "refusal" or "max_iterations".
        iterations: how often the model was asked.
        usage: tokens that the run took.
        cost_micros: what it cost, in millionths of a dollar; None: nobody knows.
    """

    output: str
    run: str
    status: str
    iterations: int = 0
    usage: Usage = Usage()
    cost_micros: int | None = None


@runtime_checkable
class SessionGateway(Protocol):
    """All that a program needs to talk to models, wherever the gateway is.

    It connects, or starts, when it is first needed. Errors are AgentGateError and its subclasses.
    """

    async def create_session(
        self,
        user_id: str = "",
        workspace_dir: str = "",
        metadata: Mapping[str, Any] | None = None,
        *,
        model: str = "",
    ) -> Session:
        """Begin a conversation; see :meth:`agentgate_client.sessions.Sessions.create`."""
        ...

    async def get_session(self, session_id: str) -> Session:
        """Take up a conversation. Raises SessionNotFound."""
        ...

    async def list_sessions(self, user_id: str = "", limit: int = 100) -> list[SessionView]:
        """List the conversations, newest first; "": of all users."""
        ...

    async def delete_session(self, session_id: str) -> None:
        """Delete a conversation. Raises SessionNotFound."""
        ...

    def execute(self, session: Session, request: GatewayRequest | str) -> AsyncIterator[Event]:
        """Say something: ``async for event in gateway.execute(session, "hi")``. It ends by itself;
        leaving it early does not end the run."""
        ...

    async def run_query(self, session: Session, request: GatewayRequest | str) -> GatewayResponse:
        """Say something, and return the answer. Raises ModelFailed or OverBudget if there is no
        whole one."""
        ...

    async def close(self) -> None:
        """Let go of everything; runs go on where the gateway goes on."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class ClientSessions(ABC):
    """Base of both: what there is to do once there is a client."""

    @abstractmethod
    async def ready(self) -> AgentGateClient:
        """Return the client, connected.

        Raises:
            AgentGateConnectionError: that is not possible.
        """

    async def create_session(
        self,
        user_id: str = "",
        workspace_dir: str = "",
        metadata: Mapping[str, Any] | None = None,
        *,
        model: str = "",
    ) -> Session:
        """Begin a conversation; see :class:`SessionGateway` for this and what follows."""
        client = await self.ready()
        return await client.sessions.create(model, workspace_dir, user_id, metadata)

    async def get_session(self, session_id: str) -> Session:
        """Take up a conversation."""
        client = await self.ready()
        return await client.sessions.get(session_id)

    async def list_sessions(self, user_id: str = "", limit: int = 100) -> list[SessionView]:
        """List the conversations."""
        client = await self.ready()
        return await client.sessions.list(user_id, limit)

    async def delete_session(self, session_id: str) -> None:
        """Delete a conversation."""
        client = await self.ready()
        await client.sessions.delete(session_id)

    def execute(self, session: Session, request: GatewayRequest | str) -> Run:
        """Say something; the run follows."""
        if isinstance(request, str):
            request = GatewayRequest(user_input=request)
        return session.send(
            request.user_input,
            message_id=request.message_id or None,
            model=request.model,
            max_iterations=request.max_iterations,
        )

    async def run_query(self, session: Session, request: GatewayRequest | str) -> GatewayResponse:
        """Say something, and return the answer."""
        run = self.execute(session, request)
        output = await run.text()
        end = run.ended
        return GatewayResponse(
            output=output,
            run=run.id,
            status=run.status,
            iterations=end.get("iterations", 0),
            usage=msgspec.convert(end.get("usage", {}), Usage),
            cost_micros=end.get("cost_micros"),
        )

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything."""

    async def __aenter__(self) -> Self:
        await self.ready()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class RemoteSessions(ClientSessions):
    """Sessions of a gateway somewhere.

    Args:
        url: ``ws://host:port`` or ``wss://host:port``; ``http`` and ``https`` mean the same.
        token: the agent's secret.
        options: of :class:`AgentGateClient`; ``max_retries`` is 3 unless said otherwise.

    Raises:
        ValueError: an argument can't be right.
    """

    def __init__(self, url: str, token: str, **options: Unpack[ClientOptions]) -> None:
        options.setdefault("max_retries", RETRIES)
        self.client = AgentGateClient(websocket_url(url), token, **options)

    async def ready(self) -> AgentGateClient:
        """See :class:`ClientSessions`."""
        await self.client.connect()
        return self.client

    async def close(self) -> None:
        """Disconnect."""
        await self.client.close()
