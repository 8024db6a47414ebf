"""Limits of sessions: every cap and every time of theirs, each with its reason (I9)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """The caps of all sessions of one gateway."""

    sessions_of_principal_max: int = 10_000
    """Sessions of one principal that are kept."""

    metadata_bytes_max: int = 16_384
    """What a client keeps with a session: it is read with each list, of a thousand sessions."""

    runs_max: int = 1_000
    """Runs under way in all: each holds a connection to a model, and what it has said."""

    runs_of_principal_max: int = 250
    """Runs of one principal under way."""

    runs_bytes_of_principal_max: int = 134_217_728
    """What those may take in memory, about, with the last request of each: as much as sessions at
    rest in all. Beyond it the larger ones end before their models are asked again, and only small
    ones begin; each may have its part, so that one is always possible."""

    loaded_max: int = 512
    """Sessions that nobody uses at present and that are kept in memory all the same."""

    loaded_bytes_max: int = 134_217_728
    """What those may take, about, with the last request of each, which the next is compared with.
    The one that was not used for longest goes first, and is read from the store when it is wanted
    again, by who watches it too. Those with a run under way are bounded by their number."""

    history_bytes_max: int = 8_388_608
    """Of a session's history in memory, about; older messages are not shown to the model. It is
    less where no model that is configured reads as much."""

    log_events_max: int = 200_000
    """Events of one session that are kept; beyond it the oldest are forgotten, a quarter at once,
    and a cursor there gets a gap. Of a run under way what its model was asked last is kept all the
    same, with what that has led to: no more than one answer has of events."""

    log_bytes_max: int = 67_108_864
    """Of the log of one session of a named agent, which lasts for ever: beyond it the oldest events
    are forgotten, as where there are too many. Any other can be deleted when its principal's are
    too large."""

    log_bytes_of_principal_max: int = 268_435_456
    """What the sessions of one principal keep, logs and metadata: months of talks, and no disk is
    full of one agent's. Beyond it no message is taken, and a run ends before its model is asked
    again."""

    tail_bytes_max: int = 262_144
    """Of a log that is durable, how much is kept in memory for those who watch; the rest is read
    from the store."""

    unwritten_bytes_max: int = 4_194_304
    """Of a log that is not durable yet; a model that goes on beyond it is stopped: the disk does
    not keep pace, or takes nothing."""

    answer_bytes_max: int = 8_388_608
    """Text and thinking of one model request; beyond it the model is stopped."""

    flush_s: float = 0.1
    """How long text that is shown already may wait for others before it is written."""

    ahead: int = 4_096
    """Offsets that may be shown before their events are durable; after a crash they are skipped."""

    queued_messages_max: int = 16
    """Messages of one session that wait for its run to end: people who talk at once are few."""

    queued_bytes_max: int = 262_144
    """Of those together: they are written with each change of their session."""

    attempts_max: int = 4
    """How often one model request is tried."""

    asks_per_minute: int = 120
    """Requests of one run to its model, all at once if they come so; beyond it they wait. A model
    and tools that answer at once would go round as fast as the machine can, at somebody's cost."""

    retry_s: float = 1.0
    """The first pause before a model request is tried again; doubles."""

    retry_after_max_s: float = 60.0
    """The longest pause, whatever the model's vendor asks for."""

    write_retry_s: float = 1.0
    """The first pause before a write that failed is made again; doubles up to 30 s."""

    calls_max: int = 64
    """Tool calls of one answer; those beyond are closed with an error."""

    result_chars_max: int = 100_000
    """Of a tool's result, what the model is shown; it is told that there is more."""
