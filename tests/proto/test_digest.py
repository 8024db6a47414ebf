"""Which exact request an approval is bound to."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chance import examples

from agentgate_proto.digest import canonical_args, digest_of

ARGS = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=8,
    ),
    max_size=5,
)


def digest(tool: str, args: Any) -> str:
    return digest_of(tool, canonical_args(args))


def turned_round(value: Any) -> Any:
    """The same value with the members of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: turned_round(value[key]) for key in reversed(value)}
    return [turned_round(item) for item in value] if isinstance(value, list) else value


def test_a_digest_is_the_sha_256_of_length_name_and_sorted_arguments() -> None:
    expected = sha256(b'4:lamp{"on":true,"room":"k\xc3\xbcche"}').hexdigest()
    assert digest("lamp", {"room": "k\u00fcche", "on": True}) == expected
    assert len(expected) == 64


@given(tool=st.text(), args=ARGS)
@settings(max_examples=examples(50))
def test_the_order_in_which_members_were_written_does_not_matter(
    tool: str, args: dict[str, Any]
) -> None:
    assert digest(tool, turned_round(args)) == digest(tool, args)


@given(tool=st.text(), args=ARGS)
@settings(max_examples=examples(50))
def test_canonical_arguments_are_the_same_after_a_trip_over_the_wire(
    tool: str, args: dict[str, Any]
) -> None:
    text = canonical_args(args)
    assert canonical_args(msgspec.json.decode(text)) == text


@given(one=st.tuples(st.text(), ARGS), other=st.tuples(st.text(), ARGS))
@settings(max_examples=examples(50))
def test_requests_have_the_same_digest_only_if_tool_and_arguments_are_the_same(
    one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]]
) -> None:
    same = one[0] == other[0] and canonical_args(one[1]) == canonical_args(other[1])
    assert (digest(*one) == digest(*other)) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"room": "caf\u00e9"}, {"room": "cafe\u0301"}),
        ({"entity": "lock.front"}, {"entity": ["lock.front"]}),
    ],
)
def test_an_approval_of_one_spelling_does_not_cover_another(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert digest("tool", one) != digest("tool", other)


def test_no_tool_name_can_spell_its_way_into_the_arguments() -> None:
    assert digest_of("ab", b"c{}") != digest_of("abc", b"{}")
    assert digest_of("2:ab", b"") != digest_of("ab", b"")
    assert digest_of("", b"1:a{}") != digest_of("a", b"{}")
