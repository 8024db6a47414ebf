"""Level sessions: watching a session from a cursor on."""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted
from agentgate_cli.conformance.listen.conversation import (
    ANY,
    EPOCH,
    Conversation,
    Heard,
    deltas,
    event,
    gap,
    heard,
    last,
    note,
)
from agentgate_cli.conformance.listen.stage import Stage

LEVEL = "sessions"
NOT_LEFT = "the reader did not leave after the event with last: true"
TAKEN = "after the last event that was taken"
NO_SUCH_SESSION = -32013
WAITS_S = 0.7
"""A client that has sent nothing for so long waits for an answer."""


def watch(session: str, *cursors: tuple[str, int] | None) -> dict[str, Any]:
    """Watch a session so often, one after the other, from these cursors on."""
    places = [{"epoch": each[0], "offset": each[1]} if each else {} for each in cursors]
    return {"session": [{"session": session, "watch": place} for place in places]}


def from_where(stage: Stage) -> Wanted:
    """Watch from a cursor, and from where the gateway begins."""
    talk = Conversation(stage, "s-from")
    talk.run = ""
    talk.attached(talk.attach(3, "as the task says", "S7"), 3)
    talk.tell(note(3), deltas(4, "a", "b", "c"), event(7, "of_another_time"), last(8))
    talk.attached(talk.attach(None, "since the task has no cursor", "S35"), 9)
    talk.tell(note(9), last(10))
    talk.over(NOT_LEFT)
    first = Heard((note(3), deltas(4, "a", "b", "c"), last(8)))
    return heard(first, Heard((note(9), last(10))), by=("S7", "S11"))


def told_again(stage: Stage) -> Wanted:
    """Begin below the cursor, in the midst of a text; tell an event twice."""
    talk = Conversation(stage, "s-below")
    # what is cut off is three code points, two letters, four units of UTF-16 and seven bytes
    row = deltas(1, "e\u0301\U0001f600", "ä€", "\U0001f4a1b", "", "c")
    talk.attached(talk.attach(2, "as the task says", "S7"), 0)
    talk.tell(note(0), row, note(6))
    talk.tell(note(6), note(7))
    talk.cut()
    talk.back()
    talk.attached(talk.attach(8, TAKEN, "S39"), 0)
    talk.tell(note(0), row, note(6), note(7))
    talk.tell(last(8))
    talk.over(NOT_LEFT)
    rest = deltas(2, "ä€", "\U0001f4a1b", "", "c")
    return heard(Heard((rest, note(6), note(7), last(8))), by=("S40", "S10"))


def without_cuts(stage: Stage) -> Wanted:
    """Begin a text below the cursor, and do not say where its deltas end."""
    talk = Conversation(stage, "s-cuts")
    talk.attached(talk.attach(1, "as the task says", "S7"), 0)
    talk.tell({**event(0, "text", text="abc"), "count": 3}, last(3))
    talk.over(NOT_LEFT)
    return heard(Heard((gap(1, 2), last(3))), by=("S40",))


def gaps(stage: Stage) -> Wanted:
    """Tell of a gap, then leave a hole without a word; each time break the connection."""
    talk = Conversation(stage, "s-gaps")
    talk.attached(talk.attach(0, "as the task says", "S7"), 0)
    talk.tell(note(0), gap(1, 4))
    talk.cut()
    talk.back()
    talk.attached(talk.attach(5, "behind the gap", "S14"), 5)
    talk.tell(note(5), note(8))
    talk.cut()
    talk.back()
    talk.attached(talk.attach(9, "behind the hole", "S15"), 9)
    talk.tell(last(9))
    talk.over(NOT_LEFT)
    events = (note(0), gap(1, 4), note(5), gap(6, 2), note(8), last(9))
    return heard(Heard(events), by=("S14", "S15"))


def too_slow(stage: Stage) -> Wanted:
    """Say that the reader was too slow: that is no event of the log."""
    talk = Conversation(stage, "s-behind")
    talk.attached(talk.attach(0, "as the task says", "S7"), 0)
    talk.tell(note(0), {**event(1, "behind"), "count": 0}, note(1))
    talk.tell(event(2, "behind"))
    talk.cut()
    talk.back()
    talk.attached(talk.attach(2, f"{TAKEN}: behind is none", "S14"), 2)
    talk.tell(last(2))
    talk.over(NOT_LEFT)
    return heard(Heard((note(0), note(1), last(2))), by=("S14",))


def gone(stage: Stage) -> Wanted:
    """Delete the session under its reader; refuse the next one."""
    talk = Conversation(stage, "s-gone")
    talk.attached(talk.attach(4, "as the task says", "S7"), 4)
    talk.tell(note(4), {"offset": 0, "count": 0, "kind": "gone", "at": "", "data": {}})
    try:
        request_id = talk.attach(0, "as the task says", "S7")
    except Broken as error:
        raise Broken(f"the session is gone, which ends its reader: {error}", "S50") from None
    stage.refuse(request_id, NO_SUCH_SESSION)
    talk.over("the answer to attach_session is an error, which ends the reader", "S50")
    first = Heard((note(4),), error=NO_SUCH_SESSION)
    return heard(first, Heard(error=NO_SUCH_SESSION), by=("S50",))


def other_cursors(stage: Stage) -> Wanted:
    """Begin elsewhere than at the cursor, for each of the three reasons."""
    talk = Conversation(stage, "s-where")
    request_id = talk.attach(2, "as the task says", "S7")
    talk.attached(request_id, 5, gap="retention", oldest=5)
    talk.tell(note(5), last(6))
    request_id = talk.attach(50, "as the task says", "S7")
    talk.attached(request_id, 7, gap="ahead", oldest=5)
    talk.tell(last(7))
    request_id = talk.attach(9, "as the task says", "S7", epoch="another")
    talk.attached(request_id, 5, gap="epoch", oldest=5)
    talk.tell(note(5))
    talk.cut()
    talk.back()
    talk.attached(talk.attach(6, "as the answer has it", "S38"), 6)
    talk.tell(note(6), last(7))
    talk.over(NOT_LEFT)
    somewhere = gap(ANY, ANY)
    return heard(
        Heard((gap(2, 3), note(5), last(6))),
        Heard((somewhere, last(7))),
        Heard((somewhere, note(5), note(6), last(7))),
        by=("S38",),
    )


def before_the_answer(stage: Stage) -> Wanted:
    """Tell what was under way when the next reader came, before its attachment is answered."""
    talk = Conversation(stage, "s-before")
    talk.attached(talk.attach(0, "as the task says", "S7"), 0)
    talk.tell(note(0), note(1), last(2))
    answer = stage.by_itself.pop("detach_session")
    detach = detached(stage)
    late = (note(3), last(4))
    if detach is not None and not came(stage):
        talk.tell(*late)
        talk.result(detach, answer)
    request_id = talk.attach(1, "as the task says", "S7")
    if talk.next == 3:
        talk.tell(*late)
        if detach is not None:
            talk.result(detach, answer)
    stage.by_itself["detach_session"] = answer
    talk.attached(request_id, 1)
    talk.say([note(1), note(2), *late])
    talk.over(NOT_LEFT)
    second = Heard((note(1), note(2), *late))
    return heard(Heard((note(0), note(1), last(2))), second, by=("S34",))


def detached(stage: Stage) -> Any:
    """Take a ``detach_session`` if one comes first; return its id, or None."""
    message = stage.next_message("the next reader did not attach", "S34")
    if message.get("method") == "detach_session":
        return message["id"]
    stage.put_back(message)
    return None


def came(stage: Stage) -> bool:
    """Whether the client goes on although its last request was not answered."""
    try:
        stage.put_back(stage.next_message("", within_s=WAITS_S))
    except Broken as error:
        if str(error):
            raise
        return False
    return True


CASES: tuple[Case, ...] = (
    Case(
        "watching from a cursor",
        LEVEL,
        ("S7", "S11"),
        "Attach there; without one, begin where the gateway says.",
        (),
        from_where,
        watch("s-from", (EPOCH, 3), None),
    ),
    Case(
        "what was taken comes again",
        LEVEL,
        ("S40", "S10"),
        "It is dropped; a text that begins below the cursor is cut there, by code points.",
        (),
        told_again,
        watch("s-below", (EPOCH, 2)),
    ),
    Case(
        "a text without cuts",
        LEVEL,
        ("S40",),
        "What follows the cursor in it is told as a gap.",
        (),
        without_cuts,
        watch("s-cuts", (EPOCH, 1)),
    ),
    Case(
        "gaps and holes",
        LEVEL,
        ("S14", "S15"),
        "Both are told, and the cursor is behind them.",
        (),
        gaps,
        watch("s-gaps", (EPOCH, 0)),
    ),
    Case(
        "a reader that is too slow",
        LEVEL,
        ("S14",),
        "behind moves no cursor.",
        (),
        too_slow,
        watch("s-behind", (EPOCH, 0)),
    ),
    Case(
        "a session that is deleted",
        LEVEL,
        ("S50",),
        "Its readers end, with -32013, as do those who come later.",
        (),
        gone,
        watch("s-gone", (EPOCH, 4), (EPOCH, 0)),
    ),
    Case(
        "a cursor that is no good",
        LEVEL,
        ("S38",),
        "Tell of the gap in the answer; go on where the answer says.",
        (),
        other_cursors,
        watch("s-where", (EPOCH, 2), (EPOCH, 50), ("another", 9)),
    ),
    Case(
        "what comes before the answer",
        LEVEL,
        ("S34",),
        "It is of the attachment before, and for nobody else.",
        (),
        before_the_answer,
        watch("s-before", (EPOCH, 0), (EPOCH, 1)),
    ),
)
