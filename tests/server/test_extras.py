"""How to get what is not installed: by what made the environment."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from agentgate_server.extras import EXTRAS, how_to_install

ROOT = Path(__file__).parent.parent.parent


def test_the_packages_are_those_of_the_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for name, package in EXTRAS.items():
        assert project["optional-dependencies"][name] == [package]


def test_the_page_has_each_extra_and_its_package() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = page.split("\n## Extras\n")[1].split("\n## ")[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    rows = dict(re.findall(r"^\| `([a-z]+)` \| `([^`]+)` \|", section, re.MULTILINE))
    told = {
        name: packages[0].split(";")[0]
        for name, packages in project["optional-dependencies"].items()
        if name not in ("test", "fuzz")
    }
    assert rows == told


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("pipx_metadata.json", "pipx inject agent-gate 'mcp>=2.3'"),
        ("uv-receipt.toml", "uv pip install --python {}/bin/python 'mcp>=2.3'"),
        ("pyvenv.cfg", "{}/bin/python -m pip install 'mcp>=2.3'"),
    ],
)
def test_it_goes_where_the_gateway_is(tmp_path: Path, file: str, command: str) -> None:
    (tmp_path / file).write_text("")
    assert how_to_install("mcp", str(tmp_path), {}) == command.format(tmp_path)


def test_an_activated_environment_needs_no_path(tmp_path: Path) -> None:
    activated = {"VIRTUAL_ENV": str(tmp_path)}
    assert how_to_install("mcp", str(tmp_path), activated) == "pip install 'mcp>=2.3'"
    assert how_to_install("mcp", sys.base_prefix, {}) == "pip install 'mcp>=2.3'"
