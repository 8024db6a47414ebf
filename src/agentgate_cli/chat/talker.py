"""One talk: things to do are handed over to an event loop in another thread, one at a time.

Theory of operation. The person's lines are read in the main thread, where readline and Ctrl-C
work as everywhere; everything else happens in an event loop in a thread of its own, so that the
connection lives while somebody thinks about what to say. The main thread hands over one thing to do
at a time and waits for it; Ctrl-C reaches it meanwhile as KeyboardInterrupt.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from anyio.from_thread import BlockingPortal

from agentgate_cli.chat.conversation import Conversation
from agentgate_cli.chat.output import Lines, Output, Plain
from agentgate_cli.chat.place import Connections, Place, StateLines
from agentgate_cli.chat.screen import Screen, console_of
from agentgate_cli.exits import Exit
from agentgate_cli.finding import find_session, naming_model
from agentgate_cli.remote import failure_of
from agentgate_cli.style import dim, note, warn
from agentgate_client import AgentGateClient, AgentGateError, Session

RUN_EXITS = {
    "completed": Exit.OK,
    "refusal": Exit.DENIED,
    "budget": Exit.DENIED,
    "cancelled": Exit.EXPIRED,
}
"""The exit code for how a run ended; anything else left no whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted.

    Attributes:
        prompt: what to say; None: a person talks.
        session: id of the session to go on with, or "latest"; "": a new one.
        model: the model's name; "": the default, or the session's.
        workspace: of a new session.
        as_json: print events as lines of JSON.
    """

    prompt: str | None
    session: str = ""
    model: str = ""
    workspace: str = ""
    as_json: bool = False


class Talker:
    """The main thread's side of a talk.

    Args:
        portal: into the event loop.
        connected: the connections there.
        place: where that is.
        wish: what is wanted.
        state: is told where to say how the connection is.
    """

    def __init__(
        self,
        portal: BlockingPortal,
        connected: Connections,
        place: Place,
        wish: Wish,
        state: StateLines,
    ) -> None:
        self.portal = portal
        self.connected = connected
        self.place = place
        self.wish = wish
        self.state = state
        session = portal.call(self._session)
        self.conversation = self.talk_in(session)

    @property
    def client(self) -> AgentGateClient:
        """The agent's connection."""
        return self.connected.client

    def talk_in(self, session: Session) -> Conversation:
        """Make the conversation of a session."""
        output = self._output(session)
        self.state.output = output
        return Conversation(self.client, session, output, self.connected.attendant, self.wish.model)

    def once(self, prompt: str) -> int:
        """Say one thing; return the exit code."""
        cancelled = self.do(lambda: self.conversation.say(prompt))
        if cancelled:
            return Exit.INTERRUPTED
        return RUN_EXITS.get(self.conversation.status, Exit.TOOL_FAILED)

    def do(self, work: Callable[[], Awaitable[object]]) -> bool:
        """Do something in the event loop; return whether the person cancelled it.

        Ctrl-C ends the run that is under way.

        Raises:
            KeyboardInterrupt: the person wants to leave.
            AgentGateError: the work failed.
        """
        future = self.portal.start_task_soon(work)
        try:
            future.result()
        except KeyboardInterrupt:
            self._cancel()
            future.result()
            return True
        return False

    def _cancel(self) -> None:
        self.portal.call(self.conversation.output.note, dim("cancelling; Ctrl-C again leaves"))
        try:
            self.portal.call(self.conversation.cancel)
        except AgentGateError as error:
            note(warn(f"it could not be cancelled: {failure_of(error).message}"))
            raise KeyboardInterrupt from None

    async def _session(self) -> Session:
        if self.wish.session:
            return await find_session(self.client, self.wish.session)
        with naming_model():
            return await self.client.sessions.create(self.wish.model, self.wish.workspace)

    def _output(self, session: Session) -> Output:
        if self.wish.as_json:
            return Lines(session.id)
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            return Screen(console_of())
        return Plain()
