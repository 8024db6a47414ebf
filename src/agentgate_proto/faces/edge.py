"""The edge face: seed 000's messages over a WebSocket, to native calls and back.

Theory of operation. All that a device asks goes into one lasting session of its principal, and all
that it is owed is in that session's log. A connection reads the log from the *mark* on
(``edge_answers``): there is every prompt whose answer the device has not got for sure, whatever
gateway or connection took it, and so an answer that came while the device was away is delivered as
one that comes now. After each answer the device is pinged. It takes messages in order, and answers
pings in order: its pong is the receipt, and the mark moves.

A prompt that comes twice under one ``requestId`` is one message of the session, and runs once. If
its answer was delivered long ago, it is read from the log again.

A connection has a conversation of its own. What belongs to a socket that was replaced ends with it,
and can't be taken for the new one's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agentgate_proto.connection.base import TRY_AGAIN_LATER
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import (
    CALLS_MAX,
    Close,
    Conversation,
    Said,
    Send,
    Tell,
    said_by,
    shown,
)
from agentgate_proto.faces.edge_answers import Marked, Owed, Owing, mark_in
from agentgate_proto.faces.edge_messages import (
    MESSAGE_PREFIX,
    AgentRequest,
    Ping,
    Pong,
    Prompt,
    Snapped,
    Snapshot,
    beat,
    read_message,
    request_in,
    response,
    snapshot_request,
)
from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session import EventKind
from agentgate_proto.records.session_views import BEHIND, GAP, SessionEvent, SessionView
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CreateSession,
    ListSessions,
    MessageTaken,
    SendMessage,
    SessionList,
    SetMetadata,
)

FACE = "edge"

USER = "agentgate:edge"
"""``user_id`` of the session that a device's prompts go to: that is how it is found again."""

PING_S = 25.0
"""From one ping to the next, when nothing else is to be asked: below what proxies cut after."""

PONG_S = 20.0
"""How long a device may say nothing while a ping waits for its answer; then the link is stale."""

PINGS_MAX = 64
"""Pings that are not answered yet. A device that is busy gets no more of them, but time."""

SNAPSHOTS_MAX = 16
"""Requests for data that are not answered yet."""

LOOKS_MAX = 8
"""How often a connection looks for its session: it may be deleted now and then."""

REASON_CHARS_MAX = 30
"""Of a close frame's reason, which has 123 bytes; a character has four at the most."""

STALE = 4408
TOO_LATE = "the device does not answer pings"

NOT_KEPT = "Error: the answer is not kept any more"
DELETED = "Error: the conversation was deleted"
BUSY = "Error: too many questions at once: wait for answers"


class Again(msgspec.Struct, frozen=True):
    """A prompt that came again when its run was over, and its answer delivered.

    Attributes:
        request_id: the device's.
        offset: where the prompt stands in the log.
    """

    request_id: str
    offset: int


class Look(msgspec.Struct, frozen=True):
    """Why a session is looked for, or made."""


class Keep(msgspec.Struct, frozen=True):
    """Why metadata are written."""


LOOK, KEEP = Look(), Keep()

LIST = ListSessions(user_id=USER)


class Device(Conversation):
    """One connection of a device.

    Args:
        now: UTC seconds.
        unsent: what an earlier connection was asked, and had no session for.
    """

    def __init__(self, now: float, unsent: Iterable[Prompt] = ()) -> None:
        super().__init__()
        self._session = ""
        self._owing: Owing | None = None
        self._epoch = ""
        self._held = deque(unsent)  # until there is a session
        self._sending: set[str] = set()  # request ids of prompts on their way to it
        self._again: dict[str, Again] = {}  # by run
        self._read_to = 0  # by the attachment that there is
        self._again_to = 0
        self._looks = 0
        self._attaching = 0
        self._is_keeping = False
        self._is_changed = False  # the mark, since it was written last
        self._pings: deque[int] = deque()
        self._count = 0
        self._heard_at = now
        self._ping_at = now + PING_S
        self._snapshots: dict[str, Sequence[str]] = {}
        self._look()

    @property
    def unsent(self) -> list[Prompt]:
        """Prompts that wait for a session. Where the connection ends, they are for the next."""
        return list(self._held)

    # Time

    def next_deadline(self) -> float:
        """Return the UTC second at which ``handle_timer`` wants to be called. Changes nothing."""
        return min(self._ping_at, self._heard_at + PONG_S) if self._pings else self._ping_at

    def handle_timer(self, now: float) -> None:
        """Do what is due. A clock that was set back puts nothing off by more than its time."""
        self._heard_at = min(self._heard_at, now)
        if self._pings and now >= self._heard_at + PONG_S:
            self._effects.append(Close(STALE, TOO_LATE))
        elif not now < self._ping_at <= now + PING_S:
            self._ping(now)

    # The device's data

    def snapshot(self, request_id: str, channels: Sequence[str], now: float) -> bool:
        """Ask for data; ``Snapped`` is told if the device answers. False: too much is asked."""
        if len(self._snapshots) >= SNAPSHOTS_MAX:
            return False
        self._snapshots[request_id] = channels
        self._effects.append(Send(snapshot_request(request_id, channels, now)))
        return True

    def forget_snapshot(self, request_id: str) -> None:
        """Nobody waits for these data any more."""
        self._snapshots.pop(request_id, None)

    # Messages

    def receive(self, text: str, now: float) -> None:
        """See :class:`Conversation`. What a device of this kind would ignore, we ignore."""
        self._heard_at = now
        try:
            message = read_message(text.encode())
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            if wanted := request_in(text):
                self._say(wanted, f"Error: {shown(error)}", rfc3339(now))
            return
        match message:
            case AgentRequest(payload=prompt):
                self._take(prompt, now)
            case Ping():
                self._effects.append(Send(beat("pong", now)))
            case Pong():
                self._ponged()
            case _:
                self._snapped(message.payload)

    def take(self, events: Sequence[SessionEvent]) -> None:
        """See :class:`Conversation`: of all runs that began here, not of one alone."""
        for event in events:
            if event.kind != BEHIND and self._owing is not None and not self._attaching:
                self._read_to = event.offset + event.count
                self._owing.next = max(self._owing.next, self._read_to)
                if event.kind != GAP:
                    self._on_event(event, said_by(event.data))
                self._look_for_lost(event.at)

    def gone(self, now: float) -> None:
        """See :class:`Conversation`: what was asked in it is answered, and another begins."""
        self._unwatch()
        if self._owing is not None:
            for run, owed in self._owing.owed.items():
                if not self._owing.is_sent(run):
                    self._say(owed.request_id, DELETED, rfc3339(now))
        self._look()

    # The session

    def _look(self) -> None:
        self._session, self._owing = "", None
        self._again.clear()
        self._looks += 1
        if self._looks > LOOKS_MAX:
            self._effects.append(Close(TRY_AGAIN_LATER, "the session can't be found"))
            return
        self._call(LOOK, LIST)

    def _found(self, view: SessionView) -> None:
        self._session, self._epoch = view.id, view.epoch
        self._owing = Owing(mark_in(view.metadata, view.epoch))
        self._attach(self._owing.first)
        while self._held:
            self._send_prompt(self._held.popleft())

    def _attach(self, offset: int) -> None:
        self._attaching += 1
        params = AttachSession(session=self._session, epoch=self._epoch, offset=offset)
        self._watch(params, params)

    def _take(self, prompt: Prompt, now: float) -> None:
        if prompt.request_id in self._sending or prompt in self._held:
            return  # it is on its way already
        if not self._may_ask or len(self._held) >= CALLS_MAX:
            self._say(prompt.request_id, BUSY, rfc3339(now))
        elif self._session:
            self._send_prompt(prompt)
        else:
            self._held.append(prompt)

    def _send_prompt(self, prompt: Prompt) -> None:
        self._sending.add(prompt.request_id)
        params = SendMessage(
            session=self._session,
            text=prompt.prompt,
            message_id=MESSAGE_PREFIX + prompt.request_id,
            queue=True,
        )
        self._call(prompt, params)

    def _on_result(self, about: Any, result: Any, now: float) -> None:
        if isinstance(about, Prompt):
            self._sending.discard(about.request_id)
        match result:
            case SessionList(sessions=[]):
                self._call(LOOK, CreateSession(user_id=USER))
            case SessionView():
                # A connection before this one may have made one as well: all take the same
                self._call(LOOK, LIST)
            case SessionList(sessions=[*_, oldest]):
                if not self._session:
                    self._found(oldest)
            case Attached():
                self._on_attached(result, now)
            case MessageTaken():
                self._on_taken(about, result)
            case _:
                self._is_keeping = False
                self._keep_mark()

    def _on_failure(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        if isinstance(about, Prompt):
            self._sending.discard(about.request_id)
        match about:
            case Prompt() if code is ErrorCode.SESSION_NOT_FOUND:  # it was deleted: another is made
                self._held.append(about)
                if self._session:
                    self._unwatch()
                    self._look()
            case Prompt():
                self._say(about.request_id, f"Error: {message}", rfc3339(now))
            case Look() | AttachSession():
                # nothing can be said here without a session: the device comes again
                self._effects.append(Close(TRY_AGAIN_LATER, shown(message)[:REASON_CHARS_MAX]))
            case _:
                self._is_keeping = False  # the mark stays behind; the next receipt moves it

    def _on_taken(self, prompt: Prompt, taken: MessageTaken) -> None:
        owing = self._owing
        if owing is None or taken.epoch != self._epoch or not (taken.joined and taken.ended):
            return  # the log tells
        if taken.run in owing.owed or owing.is_sent(taken.run):
            return  # it is on its way
        if owing.next <= taken.offset:
            return  # not read so far
        self._again[taken.run] = Again(prompt.request_id, taken.offset)
        self._unwatch()
        self._attach(min(owing.first, *(again.offset for again in self._again.values())))

    def _on_attached(self, attached: Attached, now: float) -> None:
        self._attaching -= 1
        owing = self._owing
        if self._attaching or owing is None:
            return  # another one follows
        if attached.epoch != self._epoch:
            self._epoch = attached.epoch
            owing = self._owing = Owing(mark_in(msgspec.Raw(b"{}"), attached.epoch))
        self._read_to, self._again_to = attached.offset, attached.next
        self._look_for_lost(rfc3339(now))

    # The log

    def _on_event(self, event: SessionEvent, said: Said) -> None:
        owing = self._owing
        assert owing is not None, "its log is read"
        owed = owing.owed.get(said.run)
        if event.kind == EventKind.MESSAGE:
            self._on_message(event, said.run, said.message_id)
        elif owed is not None and not owing.is_sent(said.run):
            answer = owed.take(event, said)
            if answer is not None:
                self._deliver(said.run, answer)

    def _on_message(self, event: SessionEvent, run: str, message_id: str) -> None:
        owing = self._owing
        assert owing is not None, "it is read"
        if not message_id.startswith(MESSAGE_PREFIX) or owing.is_sent(run):
            return
        is_again = self._again.pop(run, None) is not None
        if is_again or not owing.is_settled(run, event.offset):
            request_id = message_id.removeprefix(MESSAGE_PREFIX)
            owing.owed[run] = Owed(request_id=request_id, first=event.offset)

    def _deliver(self, run: str, answer: str) -> None:
        assert self._owing is not None, "it is read"
        self._effects.append(Send(answer))
        self._owing.owed[run].release()
        self._owing.sent(run, self._count + 1)
        self._ping_at = 0.0  # the next ping is its receipt, and is due

    def _look_for_lost(self, at: str) -> None:
        """What was asked for again, and is not in what was read, is not to be had."""
        if self._read_to >= self._again_to:
            for again in self._again.values():
                self._say(again.request_id, NOT_KEPT, at)
            self._again.clear()

    # Pings, and what they prove

    def _ping(self, now: float) -> None:
        self._ping_at = now + PING_S
        if len(self._pings) < PINGS_MAX:
            if not self._pings:
                self._heard_at = now
            self._count += 1
            self._pings.append(self._count)
            self._effects.append(Send(beat("ping", now)))

    def _ponged(self) -> None:
        if not self._pings:
            return
        ping = self._pings.popleft()
        if self._owing is not None and self._owing.received(ping):
            self._is_changed = True
            self._keep_mark()

    def _keep_mark(self) -> None:
        if self._owing is None or self._is_keeping or not self._is_changed:
            return
        self._is_keeping, self._is_changed = True, False
        metadata = msgspec.Raw(msgspec.json.encode(Marked(edge=self._owing.mark())))
        self._call(KEEP, SetMetadata(session=self._session, metadata=metadata))

    def _snapped(self, snapshot: Snapshot) -> None:
        wanted = self._snapshots.pop(snapshot.request_id, None)
        if wanted is not None:
            found = snapshot.snapshots
            if wanted:
                found = {name: found[name] for name in wanted if name in found}
            self._effects.append(Tell(Snapped(snapshot.request_id, found)))

    def _say(self, request_id: str, text: str, at: str) -> None:
        self._effects.append(Send(response(request_id, text, 0, (), at)))
