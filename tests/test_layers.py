"""Who may import whom: the core is pure, the ends never meet, the client stays thin.

What is on which floor stands in ``tests/architecture.py``.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from tests.architecture import FLOORS, INNER, OTHERS, ROOT, SOURCES, parts_of

OVER = {"agent_gate", "agentgate_cli", "agentgate_local", "agentgate_relay"}
"""What stands above both ends."""

UNDER = "agentgate_names"
"""What stands beside the core below both ends, and needs it not."""

PACKAGES = (*sorted(OVER), "agentgate_client", UNDER, *FLOORS)

PURE = {
    *("__future__", "abc", "base64", "bisect", "collections", "contextlib", "copy", "dataclasses"),
    "difflib",
    *(
        "datetime",
        "enum",
        "fnmatch",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "ipaddress",
        "itertools",
        "json",
        "math",
    ),
    *("operator", "random", "re", "string", "struct", "types", "typing", "unicodedata"),
}
"""Modules of the standard library that touch nothing outside the process."""

CORE = PURE | {"agentgate_proto", "msgspec", "h11", "wsproto"}
LANGCHAIN = "agentgate_client/toolkits/langchain.py"
"""The one module of the client that needs a library of somebody else's choice."""

CLIENT = {"agentgate_client", "agentgate_proto", UNDER} | {
    *("anyio", "h11", "idna", "wsproto", "msgspec")
}


def files(package: str) -> list[Path]:
    found = sorted((SOURCES / package).rglob("*.py"))
    assert found, f"no files in {package}"
    return found


def imports(path: Path) -> Iterator[tuple[str, ast.Import | ast.ImportFrom]]:
    """Yield the full name of everything that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module), node


def imported(package: str) -> list[tuple[str, str]]:
    """Return the imports of a package: what, as its top-level name, and where."""
    return [
        (name.partition(".")[0], f"{path.relative_to(SOURCES)}: {name}")
        for path in files(package)
        for name, _ in imports(path)
    ]


def strangers(package: str, allowed: set[str] | frozenset[str]) -> list[str]:
    return [where for name, where in imported(package) if name not in allowed]


def forbidden(package: str, names: set[str]) -> list[str]:
    return [where for name, where in imported(package) if name in names]


def test_the_map_of_the_core_names_each_of_its_rooms_and_modules() -> None:
    folder = SOURCES / "agentgate_proto"
    there = {path.stem for path in folder.rglob("*") if path.suffix == ".py" or path.is_dir()}
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    assert text is not None
    assert set(re.findall(r"``(\w+)``", text)) == {
        name for name in there if not name.startswith("_") and name != "http_api"
    }


def test_the_core_imports_nothing_that_does_io_keeps_time_or_rolls_dice() -> None:
    assert strangers("agentgate_proto", CORE) == []


def test_of_chance_and_dates_the_core_takes_only_the_types() -> None:
    taken = {
        (name, alias.name)
        for path in files("agentgate_proto")
        for name, node in imports(path)
        if name in ("random", "datetime")
        for alias in node.names
    }
    assert taken <= {
        ("random", "Random"),
        *(("datetime", name) for name in ("UTC", "date", "datetime", "time", "timedelta")),
    }


def test_the_core_has_no_other_way_to_import_or_to_touch_files() -> None:
    hidden = {"__import__", "open", "exec", "eval", "compile", "input", "print", "breakpoint"}
    called = [
        f"{path.relative_to(SOURCES)}:{node.lineno}: {node.func.id}"
        for path in files("agentgate_proto")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in hidden
    ]
    assert called == []


def test_client_and_server_never_import_each_other() -> None:
    assert forbidden("agentgate_client", OVER | {"agentgate_server"}) == []
    assert forbidden("agentgate_server", OVER | {"agentgate_client"}) == []


@pytest.mark.seed001("NFR1-AC1")
def test_the_client_imports_its_five_libraries_the_core_and_the_standard_library() -> None:
    found = strangers("agentgate_client", CLIENT | sys.stdlib_module_names)
    assert found == [f"{LANGCHAIN}: langchain_core.tools"], "for those who import just that"


def test_what_both_ends_have_in_common_besides_the_core_needs_nothing_of_ours() -> None:
    assert strangers(UNDER, {UNDER, "anyio"} | sys.stdlib_module_names) == []


def test_the_name_that_seed_001_promises_only_re_exports() -> None:
    assert strangers("agent_gate", {"__future__", "agentgate_client", "agentgate_proto"}) == []
    for path in files("agent_gate"):
        for statement in ast.parse(path.read_text("utf-8")).body:
            assert isinstance(statement, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr)


# Floors


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")


@cache
def graph() -> dict[str, set[str]]:
    """Which module imports which, of all packages; for types and within functions as well."""
    modules = {module_of(path): path for package in PACKAGES for path in files(package)}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        names: set[str] = set()
        for name, node in imports(path):
            inner = [f"{name}.{alias.name}" for alias in node.names]
            submodules = {each for each in inner if each in modules}
            names |= submodules
            if isinstance(node, ast.Import) or len(submodules) < len(inner):
                names.add(name)
        found[module] = names & modules.keys() - {module}
    return found


def part_of(module: str, package: str) -> str:
    """The folder or the module on a floor that a module belongs to; "": the package itself."""
    name, _, inner = module.removeprefix(package).lstrip(".").partition(".")
    is_folder = inner or (SOURCES / package / name).is_dir()
    return f"{name}/" if name and is_folder else name


@pytest.mark.parametrize("package", FLOORS)
def test_each_folder_and_module_is_on_one_floor(package: str) -> None:
    there = {part_of(module, package) for module in graph() if module.startswith(f"{package}.")}
    listed = [part for floor in FLOORS[package] for part in floor]
    assert sorted(listed) == sorted(there), "say in tests/architecture.py on which floor it is"


@pytest.mark.parametrize("package", FLOORS)
def test_what_is_on_a_floor_imports_only_from_floors_below(package: str) -> None:
    floor_of = parts_of(package)
    wrong = []
    for module, names in graph().items():
        here = part_of(module, package) if module.startswith(f"{package}.") else ""
        for name in names if here else ():
            there = part_of(name, package) if name.startswith(f"{package}.") else ""
            if name == package or (there and there != here and floor_of[there] >= floor_of[here]):
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle_not_even_for_types() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


def folders_in(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_dir())
    return {f"{path}/" for path in found if not re.search(r"__pycache__|\.egg-info", str(path))}


def test_every_folder_of_the_sources_is_named_with_what_it_holds() -> None:
    named = {*OTHERS}
    for package, floors in FLOORS.items():
        parts = [part for each in (*floors, INNER.get(package, {})) for part in each]
        named |= {f"{package}/", *(f"{package}/{part}" for part in parts if part.endswith("/"))}
    assert folders_in(SOURCES) == named, "say in tests/architecture.py what it holds"


@pytest.mark.parametrize(
    ("tests", "package"), [("proto", "agentgate_proto"), ("server", "agentgate_server")]
)
def test_the_folders_of_the_tests_are_those_of_the_sources(tests: str, package: str) -> None:
    assert folders_in(ROOT / "tests" / tests) == folders_in(SOURCES / package)


# Names

DOTTED = re.compile(r"\b(agentgate_(?:server|proto|client|cli|names)(?:\.[A-Za-z]\w*)+)")
"""A module, or what stands in one, in code and in words alike."""


@cache
def defined_in(path: Path) -> set[str]:
    """All names that a module defines or imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.Name(id=name):
                found.add(name)
            case ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
    return found


def leads_somewhere(dotted: str) -> bool:
    """Whether there is such a module, or one that has the first name after it."""
    place = SOURCES
    names = dotted.split(".")
    while names and (place / names[0]).is_dir():
        place /= names.pop(0)
    if names and (place / f"{names[0]}.py").is_file():
        module = place / f"{names.pop(0)}.py"
    else:
        module = place / "__init__.py"
    return not names or (module.is_file() and names[0] in defined_in(module))


def test_every_dotted_name_of_ours_leads_somewhere() -> None:
    """Old paths, in imports, in words, and in texts that other processes run."""
    texts = [ROOT / "README.md", ROOT / "pyproject.toml"]
    for folder in ("src", "tests", "bench", "docs", "spec", "examples"):
        texts += (path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md"))
    lost = {
        f"{path.relative_to(ROOT)}: {dotted}"
        for path in texts
        for dotted in DOTTED.findall(path.read_text("utf-8"))
        if not leads_somewhere(dotted)
    }
    assert lost == set()


def test_a_folder_s_docstring_names_only_modules_that_are_in_it() -> None:
    for package in FLOORS:
        for path in SOURCES.joinpath(package).glob("**/__init__.py"):
            here = {each.stem for each in path.parent.rglob("*")}
            text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            assert set(re.findall(r"``(\w+)``", text)) <= here, path


# The linter


def ruff(text: str, filename: str) -> list[tuple[str, str]]:
    """Check a text as if it stood in that file; return codes and messages."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json"]
    run = subprocess.run(
        [*command, "--stdin-filename", str(ROOT / filename), "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert run.returncode in (0, 1), run.stderr
    return [(row["code"], row["message"]) for row in json.loads(run.stdout)]


def bans() -> dict[str, str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    table = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    return {name: row["msg"] for name, row in table.items()}


def test_the_linter_refuses_a_clock_in_the_core_and_says_what_to_do_instead() -> None:
    found = ruff("import time\n\nnow = time.monotonic()\n", "src/agentgate_proto/made_up.py")
    assert ("TID251", "`time` is banned: time comes in as an argument: now") in found


def test_every_ban_is_enforced_in_the_core_with_its_reason() -> None:
    lines = []
    for name in bans():
        module, _, member = name.partition(".")
        lines.append(f"import {module}" + (f"\n_ = {name}" if member else ""))
    found = ruff("\n".join(lines) + "\n", "src/agentgate_proto/made_up.py")
    said = {message for code, message in found if code == "TID251"}
    assert said >= {f"`{name}` is banned: {reason}" for name, reason in bans().items()}


def test_what_is_impure_by_nature_is_banned() -> None:
    impure = {"anyio", "asyncio", "socket", "time", "secrets", "os", "logging", "threading"}
    assert impure <= set(bans())
    assert "random.random" in bans()


@pytest.mark.parametrize("package", ["agentgate_server", "agentgate_client", "agentgate_cli"])
def test_the_adapters_may_use_what_the_core_may_not(package: str) -> None:
    found = ruff("import time\n\nnow = time.monotonic()\n", f"src/{package}/made_up.py")
    assert "TID251" not in {code for code, _ in found}


def test_the_core_asks_for_no_exception_from_the_linters_and_from_coverage() -> None:
    excused = [
        f"{path.relative_to(SOURCES)}: {word}"
        for path in files("agentgate_proto")
        for word in ("noqa", "type: ignore", "pragma:")
        if word in path.read_text("utf-8")
    ]
    assert excused == []
