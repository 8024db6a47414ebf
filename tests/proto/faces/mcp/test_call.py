"""The life of a call: each way in which its client gets an answer; every input in every state."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.mcp.requests import (
    CANCELLED,
    DONE,
    RID,
    TOOL,
    result_of,
    row,
    text_of,
    waiting_record,
)
from tests.proto.support import quick

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.answering import Ending, ToolAnswers
from agentgate_proto.faces.mcp.call import (
    ANSWERING_S,
    BEAT_S,
    GATHER_S,
    GRACE_S,
    MESSAGE,
    PROGRESS,
    STREAM_AFTER_S,
    McpCall,
    State,
)
from agentgate_proto.faces.mcp.call_effects import (
    Answer,
    AskClient,
    Begin,
    Effect,
    GiveUp,
    HungUp,
    Leave,
    MakeTask,
    Received,
    Send,
    Standing,
    Terms,
    Withdraw,
)
from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.questions import QUESTIONS_OPEN_MAX, Question
from agentgate_proto.records.request import Phase
from agentgate_proto.rpc.results import CancelStatus

NOW = 1_000.0
HOLD_S = 50.0
ENDING = Ending(RID, 0.0, TOOL)
WAITS = Standing(Phase.WAITING, RID)
RUNS = Standing(Phase.RUNNING, RID)
NOWHERE = Standing(None, "")
FORM = msgspec.Raw(b'{"message":"who?"}')
EVERYTHING = frozenset({"elicitation.form", "roots"})


def call(era: Era = Era.MODERN, **members: Any) -> McpCall:
    terms = {"era": era, "hold_s": HOLD_S} | members
    return McpCall(Terms(**terms), ToolAnswers(1, "2026-07-28", "lamp_set", row()), NOW)


def legacy(**members: Any) -> McpCall:
    return call(Era.LEGACY, **members)


def drained(machine: McpCall) -> list[Effect]:
    effects = []
    while (effect := machine.next_effect()) is not None:
        effects.append(effect)
    return effects


def woken(machine: McpCall, standing: Standing = WAITS) -> list[Effect]:
    """Let the next timer be due, and return what it brought."""
    deadline = machine.next_deadline()
    assert deadline is not None
    machine.handle_timer(deadline, standing)
    after = machine.next_deadline()
    assert after is None or after > deadline
    return drained(machine)


def ask(name: str = "q1", method: str = "elicitation/create", params: Any = FORM) -> Question:
    return Question(name, method, params)


def text(effect: Effect) -> str:
    assert isinstance(effect, Answer)
    return text_of(result_of(effect.message))


def told(effect: Effect) -> Any:
    assert isinstance(effect, Send)
    return json.loads(effect.message)


# What is over at once


@pytest.mark.parametrize("era", list(Era))
def test_what_is_over_at_once_is_one_response(era: Era) -> None:
    machine = call(era, token=7)
    machine.settled(DONE, ENDING)
    (answer,) = drained(machine)
    assert isinstance(answer, Answer)
    assert answer.settles
    assert result_of(answer.message)["structuredContent"] == {"on": True}
    assert machine.over
    assert machine.next_deadline() is None


def test_what_is_refused_is_answered_and_needs_no_leaving() -> None:
    machine = call()
    machine.refused(ErrorCode.LIMIT_EXCEEDED, "Too many", 2.0)
    (answer,) = drained(machine)
    assert "Try again in 2 s" in text(answer)
    assert isinstance(answer, Answer)
    assert not answer.settles
    assert machine.over


# Streams


@pytest.mark.parametrize(("era", "primed"), [(Era.MODERN, False), (Era.LEGACY, True)])
def test_a_stream_begins_when_a_person_is_asked(era: Era, primed: bool) -> None:
    machine = call(era)
    machine.waiting(waiting_record(), NOW)
    assert drained(machine) == [Begin(primed=primed)]
    machine.settled(DONE, ENDING)
    (answer,) = drained(machine)
    assert isinstance(answer, Answer)


def test_a_stream_begins_when_the_call_takes_long() -> None:
    machine = call()
    assert machine.next_deadline() == NOW + STREAM_AFTER_S
    assert woken(machine) == [Begin(primed=False)]
    assert machine.next_deadline() == NOW + HOLD_S


def test_whoever_gave_a_token_hears_at_once_and_then_now_and_then() -> None:
    machine = call(token="t", hold_s=3 * BEAT_S - 1)
    machine.waiting(waiting_record(), NOW)
    begin, first = drained(machine)
    assert begin == Begin(primed=False)
    assert RID in told(first)["params"]["message"]
    (second,) = woken(machine, WAITS)
    (third,) = woken(machine, RUNS)
    assert "waiting for a person until" in told(second)["params"]["message"]
    assert told(third)["params"]["message"] == "running"
    numbers = [told(each)["params"]["progress"] for each in (first, second, third)]
    assert numbers == sorted(set(numbers))
    woken(machine, RUNS)
    assert machine.over
    machine.handle_timer(NOW + 1_000, RUNS)
    assert drained(machine) == []


def test_what_comes_in_a_batch_begins_no_stream() -> None:
    machine = legacy(streams=False, token=1)
    machine.waiting(waiting_record(), NOW)
    machine.told(PROGRESS, msgspec.Raw(b'{"progress":1}'), NOW)
    assert drained(machine) == []
    answer, leave = woken(machine)
    assert RID in text(answer)
    assert leave == Leave()


def test_a_client_that_comes_back_gets_its_stream_at_once() -> None:
    machine = legacy(resumed=True, token=1)
    assert drained(machine) == [Begin(primed=True)]
    machine.waiting(waiting_record(), NOW)
    (progress,) = drained(machine)
    assert RID in told(progress)["params"]["message"]


# The end of a hold


def test_nobody_is_held_longer_than_they_bear() -> None:
    machine = call()
    machine.waiting(waiting_record(), NOW)
    drained(machine)
    assert machine.next_deadline() == NOW + HOLD_S
    answer, leave = woken(machine, WAITS)
    assert text(answer).startswith("Not run yet")
    assert isinstance(answer, Answer)
    assert not answer.settles
    assert leave == Leave()
    assert machine.over


@pytest.mark.parametrize("is_asked", [True, False])
def test_who_waits_for_a_tool_that_runs_is_not_told_that_nothing_ran(is_asked: bool) -> None:
    machine = legacy(streams=False)
    if is_asked:
        machine.waiting(waiting_record(), NOW)
    answer, leave = woken(machine, RUNS)
    assert text(answer).startswith("Still running")
    assert leave == Leave()


def test_a_call_that_can_not_be_looked_after_is_left_with_nothing_said() -> None:
    machine = call(token=1)
    machine.waiting(waiting_record(), NOW)
    assert machine.waits
    machine.give_up()
    assert drained(machine) == [Leave()]
    assert machine.over
    assert not machine.waits
    assert machine.next_deadline() is None


def test_a_hold_does_not_end_while_the_client_answers() -> None:
    machine = legacy(can=EVERYTHING)
    machine.asks(ask(), NOW)
    drained(machine)
    assert woken(machine) == []
    assert machine.next_deadline() == NOW + HOLD_S + ANSWERING_S
    machine.answered("q1")
    assert len(woken(machine)) == 2


# Tasks


def test_a_client_that_knows_tasks_gets_one_when_a_person_is_asked() -> None:
    machine = call(tasks=True)
    machine.waiting(waiting_record(), NOW)
    assert drained(machine) == [MakeTask(waiting_record())]
    assert machine.over


def test_a_call_that_takes_too_long_becomes_a_task_too() -> None:
    machine = call(tasks=True)
    woken(machine)
    assert woken(machine, RUNS) == [MakeTask(None)]
    assert machine.over


def test_what_has_no_id_yet_can_be_no_task() -> None:
    machine = call(tasks=True)
    woken(machine)
    answer, leave = woken(machine, NOWHERE)
    assert "again with the same arguments" in text(answer)
    assert leave == Leave()


# What a tool says


def test_progress_of_a_tool_goes_out_under_the_clients_token() -> None:
    machine = call(token="mine")
    machine.told(PROGRESS, msgspec.Raw(b'{"progressToken":3,"progress":2,"total":4}'), NOW)
    begin, sent = drained(machine)
    assert begin == Begin(primed=False)
    assert told(sent)["params"] == {"progressToken": "mine", "progress": 2.0, "total": 4.0}


def test_what_nobody_wants_to_hear_begins_nothing() -> None:
    machine = call()
    machine.told(PROGRESS, msgspec.Raw(b'{"progress":2}'), NOW)
    machine.told(MESSAGE, msgspec.Raw(b'{"level":"info","data":1}'), NOW)
    machine.told("notifications/other", msgspec.Raw(b"{}"), NOW)
    assert drained(machine) == []
    machine = call(token=1, hears="info")
    machine.told(PROGRESS, msgspec.Raw(b'{"progress":"much"}'), NOW)
    assert drained(machine) == []


def test_messages_for_the_log_go_out_as_they_are() -> None:
    machine = call(hears="info")
    machine.told(MESSAGE, msgspec.Raw(b'{"level":"debug","data":1}'), NOW)
    machine.told(MESSAGE, msgspec.Raw(b'{"level":"info","data":{"a":1}}'), NOW)
    _, sent = drained(machine)
    assert told(sent) == {
        "jsonrpc": "2.0",
        "method": MESSAGE,
        "params": {"level": "info", "data": {"a": 1}},
    }


def test_who_says_too_much_is_not_heard_out() -> None:
    machine = call(hears="info", token=1)
    for number in range(500):
        machine.told(PROGRESS, msgspec.Raw(b'{"progress":%d}' % number), NOW)
        machine.told(MESSAGE, msgspec.Raw(b'{"level":"info","data":1}'), NOW)
    assert 10 < len(drained(machine)) < 100


# Questions


def test_a_legacy_client_is_asked_on_its_stream() -> None:
    machine = legacy(can=EVERYTHING)
    machine.asks(ask(), NOW)
    begin, sent = drained(machine)
    assert begin == Begin(primed=True)
    assert told(sent) == {
        "jsonrpc": "2.0",
        "id": "q1",
        "method": "elicitation/create",
        "params": {"message": "who?"},
    }
    machine.answered("q1")
    machine.settled(DONE, ENDING)
    assert len(drained(machine)) == 1


def test_a_modern_client_gets_its_questions_together_as_the_answer() -> None:
    machine = call(can=EVERYTHING)
    one, two = ask("q1"), ask("q2", "roots/list", msgspec.Raw(b"{}"))
    machine.asks(one, NOW)
    machine.asks(two, NOW + GATHER_S / 2)
    assert drained(machine) == []
    assert machine.next_deadline() == NOW + GATHER_S
    assert woken(machine) == [AskClient((one, two)), Leave()]
    assert machine.over


def test_a_question_that_is_over_before_it_was_asked_is_not_asked() -> None:
    machine = call(can=EVERYTHING)
    machine.asks(ask(), NOW)
    machine.answered("q1")
    machine.answered("q1")
    assert machine.next_deadline() == NOW + STREAM_AFTER_S


def test_a_question_is_asked_once() -> None:
    machine = legacy(can=EVERYTHING)
    machine.asks(ask(), NOW)
    machine.asks(ask(), NOW)
    assert len(drained(machine)) == 2


def test_one_of_several_questions_may_be_over_early() -> None:
    machine = call(can=EVERYTHING)
    machine.asks(ask("q1"), NOW)
    machine.asks(ask("q2"), NOW)
    machine.answered("q1")
    assert woken(machine) == [AskClient((ask("q2"),)), Leave()]


@pytest.mark.parametrize("era", list(Era))
def test_a_client_is_asked_nothing_that_it_has_not_declared(era: Era) -> None:
    machine = call(era, can=frozenset({"roots"}))
    machine.asks(ask(), NOW)
    assert drained(machine) == [GiveUp("q1", "the client can't be asked that")]


def test_a_client_is_asked_so_much_and_no_more() -> None:
    machine = legacy(can=EVERYTHING)
    for number in range(QUESTIONS_OPEN_MAX + 1):
        machine.asks(ask(f"q{number}"), NOW)
    assert drained(machine)[-1] == GiveUp(
        f"q{QUESTIONS_OPEN_MAX}", "the client is asked too much already"
    )


def test_questions_are_given_up_with_the_client() -> None:
    machine = legacy(can=EVERYTHING)
    machine.asks(ask(), NOW)
    drained(machine)
    machine.peer_gone(NOW)
    assert drained(machine) == [GiveUp("q1", "the client is gone"), Leave()]
    machine.asks(ask("q2"), NOW)
    assert drained(machine) == [GiveUp("q2", "the client is not there")]


def test_the_outcome_ends_the_questions() -> None:
    machine = legacy(can=EVERYTHING)
    machine.asks(ask(), NOW)
    drained(machine)
    machine.settled(DONE, ENDING)
    answer, give_up = drained(machine)
    assert isinstance(answer, Answer)
    assert give_up == GiveUp("q1", "the client is gone")


# Who hangs up


def test_a_legacy_client_that_hangs_up_may_come_back() -> None:
    machine = legacy()
    machine.waiting(waiting_record(), NOW)
    drained(machine)
    machine.peer_gone(NOW + 30)
    assert drained(machine) == [Leave()]
    assert machine.over


def gone(**members: Any) -> McpCall:
    machine = call(**members)
    machine.waiting(waiting_record(), NOW)
    machine.peer_gone(NOW + 30)
    begin, hung_up = drained(machine)
    assert isinstance(begin, Begin)
    assert hung_up == HungUp(30.0)
    assert machine.gone
    assert machine.next_deadline() == NOW + 30 + GRACE_S
    return machine


def test_what_a_modern_client_hung_up_on_is_withdrawn_after_a_grace() -> None:
    machine = gone()
    assert woken(machine, WAITS) == [Withdraw()]
    machine.withdrawn(CancelStatus.CANCELLED)
    assert drained(machine) == []
    machine.settled(CANCELLED, ENDING)
    assert drained(machine) == [Received()]
    assert machine.over


@pytest.mark.parametrize("phase", [Phase.APPROVED, Phase.RUNNING, None])
def test_what_a_person_has_said_yes_to_is_not_withdrawn(phase: Phase | None) -> None:
    machine = gone()
    assert woken(machine, Standing(phase, RID)) == [Leave()]


def test_what_is_asked_for_again_is_not_withdrawn() -> None:
    machine = gone()
    machine.asked_again()
    assert drained(machine) == [Leave()]
    assert machine.over


def test_an_outcome_that_comes_when_nobody_is_there_is_kept() -> None:
    machine = gone()
    machine.settled(DONE, ENDING)
    assert drained(machine) == [Leave()]


def test_who_only_looked_at_a_request_withdraws_nothing() -> None:
    machine = call(owns=False)
    machine.waiting(waiting_record(), NOW)
    drained(machine)
    machine.peer_gone(NOW + 30)
    assert drained(machine) == [HungUp(30.0), Leave()]


def test_asking_again_means_nothing_to_who_is_still_there() -> None:
    machine = call()
    machine.asked_again()
    assert drained(machine) == []
    assert machine.state is State.OPEN


# Who cancels


def test_a_cancelled_call_is_withdrawn_at_once_and_answered() -> None:
    machine = legacy()
    machine.waiting(waiting_record(), NOW)
    drained(machine)
    machine.cancelled("the user pressed Escape", NOW + 30, WAITS)
    assert drained(machine) == [Withdraw()]
    machine.withdrawn(CancelStatus.CANCELLED)
    assert drained(machine) == []
    machine.settled(CANCELLED, ENDING)
    answer, received = drained(machine)
    assert "withdrawn" in text(answer)
    assert received == Received()
    assert machine.over


def test_a_client_that_cancels_because_time_ran_out_teaches_how_long_it_waits() -> None:
    machine = legacy()
    machine.cancelled("Request timed out", NOW + 60, WAITS)
    assert drained(machine) == [HungUp(60.0), Withdraw()]


@pytest.mark.parametrize(
    "status", [each for each in CancelStatus if each is not CancelStatus.CANCELLED]
)
def test_what_can_not_be_withdrawn_any_more_is_kept(status: CancelStatus) -> None:
    machine = legacy()
    machine.cancelled("", NOW, WAITS)
    drained(machine)
    machine.withdrawn(status)
    answer, leave = drained(machine)
    assert "withdrawn" in text(answer)
    assert leave == Leave()


def test_an_outcome_that_beat_the_withdrawal_is_kept_for_who_asks_again() -> None:
    machine = legacy()
    machine.cancelled("", NOW, WAITS)
    machine.settled(DONE, ENDING)
    withdraw, answer, leave = drained(machine)
    assert (withdraw, leave) == (Withdraw(), Leave())
    assert isinstance(answer, Answer)
    assert not answer.settles


def test_a_tool_that_runs_is_stopped_only_if_that_does_no_harm() -> None:
    machine = legacy()
    machine.cancelled("", NOW, RUNS)
    answer, leave = drained(machine)
    assert "too late" in text(answer)
    assert leave == Leave()
    machine = legacy(stops=True)
    machine.cancelled("", NOW, RUNS)
    assert drained(machine) == [Withdraw()]


def test_who_hangs_up_after_cancelling_is_not_answered() -> None:
    machine = legacy()
    machine.cancelled("", NOW, WAITS)
    machine.peer_gone(NOW)
    machine.withdrawn(CancelStatus.STOPPING)
    assert drained(machine) == [Withdraw(), Leave()]


def test_who_is_gone_can_cancel_as_well() -> None:
    machine = gone()
    machine.cancelled("timed out", NOW + 31, WAITS)
    assert drained(machine) == [Withdraw()]
    machine.refused(ErrorCode.NOT_FOUND, "gone", None)
    assert drained(machine) == []
    assert machine.over


# The end of the gateway


def test_a_modern_client_is_told_what_becomes_of_its_call_when_the_gateway_ends() -> None:
    machine = call(can=EVERYTHING)
    machine.waiting(waiting_record(), NOW)
    machine.asks(ask(), NOW)
    drained(machine)
    machine.let_go(NOW + 5, WAITS)
    give_up, answer, leave = drained(machine)
    assert give_up == GiveUp("q1", "the client is gone")
    assert text(answer).startswith("Not run yet")
    assert leave == Leave()
    machine.let_go(NOW + 5, WAITS)
    assert drained(machine) == []


def test_a_legacy_client_comes_back_by_itself_when_the_gateway_ends() -> None:
    machine = legacy()
    machine.let_go(NOW, WAITS)
    assert drained(machine) == []
    assert not machine.over


# Everything in every state

INPUTS: dict[str, Callable[[McpCall], None]] = {
    "waiting": lambda each: each.waiting(waiting_record(), NOW),
    "settled": lambda each: each.settled(DONE, ENDING),
    "cancelled outcome": lambda each: each.settled(CANCELLED, ENDING),
    "refused": lambda each: each.refused(ErrorCode.NOT_FOUND, "none", None),
    "withdrawn": lambda each: each.withdrawn(CancelStatus.CANCELLED),
    "too late": lambda each: each.withdrawn(CancelStatus.TOO_LATE),
    "progress": lambda each: each.told(PROGRESS, msgspec.Raw(b'{"progress":1}'), NOW),
    "message": lambda each: each.told(MESSAGE, msgspec.Raw(b'{"level":"info"}'), NOW),
    "question": lambda each: each.asks(ask(), NOW),
    "answered": lambda each: each.answered("q1"),
    "gone": lambda each: each.peer_gone(NOW),
    "cancel": lambda each: each.cancelled("timeout", NOW, WAITS),
    "cancel running": lambda each: each.cancelled("", NOW, RUNS),
    "asked again": lambda each: each.asked_again(),
    "give up": lambda each: each.give_up(),
    "let go": lambda each: each.let_go(NOW, WAITS),
    "timer": lambda each: each.handle_timer(each.next_deadline() or NOW, WAITS),
    "timer running": lambda each: each.handle_timer(each.next_deadline() or NOW, RUNS),
}
LAST = (Answer, MakeTask, AskClient)

terms = st.builds(
    Terms,
    era=st.sampled_from(Era),
    token=st.sampled_from([None, 1]),
    streams=st.booleans(),
    tasks=st.booleans(),
    can=st.sampled_from([frozenset(), EVERYTHING]),
    hold_s=st.sampled_from([0.5, 20.0, 600.0]),
    hears=st.sampled_from(["", "info"]),
    resumed=st.booleans(),
    owns=st.booleans(),
    stops=st.booleans(),
)


@pytest.mark.parametrize("era", Era)
@pytest.mark.parametrize("name", INPUTS)
def test_after_its_end_there_is_nothing_further_to_do(era: Era, name: str) -> None:
    machine = call(era, token=1, hears="info", can=EVERYTHING)
    machine.settled(DONE, ENDING)
    drained(machine)
    INPUTS[name](machine)
    assert all(isinstance(each, GiveUp) for each in drained(machine))
    assert machine.over
    assert machine.next_deadline() is None


@given(terms, st.lists(st.sampled_from(sorted(INPUTS)), max_size=12))
@quick
def test_whatever_comes_a_client_is_answered_at_most_once(terms: Terms, names: list[str]) -> None:
    machine = McpCall(terms, ToolAnswers(1, "2026-07-28", "lamp_set", row()), NOW)
    effects = drained(machine)
    is_there, open_questions = True, 0
    for name in names:
        was_over = machine.over
        INPUTS[name](machine)
        more = drained(machine)
        if was_over:
            assert all(isinstance(each, GiveUp) for each in more)
        if not is_there:
            assert not any(isinstance(each, (Begin, Send, *LAST)) for each in more)
        is_there = is_there and name != "gone"
        open_questions += name == "question"
        effects += more
    answers = [each for each in effects if isinstance(each, LAST)]
    assert len(answers) <= 1
    assert sum(isinstance(each, Begin) for each in effects) <= 1
    assert sum(isinstance(each, Withdraw) for each in effects) <= 1
    ends = [each for each in effects if isinstance(each, Leave | Received)]
    assert len(ends) <= 1
    for place, each in enumerate(effects):
        if isinstance(each, LAST):
            assert not any(isinstance(later, Begin | Send) for later in effects[place:])
        if isinstance(each, Send):
            assert any(isinstance(before, Begin) for before in effects[:place])
    if machine.over:
        assert machine.next_deadline() is None
        assert answers or ends or not is_there or "refused" in names
        assert not machine.waits
    else:
        assert machine.next_deadline() is not None or machine.state is State.WITHDRAWN
