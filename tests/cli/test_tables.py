"""Tables fit their terminal, and what matters stays readable."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_cli import approvals, grants, pending
from agentgate_cli.tables import GAP_CHARS, Column, broken, layout, print_table

WORDS = "agent may call set_light with room=bedroom, any on, until 12:34 UTC, at most 3 times"


def width_of(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP_CHARS * len(widths)


def test_no_cell_steers_whatever_reads_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        [Column("ID"), Column("TEXT")],
        [["a\x1b[2J", "b\nc\td\u202e"], ["\u05d0", "\u05d0"]],
        "nothing",
    )
    assert capsys.readouterr().out == "a\\u001b[2J\tb\\nc\\td\\u202e\n\\u05d0\t\u05d0\n"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_a_sentence_keeps_its_room_and_columns_that_matter_less_go(width: int) -> None:
    longest = [8, 14, 10, 36, 9, len(WORDS)]
    widths = layout(grants.COLUMNS, longest, width)
    assert width_of(widths) <= width
    assert 0 in widths
    assert widths[5] >= min(40, width - 8 - 14 - 3 * GAP_CHARS)
    if width >= 120:
        assert len(widths) == 6


def test_what_fits_is_as_wide_as_its_longest_cell() -> None:
    columns = (Column("a"), Column("b", wide=True), Column("c", wide=True))
    assert layout(columns, [5, 10, 20], 80) == {0: 5, 1: 10, 2: 20}


def test_what_is_left_is_shared_by_those_that_can_use_it() -> None:
    columns = (Column("a"), Column("b", wide=True), Column("c", wide=True))
    widths = layout(columns, [30, 30, 300], 100)
    assert widths[0] == 30
    assert widths[1] == 30
    assert width_of(widths) == 100


def test_of_those_that_may_go_the_highest_goes_first() -> None:
    columns = (Column("a"), Column("b", rank=1), Column("c", rank=2), Column("d", wide=True))
    assert list(layout(columns, [10, 10, 10, 99], 62)) == [0, 1, 2, 3]
    assert list(layout(columns, [10, 10, 10, 99], 50)) == [0, 1, 3]
    assert list(layout(columns, [10, 10, 10, 99], 20)) == [0, 3], "the rest stays whatever happens"


@pytest.mark.parametrize(
    ("columns", "row", "shown"),
    [
        (
            grants.COLUMNS,
            ("0WqriNg1", "12 min left", "3 min ago", "telegram:4001 (telegram)", "3", WORDS),
            "any on, until",
        ),
        (
            approvals.SHOWN,
            ("0WqriNg1", "5 min ago", "10 min", "garden", "set_light(100, true, bedroom)", WORDS),
            "set_light(100, true,",
        ),
        (
            pending.SHOWN,
            ("5 min ago", "0123456789abcde…", "set_light(100, true, bedroom)", WORDS),
            "set_light(100, true,",
        ),
    ],
)
def test_at_80_columns_each_list_can_be_read(
    columns: tuple[Column, ...],
    row: tuple[str, ...],
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    print_table(columns, [row], "nothing")
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(shown in line for line in lines)
    assert len(lines) <= 8


@pytest.mark.parametrize(
    ("text", "chars", "lines"),
    [
        ("", 10, [""]),
        ("turn it off", 8, ["turn it", "off"]),
        ('{"a":1,"b":[22,33]}', 10, ['{"a":1,', '"b":[22,', "33]}"]),
        ("abcdefghijkl", 5, ["abcde", "fghij", "kl"]),
        ("fits in it", 10, ["fits in it"]),
    ],
)
def test_a_text_is_broken_where_it_hurts_least(text: str, chars: int, lines: list[str]) -> None:
    assert broken(text, chars) == lines


@given(text=st.text(alphabet="ab ,{[", max_size=60), chars=st.integers(1, 20))
def test_nothing_is_lost_where_a_text_is_broken_but_blanks(text: str, chars: int) -> None:
    lines = broken(text, chars)
    assert all(len(line) <= chars for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
