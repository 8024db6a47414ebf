"""TOML: one table changes, all else stays to the letter."""

from __future__ import annotations

import pytest

from agentgate_cli.mcp.toml_text import TomlError, put, read

PATH = ("mcp_servers", "gate")
TABLE = {"command": "agent-gate", "args": ["mcp", "--hold", "60"], "tool_timeout_sec": 3600}
ROWS = (
    '[mcp_servers.gate]\ncommand = "agent-gate"\nargs = ["mcp","--hold","60"]\n'
    "tool_timeout_sec = 3600\n"
)
SETTINGS = """\
model = "o5" # the large one

[mcp_servers.other]
command = 'x'

# before the next
[mcp_servers.gate]
command = "old"

[mcp_servers.gate.env]
A = "1"

# of the profile
[profiles.work]
text = \"\"\"
[not a header]
\"\"\"
"""


def test_a_table_is_put_behind_others() -> None:
    before = 'model = "o5"\n\n[a.b]\nc = 1 # one\n'
    assert put(before, PATH, TABLE) == f"{before}\n{ROWS}"
    assert put("", PATH, TABLE) == ROWS


def test_it_takes_the_place_of_what_was_there_with_all_within_it() -> None:
    changed = put(SETTINGS, PATH, TABLE)
    head, rest = SETTINGS.split("[mcp_servers.gate]")
    tail = SETTINGS[SETTINGS.index("# of the profile") :]
    assert "A = " in rest
    assert changed.startswith(head + ROWS)
    assert changed.endswith(tail)
    assert '"old"' not in changed
    assert put(changed, PATH, TABLE) == changed


@pytest.mark.parametrize("header", ['[mcp_servers."gate"]', "[ mcp_servers . 'gate' ] # ours"])
def test_a_name_may_be_written_in_several_ways(header: str) -> None:
    changed = put(f"{header}\ncommand = 'old'\n", PATH, TABLE)
    assert changed == ROWS


def test_texts_of_all_kinds_come_back() -> None:
    table = {"a": 'quo"te', "b": "back\\slash", "c": "line\nbreak", "d": "é😀", "e f": {"g": "h"}}
    changed = put("", PATH, table)
    assert read(changed)["mcp_servers"]["gate"] == table


def test_lines_end_as_they_did_before() -> None:
    assert put("a = 1\r\n", PATH, {"b": 2}) == "a = 1\r\n\r\n[mcp_servers.gate]\r\nb = 2\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "a = ",
        "mcp_servers = 5",
        "mcp_servers = {gate = {command = 'x'}}",
        "mcp_servers.gate.command = 'x'",
        "mcp_servers = {other = {command = 'x'}}",
        "a = '''\n[mcp_servers.gate]\n'''\n",
    ],
)
def test_what_can_not_be_changed_is_left_alone(text: str) -> None:
    with pytest.raises(TomlError):
        put(text, PATH, TABLE)
