"""The body of a model request: its bytes, and whose they are."""

from __future__ import annotations

from agentgate_proto.models.body import Body, digest_id, encode_sorted, json_string, sift
from agentgate_proto.models.request import Span
from agentgate_proto.records.session_views import SectionName


def test_a_section_knows_its_bytes() -> None:
    body = Body()
    body.envelope(b'{"a":')
    body.section(SectionName.TOOLS, b"[1]")
    body.envelope(b',"b":')
    body.section(SectionName.HISTORY, b"[22]")
    body.envelope(b"}")
    encoded = body.encoded(("x",))
    assert encoded.body == b'{"a":[1],"b":[22]}'
    assert encoded.spans == (Span(SectionName.TOOLS, 5, 8), Span(SectionName.HISTORY, 13, 17))
    assert encoded.dropped == ("x",)


def test_a_section_without_bytes_is_none() -> None:
    body = Body()
    body.section(SectionName.MEMORY, b"")
    assert body.encoded(()).spans == ()


def test_what_a_backend_does_not_take_is_named_in_order() -> None:
    kept, dropped = sift({"top_p": 1, "stop": "x", "a": 2}, frozenset({"stop", "seed"}))
    assert kept == {"stop": "x"}
    assert dropped == ("a", "top_p")


def test_the_order_in_which_an_object_was_filled_changes_no_byte() -> None:
    assert encode_sorted({"a": {"c": 1, "b": 2}}) == encode_sorted({"a": {"b": 2, "c": 1}})


def test_a_text_is_escaped_for_a_string_of_json() -> None:
    assert json_string('a"b\n\x00é') == b'a\\"b\\n\\u0000\xc3\xa9'


def test_an_id_that_is_made_is_the_same_for_the_same_and_short() -> None:
    assert digest_id("functions.f:0") == digest_id("functions.f:0")
    assert digest_id("functions.f:0") != digest_id("functions.f:1")
    assert len(digest_id("x" * 1_000)) <= 40
