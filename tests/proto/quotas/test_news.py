"""News: a line at the beginning, rarer ones meanwhile, one at the end; never a flood."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.quotas.news import OUTAGES_MAX, PAUSES_S, REASONS_MAX, News

DAY_S = 86_400.0


def test_what_is_well_is_not_said() -> None:
    assert News().well(1.0) is None


def test_the_beginning_and_the_end_have_a_line_each() -> None:
    news = News()
    assert news.failed("refused", 10.0) == ""
    assert news.is_away
    assert news.failed("refused", 15.0) is None
    assert news.well(75.0) == " after 1m5s (it failed 2 times)"
    assert not news.is_away
    assert news.well(80.0) is None


def test_what_failed_once_says_so() -> None:
    news = News()
    assert news.failed("refused", 10.0) == ""
    assert news.well(12.0) == " after 2s (it failed once)"


def test_meanwhile_there_are_rarer_and_rarer_lines() -> None:
    news = News()
    said = [at for at in range(0, int(3 * DAY_S), 5) if news.failed("refused", at) is not None]
    pauses = [after - before for before, after in pairwise(said)]
    assert pauses[: len(PAUSES_S)] == list(PAUSES_S)
    assert set(pauses[len(PAUSES_S) :]) == {PAUSES_S[-1]}
    assert len(said) < 16


def test_a_line_meanwhile_says_for_how_long_and_how_often() -> None:
    news = News()
    news.failed("refused", 0.0)
    for at in range(5, 300, 5):
        news.failed("refused", at)
    assert news.failed("refused", 300.0) == " (for 5m, 61 times)"


def test_a_countdown_in_the_words_is_no_news_and_another_reason_is() -> None:
    news = News()
    assert news.failed("refused; tried again in 25 s", 0.0) == ""
    assert news.failed("refused; tried again in 20 s", 5.0) is None
    assert news.failed("no such host", 10.0) == " (for 10s, 3 times)"
    assert news.failed("refused; tried again in 5 s", 15.0) is None


def test_reasons_without_end_are_no_flood() -> None:
    news = News()
    told = [news.failed("x" * at, at) for at in range(1, 200)]
    assert sum(each is not None for each in told) == REASONS_MAX


def test_what_comes_and_goes_is_told_like_what_stays_away() -> None:
    news = News()
    said = 0
    for at in range(0, int(DAY_S), 20):
        said += news.failed("refused", at) is not None
        said += news.well(at + 10) is not None
    assert said <= 2 * (OUTAGES_MAX + len(PAUSES_S) + DAY_S / PAUSES_S[-1])


def test_after_a_calm_time_a_beginning_is_said_again() -> None:
    news = News()
    for at in (0.0, 20.0, 40.0, 60.0):
        told = news.failed("refused", at)
        ended = news.well(at + 10.0)
        assert (told is None, ended is None) == (at == 60.0, at == 60.0)
    assert news.failed("refused", 2_000.0) == ""


@given(st.lists(st.tuples(st.floats(0.0, 1e5), st.booleans(), st.sampled_from("abc"))))
@quick
def test_an_end_is_said_exactly_when_a_beginning_was(
    steps: list[tuple[float, bool, str]],
) -> None:
    news, now, open_lines = News(), 0.0, False
    for pause, fails, why in steps:
        now += pause
        if fails:
            open_lines |= news.failed(why, now) is not None
        else:
            assert (news.well(now) is not None) == open_lines
            open_lines = False
