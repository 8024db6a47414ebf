"""Sealed ids."""

import re
from base64 import urlsafe_b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.mcp.seals import (
    SEAL_CHARS_MAX,
    EventSeal,
    Sealed,
    SessionSeal,
    StateSeal,
    TaskSeal,
    mac_of,
    seal,
    unseal,
)

KEY = b"k" * 32
SESSION = SessionSeal("n1", "2025-06-18", ("elicitation.form",), 2_000)
EVENT = EventSeal(7, "d" * 64, "call-1", "set_light", 3, 12)
TASK = TaskSeal(7, "d" * 64, "set_light", 1_000.5)
STATE = StateSeal("n2", "r1", 7, "d" * 64, ("q1", "q2"), 2_000)


@pytest.mark.parametrize("content", [SESSION, EVENT, TASK, STATE])
def test_what_was_sealed_is_there_again(content: Sealed) -> None:
    text = seal(KEY, "kitchen", content)
    assert re.fullmatch("[A-Za-z0-9_-]+", text)
    assert unseal(KEY, "kitchen", text, type(content), 1_999.0) == content


@pytest.mark.parametrize("kind", [SessionSeal, EventSeal, TaskSeal, StateSeal])
@pytest.mark.parametrize("content", [SESSION, EVENT, TASK, STATE])
def test_one_kind_is_never_taken_for_another(content: Sealed, kind: type[Sealed]) -> None:
    found = unseal(KEY, "kitchen", seal(KEY, "kitchen", content), kind, 0.0)
    assert (found is not None) == isinstance(content, kind)


def test_it_is_worth_nothing_to_others() -> None:
    text = seal(KEY, "kitchen", TASK)
    assert unseal(KEY, "garden", text, TaskSeal, 0.0) is None
    assert unseal(b"l" * 32, "kitchen", text, TaskSeal, 0.0) is None


@pytest.mark.parametrize("content", [SESSION, STATE])
def test_it_ends_in_time(content: Sealed) -> None:
    text = seal(KEY, "kitchen", content)
    assert unseal(KEY, "kitchen", text, type(content), 1_999.9) == content
    assert unseal(KEY, "kitchen", text, type(content), 2_000.0) is None


def test_each_other_character_breaks_it() -> None:
    text = seal(KEY, "kitchen", TASK)
    for place, char in enumerate(text):
        for other in "Az0_!=. é" + chr(ord(char) ^ 1):
            if other != char:
                forged = text[:place] + other + text[place + 1 :]
                assert unseal(KEY, "kitchen", forged, TaskSeal, 0.0) is None
    for forged in (text[:-1], text + "A", text + "=", text + "\n", "", "A", "A" * 5):
        assert unseal(KEY, "kitchen", forged, TaskSeal, 0.0) is None


@given(st.text(max_size=2_000))
def test_anything_else_is_none(text: str) -> None:
    assert unseal(KEY, "kitchen", text, SessionSeal, 0.0) is None


def test_a_right_seal_around_something_else_is_none() -> None:
    plain = b'["session",1]'
    text = urlsafe_b64encode(mac_of(KEY, "kitchen", plain) + plain).decode().rstrip("=")
    assert unseal(KEY, "kitchen", text, SessionSeal, 0.0) is None


def test_what_was_sealed_before_there_was_more_to_say_stays_good() -> None:
    plain = msgspec.json.encode(["event", 7, "dd", 1, "set_light"])
    text = urlsafe_b64encode(mac_of(KEY, "kitchen", plain) + plain).decode().rstrip("=")
    assert unseal(KEY, "kitchen", text, EventSeal, 0.0) == EventSeal(7, "dd", 1, "set_light")


def test_it_has_a_bound() -> None:
    with pytest.raises(ValueError, match="more than"):
        seal(KEY, "kitchen", TaskSeal(1, "d" * SEAL_CHARS_MAX, "x", 0.0))
