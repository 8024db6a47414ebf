"""The cost of a pattern: what people write is accepted, and none of it can hold up anybody."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agentgate_server.tools.patterns.alphabet import Atom, holds, kinds_of
from agentgate_server.tools.patterns.automaton import WAYS_MAX
from agentgate_server.tools.patterns.cost import STEPS_MAX, Cost, problem_of
from agentgate_server.tools.patterns.syntax import (
    Chars,
    Choice,
    Look,
    Node,
    NotUnderstood,
    Repeat,
    Sequence,
    parse,
)

URL_CHARS = 8_192
FRAME_CHARS = 1_000_000

LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
OCTET = r"(25[0-5]|2[0-4]\d|1?\d?\d)"

GOOD = [
    "",
    "abc",
    "on|off|toggle",
    "[a-z0-9./%]+",
    ".*",
    r".*\.txt",
    r"light\.[a-z_]+",
    "[A-Za-z_][A-Za-z0-9_]{0,63}",
    r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?",
    "[A-Z]{2}[0-9A-Z]{9}[0-9]",
    "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
    r"-?\d+(\.\d+)?",
    r"[\w.+-]+@[\w-]+\.[\w.-]+",
    r"[\w.+-]+@[\w-]+\.\w+",
    rf"(?:{LABEL}\.)+[a-z]{{2,63}}",
    rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{LABEL}(?:\.{LABEL})*",
    rf"({OCTET}\.){{3}}{OCTET}",
    r"https?://[^\s/]+(/[^\s]*)?",
    "[^,]+(,[^,]+)*",
    r'"([^"\\]|\\.)*"',
    r"(\w+\s)*\w+",
    r"(?=.*\d)(?=.*[a-z]).{8,64}",
    "(?!-)[a-z0-9-]{1,63}(?<!-)",
    r"\w{1,20}\w{1,20}",
    ".{0,1000}",
    "[a-z]{1,5000}",
    "(ab){0,300}",
    r"(\b)?a()?",
    r"[^\x00-\x1f]{1,80}",
    "[äöüß]+|[日-本]+",
]

BAD = [
    "([a-zA-Z0-9]+)*@example.com",
    "(a+)+",
    "(a+)+$",
    "(a|a)*b",
    "(a|ab|b)*c",
    "(a|aa)+",
    "(.*a){12}",
    "(a?){30}a{30}",
    r"(\w+\s?)*",
    r"(\s*\w+\s*)*",
    "a*a*a*a*b",
    "(x+x+)+y",
    "(([a-z])+.)+[A-Z]([a-z])+",
    "(.{1,50}){1,50}",
    "(|a|b)*",
    "(a*)*",
    "((a{1,9}){1,9}){1,9}",
    r"(?=(a+)+b)\w+",
    r"(?>(a+)+)b",
    r"(\d+|[0-9a-f]+)*",
    "([^\x00]|é)*x",
]


@pytest.mark.parametrize("pattern", GOOD)
def test_what_people_write_is_accepted_for_texts_of_any_length(pattern: str) -> None:
    for chars_max in (1, 200, URL_CHARS, FRAME_CHARS):
        assert problem_of(pattern, chars_max=chars_max, whole=True) == ""
    assert problem_of(f"^(?:{pattern})$", chars_max=FRAME_CHARS) == ""


@pytest.mark.parametrize("pattern", GOOD)
def test_what_is_accepted_takes_no_time(pattern: str) -> None:
    whole = re.compile(rf"^(?:{pattern})$(?!\n)")
    for piece in ("a", "0", "a.", "1.", "ab", "a@a.", "a ", '"', "\\", "-", "ä", "A0", "a,"):
        for end in ("", "!", "\n", " "):
            text = (piece * URL_CHARS)[: URL_CHARS - len(end)] + end
            began = time.thread_time()
            whole.search(text)
            assert time.thread_time() - began < 0.1


@pytest.mark.parametrize("pattern", BAD)
def test_what_can_be_read_in_too_many_ways_is_refused(pattern: str) -> None:
    for whole in (True, False):
        problem = problem_of(pattern, chars_max=200, whole=whole)
        assert "hold up the gateway" in problem
        assert problem.startswith("pattern ")


def test_how_long_a_text_may_be_decides_where_ways_grow_slowly() -> None:
    for pattern in (".*foo.*", r"\s*\S+\s+\S*\s*"):
        assert problem_of(pattern, chars_max=200, whole=True) == ""
        assert "shorter texts" in problem_of(pattern, chars_max=URL_CHARS, whole=True)


def test_a_search_begins_anywhere_unless_it_is_anchored() -> None:
    for pattern in ("[a-z]+[0-9]", r"\s+$", r".*\.txt$", "(a++)b"):
        problem = problem_of(pattern, chars_max=FRAME_CHARS)
        assert ": begin it with ^, let no two repeats" in problem
        for anchored in (f"^{pattern}", rf"\A{pattern}", f"(^{pattern}|^x)", f"(?:^{pattern})+x"):
            assert "begin it" not in problem_of(anchored, chars_max=FRAME_CHARS)
        assert problem_of(f"^{pattern}", chars_max=FRAME_CHARS) == ""
    for pattern in ("[a-z]+", "[0-9]", "a.*", r"\d{3}", "", "a*"):
        assert problem_of(pattern, chars_max=FRAME_CHARS) == ""


def test_a_search_that_may_end_has_tried_what_comes_first() -> None:
    assert "hold up the gateway" in problem_of("(a+)+c|a", chars_max=200)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "pattern is no regular expression: missing )"),
        (r"\p", "pattern is no regular expression: bad escape"),
        ("a{5000000000}", "pattern is no regular expression"),
        ("a" * 2_001, "pattern has more than 2,000 characters"),
        ("(?i)a", "pattern has '(?i': nobody can say then how long"),
        ("(?i:a)", "pattern has '(?i'"),
        (r"(a)\1", r"pattern has '\1'"),
        ("(?P<n>a)(?P=n)", "pattern has '(?P'"),
        ("(a)?(?(1)b|c)", "pattern has '(?('"),
        ("(?#no)a", "pattern has '(?#'"),
        (r"\N{BULLET}", r"pattern has '\N'"),
        ("(" * 60 + ")" * 60, "pattern has groups within too many groups"),
        ("(a*)*", "pattern has '(a*)*', which repeats what may be empty"),
        ("((){1000}){1000}", "pattern has '((){1000}){1000}', which repeats what may be empty"),
        (r"(\b)+a", r"pattern has '(\b)+', which repeats what may be empty"),
        ("[[a]", "pattern is ambiguous: possible nested set at position 1; escape the character"),
        ("(\n*)*", "pattern has '( *)*', which repeats what may be empty"),
        ("(a?b?){2,}", "pattern has '(a?b?){2,}', which repeats what may be empty"),
        ("(ab){2000}", "pattern has such large numbers in {}"),
        (f"({'|'.join('abcdefghij' * 15)})" * 2, "pattern has so many branches"),
    ],
)
def test_what_is_not_understood_is_refused_and_named(pattern: str, said: str) -> None:
    for whole in (True, False):
        assert problem_of(pattern, chars_max=100, whole=whole).startswith(said)


def test_the_check_itself_ends_soon() -> None:
    many = [r"[\w.+-]+@[\w-]+\.[\w.-]+", ".*a.*b.*c.*d.*e", "(a?b?c?d?e?){40}", "(ab){0,900}"]
    for pattern in (*BAD, *many):
        began = time.thread_time()
        problem_of(pattern, chars_max=FRAME_CHARS)
        assert time.thread_time() - began < 5.0


# Against a matcher that counts


class Matcher:
    """Matches by trying one way after the other, as ``re`` does, and counts."""

    def __init__(self, text: str, *, backwards: bool = False) -> None:
        self.text = text
        self.backwards = backwards
        self.steps = 0

    def ends(self, node: Node, at: int) -> Iterator[int]:
        """Yield where a match may end that begins at a place, one way after the other."""
        match node:
            case Chars():
                if at < len(self.text):
                    self.steps += 1
                    char = self.text[at]
                    if holds(node, Atom(ord(char), kinds_of(char))):
                        yield at + 1
            case Sequence(items):
                yield from self.in_turn(items, at)
            case Choice(branches):
                for branch in reversed(branches) if self.backwards else branches:
                    yield from self.ends(branch, at)
            case Repeat():
                yield from self.again(node, at, 0)
            case Look(body):
                if next(self.ends(body, at), None) is not None:
                    yield at
            case _:
                yield at

    def in_turn(self, items: tuple[Node, ...], at: int) -> Iterator[int]:
        if not items:
            yield at
            return
        for end in self.ends(items[0], at):
            yield from self.in_turn(items[1:], end)

    def again(self, node: Repeat, at: int, count: int) -> Iterator[int]:
        if self.backwards and count >= node.least:
            yield at
        if node.most is None or count < node.most:
            for end in self.ends(node.body, at):
                yield from self.again(node, end, count + 1)
        if not self.backwards and count >= node.least:
            yield at

    def matches(self, node: Node) -> bool:
        """Try all ways to match the whole text."""
        found = [end == len(self.text) for end in self.ends(node, 0)]
        return any(found)

    def finds(self, node: Node) -> bool:
        """Search, up to the first match."""
        places = range(len(self.text) + 1)
        return any(next(self.ends(node, at), None) is not None for at in places)


CHARS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", r"\w", "[b-c]", r"[^\W]", r"\."])
COUNTS = st.sampled_from(
    ["*", "+", "?", "{2}", "{1,3}", "{,2}", "{2,}", "*?", "+?", "??", "{0,2}?", "{1,}", "{,}"]
)
PATTERNS = st.recursive(
    CHARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: f"(?:{'|'.join(each)})"),
        st.tuples(inner, COUNTS).map(lambda pair: f"({pair[0]}){pair[1]}"),
        st.tuples(CHARS, COUNTS).map("".join),
    ),
    max_leaves=8,
)


@given(pattern=PATTERNS, text=st.text("abc.", max_size=9))
def test_no_text_takes_more_steps_than_the_bound(pattern: str, text: str) -> None:
    try:
        node = parse(pattern)
        whole, search = (Cost(node, whole=whole).bound(len(text)).steps for whole in (True, False))
    except NotUnderstood:
        assume(False)
    assume(whole < 5_000)
    for backwards in (False, True):
        matcher = Matcher(text, backwards=backwards)
        assert matcher.matches(node) == bool(re.fullmatch(pattern, text))
        assert matcher.steps <= whole
        matcher = Matcher(text, backwards=backwards)
        assert matcher.finds(node) == bool(re.search(pattern, text))
        assert matcher.steps <= search


@example(pattern="(c)*(aaa)*", looked="", text="cca")  # it comes back to a state of more ways
@given(pattern=PATTERNS, looked=PATTERNS, text=st.text("abc.", max_size=7))
def test_looking_ahead_is_counted(pattern: str, looked: str, text: str) -> None:
    both = f"(?:(?={looked})(?:{pattern})|b)c?"
    try:
        node = parse(both)
        whole, search = (Cost(node, whole=whole).bound(len(text)).steps for whole in (True, False))
    except NotUnderstood:
        assume(False)
    assume(whole < 5_000)
    matcher = Matcher(text)
    assert matcher.matches(node) == bool(re.fullmatch(both, text))
    assert matcher.steps <= whole
    matcher = Matcher(text)
    assert matcher.finds(node) == bool(re.search(both, text))
    assert matcher.steps <= search


def test_the_bound_is_near_what_is_needed() -> None:
    for pattern, text in (("[a-z]+", "a" * 100), ("(a|b)*c", "ab" * 50), ("a{3}b?", "aaab")):
        node = parse(pattern)
        matcher = Matcher(text)
        matcher.matches(node)
        assert Cost(node, whole=True).bound(len(text)).steps <= 4 * matcher.steps + 10


def test_ways_do_not_grow_without_end() -> None:
    bound = Cost(parse("(|a|a){60}(a|a){60}b"), whole=True).bound(100)
    assert bound.steps > STEPS_MAX
    assert bound.steps < WAYS_MAX * 200
