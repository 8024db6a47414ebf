"""Sessions: conversations with a model, through the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from agentgate_client.decoding import view_from
from agentgate_client.driver import Driver
from agentgate_client.session_streams import EventStream, Run, Watching
from agentgate_proto.client.session_feed import Cursor
from agentgate_proto.errors import AgentGateError, SessionNotFound
from agentgate_proto.limits import LIST_ROWS_MAX
from agentgate_proto.records.session import UsageBy
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.session_methods import (
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    Inspection,
    InspectSession,
    ListSessions,
    RunCancelled,
    SendMessage,
    SessionDeleted,
    SessionEvents,
    SessionList,
)
from agentgate_proto.rpc.usage_methods import (
    ListModels,
    ModelList,
    ModelRow,
    ReportUsage,
    UsageReport,
)

Views = list[SessionView]
Models = list[ModelRow]

T = TypeVar("T")


class Sessions:
    """The sessions of an agent; ``client.sessions``.

    With the token of an operator it shows everybody's, and changes none; it deletes those of named
    agents that are configured no more.

    Calls wait while the client is not connected. Each raises AgentGateError, or one of its
    subclasses; which ones besides AgentGateConnectionError, it says.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._watching: dict[str, Watching] = {}

    async def create(
        self,
        model: str = "",
        workspace: str = "",
        user_id: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> Session:
        """Begin a conversation.

        If the connection breaks before the answer is there, the gateway may have made one session
        more: it costs nothing, and ``list`` shows it.

        Args:
            model: name of a model in the gateway's configuration; "": the default one.
            workspace: a folder, within the roots that the gateway allows; "": one of its own.
            user_id: your own name for your user; ``list`` finds it again.
            metadata: an object of your own, which is given back.

        Raises:
            ModelFailed: there is no such model (-32016).
            AgentGateError: the folder is not allowed or an argument does not fit (-32602); there
                are too many sessions (-32006).
        """
        params = CreateSession(
            model=model, workspace=workspace, user_id=user_id, metadata=dict(metadata or {})
        )
        return Session(self, await self.ask("create_session", params, SessionView))

    async def get(self, session: str) -> Session:
        """Return one session.

        Raises:
            SessionNotFound: there is none with this id that is yours (-32013).
        """
        view = await self.ask("get_session", GetSession(session=session), SessionView)
        return Session(self, view)

    async def list(self, user_id: str = "", limit: int = 100) -> Views:
        """List the sessions, newest first; long lists take several calls.

        Args:
            user_id: only those of this user.
            limit: how many at most, 1 to 1000.
        """
        views: Views = []
        more = True
        while more and len(views) < limit:
            params = ListSessions(
                before=views[-1].id if views else "",
                limit=min(limit - len(views), LIST_ROWS_MAX),
                user_id=user_id,
            )
            page = await self.ask("list_sessions", params, SessionList)
            views += page.sessions
            more = page.more and bool(page.sessions)
        return views

    async def delete(self, session: str) -> None:
        """Delete a session and its log; a run that is under way is cancelled.

        If the connection breaks meanwhile it is asked for again afterwards; that it is gone then
        counts as success.

        Raises:
            SessionNotFound: there is none with this id that is yours (-32013).
        """
        connections = self.driver.connections
        try:
            await self.ask("delete_session", DeleteSession(session=session), SessionDeleted)
        except SessionNotFound:
            if connections in (0, self.driver.connections):
                raise
        watching = self._watching.get(session)
        if watching is not None:
            watching.deleted()

    async def models(self) -> Models:
        """List the models that this agent may talk to."""
        return (await self.ask("list_models", ListModels(), ModelList)).models

    async def usage(self, by: str = "model", session: str = "", since: str = "") -> UsageReport:
        """Say what model requests took, in tokens and money.

        Args:
            by: what the rows are about: "model", "day", "principal", "session" or "total".
            session: only of this session.
            since: only from this day (UTC) on, ``2026-11-29``.

        Raises:
            ValueError: there is no such ``by``.
        """
        params = ReportUsage(by=UsageBy(by), session=session, since=since)
        return await self.ask("report_usage", params, UsageReport)

    # What sessions and the client need

    async def ask(self, method: str, params: msgspec.Struct, kind: type[T]) -> T:
        """Make a call; return its result as its type."""
        return view_from(await self.driver.call(method, params, None), kind)

    def watching(self, session: str) -> Watching:
        """Return the one watch of a session that this client has."""
        watching = self._watching.get(session)
        if watching is None:
            watching = self._watching[session] = Watching(self.driver, session, self._forget)
        return watching

    def take(self, events: SessionEvents) -> None:
        """Events came."""
        watching = self._watching.get(events.session)
        if watching is not None:
            watching.take(events)

    def reconnected(self) -> None:
        """There is a new connection."""
        for watching in list(self._watching.values()):
            watching.reconnected()

    def closed(self, error: AgentGateError | None) -> None:
        """The client was closed, or has given up."""
        for watching in list(self._watching.values()):
            watching.closed(error)

    def _forget(self, watching: Watching) -> None:
        if self._watching.get(watching.watch.session) is watching:
            del self._watching[watching.watch.session]


class Session:
    """One conversation. Any number of these may stand for the same session.

    Attributes:
        view: the session as the gateway showed it when this was made; ``refresh`` asks again.
    """

    def __init__(self, sessions: Sessions, view: SessionView) -> None:
        self.view = view
        self._sessions = sessions

    @property
    def id(self) -> str:
        """The session's id."""
        return self.view.id

    async def refresh(self) -> SessionView:
        """Ask for the session as it stands now, and return it.

        Raises:
            SessionNotFound: it was deleted (-32013).
        """
        self.view = (await self._sessions.get(self.id)).view
        return self.view

    def send(
        self,
        text: str,
        *,
        message_id: str | None = None,
        model: str = "",
        max_iterations: int = 25,
        max_tokens: int = 0,
        params: Mapping[str, Any] | None = None,
        queue: bool = False,
    ) -> Run:
        """Say something to the model: ``async for event in session.send("hi")``.

        Nothing is sent before the first event is asked for, or ``started`` is called.

        Args:
            text: what to say.
            message_id: your own name for this message; a second message with the same name joins
                the run of the first. A fresh one by default.
            model: another model for this run.
            max_iterations: how often the model may be asked, with the results of its tools.
            max_tokens: that it may write at each time; 0: as the gateway is configured.
            params: further parameters of the model, ``temperature`` for instance.
            queue: if another run is under way, wait for its end; without, that raises
                RunInProgress.
        """
        message = SendMessage(
            session=self.id,
            text=text,
            message_id=str(uuid4()) if message_id is None else message_id,
            model=model,
            max_iterations=max_iterations,
            max_tokens=max_tokens,
            params=dict(params or {}),
            queue=queue,
        )
        return Run(self._sessions.driver, message, self._sessions.watching)

    def attach(self, cursor: Cursor | None = None) -> EventStream:
        """Follow the session, whoever talks in it.

        Args:
            cursor: where to begin, for instance ``Cursor(session.view.epoch, 0)`` for all that
                there is; None: at the beginning of the run that is under way, or, if there is none,
                with what comes from now on.
        """
        stream = EventStream(cursor)
        stream.join(self._sessions.watching(self.id))
        return stream

    async def cancel(self, run: str = "") -> RunCancelled:
        """End the run that is under way; say which tools may still run.

        Args:
            run: only if it is this one, or, if this one waits for others, take its message out.
        """
        return await self._sessions.ask(
            "cancel_run", CancelRun(session=self.id, run=run), RunCancelled
        )

    async def inspect(self, text: str = "", model: str = "") -> Inspection:
        """Show exactly what the model would be sent now: sections, bytes, tokens, cost.

        Args:
            text: with this as the next message.
            model: for another model than the session's.
        """
        params = InspectSession(session=self.id, text=text, model=model)
        return await self._sessions.ask("inspect_session", params, Inspection)

    async def usage(self, by: str = "model") -> UsageReport:
        """Say what the session took; see :meth:`Sessions.usage`."""
        return await self._sessions.usage(by, session=self.id)

    async def delete(self) -> None:
        """Delete the session and its log; a run that is under way is cancelled."""
        await self._sessions.delete(self.id)
