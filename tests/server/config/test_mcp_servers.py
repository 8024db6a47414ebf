"""``tools.mcp``: what is taken, what is refused and where, what is a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_proto.records.request import Effects
from agentgate_server.config import Config, load_config
from agentgate_server.documents import DocumentError
from agentgate_server.gate.reloading import changed_keys
from agentgate_server.tools.mcp.form import McpServerConfig

TOKEN = "t" * 20
BASE = f"agent: {{token: {'a' * 20}}}\n"
WHOLE = """tools:
  mcp:
    git:
      command: [./bin/git-server, --repository, "a; rm -rf $(x)"]
      env: {GIT_TOKEN: "${GIT_TOKEN}", LEVEL: info}
      cwd: repositories
      prefix: vcs
      effects: {"git_status": read, "git_*": write, "*": read}
      tools: ["git_*"]
      pins: first-use
      resources: true
      prompts: true
      timeout_s: 5
      wait_s: 0
      output_bytes_max: 2000
    web:
      url: https://mcp.example/mcp?key=1
      headers: {Authorization: "Bearer ${GIT_TOKEN}"}
      private: true
      allow: [192.0.2.0/24]
      ca: web.pem
      oauth: true
"""


def load(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.touch(0o600)
    path.write_text(BASE + text)
    return load_config(path, environment={"GIT_TOKEN": TOKEN})


def servers(folder: Path, text: str) -> dict[str, McpServerConfig]:
    return {str(alias): each for alias, each in load(folder, text).tools.mcp.items()}


def server(**keys: str) -> str:
    fields = ", ".join(f"{key}: {value}" for key, value in keys.items())
    return f"tools: {{mcp: {{git: {{{fields}}}}}}}\n"


def test_everything_can_be_said_of_a_server(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE)
    git, web = config.tools.mcp.values()
    bin_path = str(tmp_path / "bin/git-server")
    assert git.command == (bin_path, "--repository", "a; rm -rf $(x)")
    assert git.cwd == tmp_path / "repositories"
    assert (web.url or "") == "https://mcp.example/mcp?key=1"
    assert web.url is not None
    assert web.url.place == "https://mcp.example"
    assert web.ca == tmp_path / "web.pem"
    assert web.reach.private
    assert str(web.reach.allow[0]) == "192.0.2.0/24"
    found = {secret.value for secret in config.secrets}
    assert found >= {TOKEN, f"Bearer {TOKEN}"}
    assert "info" not in found
    assert TOKEN not in repr(config)


def test_little_need_be_said_of_one(tmp_path: Path) -> None:
    git = servers(tmp_path, server(command="[git-server]"))["git"]
    assert git.command == ("git-server",)
    assert git.cwd == tmp_path.absolute()
    assert (git.pins, git.timeout_s, git.wait_s) == ("review", 60, 5)
    assert git.offers("anything")
    assert git.effects_of("anything") is Effects.WRITE


def test_the_first_pattern_that_fits_says_what_a_tool_does(tmp_path: Path) -> None:
    git = servers(tmp_path, WHOLE)["git"]
    effects = [git.effects_of(name) for name in ("git_status", "git_push", "other")]
    assert effects == [Effects.READ, Effects.WRITE, Effects.READ]
    assert [git.offers(name) for name in ("git_push", "other")] == [True, False]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (server(timeout_s="5"), "needs exactly one of command and url"),
        (server(command="[a]", url="https://a.example"), "needs exactly one of command and url"),
        (server(command="[a]", headers="{A: b}"), "mean nothing with command"),
        (server(command="[a]", oauth="true"), "mean nothing with command"),
        (server(url="https://a.example", env="{A: b}"), "env and cwd mean nothing with url"),
        (server(url="https://a.example", cwd="x"), "env and cwd mean nothing with url"),
        (server(url="https://a.example#x"), "without a fragment"),
        (server(url="ftp://a.example"), "must be http:// or https://"),
        (server(url="https://u:p@a.example"), "without a user name"),
        (server(url="https://a.example", headers='{Mcp-Session-Id: "1"}'), "set by the gateway"),
        (server(url="https://a.example", headers='{Host: "a"}'), "set by the gateway"),
        (server(url="https://a.example", headers='{X: "a\\nb"}'), "printable ASCII"),
        (server(command="[a]", prefix='"a.b"'), "1 to 32 letters"),
        (server(command="[a]", effects='{"git x": read}'), "the name of a tool there"),
        (server(command="[a]", shell="true"), "shell"),
        (server(command='["a\\0"]'), "NUL"),
        (server(command="[a]", env='{A: "b\\0"}'), "NUL"),
        (server(command="[a]", env="{1A: b}"), "letters, digits and underscores"),
        ('tools: {mcp: {"1git": {command: [a]}}}\n', "1 to 32 letters"),
        (server(command="[a]", prefix="agent"), "tools of the agent 'agent'"),
        (server(command="[a]", prefix="permit"), "tools of the permission prompt"),
        ("tools: {mcp: {a: {command: [x]}, b: {command: [x], prefix: a}}}\n", "the server 'a'"),
    ],
)
def test_what_can_not_be_meant_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(tmp_path, text)
    assert problem in str(caught.value)
    assert "tools" in str(caught.value)


def test_a_prefix_is_nobody_elses(tmp_path: Path) -> None:
    house = f"upstreams: {{git: {{url: wss://a.example, token: {TOKEN}}}}}\n"
    with pytest.raises(DocumentError, match="tools of the gateway 'git'"):
        load(tmp_path, server(command="[a]") + house)
    load(tmp_path, server(command="[a]", prefix='""') + house)


def test_clear_text_to_another_machine_is_told(tmp_path: Path) -> None:
    assert load(tmp_path, server(url='"http://127.0.0.1:80/mcp"')).warnings == ()
    (warning,) = load(tmp_path, server(url='"http://a.example/mcp"')).warnings
    assert "in clear text" in warning


def test_a_file_with_a_header_in_it_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    own = BASE.replace("a" * 20, '"${GIT_TOKEN}"')
    for text, told in (
        (server(url="https://a.example", headers=f"{{A: {TOKEN}}}"), True),
        (server(command="[a]", env=f"{{A_TOKEN: {TOKEN}}}"), True),
        (server(command="[a]", env="{LEVEL: info}"), False),
    ):
        path.write_text(own + text)
        path.chmod(0o644)
        config = load_config(path, environment={"GIT_TOKEN": TOKEN})
        assert any("holds a token" in each for each in config.warnings) is told


def test_a_reload_says_that_another_server_takes_a_restart(tmp_path: Path) -> None:
    before = load(tmp_path, server(command="[a]"))
    after = load(tmp_path, server(command="[b]"))
    assert list(changed_keys(before, after)) == ["tools.mcp"]
