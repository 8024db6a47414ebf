"""Names of secrets, and the names that JSON has."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agentgate_server.secrets.secret_names import names_in

TEXTS = st.text(st.characters(exclude_characters='"\\', exclude_categories=("C",)))
VALUES = st.recursive(
    TEXTS | st.sampled_from(("", ":", "::", ": :", "a:", ":a", "{:}", ",", "x:y,z:")) | st.none(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(TEXTS | st.sampled_from((":", "", ",:")), inner)
    ),
)


def names_of(value: Any) -> set[str]:
    """Return all names of objects in a value."""
    match value:
        case dict():
            return set(value) | {name for each in value.values() for name in names_of(each)}
        case list():
            return {name for each in value for name in names_of(each)}
    return set()


@given(VALUES)
def test_all_names_of_json_are_found_and_nothing_else(value: Any) -> None:
    assert {name.decode() for name in names_in(msgspec.json.encode(value))} == names_of(value)
