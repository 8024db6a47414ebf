"""What of a growing text is shown for good, and that nothing of it is lost or said twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from agentgate_cli.chat.blocks import BLOCK_CHARS_MAX, NO_FENCE, clean_cut, fence_at, forced_cut
from agentgate_cli.chat.speech import Speech

WORDS = st.text(alphabet="ab \n`~#-*", max_size=400)


@given(st.lists(WORDS, max_size=6), st.lists(st.sampled_from("cwo-"), min_size=6, max_size=6))
def test_all_that_was_said_is_settled_once_whatever_happens_in_between(
    pieces: list[str], looks: list[str]
) -> None:
    speech, settled = Speech(), []
    for piece, look in zip(pieces, looks, strict=False):
        speech.say(piece)
        if look == "c" and (part := speech.whole_blocks()) is not None:
            settled.append(part)
        elif look == "o":
            settled += speech.overlong()
        elif look == "w":
            assert isinstance(speech.open_markup, str)
    settled += speech.finish("".join(pieces))
    shown = "".join(c for part in settled for c in part.markup if c in "ab")
    assert shown == "".join(c for piece in pieces for c in piece if c in "ab")
    assert speech.is_empty
    assert not speech.was_settled


def test_a_whole_text_that_is_known_better_fills_what_was_missed() -> None:
    speech = Speech()
    speech.say("a")
    assert [part.markup for part in speech.finish("a b c")] == ["a b c"]
    speech.say("one\n\ntwo")
    part = speech.whole_blocks()
    assert part is not None
    assert part.markup == "one"
    assert [each.markup for each in speech.finish("one\n\ntwo three")] == ["two three"]


def test_what_is_settled_stays_settled_when_a_note_comes_between() -> None:
    speech = Speech()
    speech.say("alpha ")
    assert [part.markup for part in speech.settle()] == ["alpha "]
    speech.say("beta")
    assert [part.markup for part in speech.finish("alpha beta")] == ["beta"]
    speech.say("gone")
    speech.withdraw()
    assert speech.finish() == []


def test_code_that_is_cut_is_opened_again() -> None:
    speech = Speech()
    code = "\n".join(f"line {number}" for number in range(1_000))
    speech.say(f"Look:\n\n```python\n{code}\n```\n\nDone.")
    parts = [*speech.overlong(), *speech.finish()]
    assert len(parts) > 2
    for part in parts:
        assert len(part.markup) <= BLOCK_CHARS_MAX + 100
        opened = [line for line in part.markup.splitlines() if line.startswith("```")]
        assert len(opened) % 2 == 0, part.markup[-100:]
    assert parts[1].markup.startswith("```python\n")
    tokens = [
        token.content
        for part in parts
        for token in MarkdownIt().parse(part.markup)
        if token.type == "fence"
    ]
    assert "".join(tokens).replace("\n", "") == code.replace("\n", "")


def test_blocks_of_code_are_not_cut_between_their_blank_lines() -> None:
    text = "text\n\n```\na\n\nb"
    cut = clean_cut(text)
    assert cut is not None
    assert text[: cut.at] == "text"
    assert clean_cut("```\na\n\nb") is None
    assert clean_cut("one block") is None
    assert fence_at("```\na\n```\n", 10) == NO_FENCE
    assert fence_at("~~~~ x\na\n~~~\n```\n", 20).closing == "~~~~"
    assert fence_at("```" + "x" * 200 + "\n", 300).line == "```"


@given(st.text(min_size=0, max_size=300), st.integers(8, 60))
def test_a_forced_cut_is_within_the_bound_and_gets_on(text: str, chars_max: int) -> None:
    cut = forced_cut(text, chars_max=chars_max)
    if cut is None:
        assert len(text) <= chars_max
    else:
        assert 0 < cut.at <= chars_max


def test_a_megabyte_without_an_end_is_settled_in_bounded_pieces() -> None:
    speech = Speech()
    speech.say("x" * 1_000_000)
    parts = speech.overlong()
    assert all(len(part.markup) <= BLOCK_CHARS_MAX for part in parts)
    parts += speech.finish()
    assert sum(len(part.markup) for part in parts) == 1_000_000
