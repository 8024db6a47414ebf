"""Asking: brings kept prompts to the gateway, one after the other, and writes down what comes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from agentgate_client.client import AgentGateClient
from agentgate_client.edge.asked import Follow
from agentgate_client.edge.keeping import Keeper
from agentgate_client.session_streams import EventStream, Run
from agentgate_client.sessions import Sessions
from agentgate_proto.client.prompt_troubles import Again, Elsewhere, Troubles
from agentgate_proto.client.prompts import MESSAGE_PREFIX, Answer, Prompt, Sent
from agentgate_proto.client.session_answer import Answer as Gathered
from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.quotas.news import News
from agentgate_proto.rpc.session_methods import SendMessage

log = logging.getLogger("agentgate_client")

USER_PREFIX = "edge:"
"""Of the ``user_id`` of a device's conversation; its ``client_id`` follows."""

CLIENT_ID_CHARS_MAX = NAME_CHARS_MAX - len(USER_PREFIX)


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
        self._troubles = Troubles()
        self._news = News()

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
                self._troubles.answered()
                if (after := self._news.well(anyio.current_time())) is not None:
                    log.warning("the gateway takes prompts again%s", after)

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
        except AgentGateError as error:
            alone = connections == self._client.sessions.driver.connections
            match self._troubles.failed(prompt, error, never_sent=is_new and alone):
                case Answer() as answer:
                    self._session = ""  # perhaps it is that which is gone
                    return answer
                case Elsewhere():
                    self._session = ""
                    await self._keeper.note(Sent(id=prompt.id, session=""))
                case Again(wait_s):
                    now = anyio.current_time()
                    if (more := self._news.failed(error.message, now)) is not None:
                        text = "prompt %s: %s; it is sent again in %.3g s%s"
                        log.warning(text, prompt.id, error.message, wait_s, more)
                    await anyio.sleep(wait_s)
                case _:
                    pass  # whoever keeps the client connects again, and that is waited for
        finally:
            self.run_of.pop(prompt.id, None)
        return None

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
