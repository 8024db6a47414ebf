"""What both kinds of consoles have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.consoles.screen import Screen, controller, manager

from agentgate_proto.faces.consoles.console import SHOWN_CHARS_MAX, shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
MEMBERS = st.sampled_from(
    ["agentId", "agent", "password", "message", "event", "payload", "clientId", "correlationId"]
)
ARGUMENTS = JSON | st.dictionaries(
    MEMBERS, JSON | st.sampled_from(["login", "chat", "logout", "a1"]), max_size=5
)
EVENTS = st.sampled_from(["login", "chat", "logout", "setClient", "forward"]) | st.text()


@pytest.mark.parametrize("make", [manager, controller])
@given(st.lists(st.tuples(EVENTS, st.lists(ARGUMENTS, max_size=2)), max_size=5))
def test_whatever_a_console_emits_is_answered_and_harms_nothing(
    make: type[Screen], emitted: list[tuple[str, list[object]]]
) -> None:
    screen = make()
    for event, args in emitted:
        screen.emit(event, *args)
    screen.console.close()


def test_what_is_shown_is_short() -> None:
    assert shown("x" * SHOWN_CHARS_MAX) == "x" * SHOWN_CHARS_MAX
    assert len(shown("x" * 1_000)) < SHOWN_CHARS_MAX + 5
