"""``agent-gate usage``: tokens, money, budgets."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.looking import looking
from tests.cli.rehearsed import agent_of
from tests.cli.support import OPERATOR_TOKEN, Served, run
from tests.cli.test_sessions import asked, said

from agentgate_cli.usage import budget_lines, cells, cost_of
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.usage_methods import BudgetLine, UsageLine


def test_it_adds_up_by_model_day_principal_and_session(stage: Served) -> None:
    session = said(stage, "one", "--model", "dear")
    for by in ("model", "day", "principal", "session"):
        report = asked(stage, "usage", "--by", by)
        assert sum(row["cost_micros"] for row in report["rows"]) == report["total"]["cost_micros"]
        assert sum(row["requests"] for row in report["rows"]) == report["total"]["requests"]
    only = asked(stage, "usage", "--by", "model", "--session", session)
    assert [row["key"] for row in only["rows"]] == ["dear"]
    assert only["total"]["requests"] == 1
    usage, cost = only["total"]["usage"], only["total"]["cost_micros"]
    assert cost == 3 * usage["input"] + 15 * usage["output"]
    assert asked(stage, "usage", "--since", "2999-01-01")["rows"] == []
    assert len(asked(stage, "usage", "--by", "total")["rows"]) == 1


def test_without_a_terminal_rows_are_cells_and_at_one_there_are_bars_and_budgets(
    stage: Served, tmp_path: Path
) -> None:
    said(stage, "one", "--model", "dear")
    said(stage, "one", "--model", "plain")
    done = run("usage", **agent_of(stage))
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {len(row) for row in rows} == {5}
    assert rows[-1][0] == "total"
    with looking("usage", cwd=tmp_path, **agent_of(stage)) as person:
        assert person.end() == 0
        assert "██" in person.text
        free = next(line for line in person.lines if line.startswith("plain"))
        assert "$0.00" in free
        assert "█" not in free, "what costs nothing has no bar beside what does"
        assert "budget daily on dear, per day" in person.text
        assert "of $0.10 left" in person.text
        assert "then no more" in person.text


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_it_fits_the_terminal(stage: Served, tmp_path: Path, columns: int) -> None:
    said(stage, "one", "--model", "dear")
    with looking("usage", "--by", "session", cwd=tmp_path, columns=columns, **agent_of(stage)) as p:
        assert p.end() == 0
        assert max(map(len, p.lines)) <= columns
        assert all(not line.strip().startswith("en a person") for line in p.lines)


def test_where_nothing_was_asked_that_is_said(mortal: Served, tmp_path: Path) -> None:
    with looking("usage", cwd=tmp_path, **agent_of(mortal)) as person:
        assert person.end() == 0
        assert "no model was asked" in person.text


def test_a_day_that_is_none_is_a_mistake_in_the_command_line(stage: Served) -> None:
    done = run("usage", "--since", "yesterday", **agent_of(stage))
    assert done.returncode == 4
    assert "write a day, 2026-11-29" in done.stderr


def test_an_operator_sees_everybodys(stage: Served) -> None:
    said(stage, "one")
    done = run(
        "usage", "--by", "principal", AGENT_GATE_URL=stage.url, AGENT_GATE_TOKEN=OPERATOR_TOKEN
    )
    assert done.returncode == 0
    assert done.stdout.startswith("agent\t")


def line(**changes: int) -> UsageLine:
    return UsageLine(key="m\x1b", usage=Usage(input=1200, output=5), cost_micros=0, **changes)


def test_a_cost_that_nobody_knows_is_never_zero() -> None:
    assert cost_of(line(requests=2)) == "$0.00"
    assert cost_of(line(requests=2, unknown=1)) == "$0.00 + unknown"
    assert cost_of(line(requests=2, unknown=2)) == "unknown"
    assert cells(line(requests=2))[:3] == ("m\\u001b", "2", "1,200")


def test_what_is_estimated_is_marked() -> None:
    usage = Usage(input=7, output=5, is_estimate=True)
    row = UsageLine(key="m", usage=usage, cost_micros=1, requests=1)
    assert cells(row)[2:4] == ("~7", "~5")


def test_a_budget_says_what_is_left_and_what_follows() -> None:
    budget = BudgetLine(
        name="daily",
        principal="*",
        model="*",
        per="day",
        limit_micros=5_000_000,
        spent_micros=6_000_000,
        over="ask",
    )
    text = " ".join(budget_lines(budget, 200))
    assert "$0.00" in text
    assert "of $5.00 left (120 % spent), then a person is asked" in text
    assert len(budget_lines(budget, 30)) > 1
