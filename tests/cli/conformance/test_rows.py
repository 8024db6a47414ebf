"""What is said of the rows that a client reports: nothing of those that are right."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Wanted, check_report

KEPT = {"request_id": 7, "status": "executed", "data": [1], "resolved_at": "…"}
REFUSED = {"request_id": "s", "status": "denied", "error": {"code": -32003, "message": "no"}}
WANTED = Wanted(
    (),
    rows=[{"request_id": "s", "error": -32003}, {"request_id": 7, "data": [1]}],
    spent=[8],
)


def check(rows: Any) -> None:
    check_report(WANTED, {"task": 1, "results": [], "rows": rows})


def test_rows_may_come_in_any_order_and_beside_those_of_other_cases() -> None:
    check([KEPT, {"request_id": 1, "data": 0}, REFUSED])


@pytest.mark.parametrize(
    ("rows", "problem", "rules"),
    [
        ([KEPT], "did not return", ("H2", "H3")),
        ([KEPT, REFUSED, KEPT], "told before", ("H3", "H5")),
        ([KEPT, REFUSED, {"request_id": 8, "data": None}], "told before", ("H3", "H5")),
        ([KEPT, REFUSED | {"request_id": "7"}], "did not return", ("H2", "H3")),
        ([KEPT | {"data": 1}, REFUSED], "the row of id 7 ended as", ()),
        ([KEPT, REFUSED | {"error": {"code": -32001}}], "the row of id s ended as", ()),
        (None, r"no rows of get_pending_results.*\(testing.md\)", ()),
    ],
)
def test_other_rows_are_found(rows: Any, problem: str, rules: tuple[str, ...]) -> None:
    with pytest.raises(Broken, match=problem) as told:
        check(rows)
    assert told.value.rules == rules


def test_the_rule_of_an_outcome_is_named() -> None:
    wanted = Wanted([{"data": 1, "rules": ("W6",)}])
    with pytest.raises(Broken, match=r"instead of .*\(W6\)"):
        check_report(wanted, {"results": [{"error": {"code": -32008}}]})
