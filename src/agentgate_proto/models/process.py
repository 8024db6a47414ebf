r"""What is said between the gateway and a command that is, or speaks for, a model: JSON lines.

One object on each line, UTF-8, ended by a line feed. To the command's standard input::

    {"id":"1","request":{…}}        asks; the request is in the plain form, see ``plain``
    {"id":"1","cancel":true}        nobody waits for this answer any more: stop

When its input ends the gateway is gone, and the command is to end as well.

On its standard output it says, for each request by its id, of several in any order::

    {"id":"1","type":"text","text":"Hel"}                      a piece of the answer
    {"id":"1","type":"thinking","text":"…"}                    a piece of what it thinks
    {"id":"1","type":"tool_call","call":"c1","name":"lamp","args":{…}}    a whole call
    {"id":"1","type":"usage","input":12,"output":3}            tokens so far, in all; see ``Usage``
    {"id":"1","type":"note","text":"…"}                        something to know
    {"id":"1","type":"end"}                                    it has said all
    {"id":"1","type":"error","message":"…","retryable":true,"retry_after_s":2}

``call``, ``args`` and what an error has besides its message may be left out. ``end`` may have
``stop`` (``end``, ``tools``, ``max_tokens``, ``refusal``), ``model`` (which one answered) and
``blocks``: any JSON, which later requests give back with that turn. Only ``end`` is an end: a
command that dies before has broken off. A line that does not begin with a brace is no message; it
is noted in the log. One that does, and can't be read, makes the gateway start the command anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agentgate_proto.models.answer import UNREADABLE, Allowance, TooMuch, arguments, tokens
from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.models.failures import shortened
from agentgate_proto.records.usage import Usage
from agentgate_proto.wire.nesting import TOO_DEEP, is_too_deep

BACKEND: Final = "process"

LINE_BYTES_MAX: Final = 8_388_608
"""One line of a command: a whole answer may come in one."""

LINES_MAX: Final = 500_000
"""Lines of one answer: so many words are a book."""

NOISE_CHARS_MAX: Final = 500
"""Of a line that is no message, what is noted of it."""

MODEL_ID_CHARS_MAX: Final = 256
"""The name of a model that answered; prices are looked up by it, and it is stored."""

Count = Annotated[int, Meta(ge=0)]


class Line(msgspec.Struct, frozen=True, tag_field="type"):
    """What a command says of a request."""

    id: str


class TextLine(Line, frozen=True, tag="text"):
    """A piece of the answer."""

    text: str


class ThinkingLine(Line, frozen=True, tag="thinking"):
    """A piece of what it thinks."""

    text: str


class CallLine(Line, frozen=True, kw_only=True, tag="tool_call"):
    """A whole tool call."""

    name: str
    call: str = ""
    args: msgspec.Raw = msgspec.Raw(b"{}")


class UsageLine(Line, frozen=True, kw_only=True, tag="usage"):
    """What the request took so far."""

    input: Count = 0
    output: Count = 0
    cache_read: Count = 0
    cache_write: Count = 0
    cache_write_1h: Count = 0
    thinking: Count = 0
    is_estimate: bool = False


class NoteLine(Line, frozen=True, tag="note"):
    """Something to know."""

    text: str


class EndLine(Line, frozen=True, kw_only=True, tag="end"):
    """It has said all."""

    stop: str = ""
    model: str = ""
    blocks: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ErrorLine(Line, frozen=True, kw_only=True, tag="error"):
    """It can't answer, or not to the end."""

    message: str
    retryable: bool = False
    retry_after_s: Annotated[float, Meta(ge=0)] | None = None


AnyLine = TextLine | ThinkingLine | CallLine | UsageLine | NoteLine | EndLine | ErrorLine
decode_line = msgspec.json.Decoder(AnyLine).decode


@dataclass(frozen=True, slots=True)
class Said:
    """A command says something of a request; nothing follows ``Ended`` or ``Failed``."""

    id: str
    event: ModelEvent


@dataclass(frozen=True, slots=True)
class Noise:
    """A line that is no message: for the log. It may hold anything."""

    text: str


@dataclass(slots=True)
class Answer:
    """What is known of an answer that is under way.

    Attributes:
        allowance: how much of it may still come.
        lines: that have come.
        has_said: something of it was told.
        has_calls: it wants tools.
    """

    allowance: Allowance = field(default_factory=Allowance)
    lines: int = 0
    has_said: bool = False
    has_calls: bool = False


class ProcessTalk:
    """What is said with one run of a command, from its start to its end.

    Attributes:
        problem: why it can't be understood any more; then it is to be ended. "": it can.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._answers: dict[str, Answer] = {}
        self._buffer = bytearray()

    @property
    def under_way(self) -> int:
        """How many answers are to come."""
        return len(self._answers)

    def ask(self, request_id: str, body: bytes) -> bytes:
        """Begin an answer; return what the command is to be told.

        Args:
            request_id: never used before in this run.
            body: the request in the plain form.
        """
        assert request_id not in self._answers
        self._answers[request_id] = Answer()
        return b'{"id":%b,"request":%b}\n' % (msgspec.json.encode(request_id), body)

    def cancel(self, request_id: str) -> bytes:
        """Want no more of an answer; return what the command is to be told, b"" if it is over."""
        if self._answers.pop(request_id, None) is None:
            return b""
        return b'{"id":%b,"cancel":true}\n' % msgspec.json.encode(request_id)

    def receive_data(self, data: bytes) -> list[Said | Noise]:
        """Take bytes of the command's output; look at ``problem`` afterwards."""
        found: list[Said | Noise] = []
        if self.problem:
            return found
        try:
            for line in self._lines(data):
                found += self._line(line)
        except Unreadable as error:
            self.problem = shortened(str(error))
            self._buffer.clear()
            found += self.receive_eof(self.problem)
        return found

    def receive_eof(self, reason: str) -> list[Said]:
        """Take that the command is no more; all answers that are under way have failed.

        Args:
            reason: how it ended, in words.
        """
        failed = [
            Said(
                request_id,
                Failed(
                    failure=Failure.TRUNCATED if answer.has_said else Failure.RETRYABLE,
                    message=f"the command broke off: {reason}",
                ),
            )
            for request_id, answer in self._answers.items()
        ]
        self._answers.clear()
        return failed

    def _lines(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that are whole now, and keep what is not."""
        for piece in data.splitlines(keepends=True):
            self._buffer += piece
            if len(self._buffer) > LINE_BYTES_MAX:
                raise Unreadable(f"it wrote a line of more than {LINE_BYTES_MAX:,} bytes")
            if piece.endswith(b"\n"):
                line = bytes(self._buffer)
                self._buffer.clear()
                yield line

    def _line(self, line: bytes) -> Iterator[Said | Noise]:
        line = line.strip()
        if line and not line.startswith(b"{"):
            yield Noise(shortened(line[:NOISE_CHARS_MAX].decode("utf-8", "replace")))
        if not line.startswith(b"{"):
            return
        try:
            # msgspec does not look at what it passes on as it is.
            said = decode_line(line.decode())
        except UNREADABLE as error:
            raise Unreadable(f"it wrote a line that can't be read: {error}") from error
        answer = self._answers.get(said.id)
        if answer is None:
            return  # cancelled, or over
        try:
            event = read_line(said, answer)
        except (TooMuch, msgspec.DecodeError) as error:
            event = Failed(failure=Failure.FATAL, message=shortened(str(error)))
        if isinstance(event, Ended | Failed):
            del self._answers[said.id]
        if event is not None:
            yield Said(said.id, event)


class Unreadable(Exception):
    """What a command writes can't be understood."""


def read_line(line: AnyLine, answer: Answer) -> ModelEvent | None:
    """Return what a line says; None: nothing.

    Raises:
        TooMuch: the answer is beyond a cap.
        msgspec.DecodeError: a part of it, passed on as it is, can't be read.
    """
    answer.lines += 1
    if answer.lines > LINES_MAX:
        raise TooMuch(f"the answer has more than {LINES_MAX:,} lines")
    match line:
        case TextLine() | ThinkingLine():
            answer.allowance.take(line.text)
            answer.has_said |= bool(line.text)
            kind = TextDelta if isinstance(line, TextLine) else ThinkingDelta
            return kind(line.text) if line.text else None
        case CallLine():
            text = bytes(line.args).decode()
            answer.allowance.take(line.call + line.name + text)
            answer.allowance.take_call()
            answer.has_said = answer.has_calls = True
            args, problem = arguments(text)
            return CallMade(id=line.call, name=line.name, args=args, problem=problem)
        case UsageLine():
            return UsageSeen(
                Usage(
                    input=tokens(line.input),
                    output=tokens(line.output),
                    cache_read=tokens(line.cache_read),
                    cache_write=tokens(line.cache_write),
                    cache_write_1h=tokens(line.cache_write_1h),
                    thinking=tokens(line.thinking),
                    is_estimate=line.is_estimate,
                )
            )
        case NoteLine():
            answer.allowance.take(line.text)
            return Noted(shortened(line.text))
        case EndLine():
            blocks = b"" if line.blocks is msgspec.UNSET else bytes(line.blocks)
            answer.allowance.take(blocks.decode())
            if is_too_deep(blocks):  # they are read again with each later request
                raise TooMuch(f"its blocks are {TOO_DEEP}")
            return Ended(
                stop=stop_of(line, answer), blocks=blocks, model_id=line.model[:MODEL_ID_CHARS_MAX]
            )
        case _:
            return Failed(
                failure=Failure.RETRYABLE if line.retryable else Failure.FATAL,
                message=shortened(line.message),
                retry_after_s=line.retry_after_s,
            )


def stop_of(line: EndLine, answer: Answer) -> Stop:
    """Return why it stopped; it waits for tools if it called some, whatever it says."""
    if line.stop in (Stop.MAX_TOKENS, Stop.REFUSAL):
        return Stop(line.stop)
    return Stop.TOOLS if answer.has_calls else Stop.END
