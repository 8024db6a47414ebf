"""The rehearsal model: it plays scenes of a script, and is the same every time.

It is sent requests in the plain form (see ``plain``), and what it does is a function of the bytes
of one, of the script, and of how often just these bytes have failed before. Which scene is played,
and how far it has got, is read from the history, so a session may be taken up after a restart, or
by another gateway. A token is four bytes, of what was sent and of what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import islice, takewhile

import msgspec

from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.models.impromptu import improvise
from agentgate_proto.models.patterns import Pattern, filled
from agentgate_proto.models.plain import PlainRequest, PlainTool, PlainUser, decode_plain
from agentgate_proto.models.scenes import (
    COMPARED_CHARS_MAX,
    Beat,
    Scene,
    Script,
    ToolToCall,
    Trouble,
)
from agentgate_proto.records.usage import Usage

BYTES_PER_TOKEN = 4

PIECE_CHARS_MAX = 32
"""The longest piece of a text: what has no blanks is cut there."""

PIECE = re.compile(rf"\s*\S{{1,{PIECE_CHARS_MAX}}}|\s+")
"""A word with the blanks before it; blanks at the end."""


Said = TextDelta | ThinkingDelta | CallMade


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the model says.

    Attributes:
        event: what.
        pause_ms: milliseconds to wait before it; None: until the model's time-out.
    """

    event: ModelEvent
    pause_ms: int | None = 0


class Rehearsal:
    """A script, ready to be played."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._matching = [
            (Pattern(scene.when), scene) for scene in script.scenes if scene.when is not None
        ]
        self._in_order = [scene for scene in script.scenes if scene.when is None]

    def reply(self, body: bytes, *, failures: int = 0) -> Iterator[Step]:
        """Yield what it does about a request, as far as somebody wants to hear it.

        Args:
            body: the request in the plain form.
            failures: how often in a row these very bytes have failed.

        Raises:
            msgspec.DecodeError: it is no request: a programmer's error.
        """
        request = decode_plain(body)
        beat = self.beat(request)
        trouble = beat.fail
        if trouble is not None and trouble.times != "always" and failures >= trouble.times:
            beat = msgspec.structs.replace(beat, fail=None)
            trouble, beat = None, improvise(request) if beat.is_empty else beat
        input_tokens = tokens(len(body))
        yield Step(event=UsageSeen(Usage(input=input_tokens)))
        pause_ms = self.script.pause_ms if beat.pause_ms is None else beat.pause_ms
        written = Written(room=request.max_tokens * BYTES_PER_TOKEN)
        events = events_of(beat, body)
        for event in events if trouble is None else cut(events, trouble.after):
            if not written.add(event):
                break
            yield Step(event=event, pause_ms=pause_ms)
        yield Step(event=UsageSeen(written.usage(input_tokens)))
        if trouble is not None and not written.is_full:
            stalls = trouble.kind == "stall"
            yield failed(trouble, None if stalls else pause_ms)
        else:
            stop = Stop.MAX_TOKENS if written.is_full else Stop.TOOLS if beat.calls else Stop.END
            yield Step(event=Ended(stop=stop))

    def beat(self, request: PlainRequest) -> Beat:
        """Return what comes next, its places filled."""
        turns = request.turns
        said = [turn.text for turn in turns if isinstance(turn, PlainUser)]
        found = self._scene(said)
        if found is None:
            return improvise(request)
        scene, values = found
        since = takewhile(lambda turn: not isinstance(turn, PlainUser), reversed(turns))
        asked = sum(isinstance(turn, PlainTool) for turn in since)
        if asked >= len(scene.beats):
            return improvise(request)
        last = turns[-1]
        if not isinstance(last, PlainTool):
            return played(scene, values)
        values = {**values, "result": "\n".join(each.text for each in last.returns)}
        beat = scene.beats[asked]
        if beat.if_failed and any(each.is_error for each in last.returns):
            return Beat(say=filled(beat.if_failed, values), pause_ms=beat.pause_ms)
        return played(beat, values)

    def _scene(self, said: list[str]) -> tuple[Scene, dict[str, str]] | None:
        """Return the scene that the last message gets, and what stands in its places."""
        in_order = iter(self._in_order)
        found: tuple[Scene, dict[str, str]] | None = None
        for text in said:
            found = self._fitting(text)
            if found is None and (scene := next(in_order, None)) is not None:
                found = scene, {"text": text}
        return found

    def _fitting(self, text: str) -> tuple[Scene, dict[str, str]] | None:
        for pattern, scene in self._matching:
            values = pattern.match(text[:COMPARED_CHARS_MAX])
            if values is not None:
                return scene, {**values, "text": text}
        return None


class Written:
    """Counts what the model writes, up to what it may.

    Attributes:
        room: bytes that it may still write.
        is_full: it wanted to write more.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.is_full = False
        self._bytes = 0
        self._thinking = 0

    def add(self, event: Said) -> bool:
        """Count an event; return whether there is room for it."""
        if isinstance(event, CallMade):
            size = len(event.name.encode()) + len(bytes(event.args))
        else:
            size = len(event.text.encode())
        self.is_full = self._bytes + size > self.room
        if self.is_full:
            return False
        self._bytes += size
        self._thinking += size if isinstance(event, ThinkingDelta) else 0
        return True

    def usage(self, input_tokens: int) -> Usage:
        """Return what the request has taken."""
        return Usage(
            input=input_tokens, output=tokens(self._bytes), thinking=tokens(self._thinking)
        )


def tokens(size_bytes: int) -> int:
    """Return how many tokens so many bytes are, rounded up."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def played(beat: Beat, values: Mapping[str, str]) -> Beat:
    """Return a part of a scene with its places filled."""
    return Beat(
        think=filled(beat.think, values),
        say=filled(beat.say, values),
        call=tuple(
            ToolToCall(tool=filled(call.tool, values), args=filled(call.args, values))
            for call in beat.calls
        ),
        pause_ms=beat.pause_ms,
        fail=beat.fail,
    )


def cut(events: Iterator[Said], words: int) -> Iterator[Said]:
    """Yield so many words, and no calls: they would have come at the end."""
    return islice((each for each in events if not isinstance(each, CallMade)), words)


def events_of(beat: Beat, body: bytes) -> Iterator[Said]:
    """Yield what it says, word by word, and its calls. Ids of calls are made from the request."""
    for found in PIECE.finditer(beat.think):  # there may be far more than anybody wants to hear
        yield ThinkingDelta(found[0])
    for found in PIECE.finditer(beat.say):
        yield TextDelta(found[0])
    digest = sha256(body).hexdigest()[:12]
    for index, call in enumerate(beat.calls):
        args = msgspec.Raw(msgspec.json.encode(call.args))
        yield CallMade(id=f"call_{digest}_{index}", name=call.tool, args=args)


def failed(trouble: Trouble, pause_ms: int | None) -> Step:
    """Return how it goes wrong."""
    kinds = {"retryable": Failure.RETRYABLE, "fatal": Failure.FATAL}
    failure = Failed(
        failure=kinds.get(trouble.kind, Failure.TRUNCATED),
        message=trouble.message,
        retry_after_s=trouble.retry_after_s,
    )
    return Step(event=failure, pause_ms=pause_ms)
