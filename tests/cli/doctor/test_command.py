"""``agent-gate doctor`` as people and scripts run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.doctor.ward import write_well
from tests.cli.support import run

from agentgate_cli.doctor.probe import doubtful, with_step
from agentgate_cli.doctor.table import PROBES
from agentgate_server.checking.files import PARTS
from agentgate_server.policy.linting import Finding, Level


def test_what_is_well_is_said_in_a_line_each(tmp_path: Path) -> None:
    write_well(tmp_path)
    done = run("doctor", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok      ") for line in lines[:-1])
    assert lines[-1] == "nothing is broken"


def test_what_is_broken_is_one_line_with_its_step_and_an_exit_code(tmp_path: Path) -> None:
    write_well(tmp_path, gatway={})
    done = run("doctor", cwd=tmp_path)
    assert done.returncode == 1
    line, end = done.stdout.splitlines()
    assert line.startswith("broken  configuration: config.yaml:")
    assert line.endswith("'gateway'? → correct it at config.yaml:6, then 'agent-gate check'")
    assert end == "1 broken, 0 doubts"
    told = json.loads(run("doctor", "--json", cwd=tmp_path).stdout)
    (row,) = told["probes"]
    assert (told["ok"], row["name"], row["status"]) == (False, "configuration", "broken")
    assert row["findings"][0]["step"].startswith("correct it at config.yaml:6")


def test_doubts_alone_are_no_failure(tmp_path: Path) -> None:
    write_well(tmp_path, gateway={"insecure": True, "port": 0})
    done = run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 0
    rows = {row["name"]: row for row in json.loads(done.stdout)["probes"]}
    assert rows["listener"]["status"] == "doubt"


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_where_there_is_no_configuration_the_next_step_is_to_make_one(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    done = run("doctor", *args, cwd=tmp_path)
    assert done.returncode == 1
    assert "agent-gate init" in done.stdout + done.stderr


def test_every_part_of_the_check_has_its_probe() -> None:
    parts = [probe.part for probe in PROBES if probe.part]
    assert sorted(parts) == sorted(PARTS)
    assert len({probe.name for probe in PROBES}) == len(PROBES)


def test_a_finding_without_a_step_gets_that_of_its_probe() -> None:
    plain = Finding(level=Level.ERROR, message="x is wrong", file="f.yaml", line=3)
    assert with_step(plain, "look at {place}").step == "look at f.yaml:3"
    command = Finding(level=Level.WARNING, message=".env can be read by others: chmod 600 .env")
    told = with_step(command, "other")
    assert (told.message, told.step) == (".env can be read by others", "chmod 600 .env")
    assert with_step(doubtful("x", "own"), "other").step == "own"


def test_the_documents_have_every_probe() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text("utf-8")
    for probe in PROBES:
        assert f"| {probe.name} | {probe.about} |" in page
