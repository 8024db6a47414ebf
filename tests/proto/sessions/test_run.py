"""A run as it is in memory."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.proto.session_models import model

from agentgate_proto.records.session import OpenRun, RunSoFar
from agentgate_proto.records.usage import Usage
from agentgate_proto.sessions.run import OpenTool, Phase, Run

STORED = OpenRun(id="r", message_id="m", first=3, model="m", max_iterations=5, started_at=1.0)


def test_a_run_begins_with_its_message_being_written() -> None:
    run = Run(STORED, model(), max_tokens=7, params={"seed": 1})
    assert (run.id, run.phase, run.max_tokens, run.params) == ("r", Phase.CLAIMING, 7, {"seed": 1})
    assert Run(STORED, model()).params == {}


def test_what_is_stored_of_a_run_brings_it_back_as_far_as_it_came() -> None:
    assert Run(STORED, model()).to_store == replace(STORED, so_far=RunSoFar())
    run = Run(STORED, model())
    run.iteration, run.tries = 3, 2
    run.usage, run.cost_micros, run.unknown = Usage(input=5, is_estimate=True), 7, 1
    again = Run(run.to_store, model())
    assert (again.iteration, again.tries) == (3, 2)
    assert (again.usage, again.cost_micros, again.unknown) == (run.usage, 7, 1)
    assert again.to_store == run.to_store


@pytest.mark.parametrize(
    ("iteration", "tries", "asked"), [(0, 0, 0), (1, 0, 0), (1, 3, 1), (2, 0, 1), (2, 1, 2)]
)
def test_only_what_the_model_was_really_asked_counts(
    iteration: int, tries: int, asked: int
) -> None:
    run = Run(STORED, model())
    run.iteration, run.tries = iteration, tries
    assert run.iterations == asked


def test_a_run_names_the_approvals_that_it_waits_for() -> None:
    run = Run(STORED, model())
    run.tools = {name: OpenTool("t", "t") for name in ("c1", "c2", "c3")}
    run.tools["c1"].approval, run.tools["c3"].approval = "a1", "a3"
    assert run.approvals == ["a1", "a3"]


def test_requests_to_the_model_come_as_fast_as_they_like_and_then_at_an_even_pace() -> None:
    run = Run(STORED, model())
    assert [run.pause_s(4, 100.0) for _ in range(4)] == [0.0] * 4
    now = 100.0
    for _ in range(3):
        pause = run.pause_s(4, now)
        assert pause == 15.0
        now += pause
    assert [run.pause_s(4, now + 90.0) for _ in range(5)] == [0.0] * 4 + [15.0]


def test_a_clock_that_is_set_back_holds_up_no_request_for_long() -> None:
    run = Run(STORED, model())
    assert [run.pause_s(4, 5_000.0) for _ in range(4)] == [0.0] * 4
    assert run.pause_s(4, 100.0) == 15.0
