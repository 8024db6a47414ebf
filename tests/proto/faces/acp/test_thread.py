"""One session of an editor: where it is read, what is told of what was missed, who waits."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.proto.faces.acp.house import House
from tests.proto.faces.acp.logs import AT, Kept, approval
from tests.proto.faces.acp.seat import Seat

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import Watch
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_proto.rpc.session_methods import SendMessage

CURSORS = {"agentgate/cursors": True}


def texts(updates: list[Any]) -> list[tuple[str, str]]:
    """Kinds and texts of the chunks."""
    return [
        (each["sessionUpdate"].split("_")[1], each["content"]["text"])
        for each in updates
        if "chunk" in each["sessionUpdate"]
    ]


def conversation(house: House) -> Kept:
    """Make a session with a finished run that failed once, asked for a tool, and was answered."""
    kept = house.make()
    kept.begin("r1", "m1", "Light, please")
    kept.model()
    kept.text("A li")
    kept.append("retrying", run="r1", attempt=2, wait_s=1, reason="overloaded")
    kept.append("reset", run="r1", attempt=1, first=3, reason="overloaded")
    kept.model(attempt=2)
    kept.text("hm", kind="thinking")
    kept.text("A ", "lamp", ".")
    kept.append("reply", run="r1", iteration=1, text="A lamp.", stop="tool_use")
    kept.spend()
    kept.call()
    kept.wait()
    kept.append("note", run="r1", text="something")
    kept.result()
    kept.model(iteration=2)
    kept.text("Done.")
    kept.append("reply", run="r1", iteration=2, text="Done.", stop="end")
    kept.spend()
    kept.finish()
    return kept


def open_it(it: Seat, kept: Kept, method: str = "session/load", **meta: Any) -> Any:
    more = {"_meta": meta} if meta else {}
    return it.answer(it.ask(method, sessionId=kept.view.id, cwd="/p", mcpServers=[], **more))


# Loading and resuming


def test_loading_tells_all_as_it_ended_and_then_answers() -> None:
    house = House()
    kept = conversation(house)
    it = house.connect()
    assert "result" in open_it(it, kept)
    assert it.sent[-1]["id"] == 1  # all else came before
    updates = it.updates()
    assert texts(updates) == [
        ("message", "Light, please"),
        ("thought", "hm"),
        ("message", "A lamp."),
        ("message", "Done."),
    ]
    calls = [each for each in updates if "toolCallId" in each]
    assert [each["status"] for each in calls] == ["pending", "pending", "completed"]
    assert updates[-1] == {
        "sessionUpdate": "usage_update",
        "used": 42,
        "size": 1_000,
        "cost": {"amount": 0.0001, "currency": "USD"},
    }
    assert it.questions() == it.withdrawn() == []  # it was answered long ago


def test_resuming_tells_nothing_that_was() -> None:
    house = House()
    kept = conversation(house)
    it = house.connect()
    assert "result" in open_it(it, kept, "session/resume")
    assert it.updates("agent_message_chunk") == []
    asked = it.prompt(kept)
    kept.text("Yes")
    kept.finish()
    it.work()
    assert texts(it.updates()) == [("message", "Yes")]
    assert it.answer(asked)["result"] == {"stopReason": "end_turn"}


@pytest.mark.parametrize("method", ["session/load", "session/resume"])
def test_a_run_that_is_under_way_goes_on_where_it_is_opened(method: str) -> None:
    house = House()
    kept = house.make()
    kept.begin("r1", "m1", "Light?")
    kept.model()
    kept.text("On", " it")
    kept.call()
    kept.wait()
    it = house.connect()
    assert "result" in open_it(it, kept, method)
    (question,) = it.questions()
    assert question["params"]["toolCall"]["toolCallId"] == "c1"
    it.updates()
    kept.result()
    kept.text("!")
    it.work()
    assert texts(it.updates()) == [("message", "!")]
    assert it.withdrawn() == [question["id"]]


def test_a_session_is_loaded_again_on_the_same_connection() -> None:
    house = House()
    kept = conversation(house)
    it = house.connect()
    open_it(it, kept)
    first = it.updates()
    asked = it.prompt(kept, "More")
    kept.text("More of it")
    it.work()
    it.updates()
    it.sent.clear()
    open_it(it, kept)
    again = it.updates()
    assert texts(again)[: len(texts(first))] == texts(first)
    assert texts(again)[-2:] == [("message", "More"), ("message", "More of it")]
    kept.finish()
    it.work()
    assert it.answer(asked)["result"] == {"stopReason": "end_turn"}


def test_what_is_not_kept_any_more_is_told() -> None:
    house = House()
    kept = conversation(house)
    it = house.connect()
    it.late = []
    asked = it.ask("session/load", sessionId=kept.view.id, cwd="/p", mcpServers=[])
    for _ in range(3):
        late, it.late = it.late, []
        it.do(late[0])
        it.work()
    cut = next(each.offset for each in kept.log if each.kind == "tool_call")
    kept.view = replace(kept.view, oldest=cut)  # retention, between two questions
    kept.log = [each for each in kept.log if each.offset >= cut]
    it.settle()
    assert it.answer(asked)
    updates = it.updates()
    assert texts(updates)[0] == ("thought", "[Something before is not kept.]\n")
    assert texts(updates)[-1] == ("message", "Done.")


def test_a_cost_that_nobody_knows_is_not_told() -> None:
    house = House()
    house.unknown_cost = 1
    kept = conversation(house)
    it = house.connect()
    open_it(it, kept)
    assert "cost" not in it.updates("usage_update")[-1]


# Coming back


def come_back(it: Seat, kept: Kept, cursor: str, **more: Any) -> Seat:
    other = it.house.connect()
    other.result("initialize", protocolVersion=1, _meta=CURSORS)
    meta = {f"agentgate/{name}": value for name, value in more.items()}
    assert "result" in open_it(
        other, kept, "session/resume", **{"agentgate/cursor": cursor, **meta}
    )
    return other


def begun(house: House) -> tuple[Seat, Kept, str]:
    """Open a session on a connection that wants cursors; return the first."""
    it = house.connect()
    it.result("initialize", protocolVersion=1, _meta=CURSORS)
    found = it.result("session/new", cwd="/p", mcpServers=[])
    return it, house.sessions[found["sessionId"]], found["_meta"]["agentgate/cursor"]


def last_cursor(it: Seat) -> str:
    found = [each["params"]["_meta"] for each in it.sent if "_meta" in each.get("params", {})]
    return str(found[-1]["agentgate/cursor"])


def test_who_comes_back_is_told_the_rest_of_a_text() -> None:
    it, kept, first = begun(House())
    name = {"agentgate/message_id": "mine"}
    it.prompt(kept, "Hello", _meta=name)
    kept.model()
    kept.text("One ", "two ")
    it.work()
    cursor = last_cursor(it)
    kept.append("note", run="r1", text="unseen")
    other = come_back(it, kept, cursor, since=first, message_ids=["mine"])
    asked = other.prompt(kept, "Hello", _meta=name)
    kept.text("three")
    kept.finish()
    other.work()
    assert texts(other.updates()) == [("message", "three")]
    assert other.answer(asked)["result"] == {"stopReason": "end_turn"}
    assert len([each for each in it.house.asked if isinstance(each, SendMessage)]) == 1


def test_a_cursor_in_the_midst_of_a_row_shows_what_comes_after_it() -> None:
    it, kept, first = begun(House())
    it.prompt(kept, _meta={"agentgate/message_id": "mine"})
    kept.model()
    kept.text("One ", "two ", "three")
    epoch, _, _ = first.rpartition(":")
    offset = kept.log[-1].offset + 1
    other = come_back(it, kept, f"{epoch}:{offset}", since=first, message_ids=["mine"])
    assert texts(other.updates()) == [("message", "two three")]


def test_the_ends_of_all_prompts_are_found_that_ended_meanwhile() -> None:
    it, kept, first = begun(House())
    names = ["one", "two", "three"]
    for name in names:
        it.prompt(kept, name, _meta={"agentgate/message_id": name})
    for status in ("completed", "max_tokens"):
        kept.text(status)
        kept.finish(status)
    it.updates()
    other = come_back(it, kept, first, since=first, message_ids=names)
    asked = [other.prompt(kept, name, _meta={"agentgate/message_id": name}) for name in names]
    assert other.answer(asked[0])["result"] == {"stopReason": "end_turn"}
    assert other.answer(asked[1])["result"] == {"stopReason": "max_tokens"}
    assert other.answer(asked[2]) is None
    kept.finish()
    other.work()
    assert other.answer(asked[2])["result"] == {"stopReason": "end_turn"}
    assert len([each for each in it.house.asked if isinstance(each, SendMessage)]) == 3
    assert texts(other.updates()) == [("message", "completed"), ("message", "max_tokens")]


def test_an_end_is_looked_for_that_was_before_all_that_is_read() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept, "one", _meta={"agentgate/message_id": "one"})
    kept.text("x")
    kept.finish("refusal")
    it.work()
    other = come_back(it, kept, last_cursor(it))
    other.updates()
    asked = other.prompt(kept, "one", _meta={"agentgate/message_id": "one"})
    assert other.answer(asked)["result"] == {"stopReason": "refusal"}
    assert other.updates("agent_message_chunk") == []


def test_an_end_that_is_not_kept_is_an_error() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept, "one", _meta={"agentgate/message_id": "one"})
    kept.finish()
    it.work()
    kept.log.clear()
    other = come_back(it, kept, f"{kept.view.epoch}:{kept.end}")
    first = other.prompt(kept, "one", _meta={"agentgate/message_id": "one"})
    kept.append("note", text="what is there reads on")
    other.work()
    assert "not kept" in other.answer(first)["error"]["message"]


def test_a_question_is_open_on_the_next_connection_under_the_same_id() -> None:
    it, kept, first = begun(House())
    it.prompt(kept, _meta={"agentgate/message_id": "m"})
    kept.call()
    kept.wait()
    it.work()
    (question,) = it.questions()
    other = come_back(it, kept, last_cursor(it), since=first, message_ids=["m"])
    (again,) = other.questions()
    assert again == question
    kept.result()
    other.work()
    assert other.withdrawn() == [question["id"]]


def test_a_question_that_was_answered_meanwhile_is_withdrawn_on_the_next_connection() -> None:
    it, kept, first = begun(House())
    it.prompt(kept, _meta={"agentgate/message_id": "m"})
    kept.call()
    kept.wait()
    it.work()
    cursor = last_cursor(it)
    kept.result()
    other = come_back(it, kept, cursor, since=first, message_ids=["m"])
    assert other.questions() == []
    assert other.withdrawn() == ["permission-a1"]


def test_more_has_happened_than_the_run_that_is_under_way() -> None:
    it, kept, first = begun(House())
    it.prompt(kept, "one")
    kept.text("of one")
    kept.finish()
    (own,) = kept.runs
    kept.begin("r9", "theirs", "and theirs")
    other = come_back(it, kept, first, message_ids=[own])
    assert texts(other.updates()) == [("message", "of one"), ("message", "and theirs")]


def test_a_cursor_of_another_log_shows_what_there_is() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept)
    kept.text("x")
    other = come_back(it, kept, "other:99")
    assert texts(other.updates()) == [("message", "Hello"), ("message", "x")]


@pytest.mark.parametrize("cursor", ["", "e", "e:", ":7", "e:x", "e:" + "9" * 20, 7])
def test_what_is_no_cursor_is_none(cursor: Any) -> None:
    it, kept, _ = begun(House())
    it.prompt(kept)
    kept.text("x")
    other = come_back(it, kept, cursor)
    assert other.updates("agent_message_chunk") == []


def test_names_of_prompts_are_remembered_for_so_many() -> None:
    it, kept, _ = begun(House())
    for number in range(200):
        asked = it.prompt(kept, f"{number}")
        kept.finish()
        it.work()
        assert it.answer(asked)
        it.sent.clear()
    thread = it.editor._threads[kept.view.id]
    assert len(thread._own) <= 64


def test_an_end_may_be_read_before_it_is_known_that_the_prompt_was_taken() -> None:
    it, kept, _ = begun(House())
    it.late = []
    asked = it.prompt(kept)
    (send, *others) = it.late
    result = it.house.call(send.params)  # type: ignore[union-attr]
    kept.finish()
    it.late = None
    it.work()
    assert it.answer(asked) is None
    it.editor.succeeded(send.about, result)  # type: ignore[union-attr, arg-type]
    it.late = others
    it.settle()
    assert it.answer(asked)["result"] == {"stopReason": "end_turn"}


# Live


def test_a_text_that_was_seen_and_withdrawn_is_said_to_be() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept)
    kept.model()
    kept.text("A li")
    kept.append("reset", run="r1", attempt=1, first=3, reason="overloaded")
    kept.model(attempt=2)
    kept.append("retrying", run="r1", attempt=3, wait_s=2.5, reason="overloaded")
    kept.append("reset", run="r1", attempt=2, first=9, reason="overloaded")
    kept.model(attempt=3)
    kept.text("A lamp")
    kept.append("note", run="r1", text="no temperature")
    kept.append("gap", count=3)
    it.work()
    updates = it.updates()
    assert texts(updates) == [
        ("message", "A li"),
        ("message", "\n\n[The answer broke off (overloaded) and begins anew.]\n\n"),
        ("thought", "[overloaded: the model is asked again in 2.5 s]\n"),
        ("message", "A lamp"),
        ("thought", "[no temperature]\n"),
        ("thought", "[Something before is not kept.]\n"),
    ]
    assert updates[1]["messageId"] != updates[-3]["messageId"]


def test_usage_is_told_as_it_comes() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept)
    kept.spend(7)
    it.work()
    (first,) = it.updates("usage_update")
    assert (first["used"], first["size"]) == (42, 1_000)
    assert first["cost"]["amount"] == pytest.approx(0.000107)
    kept.spend(None)
    it.work()
    (second,) = it.updates("usage_update")
    assert "cost" not in second


def test_who_was_too_slow_goes_on_with_what_comes_from_the_log() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept)
    it.editor.take(kept.view.id, [replace(kept.log[-1], kind="behind", count=0, offset=0)])
    kept.text("x")
    it.work()
    assert texts(it.updates()) == [("message", "x")]


# Approvals


def waiting(*, may_decide: bool = True) -> tuple[Seat, Kept]:
    it = House().connect(may_decide=may_decide)
    kept = it.new()
    it.prompt(kept)
    kept.call()
    kept.wait()
    it.work()
    return it, kept


def decided(it: Seat) -> list[tuple[str, str]]:
    return [(each.id, each.decision) for each in it.house.asked if isinstance(each, DecideApproval)]


@pytest.mark.parametrize(("option", "decision"), [("allow", "approve"), ("reject", "deny")])
def test_a_person_answers_at_the_editor(option: str, decision: str) -> None:
    it, kept = waiting()
    it.house.decision = "approved" if decision == "approve" else "denied"
    (question,) = it.questions()
    names = [each["kind"] for each in question["params"]["options"]]
    assert names == ["allow_once", "reject_once"]
    it.updates()
    it.reply(question["id"], outcome="selected", optionId=option)
    assert decided(it) == [("a1", decision)]
    moved = [each["status"] for each in it.updates("tool_call_update")]
    assert moved == (["in_progress"] if decision == "approve" else [])
    kept.result()
    it.work()
    assert it.withdrawn() == []  # it was answered


@pytest.mark.parametrize(
    "outcome",
    [
        {"outcome": "cancelled"},
        {"outcome": "selected", "optionId": "always"},
        {"outcome": "selected"},
        {"outcome": 7},
    ],
)
def test_another_answer_decides_nothing(outcome: Any) -> None:
    it, _ = waiting()
    (question,) = it.questions()
    it.reply(question["id"], **outcome)
    assert decided(it) == []
    it.reply(question["id"], outcome="selected", optionId="allow")
    assert decided(it) == []  # a question is answered once


def test_a_client_that_can_not_ask_leaves_it_to_others() -> None:
    it, _ = waiting()
    (question,) = it.questions()
    error = {"code": -32601, "message": "?"}
    it.receive({"jsonrpc": "2.0", "id": question["id"], "error": error})
    assert decided(it) == []


def test_who_may_not_answer_sees_that_it_waits_and_is_not_asked() -> None:
    it, kept = waiting(may_decide=False)
    assert it.questions() == []
    update = it.updates("tool_call_update")[-1]
    assert (update["status"], update["title"]) == ("pending", "light(hall)")
    assert "ask for lights" in update["content"][0]["content"]["text"]
    it.reply("permission-a1", outcome="selected", optionId="allow")
    assert decided(it) == []
    it.editor.approval_changed(approval("a1", "approved"))
    it.work()
    (moved,) = it.updates("tool_call_update")
    assert moved["content"][0]["content"]["text"] == "Approved by ann (telegram)."
    kept.result()
    it.work()
    assert it.withdrawn() == []


def test_what_is_answered_elsewhere_is_withdrawn() -> None:
    it, _ = waiting()
    (question,) = it.questions()
    it.editor.approval_changed(approval("other", "approved"))
    it.editor.approval_changed(approval("a1"))
    it.work()
    assert it.withdrawn() == []
    it.updates()
    it.editor.approval_changed(approval("a1", "approved", decided_by=""))
    it.work()
    assert it.withdrawn() == [question["id"]]
    (moved,) = it.updates("tool_call_update")
    assert moved["content"][0]["content"]["text"] == "Approved."


@pytest.mark.parametrize("status", ["denied", "expired", "cancelled"])
def test_what_is_denied_is_withdrawn_and_its_result_follows(status: str) -> None:
    it, _ = waiting()
    it.updates()
    it.editor.approval_changed(approval("a1", status))
    it.work()
    assert it.withdrawn() == ["permission-a1"]
    assert it.updates() == []


def test_the_end_of_a_run_withdraws_its_questions_alone() -> None:
    it, kept = waiting()
    kept.open.append("r2")
    kept.append("approval", run="r2", call="c2", approval="a2", signature="x", expires_at=AT)
    kept.finish()
    it.work()
    assert it.withdrawn() == ["permission-a1"]
    assert len(it.questions()) == 2


def test_one_yes_of_two_leaves_it_waiting() -> None:
    it, _ = waiting()
    it.house.decision = "waiting"
    it.updates()
    it.reply(it.questions()[0]["id"], outcome="selected", optionId="allow")
    (update,) = it.updates("tool_call_update")
    assert update["content"][0]["content"]["text"] == "0 of 1 people have said yes."


@pytest.mark.parametrize(
    ("code", "told"), [(ErrorCode.CODE_NEEDED, True), (ErrorCode.ALREADY_SETTLED, False)]
)
def test_an_answer_that_is_not_taken_is_said_to_be(code: ErrorCode, told: bool) -> None:
    it, _ = waiting()
    it.house.decision = code
    it.updates()
    it.reply(it.questions()[0]["id"], outcome="selected", optionId="allow")
    assert bool(it.updates("tool_call_update")) == told


def test_a_long_signature_is_whole_in_the_question() -> None:
    it = House().connect()
    kept = it.new()
    it.prompt(kept)
    kept.call()
    kept.wait(signature="light(" + "x" * 500 + ")")
    it.work()
    (question,) = it.questions()
    shown = question["params"]["toolCall"]
    assert len(shown["title"]) == 200
    assert "x" * 500 in shown["content"][0]["content"]["text"]


def test_a_decision_about_a_session_that_was_closed_is_told_to_nobody() -> None:
    it, kept = waiting()
    it.late = []
    it.reply(it.questions()[0]["id"], outcome="selected", optionId="allow")
    it.ask("session/close", sessionId=kept.view.id)
    it.updates()
    it.house.decision = ErrorCode.CODE_NEEDED
    it.settle()
    assert it.updates() == []


# What comes between


def up_to_watching(it: Seat, kept: Kept, method: str = "session/load") -> int:
    """Open a session, as far as its place in the log; where that is is not known yet."""
    it.late = []
    asked = it.ask(method, sessionId=kept.view.id, cwd="/p", mcpServers=[])
    while not isinstance(it.late[0], Watch):
        it.do(it.late.pop(0))
        it.work()
    return asked


def test_events_of_a_place_that_was_left_are_nobodys() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept)
    kept.text("x")
    it.late = []
    it.ask("session/resume", sessionId=kept.view.id, cwd="/p")
    for _ in range(3):
        late, it.late = it.late, []
        it.do(late[0])
        it.work()
    it.updates()
    it.editor.take(kept.view.id, kept.log)
    assert it.updates() == []
    it.settle()
    assert it.updates("agent_message_chunk") == []


def test_the_ends_of_two_prompts_are_looked_for_one_after_the_other() -> None:
    it, kept, _ = begun(House())
    for name, status in (("one", "completed"), ("two", "refusal")):
        it.prompt(kept, name, _meta={"agentgate/message_id": name})
        kept.finish(status)
    it.work()
    other = come_back(it, kept, last_cursor(it))
    other.late = []
    first = other.prompt(kept, "two", _meta={"agentgate/message_id": "two"})
    second = other.prompt(kept, "one", _meta={"agentgate/message_id": "one"})
    (send, again) = other.late
    other.late = []
    other.do(send)
    other.work()
    kept.last = "one"  # as if the gateway remembered more of them
    other.do(again)  # while the first looks back, and not so far
    other.settle()
    assert other.answer(first)["result"] == {"stopReason": "refusal"}
    assert other.answer(second)["result"] == {"stopReason": "end_turn"}


def test_a_prompt_is_cancelled_once_however_often_that_is_said() -> None:
    it, kept, _ = begun(House())
    asked = it.prompt(kept)
    it.late = []
    for _ in range(3):
        it.tell("session/cancel", sessionId=kept.view.id)
    assert len(it.late) == 1
    it.settle()
    assert it.answer(asked)["result"] == {"stopReason": "cancelled"}


def test_who_opens_a_session_that_is_closed_meanwhile_is_told_so() -> None:
    house = House()
    kept = conversation(house)
    it = house.connect()
    asked = up_to_watching(it, kept)
    assert it.answer(asked) is None
    assert it.answer(it.ask("session/close", sessionId=kept.view.id))["result"] == {}
    assert it.answer(asked)["error"] == {
        "code": -32800,
        "message": "the session was closed meanwhile",
    }
    it.settle()
    assert it.answer(asked) is not None


def test_a_session_that_is_being_opened_is_not_opened_twice() -> None:
    house = House()
    kept = conversation(house)
    it = house.connect()
    first = up_to_watching(it, kept)
    second = it.ask("session/resume", sessionId=kept.view.id, cwd="/p", mcpServers=[])
    assert "opened already" in it.answer(second)["error"]["message"]
    it.settle()
    assert "result" in it.answer(first)
    assert "result" in open_it(it, kept, "session/resume"), "later it can be opened anew"


def test_what_is_looked_for_while_a_session_is_opened_anew_is_found_afterwards() -> None:
    it, kept, _ = begun(House())
    it.prompt(kept, "one", _meta={"agentgate/message_id": "one"})
    kept.finish("refusal")
    it.work()
    other = come_back(it, kept, last_cursor(it))
    other.late = []
    asked = other.prompt(kept, "one", _meta={"agentgate/message_id": "one"})
    other.do(other.late.pop(0))  # it is over: the look back for its end begins
    other.work()
    (looks_back,) = other.late
    opening = up_to_watching(other, kept, "session/resume")
    (watch,) = other.late or ()
    other.late = None
    other.do(looks_back)
    assert other.answer(opening) is other.answer(asked) is None
    other.do(watch)
    other.work()
    assert "result" in other.answer(opening)
    assert other.answer(asked)["result"] == {"stopReason": "refusal"}


def test_a_prompt_that_is_refused_after_its_session_was_closed_has_its_answer_already() -> None:
    it, kept, _ = begun(House())
    it.late = []
    asked = it.prompt(kept)
    it.ask("session/close", sessionId=kept.view.id)
    it.house.refusals[SendMessage] = ErrorCode.LIMIT_EXCEEDED
    it.settle()
    assert it.answer(asked)["result"] == {"stopReason": "cancelled"}
