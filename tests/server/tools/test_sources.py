"""Tools whose source was edited after they were loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.sources import Sources

TOOL = 'from agentgate_server import tool\n\n@tool\ndef {name}() -> None:\n    """X."""\n'


@pytest.fixture(autouse=True)
def restored_imports() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Tools by file, by name, in a package, and a module that they import."""
    folder = tmp_path / "house"
    for name in ("package_of_tools", "site-packages"):
        (folder / name).mkdir(parents=True)
    (folder / "by_file_of_house.py").write_text(TOOL.format(name="a") + "import helper_of_house\n")
    (folder / "helper_of_house.py").write_text("")
    (folder / "site-packages" / "installed_of_house.py").write_text("")
    (folder / "by_name_of_house.py").write_text(TOOL.format(name="b"))
    (folder / "package_of_tools" / "__init__.py").write_text(
        "from package_of_tools.part import c\n"
    )
    (folder / "package_of_tools" / "part.py").write_text(TOOL.format(name="c"))
    (tmp_path / "elsewhere.py").write_text(TOOL.format(name="d"))
    (folder / "unused.py").write_text("")
    sys.path.append(str(folder / "site-packages"))
    __import__("installed_of_house")
    names = [
        "by_file_of_house.py",
        "by_name_of_house",
        "package_of_tools",
        str(tmp_path / "elsewhere.py"),
    ]
    Catalogue.load(names, folder)
    return Sources(names, folder)


def test_what_is_as_it_was_is_not_named(sources: Sources) -> None:
    (sources.folder / "unused.py").write_text("x = 1")
    (sources.folder / "site-packages" / "installed_of_house.py").write_text("x = 1")
    path = sources.folder / "by_file_of_house.py"
    path.write_bytes(path.read_bytes())  # another time, the same bytes
    assert sources.edited() == []


@pytest.mark.parametrize(
    "name",
    [
        "by_file_of_house.py",
        "by_name_of_house.py",
        "helper_of_house.py",
        "package_of_tools/part.py",
    ],
)
def test_what_was_edited_is_named_until_it_is_as_it_was(sources: Sources, name: str) -> None:
    path = sources.folder / name
    before = path.read_text()
    path.write_text(before + "# more\n")
    assert sources.edited() == [name]
    path.write_text(before)
    assert sources.edited() == []
    path.unlink()
    assert sources.edited() == [name]


def test_a_file_of_another_folder_is_named_with_it(sources: Sources) -> None:
    path = sources.folder.parent / "elsewhere.py"
    path.write_text("")
    assert sources.edited() == [str(path)]
