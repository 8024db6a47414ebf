"""``agent-gate check`` finds whatever stops a start, in the words of the start."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from tests.cli.support import Served, run, write_files
from tests.server.certificates import Pair, make, openssl


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for name, days in (("one", 30), ("two", 30), ("ended", -1)):
        make(folder, name, days)
    locked = ("-in", "one.key", "-out", "locked.key", "-passout", "pass:1234")
    openssl(folder, "pkcs8", "-topk8", *locked)
    der = ssl.PEM_cert_to_DER_cert((folder / "one.pem").read_text())
    (folder / "der.pem").write_bytes(der)
    shutil.copy(folder / "one.key", folder / "der.key")
    (folder / "none.pem").write_bytes((folder / "one.key").read_bytes())
    return folder


def check(folder: Path) -> tuple[int, list[str]]:
    done = run("check", cwd=folder)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def refused(folder: Path, text: str) -> None:
    """Both say it: the check as an error among others, the start as what ends it."""
    code, lines = check(folder)
    assert code == 1
    assert [line for line in lines if text in line and "error: " in line], lines
    done = run("serve", "--port", "0", cwd=folder)
    assert done.returncode == 1
    assert text in done.stderr


@pytest.mark.parametrize(
    ("cert", "key", "text"),
    [
        ("one", "two", "KEY_VALUES_MISMATCH"),
        ("one", "locked", "the key is encrypted"),
        ("der", "der", "they must be PEM files"),
        ("none", "one", "they must be PEM files"),
    ],
)
def test_a_certificate_that_cannot_be_used(
    tmp_path: Path, pairs: Path, cert: str, key: str, text: str
) -> None:
    tls = {"cert": str(pairs / f"{cert}.pem"), "key": str(pairs / f"{key}.key")}
    write_files(tmp_path, gateway={"tls": tls})
    refused(tmp_path, text)


def test_a_certificate_that_has_ended_is_an_error_and_one_that_has_not_is_none(
    tmp_path: Path, pairs: Path
) -> None:
    shutil.copytree(pairs, tmp_path / "pairs")
    pair = Pair(tmp_path / "pairs")
    write_files(tmp_path, gateway={"tls": pair.config()})
    pair.put("one")
    assert check(tmp_path) == (0, ["nothing to object to"])
    pair.put("ended")
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[0].startswith("config.yaml: error: gateway.tls.cert: the certificate ended on ")
    write_files(tmp_path, gateway={"tls": pair.config(), "insecure": True})
    assert check(tmp_path)[0] == 0


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE x (y)")
        other.commit()


def newer_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA application_id = {0x61676174}")
        newer.execute("PRAGMA user_version = 999")


def two_names(path: Path) -> None:
    path.touch()
    path.with_name("other.db").hardlink_to(path)


@pytest.mark.parametrize(
    ("make_it", "text"),
    [
        (Path.mkdir, "gate.db is not a file; set storage.path"),
        (other_program, "the database of some other program"),
        (lambda path: path.write_text("no database" * 100), "not a database"),
        (newer_version, "written by a newer agent-gate"),
        (two_names, "gate.db has 2 names"),
    ],
)
def test_a_database_that_is_none_of_ours(
    tmp_path: Path, make_it: Callable[[Path], None], text: str
) -> None:
    write_files(tmp_path)
    make_it(tmp_path / "gate.db")
    refused(tmp_path, text)


def test_a_place_for_the_database_that_is_none(tmp_path: Path) -> None:
    write_files(tmp_path, storage={"path": "config.yaml/gate.db"})
    refused(tmp_path, "cannot be used: ")
    write_files(tmp_path, storage={"path": "new/folders/gate.db"})
    assert check(tmp_path) == (0, ["nothing to object to"])
    assert not (tmp_path / "new").exists()


def test_an_address_that_is_not_here(tmp_path: Path) -> None:
    write_files(tmp_path, gateway={"host": "192.0.2.1", "insecure": True})
    refused(tmp_path, "it is no address of this machine")


def test_a_port_that_another_program_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        write_files(tmp_path, gateway={"port": port})
        code, lines = check(tmp_path)
    assert code == 1
    assert f"error: another program has 127.0.0.1:{port}: stop that program" in lines[0]


def test_an_extra_that_is_not_installed(tmp_path: Path) -> None:
    phone = {"token": "1:" + "a" * 35, "chat_id": 5, "allowed_users": [5]}
    write_files(tmp_path, messenger={"type": "telegram", "telegram": phone})
    hidden = tmp_path / "hidden"
    for name in ("telegram", "opentelemetry"):
        (hidden / name).mkdir(parents=True)
        text = f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n"
        (hidden / name / "__init__.py").write_text(text)
    done = run("check", cwd=tmp_path, PYTHONPATH=str(hidden))
    assert done.returncode == 1
    assert "error: messenger.telegram: needs a package that is not installed: " in done.stdout
    assert "pip install 'python-telegram-bot>=22'" in done.stdout
    write_files(tmp_path, tracing={"enabled": True})
    done = run("check", cwd=tmp_path, PYTHONPATH=str(hidden))
    assert done.returncode == 1
    assert "pip install 'opentelemetry-sdk>=1.30'" in done.stdout
    done = run("check", cwd=tmp_path, OTEL_TRACES_EXPORTER="nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stdout
    assert run("check", cwd=tmp_path, OTEL_TRACES_EXPORTER="none").returncode == 0


def test_what_does_not_stop_a_start_and_never_works_is_a_warning(tmp_path: Path) -> None:
    write_files(tmp_path, audit={"head_file": "nowhere/head"})
    assert run("token", "revoke", "owner", cwd=tmp_path).returncode == 0
    code, lines = check(tmp_path)
    assert code == 0
    assert f"config.yaml: warning: audit.head_file: there is no folder {tmp_path}/nowhere" in lines
    text = "the token of 'owner' was revoked: give it another one"
    assert f"config.yaml: warning: {text}" in lines


def test_a_gateway_that_runs_is_no_mistake(mortal: Served) -> None:
    config = yaml.safe_load((mortal.folder / "config.yaml").read_text())
    config["gateway"]["port"] = mortal.port
    (mortal.folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert check(mortal.folder) == (0, ["nothing to object to"])
    assert mortal.as_agent("call", "list_lights").returncode == 0
