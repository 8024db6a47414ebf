"""What is kept of a denied request: enough to know it again, and no more than a little."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.digest import canonical_args
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.cutting import (
    KEPT_ARGS_BYTES_MAX,
    KEPT_SIGNATURE_CHARS_MAX,
    as_kept,
    beginnings,
)
from agentgate_proto.records.outcome import Status, ended, executed
from agentgate_proto.records.request import Effects, Phase, Record

DENIED = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, "no")


def record(args: Any, **fields: Any) -> Record:
    more = {"phase": Phase.DONE, "outcome": DENIED, **fields}
    raw = canonical_args(args)
    return Record(
        rid="r", principal="evil", client_id="c", request_id=1, tool="t", args=msgspec.Raw(raw),
        signature=f"t({raw.decode()})", digest="d", effects=Effects.WRITE, created_at=1.0, **more,
    )  # fmt: skip


def test_a_denied_request_that_says_much_is_kept_by_its_beginnings() -> None:
    args = {"to": "bob", "text": "x" * 900_000, "n": [1, {"deep": "y" * 500}]}
    whole = record(args, filled=("/n/0",))
    kept = as_kept(whole)

    assert msgspec.json.decode(kept.args) == {
        "to": "bob",
        "text": f"{'x' * 200}…[899800 characters more]",
        "n": [1, {"deep": f"{'y' * 200}…[300 characters more]"}],
    }
    assert kept.args_bytes == len(bytes(whole.args))
    start, folded = whole.signature[:KEPT_SIGNATURE_CHARS_MAX], kept.signature
    assert folded == f"{start}…[{len(whole.signature) - len(start)} characters more]"
    same = msgspec.structs.replace(kept, args=whole.args, signature=whole.signature, args_bytes=0)
    assert kept.filled is None, "the places of what is gone"
    assert msgspec.structs.replace(same, filled=whole.filled) == whole, "nothing else is another"


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": executed(b"1")},
        {"outcome": None, "phase": Phase.WAITING, "expires_at": 9.0},
        {"outcome": ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON), "expires_at": 9.0},
        {"expires_at": 9.0},  # a stricter policy came while a person looked at it
    ],
    ids=["it ran", "it waits", "a person said no", "a person was asked"],
)
def test_what_ran_or_was_seen_by_a_person_is_kept_whole(fields: dict[str, Any]) -> None:
    whole = record({"text": "x" * 900_000}, **fields)
    assert as_kept(whole) is whole


def test_what_is_short_is_kept_whole() -> None:
    whole = record({"text": "x" * (KEPT_SIGNATURE_CHARS_MAX - 20)})
    assert as_kept(whole) is whole


def test_a_long_signature_alone_is_folded() -> None:
    whole = record({"text": "x" * (KEPT_ARGS_BYTES_MAX - 20)})
    kept = as_kept(whole)
    assert (kept.args, kept.args_bytes) == (whole.args, 0)
    assert len(kept.signature) < len(whole.signature)


def test_of_arguments_that_are_too_many_those_stay_that_say_on_what_is_acted() -> None:
    many = {f"a{n:05}": n for n in range(10_000)} | {"entity_id": "lock.front", "to": ["bob"] * 9}
    kept = beginnings(canonical_args(many))
    found = msgspec.json.decode(kept)
    assert (found["entity_id"], found["to"]) == ("lock.front", ["bob"] * 9)
    assert found.items() <= many.items()
    assert KEPT_ARGS_BYTES_MAX - 20 < len(kept) <= KEPT_ARGS_BYTES_MAX
    assert beginnings(canonical_args({"x": list(range(10_000)), "y": 1})) == b'{"y":1}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=8), st.integers(2, 300))
def test_beginnings_are_an_object_within_their_bound(args: dict[str, Any], most: int) -> None:
    whole = canonical_args(args)
    kept = beginnings(whole, most)
    assert len(kept) <= most
    assert msgspec.json.decode(kept, type=dict).items() <= args.items() or len(whole) > 200
    if len(whole) <= min(most, 200):
        assert kept == whole
