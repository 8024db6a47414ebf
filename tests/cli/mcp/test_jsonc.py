"""JSON with comments: one place changes, all else stays to the letter."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_cli.mcp.jsonc import NESTING_MAX, JsoncError, merged, put, read

SETTINGS = """\
// my settings
{
  "theme": "dark", /* not light */
  "url": "http://x/*no comment*/", // why
  "mcpServers": {
    // of the office
    "other": {"command": "x", "args": ["//", "a,]",],},
  },
  "last": [1, 2, 3,], // the end
}
"""


def test_a_member_is_put_beside_others_and_nothing_else_changes() -> None:
    changed = put(SETTINGS, ("mcpServers", "gate"), {"command": "agent-gate", "args": ["mcp"]})
    new = '    "gate": {\n      "command": "agent-gate",\n      "args": ["mcp"]\n    }\n'
    before, after = SETTINGS.split('  },\n  "last"')
    assert changed == f'{before}{new}  }},\n  "last"{after}'


def test_it_is_put_in_place_of_what_was_there() -> None:
    once = put(SETTINGS, ("mcpServers", "gate"), {"command": "old", "env": {"A": "1"}})
    twice = put(once, ("mcpServers", "gate"), {"command": "new"})
    assert read(twice)["mcpServers"]["gate"] == {"command": "new"}
    assert put(twice, ("mcpServers", "gate"), {"command": "new"}) == twice
    assert "// of the office" in twice
    assert "// the end" in twice


def test_a_comment_behind_the_last_member_stays_with_it() -> None:
    changed = put('{\n  "a": 1 // one\n}\n', ("b",), 2)
    assert changed == '{\n  "a": 1, // one\n  "b": 2\n}\n'


@pytest.mark.parametrize("text", ["", "\n", "// nothing yet\n", "{}", "{ }\n", "\ufeff{}"])
def test_what_is_missing_is_made(text: str) -> None:
    changed = put(text, ("a", "b"), {"c": []})
    assert read(changed) == {"a": {"b": {"c": []}}}
    assert changed.startswith(text.strip("{} \n"))


def test_lines_end_as_they_did_before() -> None:
    changed = put('{\r\n\t"a": 1\r\n}\r\n', ("b",), {"c": 1})
    assert changed == '{\r\n\t"a": 1,\r\n\t"b": {\r\n\t  "c": 1\r\n\t}\r\n}\r\n'


def test_one_line_may_hold_all_of_it() -> None:
    assert read(put('{"a": {"b": 1}, "c": 2}', ("a", "d"), 3)) == {"a": {"b": 1, "d": 3}, "c": 2}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "5",
        '{"a": 1',
        '{"a" 1}',
        '{"a": 1 "b": 2}',
        '{"a": "x}',
        "{/* no end",
        "{a: 1}",
        '{"a": }',
        '{"m": []}',
        '{"m": {"x": 1}, "m": {}}',
        "{" * (NESTING_MAX + 5),
        '{"a":' * (NESTING_MAX + 5) + "1" + "}" * (NESTING_MAX + 5),
    ],
)
def test_what_can_not_be_changed_is_left_alone(text: str) -> None:
    with pytest.raises(JsoncError):
        put(text, ("m", "gate"), {})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=10,
)
documents = st.dictionaries(st.text(max_size=4), json_values, max_size=4)
paths = st.lists(st.text(max_size=4), min_size=1, max_size=3)


@given(document=documents, path=paths, value=json_values, wide=st.booleans())
def test_any_settings_say_the_same_afterwards_and_this_besides(
    document: dict[str, Any], path: list[str], value: Any, wide: bool
) -> None:
    encoded = msgspec.json.encode(document)
    text = msgspec.json.format(encoded, indent=2 if wide else -1).decode()
    try:
        expected = merged(document, path, value)
    except JsoncError:
        with pytest.raises(JsoncError):
            put(text, path, value)
    else:
        assert read(put(text, path, value)) == expected
