"""Settings of MCP clients: the right file, the right words, and what was there stays."""

from __future__ import annotations

import json
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.cli.support import AGENT_TOKEN, run

from agentgate_cli.mcp.clients import (
    CLIENTS,
    HOUR_S,
    MARGIN_S,
    Machine,
    Wish,
    inputs_with,
    opencode_pipe,
    opencode_web,
)

WINDOWS = {"APPDATA": "C:/Users/me/AppData/Roaming"}
FILES = {
    "claude-code": (".claude.json", ".claude.json", "/home/me/.claude.json"),
    "claude-desktop": (
        ".config/Claude/claude_desktop_config.json",
        "Library/Application Support/Claude/claude_desktop_config.json",
        "C:/Users/me/AppData/Roaming/Claude/claude_desktop_config.json",
    ),
    "codex": (".codex/config.toml", ".codex/config.toml", "/home/me/.codex/config.toml"),
    "gemini": (".gemini/settings.json", ".gemini/settings.json", "/home/me/.gemini/settings.json"),
    "opencode": (
        ".config/opencode/opencode.json",
        ".config/opencode/opencode.json",
        "/home/me/.config/opencode/opencode.json",
    ),
    "cursor": (".cursor/mcp.json", ".cursor/mcp.json", "/home/me/.cursor/mcp.json"),
    "vscode": (
        ".config/Code/User/mcp.json",
        "Library/Application Support/Code/User/mcp.json",
        "C:/Users/me/AppData/Roaming/Code/User/mcp.json",
    ),
}
PLACES = {
    "claude-code": ("mcpServers", "gate"),
    "claude-desktop": ("mcpServers", "gate"),
    "codex": ("mcp_servers", "gate"),
    "gemini": ("mcpServers", "gate"),
    "opencode": ("mcp", "gate"),
    "cursor": ("mcpServers", "gate"),
    "vscode": ("servers", "gate"),
}
BEFORE = {
    client: 'model = "o5" # mine\n\n[mcp_servers.other]\ncommand = "x"\n'
    if client == "codex"
    else f'{{\n  // mine\n  "theme": "dark",\n  "{place[0]}": {{"other": {{"command": "x"}}}}\n}}\n'
    for client, place in PLACES.items()
}
WEB = [client for client in CLIENTS if CLIENTS[client].web is not None]


def set_up(
    home: Path, client: str, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a home of its own."""
    own = {"HOME": str(home), "XDG_CONFIG_HOME": "", "CODEX_HOME": "", "CLAUDE_CONFIG_DIR": ""}
    return run("mcp", "setup", client, *options, cwd=home, **{**own, **variables})


def settings_of(home: Path, client: str) -> Any:
    """What a client would read, comments aside."""
    text = (home / FILES[client][0]).read_text()
    if client == "codex":
        return tomllib.loads(text)
    return json.loads("\n".join(line for line in text.splitlines() if "// mine" not in line))


def entry_of(home: Path, client: str) -> dict[str, Any]:
    """Our part of it."""
    settings = settings_of(home, client)
    for name in PLACES[client]:
        settings = settings[name]
    entry: dict[str, Any] = settings
    return entry


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("system", "number"), [("linux", 0), ("darwin", 1), ("win32", 2)])
def test_each_client_has_its_file_on_each_system(client: str, system: str, number: int) -> None:
    home = Path("/home/me")
    machine = Machine(system, home, WINDOWS if system == "win32" else {})
    expected = FILES[client][number]
    is_whole = expected.startswith(("/", "C:"))
    assert CLIENTS[client].file(machine) == (Path(expected) if is_whole else home / expected)


def test_variables_of_the_clients_move_their_files() -> None:
    variables = {"CODEX_HOME": "/c", "CLAUDE_CONFIG_DIR": "/d", "XDG_CONFIG_HOME": "/x"}
    machine = Machine("linux", Path("/home/me"), variables)
    assert CLIENTS["codex"].file(machine) == Path("/c/config.toml")
    assert CLIENTS["claude-code"].file(machine) == Path("/d/.claude.json")
    assert CLIENTS["opencode"].file(machine) == Path("/x/opencode/opencode.json")
    assert CLIENTS["vscode"].file(machine) == Path("/x/Code/User/mcp.json")


def test_opencode_may_have_comments_in_its_name(tmp_path: Path) -> None:
    machine = Machine("linux", tmp_path, {})
    with_comments = tmp_path / ".config" / "opencode" / "opencode.jsonc"
    with_comments.parent.mkdir(parents=True)
    with_comments.touch()
    assert CLIENTS["opencode"].file(machine) == with_comments


@pytest.mark.parametrize("client", CLIENTS)
def test_it_prints_and_writes_nothing(tmp_path: Path, client: str) -> None:
    done = set_up(tmp_path, client, AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert done.returncode == 0, done.stderr
    read = tomllib.loads if client == "codex" else json.loads
    assert PLACES[client][0] in read(done.stdout)
    assert str(tmp_path / FILES[client][0]) in done.stderr
    assert AGENT_TOKEN not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("client", CLIENTS)
def test_it_writes_beside_what_is_there_and_the_token_elsewhere(
    tmp_path: Path, client: str
) -> None:
    file = tmp_path / FILES[client][0]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(BEFORE[client])
    done = set_up(tmp_path, client, "--write", AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert done.returncode == 0, done.stderr
    after = file.read_text()
    assert "mine" in after
    assert settings_of(tmp_path, client)[PLACES[client][0]]["other"] == {"command": "x"}
    assert AGENT_TOKEN not in after
    token = tmp_path / ".config" / "agent-gate" / "gate.token"
    assert token.read_text() == f"{AGENT_TOKEN}\n"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    entry = entry_of(tmp_path, client)
    command = entry["command"]
    args = command[1:] if isinstance(command, list) else entry["args"]
    assert Path(command[0] if isinstance(command, list) else command).is_absolute()
    assert args[:5] == ["mcp", "--url", "ws://127.0.0.1:8443", "--token-file", str(token)]
    (copy,) = file.parent.glob(f"{file.name}.*.bak")
    assert copy.read_text() == BEFORE[client]
    assert stat.S_IMODE(copy.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("client", CLIENTS)
def test_a_second_time_changes_nothing(tmp_path: Path, client: str) -> None:
    first = set_up(tmp_path, client, "--write", AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert first.returncode == 0, first.stderr
    file = tmp_path / FILES[client][0]
    before, inode = file.read_bytes(), file.stat().st_ino
    done = set_up(tmp_path, client, "--write", AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert "says so already" in done.stdout
    assert (file.read_bytes(), file.stat().st_ino) == (before, inode)
    assert list(file.parent.glob("*.bak")) == []


@pytest.mark.parametrize("client", WEB)
def test_over_http_the_token_comes_from_elsewhere(tmp_path: Path, client: str) -> None:
    url = "wss://gate.example.org:9443"
    done = set_up(tmp_path, client, "--http", "--write", "--url", url, AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / FILES[client][0]).read_text()
    assert "https://gate.example.org:9443/mcp" in text
    assert AGENT_TOKEN not in text
    assert ("AGENT_GATE_TOKEN" in text) != (client == "vscode")
    assert not (tmp_path / ".config" / "agent-gate").exists()
    assert f"holds: {{AGENT: {CLIENTS[client].web_hold_s}}}" in done.stderr
    assert CLIENTS[client].look in done.stderr


def test_claude_desktop_can_not_send_a_token_over_http(tmp_path: Path) -> None:
    done = set_up(tmp_path, "claude-desktop", "--http")
    assert done.returncode == 4
    assert "--stdio" in done.stderr


@pytest.mark.parametrize("client", ["claude-code", "codex", "gemini"])
def test_both_sides_are_told_how_long_a_person_may_take(tmp_path: Path, client: str) -> None:
    set_up(tmp_path, client, "--write")
    entry = entry_of(tmp_path, client)
    limit_s = entry["tool_timeout_sec"] if client == "codex" else entry["timeout"] / 1000
    assert limit_s == HOUR_S
    assert entry["args"][-2:] == ["--hold", str(HOUR_S - MARGIN_S)]


def test_without_a_token_it_says_where_to_put_it(tmp_path: Path) -> None:
    done = set_up(tmp_path, "cursor", "--write")
    assert f"put the agent's token into {tmp_path}/.config/agent-gate/gate.token" in done.stderr


def test_a_token_that_stands_in_the_settings_is_for_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / FILES["cursor"][0]
    file.parent.mkdir()
    file.write_text(json.dumps({"mcpServers": {"old": {"env": {"T": AGENT_TOKEN}}}}))
    file.chmod(0o644)
    done = set_up(tmp_path, "cursor", "--write", AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert "chmod 600" in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_settings_that_can_not_be_read_are_left_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / FILES["gemini"][0]
    file.parent.mkdir()
    file.write_text("{ this is no JSON")
    done = set_up(tmp_path, "gemini", "--write")
    assert done.returncode == 1
    assert "by hand" in done.stderr
    assert '"mcpServers"' in done.stderr
    assert file.read_text() == "{ this is no JSON"


def test_another_file_and_another_name_may_be_said(tmp_path: Path) -> None:
    done = set_up(tmp_path, "claude-code", "--write", "--file", ".mcp.json", "--name", "home")
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / ".mcp.json").read_text())
    assert "mcp__home__permit --allowedTools 'mcp__home__*'" in done.stderr
    assert "home.token" in " ".join(settings["mcpServers"]["home"]["args"])
    assert not (tmp_path / ".claude.json").exists()


@pytest.mark.parametrize("options", [("--name", "a b"), ("--url", "ftp://x"), ("--name", "é")])
def test_what_can_not_be_meant_is_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    done = set_up(tmp_path, "cursor", "--write", *options)
    assert done.returncode == 4
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_the_settings_stays_one(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    link = tmp_path / FILES["cursor"][0]
    link.parent.mkdir()
    link.symlink_to(real)
    assert set_up(tmp_path, "cursor", "--write").returncode == 0
    assert link.is_symlink()
    assert "gate" in json.loads(real.read_text())["mcpServers"]


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / ".cursor").write_text("a file")
    done = set_up(tmp_path, "cursor", "--write")
    assert done.returncode == 1
    assert str(tmp_path / ".cursor") in done.stderr


WISH = Wish(
    name="gate",
    command="/bin/agent-gate",
    url="ws://h:1",
    path="/mcp",
    token_file=Path("/t"),
    ca_file=Path("/ca.pem"),
)


def test_opencode_of_the_second_version_has_another_place() -> None:
    settings = {"mcp": {"servers": {"other": {"type": "local", "command": ["x"]}}}}
    place, entry = opencode_pipe(WISH, settings)
    assert place == ("mcp", "servers", "gate")
    assert entry["timeout"]["request"] > 600_000
    assert "enabled" not in entry
    one_named_servers = {"mcp": {"servers": {"type": "local", "command": ["x"]}}}
    assert opencode_web(WISH, one_named_servers)[0] == ("mcp", "gate")


def test_an_authority_of_ones_own_goes_along() -> None:
    place, entry = opencode_pipe(WISH, {})
    assert place == ("mcp", "gate")
    assert entry["command"][6:8] == ["--ca-file", "/ca.pem"]


def test_questions_of_vs_code_are_kept_and_ours_is_there_once() -> None:
    mine = {"type": "promptString", "id": "mine"}
    once = inputs_with({"inputs": [mine]})
    assert once[0] == mine
    assert inputs_with({"inputs": once}) == once


def test_the_token_is_written_anew_only_if_it_is_another(tmp_path: Path) -> None:
    token = tmp_path / "t"
    options = ("--write", "--token-file", str(token))
    set_up(tmp_path, "cursor", *options, AGENT_GATE_TOKEN=AGENT_TOKEN)
    token.chmod(0o644)
    before = token.stat().st_ino
    set_up(tmp_path, "cursor", *options, AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert token.stat().st_ino == before
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    set_up(tmp_path, "cursor", *options, AGENT_GATE_TOKEN="another-token-0123456789abcdef")
    assert token.read_text() == "another-token-0123456789abcdef\n"
    assert not list(tmp_path.glob("*.bak"))
