"""What of a session's log an editor is told, as updates of ACP.

Theory of operation. An event that happens while the editor looks on is told at once. What it missed
(``past``) is told as it ended: the text of an attempt is held until that is over, so that what was
withdrawn is not told at all, for ACP can't take back a text. If the editor has seen a text that is
withdrawn, the next says so, and is another message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agentgate_proto.faces.acp.messages import chunk, shown_text, text_block
from agentgate_proto.faces.conversing import NOTHING, Said, text_of, words_of
from agentgate_proto.records.outcome import people_say
from agentgate_proto.records.session import EventKind
from agentgate_proto.records.session_views import GAP, SessionEvent
from agentgate_proto.records.usage import MICROS
from agentgate_proto.rpc.usage_methods import ModelRow

Update = dict[str, Any]

Placed = tuple[Update, int]
"""With the offset after what it tells: who has seen it has seen all before that."""

RESULT_CHARS_MAX = 8_000
"""Of a result, as text; the whole of it is in ``rawOutput``."""

TITLE_CHARS_MAX = 200
"""Of what a tool call is called: a signature may have all of a long argument."""

CHUNKS = {EventKind.TEXT: "agent_message_chunk", EventKind.THINKING: "agent_thought_chunk"}

EXECUTED = "executed"


class Told(Said, frozen=True, kw_only=True):
    """What an event says, with what is told of it here besides."""

    rule: str = ""
    cuts: tuple[int, ...] = ()


told_by = msgspec.json.Decoder(Told).decode


class Teller:
    """Tells one session's events.

    Args:
        models: by name; for how much each reads.
        cost_micros: what the session has cost so far; None: nobody knows.

    Attributes:
        counted: the offset before which what was spent is in ``cost_micros``.
    """

    def __init__(self, models: Mapping[str, ModelRow], cost_micros: int | None) -> None:
        self.counted = 0
        self._models = models
        self._cost = cost_micros
        self._usage: tuple[int, int] | None = None  # tokens in the last context, and its room
        self._message = ""  # of the attempt that is under way
        self._is_shown = False  # something of its text
        self._held: list[tuple[str, str, int]] = []  # kind, text and end of what it said

    def tell(self, event: SessionEvent, said: Told, *, past: bool, own: bool) -> list[Placed]:
        """Return the updates that tell an event.

        Args:
            event: of the log, in order.
            said: what it says, from where it is wanted.
            past: the editor has missed it.
            own: a message is the editor's own, which it need not be told.
        """
        end = event.offset + event.count
        if event.kind in CHUNKS:
            if past and said.text:
                self._held.append((CHUNKS[EventKind(event.kind)], said.text, end))
                return []
            return [*self.settle(), *((each, end) for each in self._chunk(event.kind, said.text))]
        if event.kind == EventKind.RESET:
            self._held.clear()
            return [(each, end) for each in self._reset(said)]
        is_quiet = event.kind in (EventKind.MODEL_STARTED, EventKind.RETRYING)
        before = [] if is_quiet else self.settle()
        return [*before, *((each, end) for each in self._tell(event, said, past=past, own=own))]

    def _tell(self, event: SessionEvent, said: Told, *, past: bool, own: bool) -> list[Update]:
        match event.kind:
            case EventKind.MESSAGE if not own:
                return [chunk("user_message_chunk", said.text, f"{said.run}-user")]
            case EventKind.MODEL_STARTED:
                self._message = f"{said.run}-{said.iteration}-{said.attempt}"
                self._is_shown = False
            case EventKind.TOOL_CALL:
                return [call_update(said)]
            case EventKind.APPROVAL:
                return [waiting_update(said)]
            case EventKind.TOOL_RESULT:
                return [result_update(said)]
            case EventKind.USAGE:
                return self._count(event, said, past=past)
            case EventKind.RETRYING if not past:
                text = f"[{said.reason}: the model is asked again in {said.wait_s:g} s]\n"
                return [chunk("agent_thought_chunk", text)]
            case EventKind.NOTE if not past:
                return [chunk("agent_thought_chunk", f"[{said.text}]\n")]
            case _ if event.kind == GAP:
                return [lost_update()]
            case _:
                pass
        return []

    def settle(self) -> list[Placed]:
        """Return what is held: it stays said."""
        held, self._held = self._held, []
        self._is_shown = self._is_shown or bool(held)
        joined: list[tuple[str, str, int]] = []
        for kind, text, end in held:
            if joined and joined[-1][0] == kind:
                joined[-1] = kind, joined[-1][1] + text, end
            else:
                joined.append((kind, text, end))
        return [(chunk(kind, text, self._message), end) for kind, text, end in joined]

    def hush(self) -> None:
        """What is held has been shown before."""
        self._is_shown = self._is_shown or bool(self._held)
        self._held.clear()

    def usage(self) -> list[Update]:
        """Return how full the last context was, and what the session has cost."""
        if self._usage is None:
            return []
        used, size = self._usage
        update: Update = {"sessionUpdate": "usage_update", "used": used, "size": size}
        if self._cost is not None:
            update["cost"] = {"amount": self._cost / MICROS, "currency": "USD"}
        return [update]

    def _chunk(self, kind: str, text: str) -> list[Update]:
        if not text:
            return []
        self._is_shown = True
        return [chunk(CHUNKS[EventKind(kind)], text, self._message)]

    def _reset(self, said: Told) -> list[Update]:
        if not self._is_shown:
            return []
        self._is_shown = False
        text = f"\n\n[The answer broke off ({said.reason}) and begins anew.]\n\n"
        return [chunk("agent_message_chunk", text, self._message)]

    def _count(self, event: SessionEvent, said: Told, *, past: bool) -> list[Update]:
        used = said.usage.input + said.usage.output
        model = self._models.get(said.model)
        self._usage = used, max(model.context_tokens if model is not None else 0, used)
        if event.offset >= self.counted:
            self.counted = event.offset + 1
            is_known = said.cost_micros is not None and self._cost is not None
            self._cost = (self._cost or 0) + (said.cost_micros or 0) if is_known else None
        return [] if past else self.usage()


def since(event: SessionEvent, said: Told, offset: int) -> Told:
    """Return what an event says from an offset within it on: a text may be several events."""
    passed = offset - event.offset
    if not 0 < passed <= len(said.cuts):
        return said
    return msgspec.structs.replace(said, text=said.text[said.cuts[passed - 1] :])


def lost_update() -> Update:
    """Something is not to be had any more."""
    return chunk("agent_thought_chunk", "[Something before is not kept.]\n")


# Tool calls


def call_update(said: Told) -> Update:
    """The model wants a tool. Nobody knows yet whether it may have it."""
    return {
        "sessionUpdate": "tool_call",
        "toolCallId": said.call,
        "title": said.tool[:TITLE_CHARS_MAX],
        "kind": "other",
        "status": "pending",
        "rawInput": said.args,
    }


def waiting_update(said: Told) -> Update:
    """A person is asked."""
    rule = f" ({said.rule})" if said.rule else ""
    text = f"Waits for a person's yes{rule}, until {said.expires_at}."
    return {
        "sessionUpdate": "tool_call_update",
        "toolCallId": said.call,
        "title": said.signature[:TITLE_CHARS_MAX],
        "status": "pending",
        "content": shown_text(text),
    }


def going_update(call: str, text: str) -> Update:
    """Somebody has said yes."""
    update = noted_update(call, text)
    return {**update, "status": "in_progress"}


def noted_update(call: str, text: str) -> Update:
    """There is something to know of a call that goes on as it was."""
    return {
        "sessionUpdate": "tool_call_update",
        "toolCallId": call,
        "content": shown_text(text),
    }


def result_update(said: Told) -> Update:
    """A call has ended."""
    is_done = said.status == EXECUTED
    error = "" if is_done else words_of(said.error)
    ran = None if said.edited == NOTHING else bytes(said.edited).decode()
    update: Update = {
        "sessionUpdate": "tool_call_update",
        "toolCallId": said.call,
        "status": "completed" if is_done else "failed",
    }
    if is_done:
        text = text_of(said.result)
        update["rawOutput"] = said.result
    else:
        text = f"{said.status}: {error}"
    texts = [text, people_say(said.word, ran, error)]
    if ran is not None:
        update["rawInput"] = said.edited
    update["content"] = [
        {"type": "content", "content": text_block(shortened(text))} for text in texts if text
    ]
    return update


def shortened(text: str) -> str:
    """Return so much of a text as is shown."""
    return text if len(text) <= RESULT_CHARS_MAX else text[:RESULT_CHARS_MAX] + " …"
