"""Templates: an argument stays in its place, whatever is in it."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_server.errors import ArgumentError
from agentgate_server.tools.http.templates import JsonTemplate, PathTemplate, Template, pairs

# Parsing


def test_text_and_slots_are_told_apart_and_double_braces_are_braces() -> None:
    template = Template.parse("a{{b}}{c}d{e_1}")
    assert template.names == ("c", "e_1")
    assert template.text({"c": "C{x}", "e_1": 5}) == "a{b}C{x}d5"
    assert Template.parse("{c}").only == "c"
    assert Template.parse("{c} ").only == ""
    assert Template.parse("").text({}) == ""


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{a b}", "{}", "{1}", "{{a}", "{a.b}"])
def test_a_brace_alone_is_an_error_that_does_not_quote_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="a plain brace twice"):
        Template.parse(text)


def test_a_template_does_not_show_itself() -> None:
    assert "hunter2" not in repr(Template.parse("hunter2"))


# Paths


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("London", "London"),
        ("São Paulo", "S%C3%A3o%20Paulo"),
        ("a/b", "a%2Fb"),
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("a;b=c", "a%3Bb%3Dc"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("a..b", "a..b"),
        ("...", "..."),
        ("{x}", "%7Bx%7D"),
        ("@:", "%40%3A"),
        ("a\\b", "a%5Cb"),
        (5, "5"),
        (-0.5, "-0.5"),
        (True, "true"),
    ],
)
def test_a_value_in_a_path_is_one_segment(value: Any, sent: str) -> None:
    assert PathTemplate("/v1/{city}/now").fill({"city": value}) == f"/v1/{sent}/now"


DOTS = [
    *(".", "..", "%2e", "%2E%2e", ".%2e", "%252e%252e", "%25252e%25252e"),
    *(
        "../x",
        "x/..",
        "x/../y",
        "..\\x",
        "x\\..\\y",
        "..%2fx",
        "x%2f..%2fy",
        "..%5cx",
        "%2e%2e%2fx",
    ),
    *("..;x", "..;/x", "x/..;a=b/y", "%2e%2e%3bx", "/x", "x/", "x//y", "/", "\\", "%2f", ";x"),
    *("\N{FULLWIDTH FULL STOP}" * 2, "\N{TWO DOT LEADER}", "x\N{FULLWIDTH SOLIDUS}..", " .. "),
    *("%" + "25" * 10 + "2e", "%ef%bc%8e%ef%bc%8e"),
]


@pytest.mark.parametrize("value", DOTS)
def test_what_any_server_could_take_for_a_way_out_of_the_path_is_refused(value: str) -> None:
    with pytest.raises(ArgumentError, match="argument 'city' goes into a path"):
        PathTemplate("/v1/{city}/now").fill({"city": value})


@pytest.mark.parametrize(
    "value", ["", "a\nb", "a\x00b", "\x7f", "a%00b", "a%0d%0ab", "%2500", "\x85"]
)
def test_what_no_segment_may_be_is_refused(value: str) -> None:
    with pytest.raises(ArgumentError, match="argument 'city' goes into a path"):
        PathTemplate("/v1/{city}").fill({"city": value})


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/.{a}", {"a": "%2e"}),
        ("/%2e{a}", {"a": "%2e"}),
        ("/{a}{b}", {"a": "%2", "b": "e"}),
        ("/x/{a}.", {"a": "%2e"}),
    ],
)
def test_values_cannot_make_a_way_out_together_either(path: str, values: Any) -> None:
    with pytest.raises(ArgumentError):
        PathTemplate(path).fill(values)


def test_parts_of_a_segment_are_filled_where_they_stand() -> None:
    path = PathTemplate("/a{b}-{c}.json/{{x}}%20/".replace("{{x}}", ""))
    assert path.fill({"b": "1/2", "c": "3"}) == "/a1%2F2-3.json/%20/"
    assert PathTemplate("/").fill({}) == "/"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "must begin with /"),
        ("{a}", "must begin with /"),
        ("http://x/{a}", "must begin with /"),
        ("/a?b={c}", "has a character that a path can't have"),
        ("/a b", "has a character that a path can't have"),
        ("/ä", "has a character that a path can't have"),
        ("/%zz", "has a character that a path can't have"),
        ("/a/../b", "must not have '.' or '..'"),
        ("/a/%2e%2E/b", "must not have '.' or '..'"),
        ("/a/{b", "write an argument as"),
    ],
)
def test_a_path_that_cannot_be_sent_is_refused_at_start(path: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PathTemplate(path)


@given(st.text(), st.text())
def test_whatever_the_value_the_path_keeps_its_shape(first: str, second: str) -> None:
    try:
        path = PathTemplate("/v1/{a}/x/{b}").fill({"a": first, "b": second})
    except (ArgumentError, UnicodeEncodeError):
        return
    parts = urlsplit("http://host" + path)
    assert (parts.netloc, parts.query, parts.fragment) == ("host", "", "")
    v1, a, x, b = parts.path.split("/")[1:]
    assert (v1, x) == ("v1", "x")
    assert (unquote(a), unquote(b)) == (first, second)


# Queries and forms


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(), max_size=3))
def test_whatever_the_values_a_query_has_just_these(values: dict[str, str]) -> None:
    named = {f"a{index}": value for index, value in enumerate(values.values())}
    templates = {key: Template.parse(f"{{a{index}}}") for index, key in enumerate(values)}
    try:
        query = pairs(templates, named)
    except UnicodeEncodeError:
        return
    assert query.isascii()
    assert parse_qsl(query, keep_blank_values=True) == list(values.items())


def test_an_entry_whose_argument_is_not_given_is_left_out() -> None:
    templates = {
        "q": Template.parse("{q}"),
        "page": Template.parse("p{page}"),
        "k": Template(("v",)),
    }
    assert pairs(templates, {"q": "a b+c"}) == "q=a%20b%2Bc&k=v"


# Headers


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00", "ä", " a", "a ", "\t", "\x7f"])
def test_a_header_takes_only_what_a_header_can_carry(value: str) -> None:
    with pytest.raises(ArgumentError, match="argument 'a' goes into a header"):
        Template.parse("x {a}").header({"a": value})


def test_a_header_is_filled_in() -> None:
    assert Template.parse("id={a}, {b}").header({"a": "1 2", "b": 3}) == "id=1 2, 3"


# JSON


def test_json_is_filled_in_by_structure_and_never_by_text() -> None:
    template = JsonTemplate({"a": "{a}", "t": "say {t}!", "l": ["{a}", "{no}", 1], "{k}": None})
    values = {"a": {"x": [1, '"']}, "t": '", "admin": true, "x": "'}
    assert template.fill(values) == {
        "a": {"x": [1, '"']},
        "t": 'say ", "admin": true, "x": "!',
        "l": [{"x": [1, '"']}, 1],
        "{k}": None,
    }
    assert template.wholes == ("a", "a", "no")
    assert template.parts == ("t",)


def test_json_entries_whose_argument_is_not_given_are_left_out() -> None:
    template = JsonTemplate({"a": "{a}", "b": "x{b}", "c": {"d": "{a}"}, "e": True})
    assert template.fill({}) == {"c": {}, "e": True}
