"""What the pages for contributors name is there: targets, modules, tests, files."""

from __future__ import annotations

import ast
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.fuzz.test_corpus import TARGETS
from tests.sim.mutations.catalogue import MUTATIONS

ROOT = Path(__file__).parent.parent
PAGES = {
    name: (ROOT / name).read_text("utf-8")
    for name in ("CONTRIBUTING.md", "README.md", "tests/sim/README.md")
}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8").replace("\\\n\t", "")
"""With each line that goes on in the next one as one line."""
RECIPES = {
    name: recipe
    for names, recipe in re.findall(
        r"^([a-z][a-z -]*):(?!=)(.*\n(?:\t.*\n)*)", MAKEFILE, re.MULTILINE
    )
    for name in names.split()
}
"""The targets of the Makefile by name, each with what it needs and does."""

OPTION = re.compile(r"-\w|--[\w-]+(=\S+)?")
ALREADY_THERE = ("coverage", "pytest")
"""Modules that the extra ``test`` brings."""


def commands_in(text: str) -> list[str]:
    """The commands of a page that are ours: in its blocks, and in its sentences."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^ *```\w*\n.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [
        line
        for line in [*lines, *spans]
        if re.match(r"([A-Z]+=\S+ )*(make [a-z]|python -m )", line)
    ]


COMMANDS = sorted({(page, line) for page, text in PAGES.items() for line in commands_in(text)})


def test_each_page_has_commands() -> None:
    assert {page for page, _ in COMMANDS} == set(PAGES)
    assert len(COMMANDS) > 30
    assert {"test", "quick", "sim", "worlds", "bench", "fuzz"} <= set(RECIPES)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_exists(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    while re.fullmatch(r"[A-Z]+=.*", words[0]):
        words.pop(0)
    if words[0] == "make":
        exists_as_target(words[1:])
    else:
        exists_as_module(words[2], words[3:])


def exists_as_target(words: list[str]) -> None:
    """There are such targets, and what is set is read by one of them."""
    targets = [word for word in words if "=" not in word]
    assert set(targets) <= set(RECIPES)
    for word in words:
        name, sets, value = word.partition("=")
        if sets:
            assert any(f"$({name})" in RECIPES[target] for target in targets), name
        if name == "TARGET":
            assert value in TARGETS


def exists_as_module(name: str, arguments: list[str]) -> None:
    """There is such a module, it does something when run, and its arguments are there too."""
    if name in ALREADY_THERE:
        assert find_spec(name) is not None
        exist_as_tests(arguments)
        return
    within = ROOT / name.replace(".", "/")
    path = within / "__main__.py" if within.is_dir() else within.with_suffix(".py")
    source = path.read_text("utf-8")
    assert 'if __name__ == "__main__":' in source
    for word in arguments:
        if OPTION.fullmatch(word):
            assert word == "--help" or f'"{word}"' in source
        elif name == "tests.sim.mutations":
            assert any(word in bug.name for bug in MUTATIONS)


def exist_as_tests(arguments: list[str]) -> None:
    """The folders, files and tests among the arguments of pytest are there."""
    for word in arguments:
        file, names_one, test = word.partition("::")
        if file.startswith("tests/"):
            assert (ROOT / file).exists()
        if names_one:
            tree = ast.parse((ROOT / file).read_text("utf-8"))
            assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_make_test_plays_every_test_once() -> None:
    parts = " ".join(re.findall(r"^\t\$\(MAKE\) (.*)$", RECIPES["unit"], re.MULTILINE)).split()
    played = [file for part in parts if not part.startswith("--") for file in played_by(part)]
    assert sorted(played) == sorted(ROOT.glob("tests/**/test_*.py"))


def played_by(part: str) -> list[Path]:
    """The files with tests that a target plays."""
    recipe = RECIPES[part]
    left_out = [ROOT / name for name in re.findall(r"--ignore=(\S+)", recipe)]
    found: list[Path] = []
    for name in re.findall(r" (tests(?:/\S+)?)(?=\s)", recipe):
        path = ROOT / name
        assert path.exists()
        found += path.glob("**/test_*.py") if path.is_dir() else [path]
    return [file for file in found if not {file, *file.parents} & set(left_out)]


def test_every_file_that_is_named_is_there() -> None:
    text = PAGES["CONTRIBUTING.md"]
    found = set(re.findall(r"(?<![\w./])(?:src|tests|docs|spec|bench)/[\w./-]*", text))
    found |= {target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target}
    assert len(found) > 10
    assert [name for name in sorted(found) if not (ROOT / name.rstrip(".")).exists()] == []


def test_the_readme_leads_to_it() -> None:
    assert "](CONTRIBUTING.md)" in PAGES["README.md"]
