"""What agents on our SDK do with sessions in a real world, and what they see of them.

The model is the one that every gateway has, the rehearsal's: what it answers is known from what it
is told. An agent's messages outlive its processes: the next one sends again, under the same id,
what the one before had not seen to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.plan import Ask
from tests.sim.session_books import Content, contents_of
from tests.sim.talks import Talk

from agent_gate import AgentGateError
from agentgate_client import Run, RunInProgress, Session, SessionNotFound
from agentgate_proto.client.session_feed import Event
from agentgate_proto.records.session_views import BEHIND, GAP

if TYPE_CHECKING:
    from tests.e2e.worlds.sdk import SdkProcess
    from tests.e2e.worlds.world import RealWorld

CONTENTS_FROM = 2_000_000
"""What sessions ask their tools for lies above."""

TOOLS = ("look", "fetch", "set", "move", "carefree", "ask_set", "ask_look", "forbidden")


class Seen:
    """What all agents have seen of all sessions.

    Attributes:
        contents: under each offset, by session.
        gone: sessions that somebody wanted to be deleted.
    """

    def __init__(self, world: RealWorld) -> None:
        self.world = world
        self.contents: dict[str, dict[int, Content]] = {}
        self.gone: set[str] = set()

    def take(self, session: str, event: Event) -> None:
        """An event was seen: what was seen under its offsets before is the same (I11)."""
        seen = self.contents.setdefault(session, {})
        if event.kind in (GAP, BEHIND):
            self.world.count(f"events {event.kind}")
            return
        contents = contents_of(event.kind, event.data, event.count)
        for offset, content in enumerate(contents, event.offset):
            if seen.setdefault(offset, content) != content:
                self.world.note(f"I11: {offset} of {session} was {seen[offset]}, is {content}")


class Memory:
    """What an agent keeps from one process to the next.

    Attributes:
        sessions: their ids.
        messages: those whose end it has not seen: session and text, by their ids.
    """

    def __init__(self) -> None:
        self.sessions: list[str] = []
        self.messages: dict[str, tuple[str, str]] = {}


class Talker:
    """What one process does with sessions.

    Attributes:
        under_way: how much of it is not over.
    """

    def __init__(self, process: SdkProcess, memory: Memory) -> None:
        self.process = process
        self.world = process.world
        self.memory = memory
        self.under_way = 0

    def act(self, talk: Talk) -> None:
        """Do something."""
        self.world.tasks.start_soon(self._guarded, self._act, talk)

    def resume(self) -> None:
        """Go on where the process before was."""
        for message in list(self.memory.messages):
            self.world.tasks.start_soon(self._guarded, self._say, message)

    async def _guarded(self, act: Any, *args: Any) -> None:
        self.under_way += 1
        try:
            with self.process.life():
                await act(*args)
        except AgentGateError as error:
            self.world.count(f"session {type(error).__name__}")
        finally:
            self.under_way -= 1

    async def _act(self, talk: Talk) -> None:
        session = await self._session(talk)
        if talk.act == "cancel":
            await session.cancel()
        elif talk.act == "delete" and talk.pick % 2:
            self.world.oracle.seen.gone.add(session.id)
            self.memory.sessions.remove(session.id)
            await self.process.client.sessions.delete(session.id)
        elif talk.act == "inspect":
            shown = await session.inspect("and now?")
            if sum(part.bytes for part in shown.sections) + shown.envelope_bytes != shown.bytes:
                self.world.note(f"the parts of the context of {session.id} are not all of it")
        else:
            message = f"m{talk.number}"
            self.memory.messages[message] = session.id, self._text(talk)
            await self._say(message)

    async def _session(self, talk: Talk) -> Session:
        known = self.memory.sessions
        sessions = self.process.client.sessions
        if not known or talk.act == "create":
            session = await sessions.create()
            known.append(session.id)
            return session
        return await sessions.get(known[talk.pick % len(known)])

    def _text(self, talk: Talk) -> str:
        if talk.pick % 2:
            return f"Count to {10 + talk.pick % 70}"
        tool, content = TOOLS[talk.pick // 2 % len(TOOLS)], CONTENTS_FROM + talk.number
        place = self.process.agent.place
        ask = Ask(content, place, 0.0, tool, content)
        self.world.oracle.asks(self.process.agent.plan, ask)
        return f'call {tool} {{"n": {content}}}'

    async def _say(self, message: str) -> None:
        """Send a message, and read its run to the end."""
        name, text = self.memory.messages[message]
        run: Run | None = None
        try:
            session = await self.process.client.sessions.get(name)
            run = session.send(text, message_id=message)
            async for event in run:
                self.world.oracle.seen.take(name, event)
            self.world.count(f"run {run.status or 'without an end'}")
        except SessionNotFound:
            if name not in self.world.oracle.seen.gone:
                self.world.note(f"I11: {name} of {self.process.agent.name} is not found")
        except RunInProgress:
            self.world.count("session busy")
        if self.process.alive:
            self.memory.messages.pop(message, None)
