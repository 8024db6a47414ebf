"""Every demand of the specification is a rule that has a name, and every name is one of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.spec.checklist import CASES
from tests.spec.rules import NAMED, WORDS, Rule, pages, rules, taken_apart

from agentgate_cli.conformance.vectors import load

RULES = rules()
NAMES = {rule.id for rule in RULES}
LEVELS = {page.stem for page in pages()}


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len(RULES) > 200
    names = [rule.id for rule in RULES]
    assert [name for name in names if names.count(name) > 1] == []


def test_a_letter_belongs_to_one_page() -> None:
    by_letter: dict[str, set[str]] = {}
    for rule in RULES:
        by_letter.setdefault(rule.id[0], set()).add(rule.level)
    several = {letter: where for letter, where in by_letter.items() if len(where) > 1}
    assert several == {}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_nothing_is_demanded_outside_of_rules(page: Path) -> None:
    text = page.read_text("utf-8")
    found, outside = taken_apart(text, page.stem)
    assert len(found) == text.count("\n- **"), "an item that looks like a rule and is none"
    assert [line for line in outside if WORDS.search(line)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_rule_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    assert {name for name in NAMED.findall(text) if name not in NAMES} == set()


def test_a_rule_is_read_with_all_its_lines_and_without_what_stands_beside_it() -> None:
    text = """
- **Q1** (client) A client MUST do [this](there.md),
  and not that. It may
  think first.

  | a | table |

```json
- **Q2** (client) this is an example
```
- **Q3** (both) Nothing here binds.
Anybody MUST see this.
"""
    found, outside = taken_apart(text, "quiet")
    said = "A client MUST do this, and not that. It may think first."
    assert found == [
        Rule("Q1", "client", "quiet", said),
        Rule("Q3", "both", "quiet", "Nothing here binds."),
    ]
    assert [rule.is_must for rule in found] == [True, False]
    assert [rule.sides for rule in found] == [("client",), ("client", "gateway")]
    assert found[0].duty == "A client MUST do this, and not that."
    assert found[1].duty == "Nothing here binds."
    assert [line for line in outside if line] == ["  | a | table |", "Anybody MUST see this."]


@pytest.mark.parametrize("role", ["client", "server"])
def test_every_tag_of_a_vector_names_a_rule_and_a_page(role: str) -> None:
    for vector in load(role):
        assert set(vector.rules) <= NAMES, vector.name
        assert vector.level in {"", *LEVELS}, vector.name


def test_every_tag_of_a_case_names_a_rule() -> None:
    for case in CASES:
        assert set(case.rules) <= NAMES, case.name
