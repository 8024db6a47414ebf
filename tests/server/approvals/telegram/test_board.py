"""The board: what to do next, without any Telegram."""

from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.quotas.notifying import Notifying
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals import turns as turns_module
from agentgate_server.approvals.summaries import Summaries, Tell
from agentgate_server.approvals.telegram import board as board_module
from agentgate_server.approvals.telegram.board import (
    Board,
    Edit,
    Forget,
    Keep,
    Remembered,
    Send,
    Step,
    Visit,
)
from agentgate_server.approvals.telegram.rendering import Rendering
from agentgate_server.approvals.turns import Silent

CHAT = 5
T = 1_000.0
NOBODY: Silent = {}


def view(
    rid: str, status: str = "waiting", outcome: str = "", agent: str = "agent"
) -> ApprovalView:
    return ApprovalView(
        id=rid,
        agent=agent,
        tool="note",
        args=msgspec.Raw(b"{}"),
        signature="note",
        rule="p:1",
        created_at="2026-11-20T10:00:00.000Z",
        expires_at="2026-11-20T10:15:00.000Z",
        status=status,
        outcome=outcome,
    )


def new_board(per_minute: int = 60) -> Board:
    return Board(
        lambda a: f"{a.id} announced",
        lambda a, words: Rendering(f"{a.id} {a.status}{a.outcome}{words}"),
        Notifying(per_minute),
        Summaries(lambda agent, count: f"{count} more of {agent}"),
    )


def next_step(board: Board, now: float = T, silent: Silent = NOBODY) -> Step | None:
    return board.next_step(now, silent)


def do(board: Board, now: float = T) -> str:
    """Do the next step as if everything worked; say what it was."""
    step = next_step(board, now)
    match step:
        case Send():
            board.sent(step, Remembered(CHAT, int(step.rid)))
        case Keep():
            board.kept(step)
        case Edit():
            board.edited(step)
            return step.rendering.html
        case Visit():
            board.visited(step)
        case Tell():
            board.turns.summaries.told(step, CHAT, 1_000, now)
            return step.text
    return type(step).__name__


def test_a_message_is_noted_before_it_gets_its_buttons_and_forgotten_when_it_is_over() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    assert [do(board) for _ in range(5)] == ["Send", "Keep", "1 waiting", "Keep", "NoneType"]
    board.turns.changed(view("1", "approved"), T)
    assert [do(board) for _ in range(3)] == ["1 approved", "Keep", "NoneType"]
    board.turns.changed(view("1", "approved", "executed"), T)
    assert [do(board) for _ in range(3)] == ["1 approvedexecuted", "Forget", "NoneType"]
    assert not board.turns.cards


def test_states_in_between_are_skipped() -> None:
    board = new_board()
    for state in (view("1"), view("1", "approved"), view("1", "approved", "executed")):
        board.turns.changed(state, T)
    assert isinstance(next_step(board), Forget), "it was never shown, so nothing is"
    assert next_step(board) is None


def test_a_step_that_was_not_reported_comes_again_in_the_newest_words() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    for _ in range(2):
        do(board)
    assert isinstance(next_step(board), Edit)
    board.turns.changed(view("1", "denied"), T)
    step = next_step(board)
    assert isinstance(step, Edit)
    assert step.rendering.html == "1 denied"


def test_beyond_its_cap_it_remembers_that_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "CARDS_MAX", 2)
    board = new_board()
    for number in range(3):
        board.turns.changed(view(str(number)), T)
    assert list(board.turns.cards) == ["0", "1"]
    assert board.turns.overflowed


def test_the_oldest_strays_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "STRAYS_MAX", 2)
    board = new_board()
    for number in range(3):
        board.found_stray(CHAT, number, "9")
    assert next_step(board) == Visit("9", CHAT, 1)


def test_what_happens_while_an_approval_is_looked_up_counts() -> None:
    board = new_board()
    board.turns.expect("1")
    board.turns.changed(view("1", "approved", "executed"), T)
    board.remembered("1", Remembered(CHAT, 1), view("1", "approved"), T, noted=True)
    assert do(board) == "1 approvedexecuted"


def test_the_words_of_a_grant_show_until_they_are_taken_back_or_it_is_settled() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    while do(board) != "NoneType":
        pass
    board.show_grant("1", " words", 99.0)
    assert [do(board) for _ in range(2)] == ["Keep", "1 waiting words"]
    assert board.grant_ends("1") == 99.0
    board.turns.changed(view("1", "denied"), T)
    assert do(board) == "1 denied"
    assert board.grant_ends("gone") == 0.0


@pytest.mark.parametrize("steps", range(5))
@pytest.mark.parametrize("back", [False, True])
def test_words_of_a_grant_do_not_outlive_the_life_that_showed_them(steps: int, back: bool) -> None:
    """However far the first life comes: an edit may have arrived, and its note not be durable."""
    board = new_board()
    board.turns.changed(view("1"), T)
    while next_step(board) is not None:
        do(board)
    board.show_grant("1", " words", 99.0)
    if back:
        do(board)
        do(board)
        board.show_grant("1", "", 0.0)
    shown = "1 waiting words" if back else "1 waiting"
    for _ in range(steps):
        step = next_step(board)
        shown = step.rendering.html if isinstance(step, Edit) else shown
        do(board)
    note = board.turns.cards["1"].noted
    if isinstance(step := next_step(board), Edit):
        shown = step.rendering.html  # it arrived, and nobody noted that
    assert note is not None

    board = new_board()
    board.turns.expect("1")
    board.remembered("1", note, view("1"), T, noted=True)
    while (step := next_step(board)) is not None:
        shown = step.rendering.html if isinstance(step, Edit) else shown
        do(board)
    assert shown == "1 waiting"


# Many asks


def test_an_agent_that_asks_much_is_told_of_as_it_has_room_and_others_at_once() -> None:
    board = new_board(per_minute=2)
    for number in range(5):
        board.turns.changed(view(str(number), agent="evil"), T)
    board.turns.changed(view("7", agent="honest"), T)
    told = [do(board) for _ in range(14)]
    assert [step for step in told if step.endswith("waiting")] == [
        "0 waiting",
        "7 waiting",
        "1 waiting",
    ]
    assert told[-2:] == ["3 more of evil", "NoneType"]
    assert board.next_deadline(T, NOBODY) == T + 30.0
    assert do(board, T + 30.0) == "Send"
    while next_step(board, T + 30.0):
        do(board, T + 30.0)
    for number in (3, 4):
        board.turns.changed(view(str(number), "cancelled", agent="evil"), T + 31.0)
    assert [do(board, T + 31.0) for _ in range(3)] == ["Forget", "Forget", "NoneType"]
    assert board.next_deadline(T + 31.0, NOBODY) == T + 40.0
    assert do(board, T + 40.0) == "0 more of evil"
    assert do(board, T + 40.0) == "NoneType"


def test_asks_of_a_muted_agent_are_not_told_of_and_those_shown_are_kept_true() -> None:
    board = new_board()
    board.turns.changed(view("1", agent="evil"), T)
    while next_step(board):
        do(board)
    board.turns.changed(view("2", agent="evil"), T)
    board.turns.changed(view("1", "denied", agent="evil"), T)
    silent = {"evil": 90.0}
    step = board.next_step(T, silent)
    assert isinstance(step, Edit)
    board.edited(step)
    assert board.next_step(T, silent) == Forget("1")
    assert board.next_step(T, silent) is None
    assert board.next_deadline(T, silent) == T + 90.0
    assert do(board) == "Send", "it is muted no more"


def test_what_is_asked_and_what_is_told_take_turns() -> None:
    board = new_board()
    for number in range(4):
        board.turns.changed(view(str(number)), T)
    while next_step(board):
        do(board)
    for number in range(4):
        board.turns.changed(view(str(number), "denied"), T)
    for number in range(5, 8):
        board.turns.changed(view(str(number)), T)
    edits = []
    while next_step(board):
        edits.append(do(board))
    shown = [step[2:] for step in edits if step not in ("Send", "Keep", "Forget", "NoneType")]
    assert shown == ["denied", "waiting", "denied", "waiting", "denied", "waiting", "denied"]


def test_what_is_refused_goes_behind_the_others_and_is_tried_again_for_ever() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    board.turns.changed(view("2"), T)
    now, pauses = T, []
    for _ in range(9):
        step = board.next_step(now, NOBODY)
        assert isinstance(step, Send)
        assert step.rid == "1"
        board.refused("1", "no", now)
        while next_step(board, now):
            assert do(board, now) in ("Send", "Keep", "2 waiting")
        deadline = board.next_deadline(now, NOBODY)
        assert deadline is not None
        pauses.append(deadline - now)
        now = deadline
    assert pauses == [60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_600.0, 3_600.0, 3_600.0]
    assert board.problem == "1 messages are refused and tried again: no"
    assert do(board, now) == "Send"
    assert board.problem == ""


def test_what_is_refused_and_over_is_dropped() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    board.refused("1", "no", T)
    board.turns.changed(view("1", "denied"), T)
    assert next_step(board) == Forget("1")
    assert board.problem == ""


def test_a_bug_with_one_message_keeps_no_other_away() -> None:
    board = new_board()
    board.turns.changed(view("1"), T)
    board.turns.changed(view("2"), T)
    assert do(board) == "Send"
    board.skip("a bug", T)
    assert do(board) == "Send"
    assert "2" in board.turns.cards
    assert board.turns.cards["2"].place is not None
    assert board.problem
    empty = new_board()
    empty.found_stray(CHAT, 1, "9")
    empty.skip("a bug", T)
    assert next_step(empty) is None


def test_what_waits_is_asked_again_where_its_chat_has_moved() -> None:
    board = new_board()
    for number in ("1", "2"):
        board.turns.changed(view(number), T)
    while next_step(board):
        do(board)
    board.turns.changed(view("2", "approved"), T)
    board.moved(CHAT)
    step = next_step(board)
    assert isinstance(step, Send)
    assert step.rid == "1"
    board.sent(step, Remembered(77, 8, moved_from=CHAT))
    kept = next_step(board)
    assert kept == Keep("1", Remembered(77, 8, moved_from=CHAT))
    board.turns.changed(view("2", "approved", "executed"), T)
    board.moved(99)
    left = [do(board) for _ in range(4)]
    assert left == ["Forget", "Keep", "1 waiting", "Keep"]
