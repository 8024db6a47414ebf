"""Notifying: no agent rings more often than its share, and none pushes another's ask back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.quotas import notifying as module
from agentgate_proto.quotas.notifying import FORGIVEN_S, ROW_MAX, SLOWNESS_MAX, WINDOW_S, Notifying

T = 1_000.0


def opened(notifying: Notifying, agent: str, count: int, now: float = T) -> list[str]:
    rids = [f"{agent}{number}" for number in range(count)]
    for rid in rids:
        notifying.opened(rid, agent, now)
    return rids


def turns(notifying: Notifying, now: float, besides: tuple[str, ...] = ()) -> list[str]:
    found = []
    while rid := notifying.turn(now, besides):
        found.append(rid)
    return found


def test_an_agent_has_its_share_at_once_and_the_rest_as_it_flows_in() -> None:
    notifying = Notifying(6)
    rids = opened(notifying, "evil", 9)
    assert turns(notifying, T) == rids[:6]
    assert notifying.held(T) == {"evil": 3}
    assert notifying.next_deadline(T) == pytest.approx(T + 10.0)
    assert turns(notifying, T + 9.9) == []
    assert turns(notifying, T + 10.0) == rids[6:7]
    assert turns(notifying, T + 30.0) == rids[7:]
    assert notifying.held(T + 30.0) == {}
    assert notifying.next_deadline(T + 30.0) is None


def test_an_idle_agent_saves_up_no_more_than_its_share() -> None:
    notifying = Notifying(2)
    opened(notifying, "a", 1)
    turns(notifying, T)
    opened(notifying, "b", 9)
    for number in range(9):
        notifying.opened(f"late{number}", "a", T + 10_000.0)
    assert len([rid for rid in turns(notifying, T + 10_000.0) if rid.startswith("late")]) == 2


def test_of_those_that_have_room_the_one_told_of_longest_ago_comes_first() -> None:
    notifying = Notifying(6)
    opened(notifying, "evil", 5)
    opened(notifying, "evil2", 5)
    assert notifying.turn(T) == "evil0"
    assert notifying.turn(T + 1.0) == "evil20"
    opened(notifying, "honest", 1, T + 2.0)
    assert notifying.turn(T + 2.0) == "honest0", "however much the others have waiting"
    assert notifying.turn(T + 3.0) == "evil1"


def test_what_is_over_before_its_turn_is_never_told_of() -> None:
    notifying = Notifying(6)
    opened(notifying, "evil", 8)
    assert notifying.is_held("evil7")
    for number in range(8):
        notifying.over(f"evil{number}", "cancelled", T)
    assert not notifying.is_held("evil7")
    assert turns(notifying, T) == []
    notifying.over("evil7", "cancelled", T)
    notifying.over("nobody's", "denied", T)


def test_what_is_known_takes_no_turn() -> None:
    notifying = Notifying(6)
    notifying.opened("r", "agent", T)
    notifying.known("r", "agent", T)
    notifying.opened("r", "agent", T)
    assert not notifying.is_held("r")
    assert turns(notifying, T) == []


def ask_and_end(notifying: Notifying, status: str, count: int, now: float = T) -> None:
    for number in range(count):
        notifying.opened(f"{status}{number}", "evil", now)
        notifying.over(f"{status}{number}", status, now)


@pytest.mark.parametrize("status", ["denied", "cancelled"])
def test_denied_and_withdrawn_asks_in_a_row_slow_an_agent(status: str) -> None:
    notifying = Notifying(6)
    ask_and_end(notifying, status, ROW_MAX)
    opened(notifying, "evil", 20)
    assert len(turns(notifying, T)) == 6, "so many slow nobody down"
    ask_and_end(notifying, status, 1, T + 1.0)
    assert notifying.next_deadline(T + 60.0) == pytest.approx(T + 60.0)
    assert len(turns(notifying, T + 60.0)) == 3, "each takes twice as much now"
    ask_and_end(notifying, status, 100, T + 60.0)
    now = T + 300.0
    assert len(turns(notifying, now)) == 1
    pause = 10.0 * SLOWNESS_MAX
    assert turns(notifying, now + pause - 1.0) == []
    assert len(turns(notifying, now + pause)) == 1


@pytest.mark.parametrize(
    ("end", "later_s", "slowness"),
    [
        ("approved", 0.0, 1.0),
        ("expired", 0.0, SLOWNESS_MAX),
        ("denied", FORGIVEN_S, 1.0),
        ("denied", FORGIVEN_S - 1.0, SLOWNESS_MAX),
    ],
)
def test_a_yes_and_time_end_a_row_and_an_ask_that_nobody_answers_does_not(
    end: str, later_s: float, slowness: float
) -> None:
    notifying = Notifying(1)
    ask_and_end(notifying, "denied", ROW_MAX + 5)
    ask_and_end(notifying, end, 1)
    now = T + later_s
    opened(notifying, "evil", 2, now)
    assert turns(notifying, now) == ["evil0"]
    assert notifying.next_deadline(now) == pytest.approx(now + 60.0 * slowness)


def test_a_muted_agent_waits_in_silence_and_holds_up_nobody() -> None:
    notifying = Notifying(1)
    opened(notifying, "evil", 2)
    opened(notifying, "honest", 2)
    assert turns(notifying, T, ("evil",)) == ["honest0"]
    assert notifying.held(T, ("evil",)) == {"honest": 1}
    assert notifying.next_deadline(T, ("evil", "honest")) is None
    assert turns(notifying, T) == ["evil0"]


def test_agents_that_ask_nothing_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGENTS_MAX", 2)
    notifying = Notifying(1)
    opened(notifying, "a", 1)
    opened(notifying, "b", 2)
    turns(notifying, T)
    notifying.over("a0", "approved", T)
    opened(notifying, "c", 1)
    assert turns(notifying, T) == ["c0"]
    opened(notifying, "a", 1)
    assert turns(notifying, T) == ["a0"], "it was forgotten, and has a share of its own again"
    assert notifying.held(T) == {"b": 1}


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["evil", "honest"]),
            st.sampled_from(["open", "approved", "denied", "cancelled", "expired", "turn"]),
            st.floats(0.0, 40.0),
        ),
        max_size=60,
    )
)
def test_no_agent_is_told_of_more_than_twice_its_share_in_any_minute(
    events: list[tuple[str, str, float]],
) -> None:
    notifying = Notifying(3)
    now, told = T, dict[str, list[float]]()
    asks = Counter[str]()
    for agent, event, pause in events:
        now += pause
        if event == "open":
            asks[agent] += 1
            notifying.opened(f"{agent}{asks[agent]}", agent, now)
        elif event == "turn":
            deadline = notifying.next_deadline(now)
            rid = notifying.turn(now)
            assert bool(rid) == (deadline == now)
            if rid:
                told.setdefault(rid.rstrip("0123456789"), []).append(now)
        else:
            notifying.over(f"{agent}{asks[agent]}", event, now)
    for times in told.values():
        for start in times:
            assert sum(start <= at < start + WINDOW_S for at in times) <= 6
