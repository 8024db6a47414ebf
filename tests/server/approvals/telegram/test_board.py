"""The board: what to do next, without any Telegram."""

from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.telegram import board as board_module
from agentgate_server.approvals.telegram.board import (
    Board,
    Edit,
    Forget,
    Keep,
    Remembered,
    Send,
    Visit,
)
from agentgate_server.approvals.telegram.rendering import Rendering

CHAT = 5


def view(rid: str, status: str = "waiting", outcome: str = "") -> ApprovalView:
    return ApprovalView(
        id=rid,
        agent="agent",
        tool="note",
        args=msgspec.Raw(b"{}"),
        signature="note",
        rule="p:1",
        created_at="2026-11-20T10:00:00.000Z",
        expires_at="2026-11-20T10:15:00.000Z",
        status=status,
        outcome=outcome,
    )


def new_board() -> Board:
    return Board(
        lambda a: f"{a.id} announced",
        lambda a, words: Rendering(f"{a.id} {a.status}{a.outcome}{words}"),
    )


def do(board: Board) -> str:
    """Do the next step as if everything worked; say what it was."""
    step = board.next_step()
    match step:
        case Send():
            board.sent(step, CHAT, int(step.rid))
        case Keep():
            board.kept(step)
        case Edit():
            board.edited(step)
            return step.rendering.html
        case Visit():
            board.visited(step)
    return type(step).__name__


def test_a_message_is_noted_before_it_gets_its_buttons_and_forgotten_when_it_is_over() -> None:
    board = new_board()
    board.changed(view("1"))
    assert [do(board) for _ in range(5)] == ["Send", "Keep", "1 waiting", "Keep", "NoneType"]
    board.changed(view("1", "approved"))
    assert [do(board) for _ in range(3)] == ["1 approved", "Keep", "NoneType"]
    board.changed(view("1", "approved", "executed"))
    assert [do(board) for _ in range(3)] == ["1 approvedexecuted", "Forget", "NoneType"]
    assert not board.cards


def test_states_in_between_are_skipped() -> None:
    board = new_board()
    for state in (view("1"), view("1", "approved"), view("1", "approved", "executed")):
        board.changed(state)
    assert isinstance(board.next_step(), Forget), "it was never shown, so nothing is"
    assert board.next_step() is None


def test_a_step_that_was_not_reported_comes_again_in_the_newest_words() -> None:
    board = new_board()
    board.changed(view("1"))
    for _ in range(2):
        do(board)
    assert isinstance(board.next_step(), Edit)
    board.changed(view("1", "denied"))
    step = board.next_step()
    assert isinstance(step, Edit)
    assert step.rendering.html == "1 denied"


def test_beyond_its_cap_it_remembers_that_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "CARDS_MAX", 2)
    board = new_board()
    for number in range(3):
        board.changed(view(str(number)))
    assert list(board.cards) == ["0", "1"]
    assert board.overflowed


def test_the_oldest_strays_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "STRAYS_MAX", 2)
    board = new_board()
    for number in range(3):
        board.found_stray(CHAT, number, "9")
    assert board.next_step() == Visit("9", CHAT, 1)


def test_what_happens_while_an_approval_is_looked_up_counts() -> None:
    board = new_board()
    board.expect("1")
    board.changed(view("1", "approved", "executed"))
    board.remembered("1", Remembered(CHAT, 1), view("1", "approved"), noted=True)
    assert do(board) == "1 approvedexecuted"


def test_the_words_of_a_grant_show_until_they_are_taken_back_or_it_is_settled() -> None:
    board = new_board()
    board.changed(view("1"))
    while do(board) != "NoneType":
        pass
    board.show_grant("1", " words", 99.0)
    assert [do(board) for _ in range(2)] == ["Keep", "1 waiting words"]
    assert board.grant_ends("1") == 99.0
    board.changed(view("1", "denied"))
    assert do(board) == "1 denied"
    assert board.grant_ends("gone") == 0.0


@pytest.mark.parametrize("steps", range(5))
@pytest.mark.parametrize("back", [False, True])
def test_words_of_a_grant_do_not_outlive_the_life_that_showed_them(steps: int, back: bool) -> None:
    """However far the first life comes: an edit may have arrived, and its note not be durable."""
    board = new_board()
    board.changed(view("1"))
    while board.next_step() is not None:
        do(board)
    board.show_grant("1", " words", 99.0)
    if back:
        do(board)
        do(board)
        board.show_grant("1", "", 0.0)
    shown = "1 waiting words" if back else "1 waiting"
    for _ in range(steps):
        step = board.next_step()
        shown = step.rendering.html if isinstance(step, Edit) else shown
        do(board)
    note = board.cards["1"].noted
    if isinstance(step := board.next_step(), Edit):
        shown = step.rendering.html  # it arrived, and nobody noted that
    assert note is not None

    board = new_board()
    board.expect("1")
    board.remembered("1", note, view("1"), noted=True)
    while (step := board.next_step()) is not None:
        shown = step.rendering.html if isinstance(step, Edit) else shown
        do(board)
    assert shown == "1 waiting"
