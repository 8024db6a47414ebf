"""Asking: brings kept prompts to the gateway, one after the other, and writes down what comes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from agentgate_client.client import AgentGateClient
from agentgate_client.edge.asked import Follow
from agentgate_client.edge.keeping import Keeper
from agentgate_client.session_streams import EventStream, Run
from agentgate_client.sessions import Sessions
from agentgate_proto.client.prompts import MESSAGE_PREFIX, Answer, Prompt, Sent
from agentgate_proto.client.session_answer import Answer as Gathered
from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import (
    AgentGateConnectionError,
    AgentGateError,
    ErrorCode,
    SessionNotFound,
)
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.rpc.session_methods import SendMessage

log = logging.getLogger("agentgate_client")

USER_PREFIX = "edge:"
"""Of the ``user_id`` of a device's conversation; its ``client_id`` follows."""

CLIENT_ID_CHARS_MAX = NAME_CHARS_MAX - len(USER_PREFIX)

PAUSE_S_MAX = 30.0
"""The longest pause before a prompt is sent again that the gateway would not take."""

TROUBLES_MAX = 10
"""How often a prompt is sent again when the gateway says that something is wrong within it."""

LATER = (ErrorCode.LIMIT_EXCEEDED, ErrorCode.RUN_IN_PROGRESS)
"""Refusals that pass by themselves."""

DELETED = "the conversation was deleted; nobody can tell what was answered"


class Asking:
    """See the module.

    Args:
        keeper: what is kept.
        client: the connection.
        model: for the conversation; "": the gateway's own choice.
        started: is told that a prompt's run has begun, with what opens a stream of it.
        tell: gets each event of each run, with the prompt's id; None: nobody wants them.
        settled: is told each answer, once it is kept.
        connected: waits until there is a connection.
    """

    def __init__(
        self,
        keeper: Keeper,
        client: AgentGateClient,
        model: str,
        started: Callable[[str, Follow], None],
        tell: Callable[[str, Event], Awaitable[None]],
        settled: Callable[[Answer], None],
        connected: Callable[[], Awaitable[None]],
    ) -> None:
        self.run_of: dict[str, Run] = {}
        self._keeper = keeper
        self._client = client
        self._model = model
        self._started = started
        self._tell = tell
        self._settled = settled
        self._connected = connected
        self._session = ""
        self._pause_s = 0.0
        self._troubles = 0

    async def run(self) -> None:
        """Ask, until cancelled."""
        while True:
            prompt = self._keeper.book.next()
            if prompt is None:
                await self._keeper.changed()
                continue
            answer = await self._ask(prompt)
            if answer is not None and self._keeper.book.get(prompt.id) is prompt:
                await self._keeper.note(answer)
                self._settled(answer)
                self._pause_s, self._troubles = 0.0, 0

    async def _ask(self, prompt: Prompt) -> Answer | None:
        """Ask once; None: it is to be asked again."""
        await self._connected()
        connections = self._client.sessions.driver.connections
        is_new = not prompt.session
        try:
            if is_new:
                await self._keeper.note(Sent(id=prompt.id, session=await self._find_session()))
            if self._keeper.book.get(prompt.id) is not prompt or prompt.answer is not None:
                return None  # it was dropped, or withdrawn
            return await self._follow(prompt)
        except AgentGateConnectionError:
            await self._connected()  # the client has given up; whoever keeps it connects again
        except SessionNotFound:
            self._session = ""
            if not is_new or connections != self._client.sessions.driver.connections:
                return failed(prompt, ErrorCode.SESSION_NOT_FOUND, DELETED)
            # it never was in that session, which went before: it goes to another
            await self._keeper.note(Sent(id=prompt.id, session=""))
        except AgentGateError as error:
            return await self._refused(prompt, error)
        finally:
            self.run_of.pop(prompt.id, None)
        return None

    async def _refused(self, prompt: Prompt, error: AgentGateError) -> Answer | None:
        if error.code == ErrorCode.INTERNAL_ERROR:
            self._troubles += 1
        is_later = error.code in LATER or error.code == ErrorCode.INTERNAL_ERROR
        if not is_later or self._troubles > TROUBLES_MAX:
            return failed(prompt, error.code, error.message)
        data: Any = error.data if isinstance(error.data, dict) else {}
        wanted = data.get("retry_after_s")
        log.warning("prompt %s: %s; it is sent again", prompt.id, error.message)
        await self._wait(float(wanted) if isinstance(wanted, int | float) else 0.0)
        return None

    async def _wait(self, seconds: float) -> None:
        self._pause_s = min(max(2 * self._pause_s, 0.5), PAUSE_S_MAX)
        await anyio.sleep(min(max(seconds, self._pause_s), PAUSE_S_MAX))

    async def _follow(self, prompt: Prompt) -> Answer:
        """Send it, and read its run to the end."""
        sessions = self._client.sessions
        message = SendMessage(
            session=prompt.session,
            text=prompt.text,
            message_id=MESSAGE_PREFIX + prompt.id,
            queue=True,
        )
        async with Run(sessions.driver, message, sessions.watching) as run:
            self.run_of[prompt.id] = run
            await run.started()
            self._started(prompt.id, streams_of(sessions, message.session, run))
            gathered = Gathered()
            async for event in run:
                gathered.take(event)
                await self._tell(prompt.id, event)
            error = gathered.error()
            return Answer(
                id=prompt.id,
                status=gathered.status or "unknown",
                text=gathered.text,
                error="" if error is None else error.message,
                code=0 if error is None else error.code,
                run=run.id,
            )

    async def _find_session(self) -> str:
        """Return the conversation of this device: the one that there is, or a new one."""
        if not self._session:
            sessions = self._client.sessions
            user = USER_PREFIX + self._client.client_id
            views = await sessions.list(user_id=user, limit=1)
            if views:
                self._session = views[0].id
            else:
                self._session = (await sessions.create(model=self._model, user_id=user)).id
        return self._session


def streams_of(sessions: Sessions, session: str, run: Run) -> Follow:
    """Return what opens streams of a run that has started."""
    first, name = run.cursor, run.id

    def follow(cursor: Cursor | None) -> EventStream:
        stream = EventStream(cursor or first, name)
        stream.join(sessions.watching(session))
        return stream

    return follow


def failed(prompt: Prompt, code: int, text: str) -> Answer:
    """The answer of a prompt that has none."""
    return Answer(id=prompt.id, status="failed", error=text, code=code)
