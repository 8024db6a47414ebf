"""URLs are read as another reader reads them."""

from __future__ import annotations

from urllib.parse import quote, quote_plus, unquote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.queries import FIELDS_MAX, query_fields, unescaped


@given(st.text(st.characters(codec="utf-8")))
def test_what_was_escaped_comes_back(text: str) -> None:
    assert unescaped(quote(text, safe="")) == text
    assert query_fields(f"{quote_plus(text)}={quote_plus(text)}") == {text: text}


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_not_well_escaped_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert unescaped(text) == unquote(text)


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert unescaped("a%FFb%zz%4") == "a\ufffdb%zz%4"


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_a_query_is_read_as_a_browser_writes_it(fields: dict[str, str]) -> None:
    try:
        query = urlencode(fields)
    except UnicodeEncodeError:
        return
    assert query_fields(query) == fields


def test_odd_queries() -> None:
    assert query_fields("") == {}
    assert query_fields("&a&b=&c=1=2&c=3&") == {"a": "", "b": "", "c": "3"}
    with pytest.raises(ValueError, match="more than 64 fields"):
        query_fields("&".join(["a=1"] * (FIELDS_MAX + 1)))
