"""Commands beside ``config.yaml``: they know where its gateway is, and whose token they need."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from tests.cli.conftest import SHARED
from tests.cli.rehearsed import MARKDOWN, SCRIPT, SESSIONS
from tests.cli.support import (
    AGENT_TOKEN,
    OPERATOR_TOKEN,
    OWNER_TOKEN,
    Served,
    at_terminal,
    end_left,
    run,
    write_files,
)
from tests.client.conftest import Certificates

from agentgate_cli.beside import (
    AGENT,
    PERSON,
    Found,
    Wanted,
    is_of_this_machine,
    look_up,
    only_this,
)
from agentgate_cli.main import run as run_here
from agentgate_server.identity.tokens import hash_token

TOKENS = (AGENT_TOKEN, OWNER_TOKEN, OPERATOR_TOKEN)
OTHER_TOKEN = "other-token-0123456789abcdef"


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that listens where its configuration says; its models rehearse."""
    folder = tmp_path_factory.mktemp("beside")
    served = Served(folder)
    (folder / "script.yaml").write_text(yaml.safe_dump(SCRIPT))
    write_files(folder, sessions=SESSIONS, gateway={"port": served.port, "shutdown_s": 2})
    served.start()
    SHARED.append(served)
    yield served
    SHARED.remove(served)
    end_left([other.process for other in SHARED])


class Here:
    """The command line, in this process and in some folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in ("AGENT_GATE_URL", "AGENT_GATE_TOKEN"):
            monkeypatch.delenv(name, raising=False)

    def run(self, folder: Path, *args: str, **variables: str) -> tuple[int, str, str]:
        """Run a command line; return the code, and what was printed, on one line each."""
        with self._monkeypatch.context() as patched:
            patched.chdir(folder)
            for name, value in variables.items():
                patched.setenv(name, value)
            code = run_here(list(args))
        out, err = self._capsys.readouterr()
        assert not any(token in out + err for token in TOKENS)
        return code, out, " ".join(err.split())


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(monkeypatch, capsys)


GET = ("call", "get_temperature", "room=kitchen")


def test_each_command_has_the_token_of_who_may_do_it(beside: Served, here: Here) -> None:
    folder = beside.folder
    assert here.run(folder, *GET) == (0, "21.0\n", "")
    assert "set_light" in here.run(folder, "tools")[1]
    assert here.run(folder, "approvals", "list")[0] == 0
    assert here.run(folder, "grants", "list")[0] == 0
    assert here.run(folder, "reload")[1].startswith("reloaded: ")
    assert "plain" in here.run(folder, "sessions", "models")[1]
    assert "get_temperature" in here.run(folder, "pending", "--all")[1]
    everybodys = here.run(folder, "pending", "--as", "watcher", "--all")
    assert "get_temperature" in everybodys[1]


def test_the_configuration_may_be_named_from_anywhere(
    beside: Served, here: Here, tmp_path: Path
) -> None:
    file = str(beside.folder / "config.yaml")
    assert here.run(tmp_path, *GET, "--config", file) == (0, "21.0\n", "")
    assert here.run(tmp_path, "approvals", "list", "--config", file)[0] == 0


def test_who_is_meant_can_be_said(beside: Served, here: Here) -> None:
    code, _, said = here.run(beside.folder, *GET, "--as", "owner")
    assert code == 3
    assert "is not for the role approver" in said
    assert "or --as" in said
    assert here.run(beside.folder, "approvals", "list", "--as", "operator")[0] == 0


def test_what_was_said_wins(beside: Served, here: Here) -> None:
    folder = beside.folder
    code, _, said = here.run(folder, *GET, AGENT_GATE_TOKEN=OTHER_TOKEN)
    assert (code, "Invalid token" in said) == (3, True)
    _, _, said = here.run(folder, "tools", "--url", "ws://127.0.0.1:9")
    assert "cannot reach gateway ws://127.0.0.1:9/" in said
    code, _, _ = here.run(folder, "tools", "--as", "agent", AGENT_GATE_TOKEN=OTHER_TOKEN)
    assert code == 0, "--as was typed, the variable was not"


def test_a_gateway_that_serves_the_folder_is_talked_to(beside: Served, here: Here) -> None:
    code, said, _ = here.run(beside.folder, "chat", "markdown")
    assert (code, said) == (0, MARKDOWN)
    _, rows, _ = here.run(beside.folder, "sessions", "list", "--json")
    assert len(json.loads(rows)["sessions"]) == 1
    assert here.run(beside.folder, "chat", "--as", "agent", "hi")[0] == 0


def test_at_a_terminal_whoever_talks_there_is_asked_too(beside: Served) -> None:
    with at_terminal("chat", "light", cwd=beside.folder) as terminal:
        terminal.see("set_light")
        terminal.see("[N]o: ")
        terminal.type("y\n")
        terminal.see("The light is on.")
        assert terminal.end() == 0


def test_settings_of_mcp_clients_are_written_with_the_agents_token(
    beside: Served, here: Here, tmp_path: Path
) -> None:
    settings = str(tmp_path / "mcp.json")
    setup = ("mcp", "setup", "claude-code", "--file", settings, "--write")
    surroundings = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    assert here.run(beside.folder, *setup, **surroundings)[0] == 0
    (kept,) = tmp_path.glob("agent-gate/*.token")
    assert kept.read_text() == f"{AGENT_TOKEN}\n"
    assert beside.url in Path(settings).read_text()


def test_a_gateway_with_tls_is_known_by_its_own_certificate(
    tmp_path: Path, certificates: Certificates, here: Here
) -> None:
    served = Served(tmp_path)
    tls = {"cert": str(certificates.elsewhere), "key": str(certificates.server_key)}
    write_files(tmp_path, gateway={"port": served.port, "shutdown_s": 2, "tls": tls})
    served.start()
    assert here.run(tmp_path, *GET) == (0, "21.0\n", "")
    tls["cert"] = str(certificates.server)
    write_files(tmp_path, gateway={"port": served.port, "shutdown_s": 2, "tls": tls})
    code, _, said = here.run(tmp_path, *GET)
    assert code == 3
    assert "certificate is not accepted" in said


def test_the_chain_of_a_certificate_is_not_trusted(
    certificates: Certificates, tmp_path: Path
) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text(certificates.server.read_text() + certificates.ca.read_text())
    assert len(only_this(chain).get_ca_certs()) == 0, "an authority could vouch for others"
    assert only_this(chain).verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    for text in ("", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"):
        chain.write_text(text)
        with pytest.raises(click.UsageError, match="--ca-file"):
            only_this(chain)


PEOPLE: list[dict[str, Any]] = [
    {"name": "ann", "role": "approver", "token": "ann-token-0123456789abcdef"},
    {"name": "ben", "role": "approver", "token": "ben-token-0123456789abcdef"},
]


@pytest.mark.parametrize(
    ("args", "changes", "said"),
    [
        (["approvals", "list"], {"principals": PEOPLE}, "say which with --as: ann, ben"),
        (["reload"], {"principals": PEOPLE}, "has the role operator"),
        (["reload", "--as", "anne"], {"principals": PEOPLE}, "did you mean 'ann'?"),
        (["tools", "--as", "zzz"], {}, "nobody in config.yaml has this name or role; there are "),
        (["tools"], {"gateway": {"port": 0}}, "gateway.port is 0, any free one"),
        (
            ["tools"],
            {"gateway": {"host": "192.0.2.7", "insecure": True}},
            "192.0.2.7 is no address of this machine: name the gateway with --url",
        ),
        (["tools", "--url", "wss://gate.example"], {}, "name the configuration with --config"),
        (["tools", "--as", "agent", "--token", "x" * 20], {}, "leave --token out"),
        (["tools"], {"gatewy": {}}, "did you mean 'gateway'?"),
        (
            ["approvals", "list"],
            {
                "principals": [
                    {"name": "ann", "role": "approver", "token_hash": hash_token(OTHER_TOKEN)}
                ]
            },
            "only the hash of the token of ann: set AGENT_GATE_TOKEN",
        ),
    ],
)
def test_what_cannot_be_found_is_said_with_what_to_do(
    args: list[str],
    changes: dict[str, Any],
    said: str,
    tmp_path: Path,
    here: Here,
) -> None:
    write_files(tmp_path, **{"gateway": {"port": 8443}, **changes})
    code, _, shown = here.run(tmp_path, *args)
    assert (code, said in shown) == (4, True), shown
    assert "token-0123456789" not in shown


def test_something_else_that_is_called_so_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("site: {title: a page}\n")
    wanted = Wanted(tmp_path / "config.yaml", named=False, whose=None, roles=AGENT)
    assert look_up(wanted, "", "mine") == Found("ws://127.0.0.1:8443", "mine")
    named = Wanted(tmp_path / "config.yaml", named=True, whose=None, roles=AGENT)
    with pytest.raises(click.UsageError, match="site"):
        look_up(named, "", "mine")


def test_a_token_goes_to_another_address_only_if_that_is_meant(tmp_path: Path) -> None:
    write_files(tmp_path, gateway={"port": 8443, "host": "0.0.0.0", "insecure": True})
    path = tmp_path / "config.yaml"
    there = "wss://gate.example"
    for url, named in (("ws://127.0.0.1:9", False), ("ws://0.0.0.0:8443", False), (there, True)):
        found = look_up(Wanted(path, named=named, whose=None, roles=PERSON), url, "")
        assert (found.url, found.token) == (url, OWNER_TOKEN)
    with pytest.raises(click.UsageError, match="is for its own gateway"):
        look_up(Wanted(path, named=False, whose=None, roles=PERSON), there, "")
    with pytest.raises(click.UsageError, match="is for its own gateway"):
        look_up(Wanted(path, named=False, whose=None, roles=PERSON), "ws://0.0.0.0:1", "")
    own = look_up(Wanted(path, named=False, whose=None, roles=PERSON), "", "")
    assert (own.url, own.insecure) == ("ws://127.0.0.1:8443", True)
    assert OWNER_TOKEN not in repr(own)


@pytest.mark.parametrize(
    ("host", "ours"),
    [("127.0.0.1", True), ("localhost", True), ("192.0.2.1", False), ("a" * 70, False)],
)
def test_an_address_is_ours_if_one_can_listen_there(host: str, ours: bool) -> None:
    assert is_of_this_machine(host) is ours


def test_a_shell_completes_who_is_in_the_configuration(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = run(
        cwd=tmp_path,
        _AGENT_GATE_COMPLETE="bash_complete",
        COMP_WORDS="agent-gate approvals list --as o",
        COMP_CWORD="4",
    )
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == ["owner", "operator"]
