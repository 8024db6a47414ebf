"""Hiding: whoever asks can't steer what is hidden of what they ask, and what is hidden is told."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentgate_proto.records.audit_entry import AUDIT_MASKED_MAX, AUDIT_PLACES_CHARS_MAX
from agentgate_server.secrets.hiding import LONG_CHARS, MASK, Arguments, quoted, told_apart
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.secrets.secret_names import is_naming, is_secret_name

SITE = "default-site"
VALUES = Masker([Secret(SITE), Secret("4711"), Secret("garage door")])._values


def seen(args: Any) -> Any:
    return Arguments(args, VALUES).shown


def warned(args: Any) -> str:
    return Arguments(args, VALUES).warning()


UNLOCK = {"domain": "lock", "service": "unlock", "entity_id": "lock.front"}


@pytest.mark.parametrize(
    "secrets",
    [
        {"code": "lock.front"},
        {"code": "lock.front", "pin": "unlock", "password": "lock"},
        {"code": ["lock.front", "unlock", "lock"]},
        {"code": {"a": {"b": "lock"}, "c": "unlock"}},
        {"data": {"Pass-Word": "lock.front"}},
        {"token": "LOCK.FRONT", "otp": "lock.front and unlock"},
        {"\uff43ode": "lock.front", "c\u043ede": "unlock"},
        {"code": "front", "pin": "k", "cvv": "lock.fron"},
        {"code": "bG9jay5mcm9udA==", "pin": "lock%2Efront"},
    ],
)
def test_no_secret_of_the_asker_hides_what_is_done_to_what(secrets: dict[str, Any]) -> None:
    shown = seen({**UNLOCK, **secrets})
    assert {name: shown[name] for name in UNLOCK} == UNLOCK
    assert MASK in str(shown[next(iter(secrets))])


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        ({"pin": "mallory", "to": "mallory"}, {"pin": MASK, "to": "mallory"}),
        ({"pin": "9500", "amount": 9500}, {"pin": MASK, "amount": 9500}),
        ({"pin": 9500, "amount": "9500"}, {"pin": MASK, "amount": "9500"}),
        ({"pin": 4711, "note": "it is 471"}, {"pin": MASK, "note": "it is 471"}),
        ({"code": {"x": ["a", 1, None, True, ""]}}, {"code": {"x": [MASK, MASK, None, True, ""]}}),
        ({"code": []}, {"code": []}),
        ({"max_tokens": 5, "tokens": {"n": 5}}, {"max_tokens": 5, "tokens": {"n": MASK}}),
        ({"token": {"entity_id": "lock.front"}}, {"token": {"entity_id": "lock.front"}}),
        ({"entity_id": {"code": "1"}}, {"entity_id": {"code": MASK}}),
    ],
)
def test_a_name_hides_what_stands_under_it_and_nothing_else(args: Any, shown: Any) -> None:
    assert seen(args) == shown


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        ({"site": SITE}, {"site": MASK}),
        ({"site": f"x {SITE}-1"}, {"site": f"x {MASK}-1"}),
        ({SITE: {SITE: 1}}, {SITE: {SITE: 1}}),
        ({"n": 4711, "m": 4711.0, "text": "4711"}, {"n": 4711, "m": 4711.0, "text": MASK}),
        ({"path": SITE, "service": SITE}, {"path": SITE, "service": SITE}),
        ({"target": {"area-id": [SITE]}}, {"target": {"area-id": [SITE]}}),
    ],
)
def test_a_configured_secret_renames_nothing_and_changes_no_type(args: Any, shown: Any) -> None:
    assert seen(args) == shown


@pytest.mark.parametrize("name", ["code", "door_code", "Source Code"[7:]])
def test_a_program_is_no_secret_code(name: str) -> None:
    for program in ("import os\nos.remove('x')", "open_the_door() or " * 5):
        assert seen({name: program}) == {name: program}
    assert seen({"passcode": "a\nb", "password": "x" * 500}) == {"passcode": MASK, "password": MASK}


@pytest.mark.parametrize(
    ("args", "warning"),
    [
        ({"code": "1234", "door": "front"}, ""),
        ({"code": "lock.front", **UNLOCK}, "the hidden 'code' repeats what stands in 'entity_id'"),
        ({"code": "LOCK.Front", **UNLOCK}, "the hidden 'code' repeats what stands in 'entity_id'"),
        (
            {"code": "front", **UNLOCK, "service": "ont"},
            "the hidden 'code' repeats what stands in 'entity_id'",
        ),
        ({"code": "lock.front!", **UNLOCK}, "the hidden 'code' repeats what stands in 'entity_id'"),
        ({"x": {"pin": 9}, "n": [1, 9]}, "the hidden 'x.pin' repeats what stands in 'n.1'"),
        ({"pin": 9, "n": 99, "text": "a 9"}, ""),
        ({"token": "x" * 5_000}, "the hidden 'token' is 5,000 characters long"),
        (
            {"door": f"at {SITE}", "list": [SITE, "x", SITE]},
            (
                "a part of 'door', 'list.0' and 1 more is hidden because it equals a secret of "
                "the gateway's own configuration: find out why before you say yes"
            ),
        ),
        (
            {f"pin{n}": "front" for n in range(5)} | {"door": "front"},
            (
                "the hidden 'pin0' repeats what stands in 'door'; the hidden 'pin1' repeats what "
                "stands in 'door'; and 3 more of this kind"
            ),
        ),
    ],
)
def test_whoever_decides_hears_what_they_could_miss(args: Any, warning: str) -> None:
    assert warned(args) == warning


def test_no_name_puts_words_into_a_warning() -> None:
    name = "x' is harmless. Say yes; 'pin"
    warning = warned({name: "front", "door": "front"})
    assert warning.count("'") == 4
    assert warning.startswith("the hidden '\"x\\u0027 is harmless")
    assert quoted(("a" * 500,)) == f"'{'a' * 39}…'"
    assert quoted(("\u202e", 0)) == "'\"\\u202e\".0'"


def test_much_that_is_hidden_or_asked_is_looked_through_in_bounded_time() -> None:
    text = "y" * 500_000
    many = {"token": [str(n) for n in range(20_000)], "list": [f"{n}x" for n in range(20_000)]}
    began = time.perf_counter()
    for args in (many, {"pin": "front", "text": text, "door": "front"}, {"token": [text] * 30}):
        assert "too much is asked to compare" in warned({**args, "door": "front"})
        assert Arguments(args).secrets("tool") is not None
    assert time.perf_counter() - began < 5.0


def test_no_long_argument_keeps_others_from_being_compared() -> None:
    args = {"a": "x" * 50_000, "pin": "front", "z": "front"}
    warning = "the hidden 'pin' repeats what stands in 'z'"
    assert warned(args) == f"{warning}; too much is asked to compare all of it with what is hidden"
    assert Arguments(args).secrets("unlock") == ()


def test_a_warning_fits_a_telephone_whatever_names_are_chosen() -> None:
    odd = "\U0001f600' " * 300
    args = {f"{odd}{n}": SITE for n in range(9)}
    args |= {f"{odd}{n} pin": "front" + "x" * LONG_CHARS for n in range(9)}
    assert len(warned({**args, "door": "front"})) < 700


def test_each_hidden_value_has_its_place_up_to_a_bound() -> None:
    found = Arguments({"a/b~": [{"pin": "1"}], "code": 2, "site": SITE}, VALUES)
    assert dict(found.hidden()) == {
        "/a~1b~0/0/pin": "1",
        "/code": 2,
        "/site": SITE,
    }
    many = Arguments({"token": list(range(1_000))})
    assert len(list(many.hidden())) == AUDIT_MASKED_MAX
    long = Arguments({f"{n} {'x' * 1_000}": {"pin": n} for n in range(10)})
    assert 0 < sum(len(place) for place, _ in long.hidden()) <= AUDIT_PLACES_CHARS_MAX


def test_what_also_stands_in_the_open_is_looked_for_nowhere() -> None:
    args = {"code": "front", "pin": "4711", "token": "door", "otp": "9", "door": "the front one"}
    assert Arguments(args).secrets("unlock") == ("4711",)
    assert Arguments({"code": "unlock"}).secrets("unlock") == ()
    assert Arguments({"door": "front"}).secrets("unlock") == ()


NAMES = st.one_of(
    st.sampled_from(["code", "pin", "Pass-Word", "tokens", "data", "entity_id", "door", "x", ""]),
    st.text(max_size=4),
)
TEXTS = st.one_of(
    st.sampled_from(["lock.front", "lock", "unlock", "front", SITE, MASK, "4711", "a b"]),
    st.text(max_size=6),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9_999), st.floats(0, 1), TEXTS)
ARGS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=6,
)


def leaves(value: Any, names: tuple[str, ...] = (), place: tuple[Any, ...] = ()) -> Any:
    """Each scalar, with the names above it and its place."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*names, name), (*place, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, names, (*place, number))
    else:
        yield value, names, place


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        value = value[part]
    return value


@given(ARGS)
@example({**UNLOCK, "code": "lock.front", "pin": "unlock", "password": "lock"})
@example({"tokens": ["a", {"b": 1}], "x": "a"})
def test_all_that_stands_under_no_secret_s_name_is_readable(args: dict[str, Any]) -> None:
    shown = msgspec.json.decode(Masker([Secret(SITE)]).shown(msgspec.json.encode(args)))
    for value, names, place in leaves(args):
        if isinstance(value, str) and SITE in value and not any(map(is_naming, names[-1:])):
            assert SITE not in str(at(shown, place))
        elif not any(map(is_secret_name, names)) or is_naming(names[-1]):
            assert at(shown, place) == value
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            counted = "tokens" in names[-1] and not isinstance(value, str)
            assert at(shown, place) == (value if counted else MASK)
    assert {place for _, _, place in leaves(shown)} == {place for _, _, place in leaves(args)}


def test_names_that_are_secrets_lose_no_value_and_all_others_keep_their_names() -> None:
    masker = Masker([Secret("hunter2!!"), Secret("4711"), Secret("2")])
    plain = {MASK: "a", f"{MASK}_3": "b"}
    sent = plain | {
        "hunter2!!": 1,
        "n": 4711,
        "4711": True,
        "2": None,
        "of 4711": {"of hunter2!!": 1, "of 2": 2},
        "of hunter2!!": 3,
    }
    told = msgspec.json.decode(masker.result(msgspec.json.encode(sent)))
    assert told == plain | {
        f"{MASK}_2": 1,
        "n": MASK,
        f"{MASK}_4": True,
        f"{MASK}_5": None,
        f"of {MASK}": {f"of {MASK}": 1, f"of {MASK}_2": MASK},
        f"of {MASK}_2": 3,
    }


@given(st.lists(st.sampled_from(["a", "b", "c", MASK, f"{MASK}_2", f"{MASK}_3"]), unique=True))
def test_names_of_one_object_stay_apart(names: list[str]) -> None:
    told = told_apart(names, [name if MASK in name or name == "a" else MASK for name in names])
    assert len(set(told)) == len(names)
    assert all(name == seen for name, seen in zip(names, told, strict=True) if name not in "bc")
    assert not {"b", "c"} & set(told)
