"""The doctor finds what is wrong with files, and names the next step."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.cli.doctor.ward import CONFIG, change, diagnose, found, write_well
from tests.server.certificates import make, openssl

from agentgate_cli.doctor.certificate import fits
from agentgate_server.config import load_config
from agentgate_server.gateway import Gateway
from agentgate_server.store import disk_watch

pytestmark = pytest.mark.anyio

Break = Callable[[Path], object]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # files do not care


async def test_of_what_is_well_nothing_is_said(tmp_path: Path) -> None:
    write_well(tmp_path)
    assert await diagnose(tmp_path) == []


def rules(*each: dict[str, Any]) -> Break:
    import yaml

    def put(folder: Path) -> None:
        (folder / "permissions.yaml").write_text(yaml.safe_dump({"rules": list(each)}))

    return put


def says(**changes: Any) -> Break:
    return lambda folder: change(folder, **changes)


def put(name: str, text: str) -> Break:
    return lambda folder: (folder / name).write_text(text)


def modes(name: str, mode: int) -> Break:
    def set_it(folder: Path) -> None:
        (folder / name).touch()
        (folder / name).chmod(mode)

    return set_it


def both(*each: Break) -> Break:
    def do(folder: Path) -> None:
        for one in each:
            one(folder)

    return do


def other_database(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gate.db")) as other:
        other.execute("CREATE TABLE x (y)")


AGENT = CONFIG["agent"]
ASK = {"tool": "set_light", "action": "ask"}
CHECK = "then 'agent-gate check'"

ROWS: list[tuple[str, Break, str, str, str]] = [
    ("a key that there is not", says(gatway={}), "configuration", "did you mean 'gateway'?", CHECK),
    ("a value of another type", says(approval_timeout="soon"), "configuration", "", CHECK),
    ("no YAML", put("config.yaml", "a: b: c\n"), "configuration", "", "config.yaml:1"),
    (
        "a variable that is not set",
        says(agent={"token": "${NO_SUCH_TOKEN}"}),
        "configuration",
        "NO_SUCH_TOKEN",
        CHECK,
    ),
    (
        "secrets that others read",
        both(put(".env", "X=1\n"), modes(".env", 0o644)),
        "configuration",
        "can be read by others",
        "chmod 600 ",
    ),
    (
        "a token in a file that others read",
        modes("config.yaml", 0o644),
        "configuration",
        "holds a token and others can read it",
        "chmod 600 ",
    ),
    ("a policy that others write", modes("permissions.yaml", 0o666), "listener", "", "chmod go-w "),
    (
        "no policy",
        lambda folder: (folder / "permissions.yaml").unlink(),
        "policy",
        "permissions.yaml",
        CHECK,
    ),
    (
        "a deny rule about no tool",
        rules({"tool": "unlok_door", "action": "deny"}),
        "policy",
        "did you mean unlock_door?",
        "correct it at ",
    ),
    (
        "a pattern without its end",
        rules({"pattern": "unlock_door(back", "action": "deny"}),
        "policy",
        "",
        CHECK,
    ),
    ("an action that is none", rules({**ASK, "action": "dney"}), "policy", "deny", CHECK),
    ("nobody who may approve", says(principals=[]), "policy", "lets a person decide", CHECK),
    (
        "more people than there are",
        rules({**ASK, "approval": {"approvers": 3}}),
        "policy",
        "needs 3 people to say yes and has 2",
        CHECK,
    ),
    (
        "codes that nobody can give",
        rules({**ASK, "approval": {"code": True}}),
        "policy",
        "one-time codes",
        CHECK,
    ),
    ("a tool file that is not there", says(tools={"python": ["no.py"]}), "tools", "", CHECK),
    (
        "a tool file that is no Python",
        both(put("t.py", "def (\n"), says(tools={"python": ["t.py"]})),
        "tools",
        "t.py",
        CHECK,
    ),
    (
        "a program that is not there",
        says(tools={"python": CONFIG["tools"]["python"], "mcp": {"s": {"command": ["no-such"]}}}),
        "tools",
        "there is no program no-such",
        CHECK,
    ),
    (
        "others reach it without TLS",
        says(gateway={"host": "0.0.0.0"}),
        "listener",
        "reachable from other machines",
        "gateway.tls",
    ),
    (
        "an address that is not here",
        says(gateway={"host": "192.0.2.1", "insecure": True}),
        "listener",
        "no address of this machine",
        "gateway.host",
    ),
    (
        "another program's database",
        other_database,
        "database",
        "some other program",
        "storage.path",
    ),
    (
        "a database in a file",
        says(storage={"path": "config.yaml/gate.db"}),
        "database",
        "",
        "storage.path",
    ),
    (
        "a database that is a folder",
        lambda folder: (folder / "gate.db").mkdir(),
        "database",
        "is not a file",
        "storage.path",
    ),
    ("a file of tokens that is none", put("tokens.json", "[]"), "policy", "tokens.json", ""),
]


DOUBTS = ("secrets that", "a token in a file", "a policy that others")
"""What a gateway starts with all the same."""


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
async def test_what_is_broken_is_found_with_the_next_step(
    tmp_path: Path, row: tuple[str, Break, str, str, str]
) -> None:
    name, breaks, probe, text, step = row
    write_well(tmp_path)
    breaks(tmp_path)
    level = "warning" if name.startswith(DOUBTS) else "error"
    found(await diagnose(tmp_path), probe, text, step, level)


async def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_watch, "space_of", lambda folder: disk_watch.Space(10**6, 10**12))
    write_well(tmp_path)
    said = await diagnose(tmp_path)
    found(said, "database", "has 1 MB left", "storage.free_min")
    found(said, "database", "has 1 MB left", f"du -xh {tmp_path}")


async def test_a_database_that_others_read(tmp_path: Path) -> None:
    write_well(tmp_path)
    await serve_once(tmp_path)
    (tmp_path / "gate.db").chmod(0o644)
    step = f"chmod 600 {tmp_path / 'gate.db'}"
    found(await diagnose(tmp_path), "database", "others can read", step, "warning")


async def serve_once(folder: Path) -> None:
    """Start a gateway and stop it, so that there are a database and an audit."""
    async with Gateway(load_config(folder / "config.yaml", environment={})):
        pass


async def test_an_audit_that_was_edited(tmp_path: Path) -> None:
    write_well(tmp_path)
    await serve_once(tmp_path)
    assert await diagnose(tmp_path) == []
    with closing(sqlite3.connect(tmp_path / "gate.db")) as db:
        db.execute("DROP TRIGGER audit_stays")
        db.execute("UPDATE audit SET lines = replace(lines, 'gateway', 'getaway')")
        db.commit()
    found(await diagnose(tmp_path), "audit", "the audit was changed", "agent-gate audit verify")


async def test_an_audit_whose_end_is_missing(tmp_path: Path) -> None:
    write_well(tmp_path, audit={"head_file": "head"})
    await serve_once(tmp_path)
    (tmp_path / "head").write_text(f"999-{'0' * 64}\n")
    found(await diagnose(tmp_path), "audit", "the audit was changed", "agent-gate audit verify")


async def test_a_head_that_can_not_be_kept(tmp_path: Path) -> None:
    write_well(tmp_path, audit={"head_file": "nowhere/head"})
    found(await diagnose(tmp_path), "database", "there is no folder", "mkdir -p ", "warning")


async def test_a_clock_that_went_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_well(tmp_path)
    await serve_once(tmp_path)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10**8)
    found(await diagnose(tmp_path), "database", "set the clock", "timedatectl", "warning")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for name, days in (("one", 30), ("two", 30), ("ended", -1)):
        make(folder, name, days)
    openssl(
        folder,
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", "9"),
    )
    openssl(
        folder,
        *("x509", "-req", "-in", "one.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30"),
        *("-extfile", "extensions", "-out", "leaf.pem"),
    )
    chain = (folder / "leaf.pem").read_bytes() + (folder / "ca.pem").read_bytes()
    (folder / "chain.pem").write_bytes(chain)
    for key in folder.glob("*.key"):
        key.chmod(0o600)
    return folder


@pytest.mark.parametrize(
    ("cert", "key", "probe", "text", "step", "level"),
    [
        ("one", "two", "certificate", "KEY_VALUES_MISMATCH", "gateway.tls", "error"),
        ("gone", "one", "listener", "gone.pem", "gateway.tls", "error"),
        ("ended", "ended", "certificate", "the certificate ended on", "renew it", "error"),
        ("leaf", "one", "certificate", "none that leads to its authority", "fullchain", "warning"),
    ],
)
async def test_a_certificate_that_is_none_for_clients(
    tmp_path: Path, pairs: Path, cert: str, key: str, probe: str, text: str, step: str, level: str
) -> None:
    tls = {"cert": str(pairs / f"{cert}.pem"), "key": str(pairs / f"{key}.key")}
    write_well(tmp_path, gateway={"tls": tls})
    found(await diagnose(tmp_path), probe, text, step, level)


@pytest.mark.parametrize("cert", ["one", "chain"])
async def test_a_certificate_for_the_names_in_use(tmp_path: Path, pairs: Path, cert: str) -> None:
    tls = {"cert": str(pairs / f"{cert}.pem"), "key": str(pairs / "one.key")}
    write_well(tmp_path, gateway={"tls": tls, "allowed_hosts": ["localhost", "*"]})
    assert await diagnose(tmp_path) == []
    write_well(tmp_path, gateway={"tls": tls, "allowed_hosts": ["gate.example"]})
    text = "the certificate is for localhost, 127.0.0.1, and not for gate.example"
    found(await diagnose(tmp_path), "certificate", text, "subject alternative name")


async def test_a_key_that_others_read(tmp_path: Path, pairs: Path) -> None:
    shutil.copytree(pairs, tmp_path / "own")
    key = tmp_path / "own" / "one.key"
    key.chmod(0o644)
    tls = {"cert": str(tmp_path / "own" / "one.pem"), "key": str(key)}
    write_well(tmp_path, gateway={"tls": tls})
    found(await diagnose(tmp_path), "certificate", "private key", f"chmod o-r {key}", "warning")


@pytest.mark.parametrize(
    ("name", "pattern", "is_fit"),
    [
        ("gate.example", "gate.example", True),
        ("Gate.Example.", "gate.example", True),
        ("a.gate.example", "*.gate.example", True),
        ("a.b.gate.example", "*.gate.example", False),
        ("gate.example", "*.gate.example", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("10.0.0.1", "*.0.0.1", False),
    ],
)
async def test_names_fit_as_clients_have_it(name: str, pattern: str, is_fit: bool) -> None:
    assert fits(name, pattern) is is_fit


async def test_who_is_behind_a_proxy_can_be_told_apart(tmp_path: Path) -> None:
    write_well(tmp_path, gateway={"insecure": True})
    text = "all clients behind the proxy have its address"
    found(await diagnose(tmp_path), "listener", text, "gateway.trusted_proxies", "warning")
    write_well(tmp_path, gateway={"insecure": True, "trusted_proxies": ["127.0.0.1"]})
    assert await diagnose(tmp_path) == []
