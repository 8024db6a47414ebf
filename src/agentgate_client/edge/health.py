"""How a device stands, and what its handlers are told."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_proto.client.events import ClientState, Refusal
from agentgate_proto.client.prompts import Answer
from agentgate_proto.client.session_feed import Event
from agentgate_proto.errors import AgentGateError


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeHealth:
    """A snapshot.

    Attributes:
        state: of the connection; see :class:`ClientState`.
        latency_s: the last measured round trip; None while not connected.
        last_seen_s: seconds since the last bytes came from the gateway; None: none ever came.
        missed_pings: connections that ended in a row because a ping was not answered.
        attempt: failed attempts to connect in a row; 0 while connected.
        retry_in_s: seconds until the next attempt, while one is scheduled.
        last_error: why the last attempt or connection ended; None while connected.
        refused: what the gateway does not take of what this device offers: its tools, its data.
        prompts_waiting: without an answer.
        answers_waiting: that nobody has acted on yet.
    """

    state: ClientState
    latency_s: float | None
    last_seen_s: float | None
    missed_pings: int
    attempt: int
    retry_in_s: float | None
    last_error: AgentGateError | None
    refused: tuple[Refusal, ...]
    prompts_waiting: int
    answers_waiting: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A prompt is over.

    Attributes:
        prompt: what was asked.
        answer: what came of it; look at ``error``.
        asked_at: when, UTC seconds.
        again: a process that died may have acted on it before.
    """

    prompt: str
    answer: Answer
    asked_at: float
    again: bool


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """Something of an answer that streams.

    Attributes:
        prompt: the prompt's id.
        event: of the session's log.
    """

    prompt: str
    event: Event
