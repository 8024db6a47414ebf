"""Every input of the committed corpus, replayed without atheris: what fuzzing found stays found."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
NO_TARGETS = {"errors", "pieces"}
TARGETS = sorted(
    path.stem for path in (HERE / "targets").glob("*.py") if path.stem not in NO_TARGETS
)
INPUTS = sorted(path.relative_to(CORPUS) for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("path", INPUTS, ids=str)
def test_an_input_of_the_corpus_is_borne(path: Path) -> None:
    target = importlib.import_module(f"tests.fuzz.targets.{path.parent.name}")
    target.run((CORPUS / path).read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_bears_nothing_and_all_bytes(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.targets.{name}")
    for data in (b"", b"\0", bytes(range(256)), b"[" * 5_000, b'{"a":' * 5_000, b"\n" * 5_000):
        target.run(data)


def test_each_target_has_a_corpus() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS)
