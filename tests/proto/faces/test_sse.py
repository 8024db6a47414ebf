"""Server-sent events: what is encoded arrives, and no field begins another one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.faces.sse import ALIVE, encode_event, encode_retry


def heard(stream: bytes) -> list[tuple[str, str, str]]:
    """What a client hears: id, type and data of each event (section 9.2.6)."""
    events, last_id = [], ""
    kind, data = "", list[str]()
    for line in re.split("\r\n|\r|\n", stream.decode())[:-1]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((last_id, kind, "\n".join(data)))
            kind, data = "", []
        elif name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id":
            last_id = value
    return events


@pytest.mark.parametrize(
    ("encoded", "written"),
    [
        (encode_event("a"), b"data: a\n\n"),
        (encode_event(""), b"data: \n\n"),
        (encode_event("", event_id="7", retry_ms=3_000), b"id: 7\nretry: 3000\ndata: \n\n"),
        (encode_event("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (encode_event("ä", event="x", event_id="7"), "id: 7\nevent: x\ndata: ä\n\n".encode()),
    ],
)
def test_an_event_is_written_as_the_standard_says(encoded: bytes, written: bytes) -> None:
    assert encoded == written


@pytest.mark.parametrize("field", ["a\nb", "a\rb", "a\r\ndata: x", "a\0", "\n"])
def test_no_type_and_no_id_begins_another_line(field: str) -> None:
    with pytest.raises(ValueError, match="line end or NUL"):
        encode_event("x", event=field)
    with pytest.raises(ValueError, match="line end or NUL"):
        encode_event("x", event_id=field)


def test_a_sign_of_life_is_heard_by_nobody() -> None:
    assert heard(ALIVE + encode_event("a") + ALIVE + ALIVE + encode_event("b")) == [
        ("", "", "a"),
        ("", "", "b"),
    ]


FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=9)
DATA = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@quick
@given(st.lists(st.tuples(FIELDS, FIELDS, DATA | st.just("a\n\nid: 1\n\n: x")), max_size=5))
def test_what_is_encoded_is_heard(events: list[tuple[str, str, str]]) -> None:
    stream = b"".join(encode_event(data, event=kind, event_id=name) for name, kind, data in events)
    last_id, expected = "", []
    for name, kind, data in events:
        last_id = name or last_id
        expected.append((last_id, kind, re.sub("\r\n|\r", "\n", data)))
    assert heard(stream) == expected


def test_when_to_come_back_is_no_event() -> None:
    assert encode_retry(3_000) == b"retry: 3000\n\n"
    assert heard(encode_retry(3_000) + encode_event("a")) == [("", "", "a")]
