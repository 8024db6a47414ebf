"""What is declared is imported, what is imported is declared, and what is said of it is true."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import Requirement
from trove_classifiers import classifiers, deprecated_classifiers

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

OURS = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()} | {"tests", "bench"}

NOT_INSTALLED = {"atheris": "atheris", "uvloop": "uvloop"}
"""Modules of extras that ``make test`` does without, each with its distribution."""

COMMANDS = {"build", "coverage", "mypy", "pytest", "ruff", "trio"}
"""Distributions for tests that are run, or chosen by name, and need not be imported."""

STUBS = {"types-pyyaml": "pyyaml"}
"""Distributions that are only looked at, each with what it is about."""


def named(requirements: list[str]) -> set[str]:
    """The distributions of requirements, as an index writes them."""
    return {normal(Requirement(each).name) for each in requirements} - {normal(PROJECT["name"])}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def modules_in(folder: str) -> frozenset[str]:
    """The top-level modules that are imported below a folder, or asked for by name."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    found |= {alias.name.partition(".")[0] for alias in names}
                case ast.ImportFrom(module=str(module)):
                    found.add(module.partition(".")[0])
                case ast.Call(args=[ast.Constant(value=str(name)), *_]) if asks(node.func):
                    found.add(name.partition(".")[0])
    return frozenset(found)


def asks(function: ast.expr) -> bool:
    """Whether a function takes a module's name: ``find_spec``, ``import_module``."""
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("find_spec", "import_module", "importorskip")


def imported(folder: str) -> set[str]:
    """The distributions of these modules; those of the standard library and ours are none."""
    known = packages_distributions()
    found: set[str] = set()
    for module in modules_in(folder) - sys.stdlib_module_names - OURS:
        found |= {normal(each) for each in known.get(module, [NOT_INSTALLED.get(module, module)])}
    return found


def test_nothing_is_declared_that_nothing_imports() -> None:
    runtime = named(PROJECT["dependencies"])
    runtime = runtime.union(*(named(EXTRAS[name]) for name in EXTRAS if name not in DEVELOPERS))
    assert runtime - imported("src") == set()
    assert named(EXTRAS["fuzz"]) - imported("tests") == set()


DEVELOPERS = {"fuzz", "test"}
"""Extras for those who work on it."""


def test_nothing_is_imported_that_is_not_declared() -> None:
    """Of what the tests have, a gateway that was installed by others has nothing."""
    declared = named(PROJECT["dependencies"])
    extras = [named(EXTRAS[name]) for name in EXTRAS if name not in DEVELOPERS]
    assert imported("src") - declared.union(*extras) - set(BROUGHT) == set()


BROUGHT = {
    "httpcore": "python-telegram-bot",
    "httpx": "python-telegram-bot",
    "mcp-types": "mcp",
    "opentelemetry-api": "opentelemetry-sdk",
    "opentelemetry-semantic-conventions": "opentelemetry-sdk",
    "pydantic": "mcp",
    "sniffio": "anyio",  # an old one, and it is asked for no more where there is none
}
"""What is only for use with another distribution, which brings it along."""


def test_every_tool_for_tests_is_used() -> None:
    used = imported("tests") | imported("bench") | imported("src") | imported("examples")
    used |= COMMANDS | {stubs for stubs, about in STUBS.items() if about in used}
    assert named(EXTRAS["test"]) - used == set()


def test_the_classifiers_are_real_and_none_of_them_rots() -> None:
    ours = PROJECT["classifiers"]
    assert set(ours) <= set(classifiers)
    assert not set(ours) & set(deprecated_classifiers)
    assert ours == sorted(ours)
    dated = [each for each in ours if re.search(r"License ::|Development Status|:: \d+\.\d+", each)]
    assert dated == [], "what stands in license and requires-python, and what changes by itself"


def test_the_licence_is_an_expression_whose_text_comes_along() -> None:
    assert canonicalize_license_expression(PROJECT["license"]) == PROJECT["license"]
    for pattern in PROJECT["license-files"]:
        assert list(ROOT.glob(pattern)), pattern


@pytest.mark.parametrize("package", sorted(OURS - {"tests", "bench"}))
def test_every_package_says_that_it_is_typed(package: str) -> None:
    if not package.endswith(".egg-info"):
        assert (ROOT / "src" / package / "py.typed").is_file()
