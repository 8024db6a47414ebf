"""The verdict on a real world's sessions: what was seen of them, compared with the file.

I11: what was seen under an offset is what stands there, or was lost with a process that died, and
then it was no more than text. I12: one run at a time, each with its end and every call closed; a
message ran once. What a completed run answered is what the model says to such a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from tests.e2e.worlds.rows import ROWS_MAX
from tests.proto.session_checker import check_order, check_runs, check_texts
from tests.sim.session_books import contents_of

from agentgate_proto.models.impromptu import improvise
from agentgate_proto.models.plain import PlainRequest, PlainUser
from agentgate_proto.records.session import ListSessions, LogRow, ReadLog, SumUsage, UsageBy
from agentgate_proto.sessions.log import SHOWN_AT_ONCE

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld

    from agentgate_server.store.sqlite import SqliteEngine

BYTES_MAX = 100_000_000
FIRST_WORDS = "Count to"


def judge_sessions(world: RealWorld, engine: SqliteEngine) -> None:
    """Look at every session in the file of a world that is over."""
    found: Any = engine.answer_session(ListSessions(None, ROWS_MAX))
    for record in found:
        if record.run is not None:
            world.fail(f"I10: {record.run.id} has no end when all is over")
        rows: Any = engine.answer_session(ReadLog(record.id, 0, ROWS_MAX, BYTES_MAX))
        try:
            check_order(rows)
            check_runs(rows, "", [], record.oldest)
            check_texts(rows, record.oldest)
        except AssertionError as error:
            world.fail(f"I12: the log of {record.id}: {error or 'is not in order'}")
        look_at_seen(world, record.id, rows)
        look_at_answers(world, rows)
    kept = {record.id for record in found}
    if lost := world.oracle.seen.contents.keys() - kept - world.oracle.seen.gone:
        world.fail(f"I11: {lost} were seen, and are not in the file")
    (total,) = engine.answer_session(SumUsage(UsageBy.TOTAL, None))  # type: ignore[misc, union-attr]
    if total.reserved_micros:  # type: ignore[union-attr]
        world.fail("I13: money is still reserved when all is over")
    world.counts["sessions"] += len(found)


def look_at_seen(world: RealWorld, session: str, rows: list[LogRow]) -> None:
    """Compare what was seen with what is there."""
    stored = {
        offset: content
        for row in rows
        for offset, content in enumerate(
            contents_of(row.kind, msgspec.json.decode(row.data), row.count), row.first
        )
    }
    for offset, content in world.oracle.seen.contents.get(session, {}).items():
        if offset not in stored and content[0] not in SHOWN_AT_ONCE:
            world.fail(f"I11: {content} was seen in {session} at {offset}, and is not in the file")
        if stored.get(offset, content) != content:
            world.fail(f"I11: {content} was seen in {session} at {offset}: {stored[offset]}")


def look_at_answers(world: RealWorld, rows: list[LogRow]) -> None:
    """Compare what completed runs have answered with what the model says."""
    messages: set[str] = set()
    text = answer = ""
    for row in rows:
        data = msgspec.json.decode(row.data)
        if row.kind == "message":
            text = data["text"]
            if data["message_id"] in messages:
                world.fail(f"I12: message {data['message_id']} has run twice")
            messages.add(data["message_id"])
        elif row.kind == "reply":
            answer = data["text"]
        elif row.kind == "run_ended" and data["status"] == "completed":
            said = improvise(PlainRequest(model="", max_tokens=0, turns=(PlainUser(text=text),)))
            if text.startswith(FIRST_WORDS) and answer.strip() != said.say:
                world.fail(f"I11: to {text!r} the model has said {answer!r}")
