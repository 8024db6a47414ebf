"""Conversations with a model, without ``await``; named agents too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from agentgate_client import agents as with_agents
from agentgate_client import session_streams as with_streams
from agentgate_client import sessions as with_await
from agentgate_client.sync.base import Followed, Part, blocking
from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.agent_methods import AgentLogin


class EventStream(Followed[with_streams.EventStream, Event]):
    """An iterator of what happens in a session; see the one with ``await``."""

    @property
    def cursor(self) -> Cursor | None:
        """After the last event that was read, to go on from there another time."""
        return self.inner.cursor


class Run(Followed[with_streams.Run, Event]):
    """A message and what comes of it: ``for event in session.send("hi")``.

    The run is the gateway's: it goes on if the iterator is left, closed or dropped. ``cancel`` ends
    it.
    """

    @property
    def id(self) -> str:
        """The run's id; "" before it has started."""
        return self.inner.id

    @property
    def message_id(self) -> str:
        """The message's own id: sending it again under this id joins the run."""
        return self.inner.message_id

    @property
    def cursor(self) -> Cursor | None:
        """After the last event that was read; None before it has started."""
        return self.inner.cursor

    @property
    def joined(self) -> bool:
        """The gateway had this message before: this is the run that began then."""
        return self.inner.joined

    @property
    def status(self) -> str:
        """How the run ended, once that was read: "completed", "cancelled" …; else ""."""
        return self.inner.status

    @property
    def ended(self) -> dict[str, Any]:
        """What the end of the run says, once that was read: reason, iterations, usage, cost."""
        return self.inner.ended

    def started(self) -> Run:
        """Send the message, unless that is done; return when the gateway has it, durably."""
        self.wait(self.inner.started)
        return self

    text = blocking(with_streams.Run.text)
    cancel = blocking(with_streams.Run.cancel)


class Session(Part[with_await.Session]):
    """One conversation. Any number of these may stand for the same session."""

    @property
    def id(self) -> str:
        """The session's id."""
        return self.inner.id

    @property
    def view(self) -> SessionView:
        """The session as the gateway showed it last; ``refresh`` asks again."""
        return self.inner.view

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
        """Say something to the model: ``for event in session.send("hi")``.

        Nothing is sent before the first event is asked for, or ``started`` is called. What the
        arguments mean stands at :meth:`agentgate_client.sessions.Session.send`.
        """
        send = partial(
            self.inner.send,
            text,
            message_id=message_id,
            model=model,
            max_iterations=max_iterations,
            max_tokens=max_tokens,
            params=params,
            queue=queue,
        )
        return Run(self.client, self.client.make(send))

    def attach(self, cursor: Cursor | None = None) -> EventStream:
        """Follow the session, whoever talks in it, from a cursor or the run under way on."""
        return EventStream(self.client, self.client.make(partial(self.inner.attach, cursor)))

    refresh = blocking(with_await.Session.refresh)
    cancel = blocking(with_await.Session.cancel)
    inspect = blocking(with_await.Session.inspect)
    usage = blocking(with_await.Session.usage)
    delete = blocking(with_await.Session.delete)


class Sessions(Part[with_await.Sessions]):
    """The sessions of an agent; ``client.sessions``."""

    def create(
        self,
        model: str = "",
        workspace: str = "",
        user_id: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> Session:
        """Begin a conversation; see :meth:`agentgate_client.sessions.Sessions.create`."""
        inner = self.wait(partial(self.inner.create, model, workspace, user_id, metadata))
        return Session(self.client, inner)

    def get(self, session: str) -> Session:
        """Return one session. Raises SessionNotFound."""
        return Session(self.client, self.wait(partial(self.inner.get, session)))

    list = blocking(with_await.Sessions.list)
    delete = blocking(with_await.Sessions.delete)
    models = blocking(with_await.Sessions.models)
    usage = blocking(with_await.Sessions.usage)


class Agent(Part[with_agents.Agent]):
    """An agent that this client is logged in to."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.inner.id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.inner.name

    @property
    def session(self) -> Session:
        """Its conversation, shared with all who are logged in."""
        return Session(self.client, self.inner.session)

    @property
    def login(self) -> AgentLogin:
        """What the gateway said at the login."""
        return self.inner.login

    @property
    def problem(self) -> AgentGateError | None:
        """Why the login of the present connection was refused; None: it was not."""
        return self.inner.problem

    logout = blocking(with_agents.Agent.logout)


class Agents(Part[with_agents.Agents]):
    """Named agents; ``client.agents``."""

    def login(self, agent: str, password: str) -> Agent:
        """Log in to an agent, by its id or its name, on each connection until ``logout``."""
        return Agent(self.client, self.wait(partial(self.inner.login, agent, password)))
