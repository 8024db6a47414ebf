"""The board of notifications: what to do next, without any service."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.server.approvals.telegram.test_board import NOBODY, T, view

from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals import turns as turns_module
from agentgate_server.approvals.push.board import (
    KEYS_MAX,
    REFUSALS_MAX,
    Board,
    Keep,
    Noted,
    Prepare,
    Show,
    Step,
)
from agentgate_server.approvals.push.notification import Button, Loudness, Notification
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.approvals.turns import Silent
from agentgate_server.secrets.secret import Secret

ANN, BOB = "ann", "bob"
BUTTONS = (Button("Approve", approve=True), Button("Deny", approve=False))


def render(a: ApprovalView, place: str) -> Notification:
    waits = a.status == "waiting"
    loudness = Loudness.ASK if waits else Loudness.GONE
    words = f"{a.status}{a.outcome}"
    return Notification(a.id, f"{a.id} {words}", "", loudness, BUTTONS if waits else ())


def new_board(*places: str, per_minute: int = 60) -> Board:
    lines = Summaries(lambda agent, count: f"{count} more of {agent}")
    return Board(places or (ANN,), render, Notifying(per_minute), lines)


def with_tickets(step: Prepare) -> tuple[tuple[Button, ...], dict[str, bool]]:
    """Buttons with tickets, and the keys of these."""
    made = tuple(replace(each, ticket=Secret(f"{step.place} {each.label}")) for each in BUTTONS)
    return made, {each.ticket.value: each.approve for each in made}


def do(board: Board, now: float = T, silent: Silent = NOBODY) -> str:
    """Do the next step as if everything worked; say what it was."""
    step = board.next_step(now, silent)
    match step:
        case Prepare():
            board.prepared(step, *with_tickets(step))
        case Keep():
            board.kept(step)
        case Show():
            board.shown(step, [each.ticket.value for each in step.notification.buttons])
            return f"{step.place}: {step.notification.title}"
        case Tell():
            board.turns.summaries.told(step, 0, 1, now)
            return step.text
    return type(step).__name__


def all_done(board: Board, now: float = T, silent: Silent = NOBODY) -> list[str]:
    """Do all that there is to do now."""
    return list(iter(lambda: do(board, now, silent), "NoneType"))


def to_show(board: Board, now: float = T) -> Show:
    """Go on until something is to be sent."""
    step: Step | None = board.next_step(now, NOBODY)
    while not isinstance(step, Show):
        assert step is not None
        do(board, now)
        step = board.next_step(now, NOBODY)
    return step


def test_tickets_are_noted_before_they_are_sent_and_forgotten_when_it_is_over() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    assert all_done(board) == ["Prepare", "Keep", "ann: 1 waiting", "Keep"]
    (noted,) = board.turns.cards["1"].note.values()
    assert noted.keys == {"ann Approve": True, "ann Deny": False}
    assert noted.shown
    board.turns.changed(view("1", "approved"), T)
    assert all_done(board) == ["ann: 1 approved"]
    board.turns.changed(view("1", "approved", "executed"), T)
    assert all_done(board) == ["ann: 1 approvedexecuted", "Forget"]
    assert not board.turns.cards


def test_what_was_never_shown_is_not_shown_when_it_is_over() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    board.turns.changed(view("1", "denied"), T)
    assert all_done(board) == []
    assert not board.turns.cards, "and there is no note to forget"


def test_every_place_is_asked_and_told_and_one_note_holds_for_all() -> None:
    board = new_board(ANN, BOB)
    board.turns.changed(view("1"), T)
    shown = [step for step in all_done(board) if ": " in step]
    assert shown == ["ann: 1 waiting", "bob: 1 waiting"]
    assert set(board.turns.cards["1"].note) == {ANN, BOB}
    board.turns.changed(view("1", "denied"), T)
    assert all_done(board) == ["ann: 1 denied", "bob: 1 denied", "Forget"]


def test_a_notification_that_did_not_arrive_comes_again_in_the_newest_words() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    assert to_show(board).is_first
    board.turns.changed(view("1", "denied"), T)
    step = to_show(board)
    assert step.notification.title == "1 denied"
    assert step.notification.buttons == ()


def test_sent_again_it_has_new_tickets_and_the_former_are_spent_when_it_arrives() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    all_done(board)
    board.show_again("1", ANN)
    step = board.next_step(T, NOBODY)
    assert isinstance(step, Prepare)
    assert board.prepared(step, BUTTONS, {"new": True}) == []
    step = to_show(board)
    assert board.shown(step, ["new"]) == ["ann Approve", "ann Deny"]
    assert list(board.turns.cards["1"].note[ANN].keys) == ["new"]
    board.show_again("1", "nobody")
    board.show_again("9", ANN)
    assert all_done(board) == ["Keep"]


def test_of_many_tickets_of_one_place_the_oldest_are_spent() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    step = board.next_step(T, NOBODY)
    assert isinstance(step, Prepare)
    keys = {f"key {number}": True for number in range(KEYS_MAX + 2)}
    assert board.prepared(step, BUTTONS, keys) == ["key 0", "key 1"]


def test_a_place_that_refuses_waits_and_the_others_are_asked() -> None:
    board = new_board(ANN, BOB)
    board.turns.changed(view("1"), T)
    now, pauses = T, []
    for _ in range(8):
        step = to_show(board, now)
        assert step.place == ANN
        board.refused(step, "no", now)
        assert all("ann:" not in done for done in all_done(board, now))
        deadline = board.next_deadline(now, NOBODY)
        assert deadline is not None
        pauses.append(deadline - now)
        now = deadline
    assert pauses == [60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_600.0, 3_600.0]
    assert board.problem == "no"
    assert "ann: 1 waiting" in all_done(board, now)
    assert board.problem == ""


def test_a_place_that_always_refuses_is_not_told_of_the_end_for_ever() -> None:
    board, now = new_board(), T
    board.turns.changed(view("1"), T)
    board.refused(to_show(board), "no", T)
    board.turns.changed(view("1", "denied"), T)
    for _ in range(REFUSALS_MAX - 1):
        now += 3_600.0
        board.refused(to_show(board, now), "no", now)
    assert all_done(board, now) == ["Forget"]
    assert board.next_deadline(now, NOBODY) is None


def test_a_former_life_is_gone_on_from_and_what_is_shown_is_not_sent_again() -> None:
    board = new_board(ANN, BOB)
    board.turns.changed(view("1"), T)
    all_done(board)
    note = board.turns.cards["1"].note

    board = new_board(ANN, "carol")
    board.turns.expect("1")
    board.remembered("1", note, view("1"), T)
    assert [step for step in all_done(board) if ": " in step] == ["carol: 1 waiting"]
    board.turns.changed(view("1", "denied"), T)
    assert all_done(board) == ["ann: 1 denied", "carol: 1 denied", "Forget"]


def test_what_happens_while_an_approval_is_looked_up_counts() -> None:
    board = new_board()
    board.turns.expect("1")
    board.turns.changed(view("1", "denied"), T)
    board.remembered("1", {ANN: Noted("shown")}, view("1"), T)
    assert do(board) == "ann: 1 denied"


def test_an_agent_that_asks_much_is_told_of_as_it_has_room_and_others_at_once() -> None:
    board = new_board(per_minute=2)
    for number in range(4):
        board.turns.changed(view(str(number), agent="evil"), T)
    board.turns.changed(view("7", agent="honest"), T)
    shown = [step for step in all_done(board) if step not in ("Prepare", "Keep")]
    assert shown == ["ann: 0 waiting", "ann: 7 waiting", "ann: 1 waiting", "2 more of evil"]
    assert board.next_deadline(T, NOBODY) == T + 30.0
    assert "ann: 2 waiting" in all_done(board, T + 30.0)


def test_asks_of_a_muted_agent_are_not_told_of_and_those_shown_are_kept_true() -> None:
    board, silent = new_board(), {"evil": 90.0}
    board.turns.changed(view("1", agent="evil"), T)
    all_done(board)
    board.turns.changed(view("2", agent="evil"), T)
    board.turns.changed(view("1", "denied", agent="evil"), T)
    assert all_done(board, T, silent) == ["ann: 1 denied", "Forget"]
    assert board.next_deadline(T, silent) == T + 90.0
    assert "ann: 2 waiting" in all_done(board)


def test_what_is_asked_and_what_is_told_take_turns() -> None:
    board = new_board()
    for number in range(3):
        board.turns.changed(view(str(number)), T)
    all_done(board)
    for number in range(3):
        board.turns.changed(view(str(number), "denied"), T)
    for number in range(5, 8):
        board.turns.changed(view(str(number)), T)
    shown = [step.split()[-1] for step in all_done(board) if ": " in step]
    assert shown == ["denied", "waiting", "denied", "waiting", "denied", "waiting"]


def test_beyond_its_cap_it_makes_up_when_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "CARDS_MAX", 2)
    board, waiting = new_board(), [view(str(number)) for number in range(3)]
    for each in waiting:
        board.turns.changed(each, T)
    assert list(board.turns.cards) == ["0", "1"]
    board.turns.make_up(lambda: waiting[2:], T)
    assert list(board.turns.cards) == ["0", "1"], "there is no room yet"
    for number in ("0", "1"):
        board.turns.changed(view(number, "denied"), T)
    all_done(board)
    board.turns.make_up(lambda: waiting[2:], T)
    assert list(board.turns.cards) == ["2"]
    board.turns.make_up(lambda: waiting, T)
    assert list(board.turns.cards) == ["2"], "once is enough"


def test_a_bug_with_one_approval_keeps_no_other_away() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    board.turns.changed(view("2"), T)
    board.skip("a bug", T)
    assert board.problem == "a bug"
    assert [step for step in all_done(board) if ": " in step] == ["ann: 2 waiting"]
    assert "ann: 1 waiting" in all_done(board, T + 60.0)
    assert board.problem == ""
    new_board().skip("a bug", T)
