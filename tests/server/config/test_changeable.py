"""Files that others can write are named, each with what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentgate_server.config import Config, check_exposure, load_config
from agentgate_server.config.changeable import changeable_by_others, is_writable_by_others

TEXT = """
agent: {token: an-agents-long-token}
principals: [{name: owner, role: approver, token: an-owners-long-token}]
permissions: rules.yaml
tools: {python: [tools.py, os.path], http: [web.yaml]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"config.yaml": TEXT, "rules.yaml": "rules: []\n", "tools.py": "", ".env": "A=b\n"}
    web = "backends: {b: {url: 'https://b.example'}}\ntools: {}\n"
    for name, text in {**files, "web.yaml": web}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path


def config_in(folder: Path) -> Config:
    return load_config(folder / "config.yaml", environment={})


def test_what_is_its_owners_alone_is_no_reason_to_warn(folder: Path) -> None:
    assert changeable_by_others(config_in(folder)) == []


@pytest.mark.parametrize("name", ["config.yaml", "rules.yaml", "tools.py", "web.yaml", ".env"])
def test_each_file_that_says_what_a_gateway_does_is_looked_at(folder: Path, name: str) -> None:
    (folder / name).chmod(0o646)
    (warning,) = changeable_by_others(config_in(folder))
    file = folder / name
    assert warning == (
        f"others can write {file}, and decide what this gateway does: chmod go-w {file}"
    )
    assert warning in check_exposure(config_in(folder))


def test_whoever_can_write_the_folder_can_replace_them_all(folder: Path) -> None:
    folder.chmod(0o777)
    (warning,) = changeable_by_others(config_in(folder))
    assert warning.startswith(f"others can write the folder {folder}, and put other files")
    folder.chmod(0o1777)
    assert changeable_by_others(config_in(folder)) == [], "nobody can replace what is another's"


def test_files_that_are_not_there_are_none_of_its_business(folder: Path) -> None:
    config = config_in(folder)
    for file in folder.iterdir():
        file.unlink()
    assert changeable_by_others(config) == []


@pytest.mark.parametrize(
    ("mode", "group", "writable"),
    [(0o620, 7, True), (0o620, 5, False), (0o602, 5, True), (0o644, 7, False)],
)
def test_a_group_of_the_owners_own_is_nobody_else(mode: int, group: int, writable: bool) -> None:
    found = os.stat_result((mode, 0, 0, 1, 5, group, 0, 0, 0, 0))
    assert is_writable_by_others(found) is writable
