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


BY_NAME = re.compile(
    r"""\b(?:pip|pip3|pipx|uv\ tool)\ install\ (?:[^\n;|&`\#]*[\ "'\\])?   # a path is not a name
        agent-?gate (?![\w/.-])""",
    re.VERBOSE | re.IGNORECASE,
)


@pytest.mark.parametrize(
    ("text", "is_by_name"),
    [
        ("pip install agent-gate", True),
        ("pip install --upgrade 'agent-gate[telegram]'", True),
        ('"pip install \\"agentgate>=1\\""', True),
        ("uv tool install agent-gate,", True),
        ("pip install --no-cache-dir /usr/src/agent-gate[speed]", False),
        ("`pip install 'mcp>=2.3'`, or `pipx inject agent-gate 'mcp>=2.3'`", False),
        ("pip install agent-gate-of-somebody", False),
    ],
)
def test_an_installation_by_name_is_known(text: str, is_by_name: bool) -> None:
    assert bool(BY_NAME.search(text)) is is_by_name


def test_nobody_is_told_to_install_the_gateway_by_its_name() -> None:
    """There is no package of that name that is this one: whoever obeyed got somebody else's."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder, pattern in (
        ("docs", "*.md"),
        ("examples", "*.*"),
        ("src", "*.py"),
        ("ports", "*.md"),
    ):
        files += (path for path in (ROOT / folder).rglob(pattern) if path.is_file())
    assert len(files) > 500
    assert {"README.md", "Dockerfile", "telegram.md", "agent-gate.service"} < {
        path.name for path in files
    }
    found = [path for path in files if BY_NAME.search(path.read_text("utf-8", "replace"))]
    assert found == []


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
