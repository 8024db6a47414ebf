"""The plain form: one line of JSON, the same for the same request, and which bytes are what."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.models.plain import decode_plain, encode_plain
from agentgate_proto.models.request import (
    AssistantTurn,
    Encoded,
    ModelRequest,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    ToolUse,
    UserTurn,
)
from agentgate_proto.records.session_views import SectionName

LAMP = ToolSpec(name="lamp", description="Turns it.", schema={"type": "object", "b": 1, "a": 2})
FULL = ModelRequest(
    model_id="m",
    system_prompt='Say "yes".',
    memory="Küche\n",
    skills="# One",
    turns=(
        UserTurn("hi"),
        AssistantTurn(
            text="A moment.",
            calls=(ToolUse(id="c1", name="lamp", args=msgspec.Raw(b'{ "on":\n true }')),),
            backend="process",
            blocks=b'{"signature":"x"}',
        ),
        ToolTurn((ToolReturn(id="c1", text="denied", is_error=True),)),
    ),
    tools=(LAMP,),
    max_tokens=7,
    params={"top_p": 0.5, "temperature": 1},
)
SECTIONS = [
    SectionName.SYSTEM_PROMPT,
    SectionName.MEMORY,
    SectionName.SKILLS,
    SectionName.TOOLS,
    SectionName.HISTORY,
]


def for_process(request: ModelRequest) -> Encoded:
    return encode_plain(request, backend="process", takes_params=True)


def sections(encoded: Encoded) -> dict[SectionName, bytes]:
    return {span.section: encoded.body[span.start : span.end] for span in encoded.spans}


def test_all_of_a_request_is_in_its_line() -> None:
    assert msgspec.json.decode(for_process(FULL).body) == {
        "model": "m",
        "max_tokens": 7,
        "params": {"temperature": 1, "top_p": 0.5},
        "system_prompt": 'Say "yes".',
        "memory": "Küche\n",
        "skills": "# One",
        "tools": [msgspec.to_builtins(LAMP)],
        "turns": [
            {"role": "user", "text": "hi"},
            {
                "role": "assistant",
                "text": "A moment.",
                "calls": [{"id": "c1", "name": "lamp", "args": {"on": True}}],
                "blocks": {"signature": "x"},
            },
            {"role": "tool", "returns": [{"id": "c1", "text": "denied", "is_error": True}]},
        ],
    }


def test_what_is_empty_is_left_out() -> None:
    encoded = for_process(ModelRequest(model_id="m"))
    assert encoded.body == b'{"model":"m","max_tokens":4096,"turns":[]}'
    assert encoded.spans == ()


def test_the_sections_are_where_the_spans_say() -> None:
    encoded = for_process(FULL)
    assert [span.section for span in encoded.spans] == SECTIONS
    found = sections(encoded)
    assert found[SectionName.SYSTEM_PROMPT] == b'Say \\"yes\\".'
    assert found[SectionName.MEMORY] == "Küche\\n".encode()
    assert found[SectionName.SKILLS] == b"# One"
    assert msgspec.json.decode(b"[%b]" % found[SectionName.TOOLS]) == [msgspec.to_builtins(LAMP)]
    turns = msgspec.json.decode(b"[%b]" % found[SectionName.HISTORY])
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool"]


def test_a_longer_history_changes_nothing_before_its_end() -> None:
    short = for_process(msgspec.structs.replace(FULL, turns=FULL.turns[:1])).body
    assert for_process(FULL).body.startswith(short.removesuffix(b"]}"))


def test_parameters_that_are_not_taken_are_dropped_and_named() -> None:
    encoded = encode_plain(FULL, backend="rehearsal", takes_params=False)
    assert encoded.dropped == ("temperature", "top_p")
    assert b"top_p" not in encoded.body
    assert for_process(FULL).dropped == ()


def test_only_the_backend_that_gave_blocks_gets_them_back() -> None:
    assert b"signature" in for_process(FULL).body
    assert b"signature" not in encode_plain(FULL, backend="rehearsal", takes_params=False).body


def test_a_request_is_read_again_as_it_was() -> None:
    request = decode_plain(for_process(FULL).body)
    assert (request.model, request.max_tokens) == ("m", 7)
    assert (request.system_prompt, request.memory, request.skills) == (
        FULL.system_prompt,
        FULL.memory,
        FULL.skills,
    )
    assert request.tools == (LAMP,)
    assert request.params == FULL.params
    assert len(request.turns) == 3


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@quick
@given(
    texts=st.tuples(st.text(), st.text(), st.text()),
    said=st.lists(st.text(), max_size=4),
    params=st.dictionaries(st.text(), json_values, max_size=3),
)
def test_whatever_is_in_it_it_is_one_line_and_its_sections_are_found(
    texts: tuple[str, str, str], said: list[str], params: dict[str, Any]
) -> None:
    system_prompt, memory, skills = texts
    request = ModelRequest(
        model_id="m",
        system_prompt=system_prompt,
        memory=memory,
        skills=skills,
        turns=tuple(UserTurn(text) for text in said),
        params=params,
    )
    encoded = for_process(request)
    assert b"\n" not in encoded.body
    assert decode_plain(encoded.body).params == params
    wanted = dict(zip(SECTIONS, texts, strict=False))
    found = sections(encoded)
    for section, text in wanted.items():
        assert msgspec.json.decode(b'"%b"' % found.get(section, b"")) == text
    turned_round = msgspec.structs.replace(request, params=dict(reversed(params.items())))
    assert for_process(turned_round) == encoded
