"""``agent-gate backup`` and ``restore``: a gateway that runs, and what is known afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.support import Served, run, write_files


@pytest.fixture
def served(tmp_path: Path) -> Served:
    write_files(tmp_path, audit={"head_file": "head.txt"})
    gateway = Served(tmp_path)
    gateway.start()
    return gateway


def test_a_running_gateway_is_backed_up_and_brought_back(served: Served) -> None:
    assert served.as_agent("call", "list_lights").returncode == 0
    waiting = served.calling("set_light", "room=bedroom", "on=true")
    (rid,) = served.waiting_ids()

    made = run("backup", "night.backup", "--with-config", cwd=served.folder)
    assert made.returncode == 0, made.stderr
    assert "backed up to night.backup" in made.stdout
    again = run("backup", "night.backup", cwd=served.folder)
    assert again.returncode == 1
    assert "is there already" in again.stderr

    served.decide(rid, "approve")
    waiting.wait()
    running = run("restore", "night.backup", cwd=served.folder)
    assert running.returncode == 1
    assert "locked by another gateway process" in running.stderr
    served.stop()
    looked = run("restore", "night.backup", "--check", cwd=served.folder)
    assert looked.returncode == 0
    assert "holds permissions.yaml" in looked.stdout

    done = run("restore", "night.backup", "--config-to", "kept", "--json", cwd=served.folder)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["unknown"], report["grants_ended"]) == (1, 0)
    assert Path(report["kept_aside"]).exists()
    assert (served.folder / "kept" / "permissions.yaml").read_bytes() == (
        served.folder / "permissions.yaml"
    ).read_bytes()

    served.start()
    repeat = served.calling("set_light", "room=bedroom", "on=true")
    (row,) = served.waiting()
    assert "may already have run" in row["warning"], "what ran since is never run again blindly"
    served.decide(row["id"], "deny")
    repeat.wait()
    served.stop()
    verified = run("audit", "verify", "--database", "gate.db", cwd=served.folder)
    assert verified.returncode == 0, verified.stdout
    tail = run("audit", "tail", "-n", "100", "--json", cwd=served.folder)
    assert '"event":"gateway.restored"' in tail.stdout


def test_what_can_t_be_is_said_in_one_line(tmp_path: Path) -> None:
    write_files(tmp_path)
    none = run("backup", "b", cwd=tmp_path)
    assert (none.returncode, none.stdout) == (1, "")
    assert "has the gateway been started" in none.stderr
    for args in (("restore", "none"), ("restore", "none", "--check")):
        missing = run(*args, cwd=tmp_path)
        assert missing.returncode == 1
        assert "name a file that 'agent-gate backup' made" in missing.stderr
