"""The page on the architecture: its tables are made, and what it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.architecture import FLOORS, PAGE, SOURCES, rendered

LINK = re.compile(r"\[`([\w.]+)`\]\((\.\./src/[^)]+\.py)\)")
"""A name of the sources, and the file in which it is."""

LINKS = sorted(set(LINK.findall(PAGE.read_text("utf-8"))))


def names_in(path: Path) -> set[str]:
    """What a module defines, the methods of its classes among it; and the module's own name."""
    found = {path.stem}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if isinstance(each, ast.FunctionDef))
            found |= {node.name, *(f"{node.name}.{each.name}" for each in inner)}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def test_the_tables_say_what_the_tests_of_the_layers_check() -> None:
    text = PAGE.read_text("utf-8")
    assert text == rendered(text), "run: python -m tests.architecture"


def test_the_page_names_every_folder_of_the_sources() -> None:
    text = PAGE.read_text("utf-8")
    folders = [path for path in SOURCES.rglob("*") if path.is_dir()]
    for path in folders:
        name = str(path.relative_to(SOURCES))
        if "__pycache__" in name or ".egg-info" in name:
            continue
        package, _, inner = name.partition("/")
        within = package in FLOORS and inner
        assert (f"| `{inner}/` |" if within else f"`src/{name}/`") in text


@pytest.mark.parametrize(("name", "file"), LINKS)
def test_what_the_page_names_is_where_it_says(name: str, file: str) -> None:
    path = (PAGE.parent / file).resolve()
    assert name in names_in(path), f"{path.relative_to(SOURCES)} has no {name}"


def test_the_walk_goes_through_each_package_from_the_socket_to_the_store() -> None:
    """A walk that skips a room tells a newcomer less than the table does."""
    text = PAGE.read_text("utf-8")
    walk = text.partition("## The way of one request")[2].partition("\n## ")[0]
    rooms = {"/".join(Path(file).parts[2:4]) for _, file in LINK.findall(walk)}
    assert rooms >= {f"agentgate_proto/{each}" for each in ("wire", "rpc", "connection", "ledger")}
    assert rooms >= {
        f"agentgate_server/{each}"
        for each in ("sockets", "gate", "tools", "policy", "store", "approvals", "secrets")
    }
