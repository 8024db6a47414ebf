"""Level sessions: saying something and reading the run to its end, across cuts.

``watching`` has the cases in which a session is only watched.
"""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted
from agentgate_cli.conformance.listen.cases import watching
from agentgate_cli.conformance.listen.conversation import (
    RUN,
    Conversation,
    Heard,
    deltas,
    ended,
    event,
    gap,
    heard,
    note,
)
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.stage import Stage

LEVEL = "sessions"
TEXT = "Is the lamp on?"
RUN_IN_PROGRESS = -32014
NOT_OVER = "the reader of the run did not come to its end"


def say(session: str, *message_ids: str) -> dict[str, Any]:
    """Say something so often, each time reading the run to its end."""
    readers = [{"session": session, "say": {"text": TEXT, "message_id": m}} for m in message_ids]
    return {"session": readers}


def begin(stage: Stage, session: str, offset: int, message_id: str = "m1") -> Conversation:
    """Take a message, and the attachment to where it stands."""
    talk = Conversation(stage, session)
    talk.take(talk.said(TEXT, message_id), offset)
    talk.attached(talk.attach(offset, "where the message stands", "S39"), offset)
    return talk


def opening(offset: int) -> tuple[Message, ...]:
    """How a run begins."""
    return (
        event(offset, "message", message_id="m1", text=TEXT),
        event(offset + 1, "run_started", message_id="m1", model="m", max_iterations=25),
        event(offset + 2, "model_started", iteration=1, attempt=1, model_id="m-1"),
    )


def whole_run(stage: Stage) -> Wanted:
    """Begin a run while another one ends; tell what nobody knows, and what is not for it."""
    talk = Conversation(stage, "s-run")
    talk.run, talk.waiting = "r0", [RUN]
    request_id = talk.said(TEXT, "m1")
    placed = {"run": RUN, "epoch": talk.epoch, "offset": 4, "waits": True}
    talk.result(request_id, placed)
    talk.attached(talk.attach(4, "where the message stands", "S39"), 4)
    first, *others = opening(5)
    talk.tell({**first, "offset": 4}, ended(5, run="r0"), *others)
    talk.say([note(0), gap(1, 3), note(9)], session="of-nobody")
    answer = (deltas(8, "Yes", ", ä"), deltas(10, "\U0001f4a1 it", " is", "."))
    talk.tell(answer[0])
    talk.tell(event(10, "of_another_time", x=[1, {"y": None}]))
    answer = (answer[0], {**answer[1], "offset": 11})
    whole = "Yes, ä\U0001f4a1 it is."
    end = (event(14, "reply", iteration=1, text=whole, stop="end"), ended(15))
    talk.tell(answer[1], *end, event(16, "message", message_id="m9", text="not for it"))
    talk.over(f"{NOT_OVER}: its run_ended was told", "S41", "S11")
    events = ({**first, "offset": 4}, ended(5, run="r0"), *others, *answer, *end)
    return heard(Heard(events, text=whole), by=("S41", "S11", "S7"))


def cut_thrice(stage: Stage) -> Wanted:
    """Break the connection before the answer to attach, in the midst of the text, and after it."""
    talk = Conversation(stage, "s-cut")
    talk.take(talk.said(TEXT, "m1"), 3)
    talk.attach(3, "where the message stands", "S39")
    talk.cut()
    talk.back()
    talk.attached(talk.attach(3, "where the message stands", "S39"), 3)
    parts = (deltas(6, "Y", "es"), deltas(8, ", it", " is"), deltas(10, "."))
    talk.tell(*opening(3), parts[0])
    talk.cut()
    talk.back()
    after = "after the last event that was taken"
    talk.attached(talk.attach(8, after, "S39"), 8)
    talk.tell(parts[1])
    talk.reached()
    stage.close(1012)
    stage.epoch += "+"
    talk.back()
    # the row that was half told comes whole: what is below the cursor was told before
    talk.attached(talk.attach(10, after, "S39"), 6)
    talk.tell(deltas(6, "Y", "es", ", it", " is", "."), ended(11))
    talk.over(f"{NOT_OVER}: its run_ended was told", "S41")
    events = (*opening(3), *parts, ended(11))
    return heard(Heard(events, text="Yes, it is."), by=("S40", "S39"))


def taken_back(stage: Stage) -> Wanted:
    """Withdraw what was said: once another attempt follows, once none does."""
    talk = begin(stage, "s-reset", 0)
    wrong = (deltas(3, "Hm", ", no"), event(5, "reset", attempt=1, first=3, reason="overloaded"))
    again = event(6, "model_started", iteration=1, attempt=2, model_id="m-1")
    right = (deltas(7, "Yes", "."), ended(9, "truncated"))
    talk.tell(*opening(0), *wrong)
    talk.tell(again, *right)
    talk.run = "r2"
    talk.take(talk.said(TEXT, "m2"), 10)
    talk.attached(talk.attach(10, "where the message stands", "S39"), 10)
    lost = (deltas(13, "Well"), event(14, "reset", attempt=1, first=13, reason="overloaded"))
    talk.tell(*opening(10), *lost, ended(15, "cancelled", run="r2"))
    talk.over(f"{NOT_OVER}: its run_ended was told", "S41")
    first = Heard((*opening(0), *wrong, again, *right), text="Yes.")
    second = Heard((*opening(10), *lost, ended(15, run="r2")), text="")
    return heard(first, second, by=("S31",))


def said_again(stage: Stage) -> Wanted:
    """Break the connection before the message is answered; later say that its run is over."""
    talk = Conversation(stage, "s-again")
    lost = talk.said(TEXT, "m1")
    talk.cut()
    talk.back()
    again = talk.said(TEXT, "m1")
    if again == lost:
        raise Broken(f"a message was said again under its old id {lost}", "R18")
    talk.take(again, 0, joined=True)
    talk.attached(talk.attach(0, "where the message stands", "S39"), 0)
    talk.tell(*opening(0), deltas(3, "Yes."), ended(4))
    talk.run = ""
    request_id = talk.said(TEXT, "m1")
    placed = {"run": RUN, "epoch": talk.epoch, "offset": 0, "joined": True, "ended": True}
    talk.result(request_id, placed)
    talk.attached(talk.attach(0, "where the message stands", "S39"), 0)
    talk.say(talk.log)
    talk.over(f"{NOT_OVER}: its run_ended was told", "S41")
    whole = Heard((*opening(0), deltas(3, "Yes."), ended(4)), text="Yes.")
    return heard(whole, whole, by=("S24",))


def refused(stage: Stage) -> Wanted:
    """Refuse a message, since another run is under way."""
    talk = Conversation(stage, "s-busy")
    request_id = talk.said(TEXT, "m1")
    data = {"run": "r0", "approvals": ["a1"]}
    error = {"code": RUN_IN_PROGRESS, "message": "a run is under way", "data": data}
    stage.say({"jsonrpc": "2.0", "error": error, "id": request_id})
    talk.over("the message was refused, which ends its reader", "C5")
    return heard(Heard(error=RUN_IN_PROGRESS), by=("C5",))


def end_not_kept(stage: Stage) -> Wanted:
    """Have the end of the run no more when the client is back."""
    talk = begin(stage, "s-lost", 2)
    talk.tell(*opening(2))
    talk.cut()
    talk.back()
    talk.run = "r5"
    request_id = talk.attach(5, "after the last event that was taken", "S39")
    talk.attached(request_id, 30, gap="retention", oldest=30)
    talk.over("the answer to attach_session says that the run is over: its end is lost", "S41")
    return heard(Heard((*opening(2), gap(5, 25))), by=("S38", "S41"))


def end_in_a_gap(stage: Stage) -> Wanted:
    """Tell of a gap in which the run has ended."""
    talk = begin(stage, "s-gap", 0)
    talk.tell(*opening(0), gap(3, 4))
    talk.run = ""
    why = "after the gap, to learn whether the run is over"
    talk.attached(talk.attach(7, why, "S41", "S14"), 7)
    talk.over("the answer to attach_session says that the run is over: its end is lost", "S41")
    return heard(Heard((*opening(0), gap(3, 4))), by=("S14", "S41"))


def gap_in_a_run(stage: Stage) -> Wanted:
    """Lose something of a run that waits for its turn, and then of the same that is under way."""
    talk = Conversation(stage, "s-on")
    talk.run, talk.waiting = "r0", [RUN]
    request_id = talk.said(TEXT, "m1")
    placed = {"run": RUN, "epoch": talk.epoch, "offset": 0, "waits": True}
    talk.result(request_id, placed)
    talk.attach(0, "where the message stands", "S39")
    talk.cut()
    talk.back()
    request_id = talk.attach(0, "where the message stands", "S39")
    talk.attached(request_id, 4, gap="retention", oldest=4)
    talk.tell(ended(4, run="r0"))
    talk.reached()
    talk.run, talk.waiting = RUN, []
    begun = opening(4)[1:]
    talk.tell(*begun, gap(7, 3), deltas(10, "Yes."), ended(11))
    talk.over(f"{NOT_OVER}: its run_ended was told", "S41")
    events = (gap(0, 4), ended(4, run="r0"), *begun, gap(7, 3), deltas(10, "Yes."), ended(11))
    return heard(Heard(events), by=("S41",))


CASES: tuple[Case, ...] = (
    Case(
        "a run to its end",
        LEVEL,
        ("S7", "S11", "S41"),
        "Attach where the message stands; read to the end of this run, and of no other.",
        (),
        whole_run,
        say("s-run", "m1"),
    ),
    Case(
        "cuts in the midst of a run",
        LEVEL,
        ("S39", "S40"),
        "Attach again after the last event that was taken; nothing is told twice.",
        (),
        cut_thrice,
        say("s-cut", "m1"),
    ),
    Case(
        "text that is taken back",
        LEVEL,
        ("S31",),
        "After a reset it is no part of the answer.",
        (),
        taken_back,
        say("s-reset", "m1", "m2"),
    ),
    Case(
        "a message whose answer was lost",
        LEVEL,
        ("S24", "R18"),
        "It is sent again with the same message_id.",
        (),
        said_again,
        say("s-again", "m1", "m1"),
    ),
    Case(
        "a message that is refused",
        LEVEL,
        ("C5",),
        "Its code is told, and nothing is watched.",
        (),
        refused,
        say("s-busy", "m1"),
    ),
    Case(
        "the end of a run is not kept any more",
        LEVEL,
        ("S41", "S38"),
        "Do not wait for it; tell the gap.",
        (),
        end_not_kept,
        say("s-lost", "m1"),
    ),
    Case(
        "the end of a run is in a gap",
        LEVEL,
        ("S41", "S14"),
        "Ask which runs are not over; do not wait for one that is.",
        (),
        end_in_a_gap,
        say("s-gap", "m1"),
    ),
    Case(
        "a gap in a run that goes on",
        LEVEL,
        ("S41",),
        "A run that waits, or is under way, is read to its end.",
        (),
        gap_in_a_run,
        say("s-on", "m1"),
    ),
    *watching.CASES,
)
