"""Figures: money that is never rounded to nothing, bars that do not lie."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_cli.figures import Part, bar, cells, dollars, packed, share, usage_line
from agentgate_proto.records.usage import Usage


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (1, "$0.000001"),
        (264, "$0.000264"),
        (9_990, "$0.00999"),
        (10_000, "$0.01"),
        (12_345, "$0.0123"),
        (500_000, "$0.50"),
        (1_234_567, "$1.23"),
        (1_234_000_000, "$1,234.00"),
    ],
)
def test_money_is_shown_as_exactly_as_it_matters(micros: int | None, text: str) -> None:
    assert dollars(micros) == text


@pytest.mark.parametrize(
    ("amount", "total", "text"),
    [(0, 10, "0 %"), (1, 0, "0 %"), (1, 100_000, "< 0.1 %"), (1, 300, "0.3 %"), (42, 100, "42 %")],
)
def test_a_share_is_never_shown_as_nothing(amount: int, total: int, text: str) -> None:
    assert share(amount, total) == text


def test_usage_says_what_is_estimated_and_what_came_from_the_cache() -> None:
    assert usage_line(Usage(input=1200, output=3)) == "1,200 in, 3 out"
    usage = Usage(input=1200, output=3, cache_read=1000, is_estimate=True)
    assert usage_line(usage) == "about 1,200 in (1,000 from the cache), 3 out"


@given(st.lists(st.integers(0, 10**9), max_size=6), st.integers(0, 10**9), st.integers(0, 120))
def test_a_bar_has_its_width_and_shares_as_near_the_truth_as_can_be(
    amounts: list[int], extra: int, width: int
) -> None:
    total = sum(amounts) + extra
    given_cells = cells(amounts, total, width)
    assert len(given_cells) == len(amounts)
    assert sum(given_cells) <= width
    if any(amounts) and width:
        assert sum(given_cells) >= 1
    for amount, places in zip(amounts, given_cells, strict=True):
        assert places == 0 or amount > 0
        if total:
            assert abs(places - width * amount / total) <= 2
    parts = [Part(amount, "x", "red") for amount in amounts]
    assert len(click.unstyle(bar(parts, total, width))) == width


def test_more_than_all_fills_a_bar_and_no_more() -> None:
    assert click.unstyle(bar([Part(30, "x", "red")], 10, 8)) == "xxxxxxxx"


def test_parts_are_packed_into_lines_whole() -> None:
    assert packed(["aaa", "bbb", "ccc"], 8) == ["aaa bbb", "ccc"]
    assert packed(["a" * 20, "b"], 8) == ["a" * 20, "b"]
    assert packed([click.style("aaa", bold=True), "bbb"], 8) == [
        f"{click.style('aaa', bold=True)} bbb"
    ]
    assert packed([], 8) == []
    assert packed(["a", "b", "ccc"], 8, " · ") == ["a · b", "ccc"]
