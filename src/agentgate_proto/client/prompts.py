"""Prompts of a device: what its users ask, kept until it is answered, whatever breaks meanwhile.

Theory of operation. Everything that happens to a prompt is a *record*: it is put, given to a
session of the gateway, answered, and done when the device has acted on the answer. A record is
first made durable, where there is a spool, and then applied; what records were written is all that
the next process has to know. Before a prompt is sent for the first time, it is written down to
which session: there the prompt's id sees to it that it runs once, however often it is sent.

One prompt is under way at a time: a conversation has one run at a time, and so they keep their
order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import msgspec

from agentgate_proto.errors import ErrorCode, exception_for
from agentgate_proto.limits import MESSAGE_CHARS_MAX, NAME_CHARS_MAX, REQUEST_BYTES_MAX

PROMPTS_MAX = 1_000
"""Prompts that wait or whose answers nobody has acted on: what a person asks in a long outage."""

PROMPTS_BYTES_MAX = 4_194_304
"""Of their texts and answers."""

KNOWN_MAX = 1_000
"""Ids of prompts that are done, which are remembered: one that is put again is not asked again."""

PROMPT_BYTES = 200
"""What one takes besides its text."""

MESSAGE_PREFIX = "prompt:"
"""Of the id of the message that a prompt becomes; the prompt's id follows."""

TEXT_BYTES_MAX = REQUEST_BYTES_MAX - 4_096
"""Of a prompt's text, as JSON: with what is around it, it must go into one request."""

DROPPED = "dropped"
"""Status of an answer: there was no room, and newer prompts were to be kept."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX - len(MESSAGE_PREFIX))]
Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_CHARS_MAX)]


class WhenFull(StrEnum):
    """What to do with a prompt for which there is no room."""

    REFUSE = "refuse"
    """Refuse the new one."""

    DROP_OLDEST = "drop_oldest"
    """Drop the oldest that was not sent: it is answered by that."""


class Put(msgspec.Struct, frozen=True, kw_only=True, tag_field="k", tag="put", omit_defaults=True):
    """Somebody asks.

    Attributes:
        id: names the prompt.
        text: what is asked.
        at: UTC seconds.
    """

    id: Id
    text: Text
    at: float


class Sent(msgspec.Struct, frozen=True, kw_only=True, tag_field="k", tag="sent"):
    """From here on the gateway may have it.

    Attributes:
        id: of the prompt.
        session: to which session it goes; "": that was not there, and never had it.
    """

    id: Id
    session: Name


class Answer(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="k", tag="answer", omit_defaults=True
):
    """What came of a prompt.

    Attributes:
        id: of the prompt.
        status: as its run's: "completed" …; "failed" if there was none; "dropped".
        text: what was answered; with an error, as much as there is.
        error: what went wrong, for people; "": nothing.
        code: of the error, as in ``errors``; 0: none.
        run: the run's id; "": there was none.
    """

    id: Id
    status: Name
    text: str = ""
    error: str = ""
    code: int = 0
    run: Name = ""


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag_field="k", tag="done"):
    """The device has acted on the answer: the prompt is forgotten, but for its id.

    Attributes:
        id: of the prompt.
    """

    id: Id


Record = Put | Sent | Answer | Finished


class Prompt(msgspec.Struct, kw_only=True):
    """A prompt that is not done.

    Attributes:
        id, text, at: as it was put.
        session: where it was sent to; "": it was not.
        answer: what came of it.
        again: the answer may have been acted on by a process that died.
    """

    id: str
    text: str
    at: float
    session: str = ""
    answer: Answer | None = None
    again: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        answer = self.answer
        return PROMPT_BYTES + len(self.text) + (0 if answer is None else len(answer.text))


class PromptBook:
    """See the module.

    Args:
        when_full: what to do with a prompt for which there is no room.
        count_max: prompts that are not done, at most.
        bytes_max: of these.
    """

    def __init__(
        self,
        when_full: WhenFull = WhenFull.REFUSE,
        count_max: int = PROMPTS_MAX,
        bytes_max: int = PROMPTS_BYTES_MAX,
    ) -> None:
        self._when_full = when_full
        self._count_max = count_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._prompts: OrderedDict[str, Prompt] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._prompts)

    def get(self, name: str) -> Prompt | None:
        """Return a prompt that is not done."""
        return self._prompts.get(name)

    @property
    def waiting(self) -> int:
        """How many have no answer."""
        return sum(prompt.answer is None for prompt in self._prompts.values())

    def next(self) -> Prompt | None:
        """Return the prompt whose turn it is to be asked: the first without an answer.

        None: there is none, or answers that nobody has acted on yet take all the room.
        """
        if self._bytes > self._bytes_max and self.answered() is not None:
            return None
        return next((one for one in self._prompts.values() if one.answer is None), None)

    def answered(self) -> Prompt | None:
        """Return the first prompt whose answer is to be acted on."""
        return next((one for one in self._prompts.values() if one.answer is not None), None)

    # What happens: records, to be made durable and then applied

    def put(self, name: str, text: str, now: float) -> list[Record]:
        """Return what is to be written for a new prompt. Nothing: it came before.

        Raises:
            AgentGateError: the text or the id is too long or empty, or the id is that of another
                text (-32602); there is no room (-32006).
        """
        known = self._prompts.get(name)
        if known is not None and known.text != text:
            words = f"there is a prompt {name} with another text: give this one another id"
            raise exception_for(ErrorCode.INVALID_PARAMS, words)
        if known is not None or name in self._known:
            return []
        put = checked(name, text, now)
        size = PROMPT_BYTES + len(text)
        records: list[Record] = []
        count, used = len(self._prompts), self._bytes
        if self._when_full is WhenFull.DROP_OLDEST and size <= self._bytes_max:
            for old in self._prompts.values():
                if count < self._count_max and used + size <= self._bytes_max:
                    break
                if not old.session and old.answer is None:
                    reason = "there was no room for it any more"
                    records.append(Answer(id=old.id, status=DROPPED, error=reason))
                    records.append(Finished(id=old.id))
                    count, used = count - 1, used - old.size
        if count >= self._count_max or used + size > self._bytes_max:
            text = f"{len(self._prompts)} prompts wait already; ask again when some are answered"
            raise exception_for(ErrorCode.LIMIT_EXCEEDED, text)
        return [*records, put]

    def apply(self, record: Record) -> None:
        """Take note of what has happened; what concerns no prompt that is there is ignored."""
        prompt = self._prompts.get(record.id)
        if isinstance(record, Put):
            if prompt is None and record.id not in self._known:
                fresh = Prompt(id=record.id, text=record.text, at=record.at)
                self._prompts[record.id] = fresh
                self._bytes += fresh.size
            return
        if prompt is not None:
            self._bytes -= prompt.size
        match record:
            case Finished():
                self._prompts.pop(record.id, None)
                self._remember(record.id)
                return
            case Sent() if prompt is not None:
                prompt.session = record.session
            case Answer() if prompt is not None and prompt.answer is None:
                prompt.answer = record
            case _:
                pass
        if prompt is not None:
            self._bytes += prompt.size

    # The spool's other life

    def restore(self, records: Iterable[Record]) -> None:
        """Take up what a former process wrote."""
        for record in records:
            self.apply(record)
        for prompt in self._prompts.values():
            prompt.again = prompt.answer is not None

    def records(self) -> list[Record]:
        """Return the shortest account of all that is to be known."""
        found: list[Record] = [Finished(id=name) for name in self._known]
        for prompt in self._prompts.values():
            found.append(Put(id=prompt.id, text=prompt.text, at=prompt.at))
            if prompt.session:
                found.append(Sent(id=prompt.id, session=prompt.session))
            if prompt.answer is not None:
                found.append(prompt.answer)
        return found

    def _remember(self, name: str) -> None:
        self._known[name] = None
        self._known.move_to_end(name)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


def checked(name: str, text: str, now: float) -> Put:
    """Make a prompt that can be sent.

    Raises:
        AgentGateError: it can't (-32602).
    """
    try:
        put = msgspec.convert({"k": "put", "id": name, "text": text, "at": now}, Put)
        size = len(msgspec.json.encode(text))
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise exception_for(ErrorCode.INVALID_PARAMS, f"not a prompt: {error}") from None
    if size > TEXT_BYTES_MAX:
        words = f"not a prompt: its text has {size} bytes; at most {TEXT_BYTES_MAX} can be sent"
        raise exception_for(ErrorCode.INVALID_PARAMS, words)
    return put
