"""``agent-gate init``: from nothing to a gateway that serves."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from tests.cli.support import Served, run

FILES = ["config.yaml", "permissions.yaml", "tools.py", ".env"]


def tokens_in(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_what_init_writes_serves_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "gateway"
    done = run("init", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert [f"wrote {folder / name}" for name in FILES] == done.stdout.splitlines()[:4]
    assert f"in {folder.resolve()}" in done.stdout
    served = Served(folder)
    assert served.start()["tools"] == 2
    try:
        tokens = tokens_in(folder)
        agent = {"AGENT_GATE_URL": served.url, "AGENT_GATE_TOKEN": tokens["AGENT_TOKEN"]}
        owner = {"AGENT_GATE_URL": served.url, "AGENT_GATE_TOKEN": tokens["APPROVER_TOKEN"]}
        assert run("call", "get_time", **agent).returncode == 0
        denied = run("call", "write_note", "name=secretplan", "text=x", **agent)
        assert denied.returncode == 1
        asked = run("call", "write_note", "name=milk", "text=buy", "--timeout", "0.1", **agent)
        assert asked.returncode == 2
        assert run("approvals", "list", **owner).returncode == 0
    finally:
        served.stop()


def test_the_steps_that_init_shows_are_commands_that_exist(tmp_path: Path) -> None:
    shown = run("init", cwd=tmp_path).stdout
    commands = re.findall(r"agent-gate (\w+)", shown)
    assert commands == ["serve", "approvals", "call"]


def test_tokens_are_for_their_owner_only(tmp_path: Path) -> None:
    run("init", cwd=tmp_path)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    tokens = tokens_in(tmp_path)
    assert tokens["AGENT_TOKEN"] != tokens["APPROVER_TOKEN"]
    assert all(
        token not in (tmp_path / name).read_text()
        for token in tokens.values()
        for name in FILES[:3]
    )


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("mine")
    done = run("init", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: tools.py is there already; nothing was written")
    assert [path.name for path in tmp_path.iterdir()] == ["tools.py"]
    assert (tmp_path / "tools.py").read_text() == "mine"


def test_init_says_why_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("init", str(tmp_path / "file" / "folder"))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot write to")
