"""One-time codes: each good once, for clocks a little off, and not to be guessed."""

from __future__ import annotations

import pytest
from pyotp import TOTP

from agentgate_server.approvals.codes import (
    COUNTED_MAX,
    DRIFT_STEPS,
    PAUSE_MAX_S,
    PAUSE_S,
    STEP_S,
    WRONG_MAX,
    Codes,
    WrongCode,
)
from agentgate_server.secrets.secret import Secret

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The secret of RFC 6238's test vectors, in base32."""

OTHER = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

NOON = 1_800_000_000.0


def codes() -> Codes:
    return Codes({"ann": Secret(SECRET), "bea": Secret(OTHER)})


def code(at: float = NOON, secret: str = SECRET) -> str:
    return TOTP(secret).at(int(at))


def refused(checker: Codes, text: str, now: float = NOON, name: str = "ann") -> WrongCode:
    with pytest.raises(WrongCode) as caught:
        checker.verify(name, text, now)
    return caught.value


@pytest.mark.parametrize(("at", "text"), [(59, "287082"), (1_111_111_109, "081804")])
def test_codes_are_those_of_the_rfc(at: int, text: str) -> None:
    codes().verify("ann", text, float(at))


def test_a_code_is_good_once() -> None:
    checker = codes()
    checker.verify("ann", code(), NOON)
    assert "may have been used" in str(refused(checker, code()))
    assert refused(checker, code()).retry_after_s == 0
    checker.verify("ann", code(NOON + STEP_S), NOON + STEP_S)


def test_blanks_that_people_type_do_not_matter() -> None:
    text = code()
    codes().verify("ann", f" {text[:3]} {text[3:]} ", NOON)


@pytest.mark.parametrize("steps", [-DRIFT_STEPS, DRIFT_STEPS])
def test_a_clock_may_be_a_step_off(steps: int) -> None:
    codes().verify("ann", code(NOON + steps * STEP_S), NOON)


@pytest.mark.parametrize("steps", [-DRIFT_STEPS - 1, DRIFT_STEPS + 1])
def test_a_clock_may_not_be_further_off(steps: int) -> None:
    assert str(refused(codes(), code(NOON + steps * STEP_S))) == "the one-time code is wrong"


def test_after_a_code_no_older_one_is_good() -> None:
    checker = codes()
    checker.verify("ann", code(), NOON)
    assert "may have been used" in str(refused(checker, code(NOON - STEP_S)))


@pytest.mark.parametrize("text", ["", "12345", "1234567", "abcdef", "\ud800", "٢٨٧٠٨٢"])
def test_what_is_no_code_is_wrong(text: str) -> None:
    assert str(refused(codes(), text, 59.0)) == "the one-time code is wrong"


def test_the_code_of_somebody_else_is_wrong() -> None:
    assert str(refused(codes(), code(), name="bea")) == "the one-time code is wrong"


def test_who_has_no_codes_is_told_what_to_do() -> None:
    assert "set totp for a principal of this name" in str(refused(codes(), code(), name="cid"))
    assert "set totp" in str(refused(Codes(), code()))


def test_after_wrong_codes_in_a_row_even_a_right_one_has_to_wait_longer_each_time() -> None:
    checker = codes()
    for _ in range(WRONG_MAX - 1):
        assert refused(checker, "000000").retry_after_s == 0
    assert refused(checker, "000000").retry_after_s == PAUSE_S
    blocked = refused(checker, code(), NOON + 1)
    assert (blocked.retry_after_s, "too many wrong" in str(blocked)) == (PAUSE_S - 1, True)
    checker.verify("bea", code(secret=OTHER), NOON)
    later = NOON + PAUSE_S
    assert refused(checker, "000000", later).retry_after_s == 2 * PAUSE_S
    later += 2 * PAUSE_S
    checker.verify("ann", code(later), later)
    assert refused(checker, "000000", later).retry_after_s == 0, "it begins anew"


def wrong_until_blocked(checker: Codes, texts: list[str], now: float, rid: str = "") -> int:
    """Give codes in turn; return how many were looked at before none was any more."""
    for number in range(100):
        text = texts[number % len(texts)]
        with pytest.raises(WrongCode) as caught:
            checker.verify("ann", text, now, rid)
        if "too many" in str(caught.value):
            return number
    return 100


def test_a_used_code_is_a_wrong_one_and_ends_no_row_of_them() -> None:
    checker = codes()
    checker.verify("ann", code(), NOON)
    assert wrong_until_blocked(checker, ["000000"] * 4 + [code()], NOON) == WRONG_MAX
    assert wrong_until_blocked(codes_after_restart(), [code()], NOON) == WRONG_MAX
    older = codes()
    older.verify("ann", code(), NOON)
    assert wrong_until_blocked(older, [code(NOON - STEP_S), "000000"], NOON) == WRONG_MAX


def codes_after_restart() -> Codes:
    checker = codes()
    checker.used_before(NOON)
    return checker


def test_the_last_wrong_code_says_how_long_to_wait_if_it_is_a_used_one_too() -> None:
    checker = codes()
    checker.verify("ann", code(), NOON)
    for _ in range(WRONG_MAX - 1):
        assert refused(checker, "000000").retry_after_s == 0
    assert refused(checker, code()).retry_after_s == PAUSE_S


def test_who_guesses_beside_a_person_who_answers_others_gets_no_more_tries() -> None:
    checker, now, looked_at = codes(), NOON, 0
    for step in range(20):
        now = NOON + step * STEP_S
        for _ in range(WRONG_MAX - 1):
            with pytest.raises(WrongCode) as caught:
                checker.verify("ann", "000000", now, "guessed")
            looked_at += "is wrong" in str(caught.value)
        checker.verify("ann", code(now), now, f"answered {step}")
    # In ten minutes: five at once, and one after each pause of 30 s, 60 s, 120 s, 240 s
    assert looked_at <= WRONG_MAX + 4
    with pytest.raises(WrongCode, match="too many"):
        checker.verify("ann", code(now), now, "guessed")


def test_what_is_counted_by_approval_has_a_cap() -> None:
    checker = codes()
    for number in range(2 * COUNTED_MAX):
        now = NOON + number * 2 * PAUSE_MAX_S
        with pytest.raises(WrongCode):
            checker.verify("ann", "000000", now, f"r{number}")
    assert len(checker._approvers["ann"].by_approval) == COUNTED_MAX


def test_nobody_waits_longer_than_an_hour_even_if_the_clock_goes_back() -> None:
    checker, now = codes(), NOON
    for _ in range(WRONG_MAX + 30):
        pause = refused(checker, "000000", now).retry_after_s
        now += pause
    assert pause == PAUSE_MAX_S
    assert refused(checker, code(), now - 1_000_000).retry_after_s == PAUSE_MAX_S


def test_after_a_restart_the_codes_around_the_last_decision_are_used_up() -> None:
    checker = codes()
    checker.used_before(NOON)
    for step in range(-DRIFT_STEPS, DRIFT_STEPS + 1):
        assert "may have been used" in str(refused(checker, code(NOON + step * STEP_S)))
    later = NOON + (DRIFT_STEPS + 1) * STEP_S
    checker.verify("ann", code(later), later)
    fresh = codes()
    fresh.used_before(0.0)
    fresh.verify("ann", code(), NOON)


def test_new_secrets_are_taken_and_what_was_used_stays_used() -> None:
    checker = codes()
    checker.verify("ann", code(), NOON)
    checker.reconfigure({"ann": Secret(SECRET), "cid": Secret(OTHER)})
    assert "may have been used" in str(refused(checker, code()))
    checker.verify("cid", code(secret=OTHER), NOON)
    assert "set totp" in str(refused(checker, code(secret=OTHER), name="bea"))
    checker.reconfigure({"ann": Secret(OTHER)})
    checker.verify("ann", code(secret=OTHER), NOON)
    checker.reconfigure({})
    assert repr(checker) == "Codes([])"


def test_no_secret_shows() -> None:
    assert repr(codes()) == "Codes(['ann', 'bea'])"
