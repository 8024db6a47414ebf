"""Answers: how a body is read, whatever a server thinks its encoding is."""

from __future__ import annotations

import codecs
import time
from typing import Any

import pytest

from agentgate_server.backends.answer import Answer

KOELN = '{"name":"Köln"}'
TOKYO = '{"name":"東京"}'


def answer(body: bytes, kind: str = "") -> Answer:
    return Answer(200, {"content-type": kind} if kind else {}, body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (KOELN.encode(), ""),
        (KOELN.encode(), "application/json"),
        (codecs.BOM_UTF8 + KOELN.encode(), "application/json"),
        (codecs.BOM_UTF8 + KOELN.encode(), "application/json; charset=iso-8859-1"),
        (KOELN.encode("iso-8859-1"), "application/json; charset=iso-8859-1"),
        (KOELN.encode("cp1252"), 'application/json;charset="Windows-1252"'),
        (KOELN.encode("cp850"), "application/json; charset=cp850"),
        # declared by habit, and not so
        (KOELN.encode(), "application/json; charset=iso-8859-1"),
        (KOELN.encode("utf-16"), "application/json"),
        (KOELN.encode("utf-16-le"), "application/json; charset=utf-16le"),
        (KOELN.encode("utf-16-be"), "application/json; charset=utf-16be"),
        (KOELN.encode("utf-32"), "application/json; charset=utf-32"),
    ],
)
def test_json_is_read_in_the_encoding_that_it_is_in(body: bytes, kind: str) -> None:
    assert answer(body, kind).json() == {"name": "Köln"}


@pytest.mark.parametrize("charset", ["shift_jis", "euc-jp", "iso-2022-jp", "gb18030", "big5"])
def test_json_in_other_scripts_is_read_as_declared(charset: str) -> None:
    body = TOKYO.encode(charset)
    assert answer(body, f"application/json; charset={charset}").json() == {"name": "東京"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b"{", ""),
        (codecs.BOM_UTF8, ""),
        (KOELN.encode("iso-8859-1"), "application/json"),
        (KOELN.encode("iso-8859-1"), "application/json; charset=utf-8"),
        (KOELN.encode("iso-8859-1"), "application/json; charset=no-such"),
        (KOELN.encode("iso-8859-1"), "application/json; charset=ascii"),
        (codecs.BOM_UTF16_LE + b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"[" * 100_000, "application/json; charset=iso-8859-1"),
    ],
)
def test_what_is_no_json_is_a_value_error(body: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        answer(body, kind).json()


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("Köln".encode(), "text/plain", "Köln"),
        (codecs.BOM_UTF8 + b"a", "text/plain", "a"),
        (codecs.BOM_UTF8 + b"a", "text/plain; charset=iso-8859-1", "a"),
        ("Köln".encode("utf-16"), "text/plain", "Köln"),
        (b"K\xf6ln", "text/plain; charset=ISO-8859-1", "Köln"),
        (b"K\xf6ln", "text/plain; charset = 'latin1'", "Köln"),
        (b"K\xf6ln", "text/plain", "K\N{REPLACEMENT CHARACTER}ln"),
        (b"K\xf6ln", "text/plain; charset=no-such", "K\N{REPLACEMENT CHARACTER}ln"),
        (b"", "text/plain; charset=utf-16", ""),
    ],
)
def test_a_text_is_read_in_the_encoding_that_it_is_in(body: bytes, kind: str, text: str) -> None:
    assert answer(body, kind).text() == text


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "base64", "zlib", "unicode_escape", "utf-7", "rot13", "x" * 99]
)
def test_codecs_that_are_no_encodings_of_a_text_are_not_used(charset: str) -> None:
    began = time.perf_counter()
    assert answer(b"a-b\\u0041" * 10_000, f"text/plain; charset={charset}").text().isascii()
    assert answer(b"", f"text/plain; charset={charset}").charset() == ""
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("kind", "media"),
    [("", ""), ("Application/JSON ; charset=x", "application/json"), (";", ""), ("a/b", "a/b")],
)
def test_the_type_is_without_its_parameters(kind: str, media: str) -> None:
    found: Any = answer(b"", kind).media
    assert found == media
