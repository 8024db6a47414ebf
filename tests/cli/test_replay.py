"""``agent-gate replay``: a new policy meets what was really asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.support import Served, run, write_files

NEW = """\
rules:
  - {tool: get_temperature, action: allow}
  - {tool: unlock_door, action: deny}
  - {tool: list_lights, action: ask}
defaults:
  - {pattern: "*", action: ask}
"""


@pytest.fixture
def asked(mortal: Served) -> Served:
    """A gateway that has been asked for some things, and still runs."""
    for room in ("kitchen", "bedroom"):
        assert mortal.as_agent("call", "get_temperature", f"room={room}").returncode == 0
    mortal.as_agent("call", "unlock_door", "door=garage")
    mortal.as_agent("call", "unlock_door", "door=back")
    mortal.as_agent("call", "list_lights")
    (mortal.folder / "new.yaml").write_text(NEW)
    return mortal


def test_what_would_be_decided_otherwise_is_shown_with_both_rules(asked: Served) -> None:
    done = run("replay", "--permissions", "new.yaml", "--json", cwd=asked.folder)
    assert (done.returncode, done.stderr) == (1, "")
    row = json.loads(done.stdout)
    assert (row["requests"], row["changed"]) == (5, 2)
    by_tool = {each["examples"][0]["signature"]: each for each in row["changes"]}
    garage = by_tool["unlock_door(garage)"]
    assert (garage["from"], garage["to"], garage["count"]) == ("allow", "deny", 1)
    assert garage["old_rule"].startswith("permissions.yaml:")
    assert garage["new_rule"] == "new.yaml:3"
    assert garage["examples"][0]["agent"] == "agent"
    assert (by_tool["list_lights"]["from"], by_tool["list_lights"]["to"]) == ("allow", "ask")
    lines = run("replay", "--permissions", "new.yaml", cwd=asked.folder).stdout.splitlines()
    assert lines[-1] == "5 requests replayed, 2 would be decided otherwise"
    assert lines[0].startswith("allow → ")
    assert any("unlock_door(garage)" in line for line in lines)


def test_the_same_policy_changes_nothing(asked: Served) -> None:
    done = run("replay", "--permissions", "permissions.yaml", cwd=asked.folder)
    assert (done.returncode, done.stdout) == (
        0,
        "5 requests replayed, 0 would be decided otherwise\n",
    )


def test_what_is_replayed_can_be_narrowed(asked: Served) -> None:
    new = ("replay", "--permissions", "new.yaml")
    for narrow in (("--agent", "nobody"), ("--since", "2100-01-01")):
        done = run(*new, *narrow, cwd=asked.folder)
        assert done.returncode == 0
        assert done.stdout.startswith("0 requests replayed")
    for wide in ("1d", "2020-01-01", "2020-01-01T00:00:00Z"):
        assert run(*new, "--since", wide, cwd=asked.folder).returncode == 1


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["--permissions", "broken.yaml"], 4, "broken.yaml:2: rules[0].action: 'permit' is not"),
        (["--permissions", "nope.yaml"], 4, "nope.yaml: file not found"),
        (["--permissions", "permissions.yaml"], 1, "there is no database"),
        (["--permissions", "permissions.yaml", "--since", "lately"], 4, "'lately' is no time"),
        ([], 4, "Missing option '--permissions'"),
    ],
)
def test_a_mistake_says_what_to_do(tmp_path: Path, args: list[str], code: int, text: str) -> None:
    write_files(tmp_path)
    (tmp_path / "broken.yaml").write_text("rules:\n  - {tool: x, action: permit}\n")
    done = run("replay", *args, cwd=tmp_path)
    assert done.returncode == code
    assert text in done.stderr


def test_secrets_are_masked_in_examples(mortal: Served) -> None:
    mortal.as_agent("call", "unlock_door", "door=garage", "--idempotency-key", "k")
    (mortal.folder / "new.yaml").write_text(NEW)
    config = mortal.folder / "config.yaml"
    text = config.read_text().replace("agent-token-0123456789abcdef", "garage-token-garage")
    config.write_text(text.replace("garage-token-garage", "garage"))
    done = run("replay", "--permissions", "new.yaml", cwd=mortal.folder)
    assert done.returncode == 1
    assert "unlock_door(•••)" in done.stdout
    assert "garage" not in done.stdout
