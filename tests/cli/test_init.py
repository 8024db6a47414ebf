"""``agent-gate init``: from nothing to a gateway that serves."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from tests.cli.support import Served, at_terminal, run

from agentgate_server.config import load_config

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
    assert commands == ["serve", "call", "chat", "doctor"]
    assert "--watch" in run("serve", "--help").stdout


def test_tokens_are_for_their_owner_only(tmp_path: Path) -> None:
    run("init", cwd=tmp_path)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert not any((tmp_path / name).stat().st_mode & 0o027 for name in FILES)
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


HOME = ("--home-assistant", "http://127.0.0.1:9", "--home-assistant-token", "home.token-1")
BOT = "123456:ABC-abcdefghijklmnopqrstuvwxyz012345"


def test_options_say_where_to_listen_and_what_to_connect(tmp_path: Path) -> None:
    people = ("--telegram-chat", "-77", "--telegram-user", "5", "--telegram-user", "6")
    bot = ("--telegram", "--telegram-token", BOT)
    done = run(
        "init", "--host", "::", "--port", "9001", "--insecure", *HOME, *bot, *people, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "agent-gate serve --watch" in done.stdout
    config = load_config(tmp_path / "config.yaml", environment={})
    assert (config.gateway.host, config.gateway.port, config.gateway.insecure) == ("::", 9001, True)
    home = config.services.homeassistant
    assert home is not None
    assert (home.url, home.token.value) == ("http://127.0.0.1:9", "home.token-1")
    assert config.messenger is not None
    telegram = config.messenger.telegram
    assert (telegram.token.value, telegram.chat_id, telegram.allowed_users) == (BOT, -77, (5, 6))
    assert not any(
        secret in (tmp_path / name).read_text() for name in FILES[:3] for secret in (BOT, "home.t")
    )
    checked = run("check", cwd=tmp_path)
    assert checked.returncode == 0
    assert checked.stdout.endswith("0 errors, 2 warnings\n")  # no TLS, and no names, of its own


@pytest.mark.parametrize(
    ("options", "room"),
    [
        ((), "ask"),
        (HOME, "ask"),
        (("--policy", "closed"), "deny"),
        ((*HOME, "--policy", "ask"), "ask"),
    ],
)
def test_each_policy_to_begin_with_passes_the_check(
    tmp_path: Path, options: tuple[str, ...], room: str
) -> None:
    assert run("init", *options, cwd=tmp_path).returncode == 0
    checked = run("check", "--strict", cwd=tmp_path)
    assert checked.stdout == "nothing to object to\n"
    note = ("write_note", "name=milk", "text=x", "--json")
    explained = run("explain", *note, cwd=tmp_path)
    assert json.loads(explained.stdout)["decision"] == room
    lock = ("ha_call_service", "domain=lock", "service=unlock", "entity_id=lock.front", "--json")
    if "ask" not in options and options:
        decision = json.loads(run("explain", *lock, cwd=tmp_path).stdout)["decision"]
        assert decision == "deny"


def test_a_certificate_is_written_where_others_are_to_connect(tmp_path: Path) -> None:
    tls = ("--tls-cert", "certs/cert.pem", "--tls-key", "certs/key.pem")
    done = run("init", "--host", "gate.example", *tls, cwd=tmp_path)
    assert done.returncode == 0
    assert "agent-gate serve --watch" in done.stdout
    config = load_config(tmp_path / "config.yaml", environment={})
    assert config.gateway.tls is not None
    assert config.gateway.tls.key == tmp_path / "certs" / "key.pem"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ["--home-assistant", "http://ha:8123"],
            "Home Assistant needs a token: set HOME_ASSISTANT_",
        ),
        (["--home-assistant", "ha", "--home-assistant-token", "x"], "services.homeassistant.url: "),
        (["--telegram"], "Telegram needs the bot's token: set TELEGRAM_TOKEN"),
        (["--telegram", "--telegram-token", "a b'c"], "TELEGRAM_TOKEN must be letters, digits"),
        (["--host", "0.0.0.0"], "is reachable from other machines"),
        (["--host", "not a host"], "gateway.host: must be an address or a host name"),
        (["--tls-cert", "c.pem"], "--tls-cert and --tls-key belong together"),
        (["--ntfy"], "ntfy needs --public-url URL"),
        (["--ntfy", "--public-url", "http://gate.example"], "travel in clear text"),
        (["--ntfy", "--public-url", "https://gate.example", "--ntfy-topic", "a b"], "topic: must"),
        (["--companion", "mobile_app_pixel"], "--companion is for Home Assistant"),
        (["--policy", "house"], "--policy house is for Home Assistant: add --home-assistant"),
    ],
)
def test_a_wrong_answer_writes_nothing(tmp_path: Path, args: list[str], text: str) -> None:
    done = run("init", *args, cwd=tmp_path)
    assert done.returncode == 4
    assert text in done.stderr
    assert "a b'c" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_person_at_a_terminal_is_asked_and_each_answer_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "config.yaml").write_text("")
    with at_terminal("init", "--no-probe", cwd=tmp_path) as terminal:
        for question, answer in (
            ("Folder [.]: ", "taken"),
            ("config.yaml is there already", None),
            ("Folder [.]: ", "house"),
            ("Address to listen on [127.0.0.1]: ", "127.0.0.1:9"),
            ("the port has its own key", None),
            ("Address to listen on [127.0.0.1]: ", ""),
            ("Port [8443]: ", "70000"),
            ("Error: 70000 is not in the range", ""),
            ("Port [8443]: ", "9002"),
            ("Connect Home Assistant? [y/N]: ", "y"),
            ("Its address [http://homeassistant.local:8123]: ", "127.0.0.1:18123"),
            ("it must begin with http:// or https://", None),
            ("Its address [http://homeassistant.local:8123]: ", ""),
            ("A long-lived access token of it: ", "home token"),
            ("it must be letters, digits and signs", None),
            ("A long-lived access token of it: ", "home.token-2"),
            ("Ask people by (telegram, ntfy, companion, none) [none]: ", "telegram"),
            ("The bot's token from @BotFather: ", "123456"),
            ("as @BotFather gives it", None),
            ("The bot's token from @BotFather: ", BOT),
            ("it tells you) [0]: ", ""),
            ("with spaces between them: ", "anna"),
            ("write numbers, as in", ""),
            ("with spaces between them: ", "5, -6"),
            ("write numbers, as in", ""),
            ("with spaces between them: ", "5, 6"),
            ("house   looking is allowed", None),
            ("Policy (ask, house, closed) [house]: ", ""),
        ):
            terminal.see(question)
            if answer is not None and not question.startswith(("Error", "write")):
                terminal.type(f"{answer}\n")
        terminal.see("agent-gate serve --watch")
        assert terminal.end() == 0
        assert "home.token-2" not in terminal.shown
        assert BOT not in terminal.shown
    config = load_config(tmp_path / "house" / "config.yaml", environment={})
    assert config.gateway.port == 9002
    assert config.services.homeassistant is not None
    assert config.messenger is not None
    assert config.messenger.telegram.allowed_users == (5, 6)
    assert "Locks are for people" in (tmp_path / "house" / "permissions.yaml").read_text()


def test_where_others_can_connect_a_person_is_asked_for_tls(tmp_path: Path) -> None:
    given = ("--port", "0", "--policy", "ask")
    with at_terminal("init", "behind", *given, cwd=tmp_path) as terminal:
        terminal.see("Address to listen on")
        terminal.type("0.0.0.0\n")
        terminal.see("a proxy in front adds TLS): ")
        terminal.type("\n")
        for question in ("[y/N]: ", "[none]: "):
            terminal.see(question)
            terminal.type("\n")
        terminal.see("agent-gate serve --watch")
        assert terminal.end() == 0
    assert load_config(tmp_path / "behind" / "config.yaml", environment={}).gateway.insecure


def test_options_that_are_given_are_not_asked_about_and_yes_asks_nothing(tmp_path: Path) -> None:
    with at_terminal("init", "--yes", cwd=tmp_path) as terminal:
        terminal.see("agent-gate serve --watch")
        assert terminal.end() == 0
        assert "[" not in terminal.shown
    assert (tmp_path / "config.yaml").exists()


def test_an_option_that_cannot_be_right_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with at_terminal("init", "new", "--home-assistant", "127.0.0.1:18123", cwd=tmp_path) as screen:
        screen.see("--home-assistant: it must begin with http:// or https://")
        assert screen.end() == 4
        assert "Address to listen on" not in screen.shown


def test_a_policy_is_explained_only_if_it_can_be_chosen(tmp_path: Path) -> None:
    with at_terminal("init", "new", "--host", "127.0.0.1", "--port", "0", cwd=tmp_path) as screen:
        for question in ("[y/N]: ", "[none]: "):
            screen.see(question)
            screen.type("\n")
        screen.see("Policy (ask, closed) [ask]: ")
        screen.type("closed\n")
        assert screen.end() == 0
        assert "house" not in screen.shown
        assert all(len(line) <= 80 for line in screen.shown.splitlines()[:12])


def test_a_conversation_that_is_broken_off_writes_nothing(tmp_path: Path) -> None:
    with at_terminal("init", cwd=tmp_path) as terminal:
        terminal.see("Folder [.]: ")
        terminal.type("\x04")
        assert terminal.end() == 130
    assert list(tmp_path.iterdir()) == []
