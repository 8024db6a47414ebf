"""The context: the same session gives the same bytes, and what does not fit is named."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chance import examples
from tests.proto.session_models import MATERIAL, Tariff, model
from tests.proto.sessions.test_history import Fed

from agentgate_proto.models.request import ToolSpec, ToolTurn, UserTurn
from agentgate_proto.records.session_views import SectionName
from agentgate_proto.rpc.session_methods import LeftOut
from agentgate_proto.sessions.context import (
    TOOLS_TOKENS,
    Context,
    Trim,
    assemble,
    common_prefix,
    sections_of,
)
from agentgate_proto.sessions.history import History
from agentgate_proto.sessions.material import Material

BACKENDS = ["anthropic", "openai", "process", "rehearsal"]


def talked(count: int, text: str = "word ") -> Fed:
    """A history of so many messages, every second with a tool call."""
    history = Fed()
    for number in range(count):
        history.message(f"{number}: {text * 20}")
        if number % 2:
            history.called(f"c{number}", {"n": number})
            history.returned(f"c{number}", result=f"result of {number}")
        history.reply(f"answer {number}: {text}")
    return history


def made(history: History, backend: str = "openai", **members: Any) -> Context:
    info = model(backend=backend, **members)
    return assemble(history, MATERIAL, info, system_prompt="be good")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_session_gives_the_same_bytes(backend: str) -> None:
    bodies = {made(talked(4), backend).encoded.body for _ in range(3)}
    assert len(bodies) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_grows_grows_at_the_end(backend: str) -> None:
    former = made(talked(4), backend).encoded
    longer = made(talked(6), backend).encoded.body
    end = max(span.end for span in former.spans if span.section is SectionName.HISTORY)
    assert longer.startswith(former.body[:end])


@pytest.mark.parametrize("backend", BACKENDS)
def test_sections_and_envelope_are_the_whole_body(backend: str) -> None:
    context = made(talked(3), backend)
    info = model(backend=backend)
    sections = sections_of(context, info, context.tokens)
    assert [section.name for section in sections] == list(SectionName)
    spans = context.encoded.spans
    assert sum(section.bytes for section in sections) == sum(s.end - s.start for s in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))
    assert len(context.encoded.body) - sum(s.bytes for s in sections) > 0
    contents = {section.name: section.content for section in sections}
    assert contents[SectionName.SYSTEM_PROMPT] == "be good"
    assert contents[SectionName.MEMORY] == "remember"
    assert contents[SectionName.SKILLS] == ""
    assert contents[SectionName.TOOLS] == "read: read\nwrite: write"
    assert contents[SectionName.HISTORY].splitlines()[2:] == [
        f"user: 1: {'word ' * 20}",
        'assistant: t({"n":1})',
        "tool: result of 1",
        "assistant: answer 1: word ",
        f"user: 2: {'word ' * 20}",
        "assistant: answer 2: word ",
    ]
    by_name = {section.name: section for section in sections}
    assert by_name[SectionName.SKILLS].tokens == 0
    assert by_name[SectionName.HISTORY].cost_micros == by_name[SectionName.HISTORY].tokens


def test_an_answer_of_nothing_but_blocks_has_a_line() -> None:
    history = Fed()
    history.message("hi")
    history.reply("", b'{"role":"assistant"}')
    assert "assistant: " in sections_of(made(history), model(), 10)[3].content


def test_of_an_unknown_price_sections_have_no_cost() -> None:
    context = made(talked(1))
    sections = sections_of(context, model(pricing=Tariff(None)), 10)
    assert {section.cost_micros for section in sections} == {None}


@settings(max_examples=examples(150))
@given(
    count=st.integers(1, 12),
    tokens=st.integers(50, 1_500),
    text=st.sampled_from(["word ", "größe ", "😀", '"\\\n']),
    backend=st.sampled_from(BACKENDS),
)
def test_what_is_sent_fits_by_the_estimate_if_leaving_out_groups_can_make_it_fit(
    count: int, tokens: int, text: str, backend: str
) -> None:
    history = talked(count, text)
    context = made(history, backend, max_tokens=20, context_tokens=tokens + 20)
    kept = sum(isinstance(turn, UserTurn) for turn in context.request.turns)
    assert 1 <= kept <= count
    assert context.tokens <= tokens or kept == 1
    tools = sum(isinstance(turn, ToolTurn) for turn in context.request.turns)
    calls = sum(len(getattr(turn, "calls", ())) for turn in context.request.turns)
    assert tools == calls, "no group is cut"
    if kept < count:
        (left_out,) = context.left_out
        assert left_out.what.startswith(f"{count - kept} former messages, the last from ")
        assert left_out.bytes == sum(group.size for group in history.groups[: count - kept])
    else:
        assert context.left_out == ()


def test_what_is_left_out_of_a_growing_history_moves_in_a_few_steps() -> None:
    history = Fed()
    beginnings = []
    for number in range(120):
        history.message(f"{number} " + "x" * 400)
        history.reply("y" * 400)
        context = made(history, max_tokens=100, context_tokens=5_100)
        beginnings.append(context.request.turns[0])
        assert context.tokens <= 5_000
    changes = sum(one != other for one, other in itertools.pairwise(beginnings))
    assert 10 <= changes <= 26, "a vendor's cache helps most of the time"


def test_marks_stay_where_they_are_when_old_groups_leave_memory() -> None:
    sizes = [100] * 10
    whole = Trim(0, sizes, 400)
    later = Trim(300, sizes[3:], 400)
    assert whole.first(600) == 6
    assert later.first(300) == 3, "the same group"
    assert whole.first(601) == 7
    assert whole.first(10_000) == 9
    assert Trim(0, [], -10).first(5) == 0


def test_groups_that_are_in_memory_no_more_are_named() -> None:
    history = Fed(bytes_max=500)
    for number in range(5):
        history.message(f"message {number}")
    (left_out,) = made(history).left_out
    assert left_out.what == "3 former messages"
    assert left_out.bytes == 3 * len("message 0")
    reloaded = Fed()
    reloaded.oldest = 7
    reloaded.message("only this")
    (left_out,) = made(reloaded).left_out
    assert left_out.what == "the oldest former messages"


@pytest.mark.parametrize("backend", BACKENDS)
def test_people_are_told_the_names_of_tools_that_a_model_knows_by_others(backend: str) -> None:
    tools = (
        ToolSpec(name="kitchen_temp", description="how warm", schema={"type": "object"}),
        ToolSpec(name="look", description="look", schema={"type": "object"}),
    )
    names = {"kitchen_temp": "kitchen.temp", "look": "look"}
    info = model(backend=backend)
    context = assemble(talked(1), Material(tools=tools, names=names), info, system_prompt="be good")
    shown = {each.name: each.content for each in sections_of(context, info, 10)}
    assert shown[SectionName.TOOLS] == "kitchen_temp (kitchen.temp): how warm\nlook: look"
    assert b"kitchen_temp" in context.encoded.body
    assert b"kitchen.temp" not in context.encoded.body


def test_what_the_material_left_out_is_named_first() -> None:
    gone = LeftOut(section=SectionName.SKILLS, what="skills/huge.md", bytes=1, why="too large")
    material = Material(left_out=(gone,))
    context = assemble(talked(1), material, model(), system_prompt="")
    assert context.left_out == (gone,)


def test_a_message_that_is_only_tried_out_is_worded_as_it_would_be() -> None:
    history = Fed()
    history.message("hi")
    history.called("c1")
    history.returned("c1", status="unknown", error="?", still_running=True)
    history.returned("c1", result="done", late=True)
    tried = assemble(history, MATERIAL, model(), system_prompt="", text="and?")
    history.message("and?")
    sent = assemble(history, MATERIAL, model(), system_prompt="")
    assert tried.encoded.body == sent.encoded.body


def test_parameters_and_a_cap_of_ones_own_are_passed_on() -> None:
    context = assemble(
        talked(1), MATERIAL, model(), system_prompt="", max_tokens=7, params={"seed": 3}
    )
    assert (context.request.max_tokens, context.request.params) == (7, {"seed": 3})


def test_the_most_that_a_request_may_cost_counts_a_token_for_each_byte() -> None:
    with_tools, without = (
        made(talked(2)),
        assemble(talked(2), Material(), model(), system_prompt=""),
    )
    assert without.tokens_max == len(without.encoded.body) + 16 * (len(without.request.turns) + 1)
    assert with_tools.tokens_max > len(with_tools.encoded.body) + TOOLS_TOKENS
    assert with_tools.tokens == -(-len(with_tools.encoded.body) // 4)


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_a_common_prefix_is_found(common: bytes, one: bytes, other: bytes) -> None:
    size = common_prefix(common + one, common + other)
    assert size >= len(common)
    assert (common + one)[:size] == (common + other)[:size]
    assert (common + one)[: size + 1] != (common + other)[: size + 1] or size == len(
        min(common + one, common + other, key=len)
    )
