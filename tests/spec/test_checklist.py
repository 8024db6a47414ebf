"""Every rule that binds is tested: by a vector, by a case, or by a test that is named."""

from __future__ import annotations

from pathlib import Path

from tests.spec.checklist import ORDER, ORDINARY, exists, row, untested, what_tests
from tests.spec.rules import Rule, pages, rules


def test_every_rule_that_binds_is_tested() -> None:
    assert untested() == []


def test_every_page_with_rules_is_in_the_checklist() -> None:
    assert sorted(ORDER) == sorted({rule.level for rule in rules()})
    assert set(ORDER) <= {page.stem for page in pages()}


def test_the_tests_that_are_named_exist() -> None:
    assert set(ORDINARY) <= {rule.id for rule in rules() if rule.is_must}
    assert [name for names in ORDINARY.values() for name in names if not exists(name)] == []


def test_a_test_that_is_not_there_is_missed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_this():\n    pass\n")
    assert exists("test_it.py::test_this", tmp_path)
    assert not exists("test_it.py::test_that", tmp_path)
    assert not exists("test_else.py::test_this", tmp_path)


def test_a_row_says_what_binds_and_what_tests_it() -> None:
    rule = Rule("Q1", "both", "quiet", "Some do a|b. Both MUST. So it is.")
    tests = what_tests() | {("Q1", "client"): ["one", "*two*"], ("Q1", "gateway"): ["three"]}
    assert row(rule, tests) == "| Q1 | both | Some do a\\|b. Both MUST. | one; *two*; three |"
