"""Every mistake that stops a start is one clear line and exit code 1, promptly."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
from pathlib import Path
from random import Random

import pytest
from tests.cli.support import CONFIG, DEAD_LINES, DEAD_RULES, Served, run, write_files

from agentgate_cli.exits import Failure
from agentgate_cli.main import run as run_here


def failed_start(folder: Path, *args: str, lines: int = 1, **variables: str) -> str:
    """Start a gateway that can't start; return what it says."""
    done = run("serve", "--port", "0", *args, cwd=folder, **variables)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()
    assert len(said) == lines, done.stderr
    assert all(line.startswith("Error: ") for line in said)
    return done.stderr.removeprefix("Error: ").strip()


@pytest.mark.torture("A")
def test_a_wrong_key_is_named_with_its_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    write_files(tmp_path, aproval_timeout=5)
    said = failed_start(tmp_path)
    assert said.startswith("config.yaml:")
    assert "unknown key 'aproval_timeout'; did you mean 'approval_timeout'?" in said


@pytest.mark.torture("A")
def test_a_missing_token_variable_is_named_with_its_line(tmp_path: Path) -> None:
    write_files(tmp_path, agent={"token": "${AGENT_TOKEN}"})
    said = failed_start(tmp_path)
    assert said.startswith("config.yaml:")
    assert "AGENT_TOKEN" in said
    assert "not set" in said


@pytest.mark.torture("A")
def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    write_files(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = failed_start(tmp_path, "--port", str(port))
    assert said.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use")
    assert "choose another with --port" in said


@pytest.mark.torture("A")
def test_a_wrong_action_word_is_named_with_the_right_ones(tmp_path: Path) -> None:
    write_files(tmp_path, {"defaults": [{"pattern": "*", "action": "permit"}]})
    said = failed_start(tmp_path)
    assert said.startswith("permissions.yaml:")
    assert "'permit' is not one of allow, deny, ask" in said


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("set_light(kitchen", "( has no ) at the end"),
        ("set_light([kitchen)", "[ has no ] after it"),
    ],
)
def test_a_pattern_that_could_match_nothing_stops_whatever_reads_it(
    tmp_path: Path, pattern: str, what: str
) -> None:
    write_files(tmp_path, {"rules": [{"pattern": pattern, "action": "deny"}]})
    said = failed_start(tmp_path)
    assert said.startswith("permissions.yaml:")
    assert what in said
    for command in (("check",), ("explain", "set_light", "room=kitchen", "on=true")):
        done = run(*command, cwd=tmp_path)
        assert done.returncode != 0
        assert what in done.stdout + done.stderr


@pytest.mark.torture("A")
@pytest.mark.parametrize("by_flag", [False, True])
def test_a_missing_policy_file_is_named(tmp_path: Path, by_flag: bool) -> None:
    write_files(tmp_path)
    config = (tmp_path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(f"permissions: gone.yaml\n{config}")
    flags = ("--permissions", "nope.yaml") if by_flag else ()
    said = failed_start(tmp_path, *flags)
    named = "nope.yaml" if by_flag else "config.yaml:1: permissions: gone.yaml"
    assert said == f"{named}: file not found: create it, or give the path of an existing one"


@pytest.mark.torture("A")
def test_a_module_of_tools_that_cannot_be_imported_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import this_is_nowhere\n")
    write_files(tmp_path, tools={"python": ["mine.py"]})
    said = failed_start(tmp_path)
    assert "mine.py" in said
    assert "No module named 'this_is_nowhere'" in said


def test_without_a_configuration_it_says_how_to_get_one(tmp_path: Path) -> None:
    for args in ((), ("serve",)):
        done = run(*args, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: there is no config.yaml here")
        assert "agent-gate init" in done.stderr
        assert "agent-gate demo" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_configuration_that_was_named_and_is_not_there_is_named(tmp_path: Path) -> None:
    said = failed_start(tmp_path, "--config", "other.yaml")
    assert said.startswith("other.yaml: file not found")


def test_several_mistakes_of_one_file_are_one_line_each(tmp_path: Path) -> None:
    write_files(tmp_path, aproval_timeout=5, storge={"path": "x"})
    said = failed_start(tmp_path, lines=2)
    assert "aproval_timeout" in said
    assert "storge" in said


def test_beyond_ten_mistakes_it_counts(tmp_path: Path) -> None:
    write_files(tmp_path, **{f"unknown_{n}": 1 for n in range(14)})
    assert failed_start(tmp_path, lines=11).endswith("Error: … and 4 more")


@pytest.mark.torture("A")
def test_listening_beyond_loopback_needs_tls_or_insecure(tmp_path: Path) -> None:
    write_files(tmp_path)
    said = failed_start(tmp_path, "--host", "0.0.0.0")
    assert "0.0.0.0 is reachable from other machines" in said
    assert "--insecure" in said


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    tls = {"cert": "cert.pem", "key": "key.pem"}
    write_files(tmp_path, gateway={"tls": tls})
    said = failed_start(tmp_path, lines=2)
    for name in ("cert", "key"):
        pattern = rf"config\.yaml:\d+: gateway\.tls\.{name}: {name}\.pem: file not found"
        assert re.search(pattern, said)


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("not PEM\n")
    write_files(tmp_path, gateway={"tls": {"cert": "cert.pem", "key": "key.pem"}})
    said = failed_start(tmp_path)
    assert "cannot use cert.pem with key.pem" in said
    assert "must be PEM files that belong together" in said


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-passout",
            "pass:secret",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-subj",
            "/CN=localhost",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    write_files(tmp_path, gateway={"tls": {"cert": "cert.pem", "key": "key.pem"}})
    assert "the key is encrypted" in failed_start(tmp_path)


def test_a_host_that_is_not_here_is_named(tmp_path: Path) -> None:
    write_files(tmp_path)
    said = failed_start(tmp_path, "--insecure", "--host", "192.0.2.1")
    assert said.startswith("cannot listen on 192.0.2.1")
    assert "choose another with --host" in said


def test_a_database_that_another_gateway_has_is_named_with_its_process(mortal: Served) -> None:
    assert mortal.process is not None
    said = failed_start(mortal.folder)
    assert said.startswith(f"locked by another gateway process (pid {mortal.process.pid})")
    assert "stop that one" in said


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "gate.db").write_text("these are not the rows that you are looking for")
    assert failed_start(tmp_path).startswith("not a database: ")


def test_a_database_of_a_newer_version_is_not_touched(mortal: Served) -> None:
    mortal.kill()
    database = sqlite3.connect(mortal.folder / "gate.db")
    with database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    assert "written by a newer agent-gate" in failed_start(mortal.folder)


def test_a_damaged_database_is_named(mortal: Served) -> None:
    mortal.stop()
    path = mortal.folder / "gate.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(Random(0).randbytes(size - 100))
    said = failed_start(mortal.folder)
    assert str(path) in said


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, where a folder should be")
    write_files(tmp_path, storage={"path": "data/gate.db"})
    assert "data/gate.db" in failed_start(tmp_path)


def test_nobody_who_could_use_the_gateway_stops_the_start(tmp_path: Path) -> None:
    write_files(tmp_path, agent=None, principals=[CONFIG["principals"][1]])
    assert "nobody could use this gateway" in failed_start(tmp_path)


def test_a_strict_start_is_stopped_by_what_check_calls_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, DEAD_RULES)
    said = failed_start(tmp_path, "--strict", lines=len(DEAD_LINES))
    assert said.split("\nError: ") == [*DEAD_LINES]
    assert not (tmp_path / "gate.db").exists()


def test_a_strict_start_needs_somebody_who_can_answer(tmp_path: Path) -> None:
    write_files(tmp_path, principals=[])
    assert "the policy lets a person decide, and there is none" in failed_start(
        tmp_path, "--strict"
    )


@pytest.mark.parametrize(
    "args",
    [
        ("serve", "--port", "99999"),
        ("--prot", "1"),
        ("sevre",),
        ("serve", "extra"),
        ("serve", "--log-format", "xml"),
    ],
)
def test_a_wrong_command_line_shows_the_usage_and_exits_with_4(
    args: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(list(args)) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Usage: agent-gate")
    assert "Error: " in shown.err


def test_an_error_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Failure("the gateway says \x1b[2J\u202e\nand more").show()
    assert capsys.readouterr().err == "Error: the gateway says \\u001b[2J\\u202e\nand more\n"
