"""Grants as values: what one covers, how it ends, and how it is said in words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.ledger_records import record

from agentgate_proto.digest import canonical_args
from agentgate_proto.records.grant import (
    GRANT_USES_MAX,
    VALUE_CHARS_MAX,
    Grant,
    GrantTerms,
    grant_of,
    grant_words,
    words_of,
)

NOON = 1_800_000_000.0  # 2027-01-15 08:00 UTC
LAMP = {"domain": "light", "service": "turn_on", "brightness": 40}


def asked(args: dict[str, Any]) -> Any:
    return record(
        principal="garden", tool="ha_call_service", args=msgspec.Raw(canonical_args(args))
    )


def given(args: dict[str, Any] = LAMP, **terms: Any) -> Grant:
    return grant_of(asked(args), GrantTerms(**terms), "ann", "http", NOON)


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"any_args": ("n",)},
        {"minutes": 0},
        {"minutes": 1440.5},
        {"minutes": float("nan")},
        {"uses": 0},
        {"uses": 1001},
        {"uses": 1, "any_args": tuple(map(str, range(65)))},
    ],
)
def test_terms_that_nothing_bounds_are_none(terms: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"minutes|uses|arguments"):
        GrantTerms(**terms)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {name: value for name, value in terms.items() if value == value} | {"uses": 0},
            GrantTerms,
        )


def test_time_without_uses_and_uses_without_time_end_all_the_same() -> None:
    assert given(minutes=10).uses_max == GRANT_USES_MAX
    assert given(minutes=10).expires_at == NOON + 600
    assert given(uses=5).expires_at == NOON + 86_400


def test_it_covers_the_same_arguments_but_for_those_that_may_differ() -> None:
    grant = given(minutes=10, any_args=("brightness",))
    assert grant.covers(LAMP)
    assert grant.covers(LAMP | {"brightness": 90})
    assert grant.covers(LAMP | {"brightness": {"any": ["thing"]}})
    assert grant.covers({"service": "turn_on", "domain": "light"})
    assert not grant.covers(LAMP | {"service": "turn_off"})
    assert not grant.covers(LAMP | {"entity_id": "lock.front"}), "the first request had none"
    assert not grant.covers({"domain": "light", "brightness": 40})


@pytest.mark.parametrize("other", [1, 1.0, True, "1", [1], None, {"n": 1}])
def test_what_is_only_nearly_the_same_is_not_covered(other: Any) -> None:
    values = [1, 1.0, True, "1", [1], None, {"n": 1}]
    grant = given({"n": other}, minutes=10)
    covered = [value for value in values if grant.covers({"n": value})]
    assert [repr(value) for value in covered] == [repr(other)]


def test_an_argument_may_differ_only_if_the_request_has_it() -> None:
    with pytest.raises(ValueError, match="no argument 'colour'"):
        given(minutes=10, any_args=("colour",))


def test_it_ends_by_time_by_uses_or_by_somebody() -> None:
    grant = given(minutes=10, uses=2)
    assert grant.uses == 1, "the request that it was given with counts"
    assert grant.ended(NOON + 599) == ""
    assert grant.ended(NOON - 60) == "", "a clock is set by a little now and then"
    assert grant.ended(NOON - 61) == "expired", "and by years"
    assert grant.ended(NOON + 600) == "expired"
    assert msgspec.structs.replace(grant, uses=2).ended(NOON + 600) == "used up"
    assert msgspec.structs.replace(grant, revoked_at=1.0, uses=2).ended(NOON) == "revoked"


def test_the_words_say_who_what_until_when_and_how_often() -> None:
    terms = GrantTerms(minutes=20, uses=20, any_args=("brightness",))
    assert grant_words(asked(LAMP), terms, NOON) == (
        "garden may call ha_call_service with domain=light, service=turn_on, any brightness, "
        "until 08:20 UTC, at most 20 times"
    )


def test_the_words_name_the_day_if_it_is_another_one() -> None:
    words = grant_words(asked({}), GrantTerms(uses=1), NOON)
    assert (
        words
        == "garden may call ha_call_service without arguments, until 2027-01-16 08:00 UTC, once"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("light.kitchen", "light.kitchen"),
        ("40", '"40"'),
        (40, "40"),
        ("true", '"true"'),
        ("a, any door", '"a, any door"'),
        ({"a": [1]}, '{"a":[1]}'),
        ("", '""'),
    ],
)
def test_no_value_can_pass_for_other_words(value: Any, shown: str) -> None:
    assert f"with n={shown}, until" in words_of(given({"n": value}, minutes=10))


def test_a_name_cannot_pass_for_other_words_either() -> None:
    words = words_of(given({"x=1, any door": 1}, minutes=10))
    assert 'with "x=1, any door"=1, until' in words


def test_what_is_long_or_much_is_cut_and_that_is_said() -> None:
    long = words_of(given({"n": "x" * (VALUE_CHARS_MAX + 7)}, minutes=10))
    assert "x" * VALUE_CHARS_MAX + "…[7 characters more]" in long
    much = words_of(given({f"a{n:02}": n for n in range(25)}, minutes=10))
    assert "a19=19, 5 more arguments as in the request, until" in much
