"""Summaries: one line for each agent, edited and seldom sent."""

from __future__ import annotations

import pytest

from agentgate_server.approvals import summaries as module
from agentgate_server.approvals.summaries import AGAIN_S, EVERY_S, Summaries, Tell

T = 1_000.0
CHAT = 5


def new() -> Summaries:
    return Summaries(lambda agent, count: f"{count} more of {agent}")


def tell(summaries: Summaries, held: dict[str, int], now: float, message_id: int = 7) -> str:
    step = summaries.next_step(held, now)
    if step is None:
        return ""
    summaries.told(step, CHAT, step.message_id or message_id, now)
    return f"{'edit' if step.message_id else 'send'} {step.text}"


def test_a_line_is_sent_once_and_edited_at_its_pace() -> None:
    summaries = new()
    assert tell(summaries, {}, T) == ""
    assert tell(summaries, {"evil": 3}, T) == "send 3 more of evil"
    assert tell(summaries, {"evil": 3}, T + 100.0) == ""
    assert summaries.next_deadline({"evil": 3}) is None
    assert tell(summaries, {"evil": 40}, T + EVERY_S - 1.0) == ""
    assert summaries.next_deadline({"evil": 40}) == T + EVERY_S
    assert tell(summaries, {"evil": 40}, T + EVERY_S) == "edit 40 more of evil"
    assert tell(summaries, {}, T + 2 * EVERY_S) == "edit 0 more of evil"
    assert tell(summaries, {}, T + 3 * EVERY_S) == ""


def test_after_a_silence_a_new_line_is_sent_and_not_before() -> None:
    summaries = new()
    tell(summaries, {"evil": 3}, T)
    tell(summaries, {}, T + EVERY_S)
    assert tell(summaries, {"evil": 1}, T + AGAIN_S - 1.0) == "edit 1 more of evil"
    tell(summaries, {}, T + AGAIN_S - 1.0 + EVERY_S)
    assert tell(summaries, {"evil": 2}, T + 2 * AGAIN_S) == "send 2 more of evil"


def test_a_line_that_somebody_deleted_or_whose_chat_moved_is_sent_anew() -> None:
    summaries = new()
    tell(summaries, {"evil": 3}, T)
    step = summaries.next_step({"evil": 4}, T + EVERY_S)
    assert step == Tell("evil", 4, "4 more of evil", CHAT, 7)
    summaries.gone(step)
    assert tell(summaries, {"evil": 4}, T + EVERY_S) == "send 4 more of evil"
    summaries.moved(CHAT + 1)
    assert tell(summaries, {"evil": 4}, T + EVERY_S) == ""
    summaries.moved(CHAT)
    assert tell(summaries, {"evil": 4}, T + EVERY_S) == "send 4 more of evil"


def test_one_that_was_refused_is_not_sent_again_at_once() -> None:
    summaries = new()
    step = summaries.next_step({"evil": 3}, T)
    assert step is not None
    summaries.told(step, CHAT, 0, T)
    assert summaries.next_step({"evil": 4}, T + 1.0) is None
    again = summaries.next_step({"evil": 4}, T + EVERY_S)
    assert again == Tell("evil", 4, "4 more of evil", CHAT, 0)


def test_lines_have_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINES_MAX", 2)
    summaries = new()
    for number in range(3):
        tell(summaries, {f"evil{number}": 1}, T, number + 1)
    assert tell(summaries, {"evil1": 1, "evil2": 1}, T) == ""
    assert tell(summaries, {"evil0": 1}, T) == "send 1 more of evil0"
