"""What one console has to do with the agents of one gateway: logins, histories, messages.

Theory of operation. After each ``loginSuccess`` the whole history of the agent follows, in order,
and then what comes: one reading of one log, so nothing is lost or shown twice between the two. A
console clears what it has of that agent at ``loginSuccess``. That the gateway behind was away for a
while is no matter of ours: the reading goes on where it was.

Stock clients send what they kept while they were offline before their program logs in again. So a
message to an agent that the console is not logged in to waits for a login, for a while; and as long
as a login is under way.

A message is acknowledged when it is in the log, durably, and shown to everybody from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.consoles.chat import (
    CHAT_MESSAGE,
    LogEvent,
    begins_anew,
    line_of,
    loses_lines,
    lost_line,
)
from agentgate_proto.faces.consoles.effects import (
    Answer,
    Effect,
    LogIn,
    LogOut,
    Read,
    Say,
    StopReading,
)
from agentgate_proto.faces.consoles.messages import (
    Chat,
    Failed,
    Greeting,
    Problem,
    Received,
    ToConsole,
)
from agentgate_proto.faces.consoles.talk import Message, Pending, Talk
from agentgate_proto.faces.consoles.waiting import Waiting
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import SendMessage

LOGIN, CHAT, LOGOUT = "login", "chat", "logout"

AGENTS_MAX = 32
"""Agents that one console is logged in to, or logs in to: each is a log that is read for it."""

LOGINS_MAX = 64
"""Logins of one console under way: a password takes the gateway some work."""

HELD_MAX = 100
"""Messages of one console that wait for a login."""

HELD_S = 10.0
"""How long they wait if none is under way: programs log in at once when they are connected."""

FULL = "Too many messages wait to be delivered: try again later"
TOO_MANY_AGENTS = f"A console talks to {AGENTS_MAX} agents at the most: log out of some"
NOT_LOGGED_IN = "Not logged in to this agent: log in first"
WHICH = "agentId is required: you are logged in to several agents"
NO_AGENT = "agentId is required"
INVALID = "Invalid credentials"
ANEW = "The agent's history is not the one that was shown: log in again"

GONE_CODES = (ErrorCode.SESSION_NOT_FOUND, ErrorCode.LOGIN_FAILED)
"""What a gateway says of a session that one is not logged in to, or not any more."""

Tell = Callable[[str, ToConsole, str], None]
"""Tells the console an event: its name, its payload, the id of the agent or ""."""


class Talks:
    """See the module.

    Args:
        effects: where what is to be done goes.
        number: makes numbers for them.
        principal: who the console is.
        prefix: of the ids of its messages; never used for another console.
        waiting: counts the messages of all consoles.
        tell: tells the console.
        unknown: says of an agent that the console is not logged in to it.
    """

    def __init__(
        self,
        effects: deque[Effect],
        number: Callable[[], int],
        principal: str,
        prefix: str,
        waiting: Waiting,
        tell: Tell,
        unknown: Callable[[str], str],
    ) -> None:
        self._effects = effects
        self._number = number
        self._principal = principal
        self._prefix = prefix
        self._waiting = waiting
        self._tell = tell
        self._unknown = unknown
        self._talks: dict[str, Talk] = {}  # by the agent's id
        self._readings: dict[int, Talk] = {}
        self._logins: dict[int, Pending] = {}
        self._held: list[Message] = []
        self._said: dict[int, tuple[Talk, Message]] = {}

    # What the console wants

    def log_in(
        self, wanted: str, password: str | None, ack: int | None, *, was_asked: bool = True
    ) -> None:
        """Log in to an agent, or again; ``password`` None: by the stored one."""
        names = {each.wanted for each in self._logins.values()}
        others = sum(
            not any(map(talk.is_meant_by, (*names, wanted))) for talk in self._talks.values()
        )
        if len(self._logins) >= LOGINS_MAX or others + len(names | {wanted}) > AGENTS_MAX:
            self.refuse(ack, TOO_MANY_AGENTS, wanted)
            return
        number = self._number()
        self._logins[number] = Pending(wanted, ack, was_asked)
        self._effects.append(LogIn(number, wanted, password))

    def log_out(self, wanted: str, ack: int | None) -> None:
        """Log out of an agent; "": of the only one."""
        talk = self._find(wanted)
        if talk is None:
            self.refuse(ack, WHICH if not wanted and self._talks else NOT_LOGGED_IN, wanted)
            return
        self._leave(talk)
        farewell = Greeting(
            message=f"Goodbye from {talk.name}", agent_id=talk.id, agent_name=talk.name
        )
        self._tell("logoutSuccess", farewell, talk.id)
        self._answer(ack, Received(event=LOGOUT))

    def chat(self, chat: Chat, wanted: str, ack: int | None, now: float) -> None:
        """Say something to an agent; "": to the only one."""
        size = len(chat.message.encode())
        message = Message(chat, wanted, ack, size, now + HELD_S)
        talk = self._find(wanted)
        if not wanted and talk is None and len(self._wanted_now()) > 1:
            self.refuse(ack, WHICH, "", chat.correlation_id or "")
        elif (talk is None and len(self._held) >= HELD_MAX) or not self._waiting.take(
            self._principal, size
        ):
            self.refuse(ack, FULL, wanted, chat.correlation_id or "")
        elif talk is not None:
            self._say(talk, message)
        else:
            self._held.append(message)

    def knows(self, wanted: str) -> bool:
        """Whether the console is logged in to this agent, or a login is under way."""
        return self._find(wanted) is not None or self._is_pending(wanted)

    def close(self) -> None:
        """The console is gone, or turns to another gateway. What it said goes its way."""
        for talk in list(self._talks.values()):
            self._leave(talk)
        self._logins.clear()  # if they go well, whoever drives this logs out again
        for message in self._held:
            self._waiting.give_back(self._principal, message.size)
        self._held.clear()

    # What comes of it

    def logged_in(self, number: int, login: AgentLogin, now: float) -> None:
        """A login went well. One that nobody waits for any more is over at once."""
        pending = self._logins.pop(number, None)
        talk = self._talks.get(login.agent)
        if pending is None:
            if talk is None:
                self._effects.append(LogOut(login.agent))
            return
        if pending.was_asked or talk is None:
            talk = self._begin(login)
        self._answer(pending.ack, Received(event=LOGIN))
        held, self._held = self._held, []
        for message in held:
            if message.wanted in ("", pending.wanted) or talk.is_meant_by(message.wanted):
                self._say(talk, message)
            else:
                self._held.append(message)

    def login_failed(
        self, number: int, code: ErrorCode, message: str, data: Any, now: float
    ) -> None:
        """A login went wrong. What was said to that agent comes to nothing, unless it may still
        log in by other words."""
        pending = self._logins.pop(number, None)
        if pending is None:
            return
        words = why_not(code, message, data)
        problem = Problem(message=words, agent_id=pending.wanted)
        self._tell("loginError", problem, pending.wanted)
        self._answer(pending.ack, Failed(error=problem))
        if not self.knows(pending.wanted):
            self._give_up([each for each in self._held if each.wanted == pending.wanted], words)

    def said(self, number: int) -> None:
        """A message is in the log."""
        _, message = self._settle(number)
        self._answer(message.ack, Received(event=CHAT))

    def not_said(self, number: int, code: ErrorCode, message: str) -> None:
        """A message was refused."""
        talk, refused = self._settle(number)
        words = message or ERRORS[code].message
        if code in GONE_CODES:
            words = NOT_LOGGED_IN
            if self._talks.get(talk.id) is talk:
                self._leave(talk)
        self.refuse(refused.ack, words, refused.wanted, refused.chat.correlation_id or "")

    def take(self, number: int, events: Iterable[LogEvent]) -> None:
        """Tell the console what a reading brings."""
        talk = self._readings.get(number)
        if talk is None:
            return  # it was ended
        for event in events:
            line = line_of(event, talk.id)
            if line is not None:
                self._tell(CHAT_MESSAGE, line, talk.id)
            elif begins_anew(event):
                self._leave(talk)
                self._tell("error", Problem(message=ANEW, agent_id=talk.id), talk.id)
                return
            elif loses_lines(event):
                self._lines_are_lost(talk, event.at)

    def ended(self, number: int, code: ErrorCode | None, message: str) -> None:
        """A reading is over; ``code`` None: the gateway stops."""
        talk = self._readings.pop(number, None)
        if talk is None:
            return
        del self._talks[talk.id]
        self._effects.append(LogOut(talk.id))
        if code in GONE_CODES:
            self._tell("loginError", Problem(message=INVALID, agent_id=talk.id), talk.id)
        elif code is not None:
            words = message or ERRORS[code].message
            problem = Problem(message=f"{words}: log in again", agent_id=talk.id)
            self._tell("error", problem, talk.id)

    # Time

    def next_deadline(self) -> float | None:
        """Return when the first message has waited for too long, or None."""
        times = [each.until for each in self._held if not self._may_log_in(each)]
        return min(times, default=None)

    def handle_timer(self, now: float) -> None:
        """Give up what has waited for too long."""
        late = [each for each in self._held if each.until <= now and not self._may_log_in(each)]
        for message in late:
            self._give_up([message], self._unknown(message.wanted))

    # The steps

    def _find(self, wanted: str) -> Talk | None:
        """Return the talk that is meant; "": the only one, if no other login is under way."""
        if wanted:
            meant = (talk for talk in self._talks.values() if talk.is_meant_by(wanted))
            return self._talks.get(wanted) or next(meant, None)
        return next(iter(self._talks.values()), None) if len(self._wanted_now()) == 1 else None

    def _wanted_now(self) -> list[str]:
        """Name all agents that the console talks to, or is about to."""
        pending = {
            each.wanted: None
            for each in self._logins.values()
            if not any(talk.is_meant_by(each.wanted) for talk in self._talks.values())
        }
        return [*self._talks, *pending]

    def _is_pending(self, wanted: str) -> bool:
        return any(each.wanted == wanted for each in self._logins.values())

    def _may_log_in(self, message: Message) -> bool:
        """Whether a login is under way that a message may wait for."""
        return self._is_pending(message.wanted) or (not message.wanted and bool(self._logins))

    def _begin(self, login: AgentLogin) -> Talk:
        """Greet, and read the log from its beginning, instead of where it is being read."""
        former = self._talks.get(login.agent)
        if former is not None:
            self._stop_reading(former)
        talk = Talk(login.agent, login.name, login.session, self._number())
        self._talks[talk.id] = self._readings[talk.reading] = talk
        greeting = Greeting(
            message=f"Welcome, {talk.name}!", agent_id=talk.id, agent_name=talk.name
        )
        self._tell("loginSuccess", greeting, talk.id)
        if login.oldest:
            self._lines_are_lost(talk, "")
        self._effects.append(Read(talk.reading, talk.session, login.epoch, login.oldest))
        return talk

    def _leave(self, talk: Talk) -> None:
        self._stop_reading(talk)
        del self._talks[talk.id]
        self._effects.append(LogOut(talk.id))

    def _stop_reading(self, talk: Talk) -> None:
        del self._readings[talk.reading]
        self._effects.append(StopReading(talk.reading))

    def _lines_are_lost(self, talk: Talk, at: str) -> None:
        """Say so, once for each history."""
        if not talk.lost_told:
            talk.lost_told = True
            self._tell(CHAT_MESSAGE, lost_line(at, talk.id), talk.id)

    def _say(self, talk: Talk, message: Message) -> None:
        number = self._number()
        self._said[number] = talk, message
        params = SendMessage(
            session=talk.session,
            text=message.chat.message,
            message_id=self._message_id(talk, message.chat, number),
            queue=True,
        )
        self._effects.append(Say(number, params))

    def _message_id(self, talk: Talk, chat: Chat, number: int) -> str:
        """Name a message, the same whenever it comes again. Its text is part of the name, so that a
        console that gives two messages one ``correlationId`` loses none."""
        if not chat.correlation_id:
            return f"{self._prefix}-{number}"
        named = msgspec.json.encode([self._principal, talk.id, chat.correlation_id, chat.message])
        return f"c:{sha256(named).hexdigest()}"

    def _settle(self, number: int) -> tuple[Talk, Message]:
        talk, message = self._said.pop(number)
        self._waiting.give_back(self._principal, message.size)
        return talk, message

    def _give_up(self, messages: Sequence[Message], words: str) -> None:
        for message in messages:
            self._held.remove(message)
            self._waiting.give_back(self._principal, message.size)
            self.refuse(message.ack, words, message.wanted, message.chat.correlation_id or "")

    def refuse(self, ack: int | None, words: str, agent: str, correlation: str = "") -> None:
        """Say why something of the console's did not work."""
        problem = Problem(message=words, agent_id=agent, correlation_id=correlation)
        self._tell("error", problem, agent)
        self._answer(ack, Failed(error=problem))

    def _answer(self, ack: int | None, payload: ToConsole) -> None:
        if ack is not None:
            self._effects.append(Answer(ack, payload))


def why_not(code: ErrorCode, message: str, data: Any) -> str:
    """Say why a login went wrong, in words that do not tell whether there is such an agent."""
    match data:
        case {"retry_after_s": int() | float() as pause}:
            return f"Too many attempts: try again in {int(pause) + 1} s"
        case _:
            return INVALID if code is ErrorCode.LOGIN_FAILED else message or ERRORS[code].message
