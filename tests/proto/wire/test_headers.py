"""Header fields: without case, in their order, and nothing that would change an answer's frame."""

from __future__ import annotations

import pytest

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.wire.headers import Headers, encoded

THREE = Headers([("accept", "a, b"), ("host", "g"), ("accept", " c ,, d")])


def test_lines_of_one_name_are_one_list_in_their_order() -> None:
    assert THREE.get("accept") == "a, b,  c ,, d"
    assert THREE.all("accept") == ["a, b", " c ,, d"]
    assert THREE.items_of("accept") == ["a", "b", "c", "d"]


def test_a_name_that_is_not_there_has_no_value_and_no_items() -> None:
    assert THREE.get("origin") == ""
    assert THREE.get("origin", "none") == "none"
    assert (THREE.all("origin"), THREE.items_of("origin")) == ([], [])
    assert "host" in THREE
    assert "origin" not in THREE


def test_an_empty_value_is_there() -> None:
    empty = Headers([("origin", "")])
    assert "origin" in empty
    assert empty.get("origin", "none") == ""
    assert empty.items_of("origin") == []


def test_bytes_beyond_ascii_are_read_as_latin_1() -> None:
    headers = Headers.from_bytes([(b"x-name", b"\xe4"), (b"x-name", b"b")])
    assert list(headers) == [("x-name", "\xe4"), ("x-name", "b")]


def test_headers_are_equal_if_all_lines_are_in_the_same_order() -> None:
    again = Headers([("accept", "a, b"), ("host", "g"), ("accept", " c ,, d")])
    assert again == THREE
    assert hash(again) == hash(THREE)
    assert Headers(reversed(list(THREE))) != THREE
    assert Headers() != ()


def test_no_value_shows_where_headers_are_shown() -> None:
    shown = repr(Headers([("authorization", "Bearer s3cret"), ("host", "g")]))
    assert shown == "Headers(authorization, host)"


@pytest.mark.parametrize("lines", [{"x-a": "1", "x-ä": "ü"}, [("x-a", "1"), ("x-ä", "ü")]])
def test_lines_of_an_answer_are_given_as_a_mapping_or_in_pairs(lines: dict[str, str]) -> None:
    assert encoded(lines) == [(b"x-a", b"1"), ("x-ä".encode(), "ü".encode())]


def test_a_name_may_come_several_times_in_an_answer() -> None:
    assert encoded([("link", "a"), ("link", "b")]) == [(b"link", b"a"), (b"link", b"b")]


@pytest.mark.parametrize("name", ["content-length", "Content-Length", "Transfer-Encoding"])
def test_nobody_but_the_body_says_how_long_an_answer_is(name: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"{name} follows from the body"):
        encoded([("x", "1"), (name, "5")])


@pytest.mark.parametrize("line", [("x", "\ud800"), ("\udfff", "x")])
def test_half_a_character_can_not_be_sent(line: tuple[str, str]) -> None:
    with pytest.raises(LocalProtocolError, match="not Unicode"):
        encoded([line])
