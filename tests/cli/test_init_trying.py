"""``agent-gate init`` tries each answer as it is given, and loses none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.cli.doctor.ward import diagnose
from tests.cli.support import AtTerminal, at_terminal, run
from tests.held_ports import held_port
from tests.server.certificates import make

from agentgate_cli.questions import go_on
from agentgate_cli.standins.home import Entity
from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_cli.standins.telegram import EXAMPLE_BOT, TelegramStandIn
from agentgate_server.checking.files import check
from agentgate_server.config import load_config

HOME_TOKEN = "home.token-0123456789"


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@contextmanager
def running(portal: BlockingPortal, server: Any) -> Iterator[Any]:
    with portal.wrap_async_context_manager(server) as entered:
        yield entered


@pytest.fixture
def house(portal: BlockingPortal) -> Iterator[HomeAssistant]:
    with running(portal, HomeAssistant(token=HOME_TOKEN)) as house:
        garage = Entity(
            id="cover.garage", state="closed", name="Garage", attributes={"device_class": "garage"}
        )
        house.home.entities["cover.garage"] = garage
        yield house


@pytest.fixture
def telegram(portal: BlockingPortal) -> Iterator[TelegramStandIn]:
    with running(portal, TelegramStandIn()) as telegram:
        telegram.chats.add_person(41, "Mallory")
        telegram.chats.add_person(42, "Ann")
        telegram.chats.add_person(43, "Ben")
        telegram.chats.add_group(-77, "The house")
        yield telegram


@pytest.fixture
def port() -> Iterator[int]:
    with held_port() as number:
        yield number


def talk(terminal: AtTerminal, *turns: tuple[str, str | None]) -> None:
    """See what is asked, and answer; None: only see."""
    for question, answer in turns:
        terminal.see(question)
        if answer is not None:
            terminal.type(f"{answer}\n")


NO, ENTER = "n", ""


def test_a_port_that_is_taken_is_asked_for_again(tmp_path: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with at_terminal("init", "new", "--host", "127.0.0.1", cwd=tmp_path) as terminal:
            talk(
                terminal,
                ("Port [8443]: ", str(number)),
                (f"another program has port {number}", None),
                ("Take it all the same? [y/N]: ", NO),
                ("Port [8443]: ", str(port)),
                ("Connect Home Assistant? [y/N]: ", NO),
                ("Ask people by (telegram, ntfy, none) [none]: ", ENTER),
                ("Policy (ask, closed) [ask]: ", ENTER),
                ("Next, in ", None),
            )
            assert terminal.end() == 0
    config = load_config(tmp_path / "new" / "config.yaml", environment={})
    assert config.gateway.port == port


def test_a_house_is_tried_and_its_rules_are_proposed(
    tmp_path: Path, port: int, house: HomeAssistant
) -> None:
    given = ("--host", "127.0.0.1", "--port", str(port))
    with at_terminal("init", "new", *given, cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Connect Home Assistant? [y/N]: ", "y"),
            ("Its address [http://homeassistant.local:8123]: ", "http://127.0.0.1:9"),
            ("can't be reached: the connection was refused", None),
            ("Take it all the same? [y/N]: ", NO),
            ("Its address [http://homeassistant.local:8123]: ", house.url),
            ("Home Assistant is there", None),
            ("A long-lived access token of it: ", "wrong.token-0123456789"),
            ("it does not know the token (401)", None),
            ("Take it all the same? [y/N]: ", NO),
            ("A long-lived access token of it: ", HOME_TOKEN),
            ("Home Assistant 2025", None),
            ("Ask people by (telegram, ntfy, companion, none) [none]: ", ENTER),
            ("Policy (ask, house, closed) [house]: ", ENTER),
            ("Locks: ", None),
            ("(deny, ask, none) [deny]: ", ENTER),
            ("Garage doors and gates: Garage (deny, ask, none) [ask]: ", "deny"),
            ("Next, in ", None),
        )
        assert terminal.end() == 0
        assert HOME_TOKEN not in terminal.shown
    policy = (tmp_path / "new" / "permissions.yaml").read_text()
    assert 'pattern: "ha_call_service(cover.*, cover.garage)"\n    action: deny' in policy
    assert policy.count("ha_call_service(lock.*)") == 1
    config_file = tmp_path / "new" / "config.yaml"
    assert check(lambda: load_config(config_file, environment={})) == []
    assert not house.acts


def test_chat_and_person_are_found_by_start(
    tmp_path: Path, port: int, telegram: TelegramStandIn, portal: BlockingPortal
) -> None:
    given = ("--host", "127.0.0.1", "--port", str(port), "--telegram-url", telegram.url)
    with at_terminal("init", "new", *given, "--policy", "ask", cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Connect Home Assistant? [y/N]: ", NO),
            ("Ask people by (telegram, ntfy, none) [none]: ", "telegram"),
            ("The bot's token from @BotFather: ", f"9{EXAMPLE_BOT}"),
            ("Telegram knows no bot with this token", None),
            ("Take it all the same? [y/N]: ", NO),
            ("The bot's token from @BotFather: ", EXAMPLE_BOT),
            ("the bot is @gate_bot", None),
            ("sending the bot /start? [Y/n]: ", ENTER),
            ("https://t.me/gate_bot?start=", None),
            ("Waiting", None),
        )
        portal.call(telegram.chats.say, 41, "/start")
        talk(
            terminal,
            ("Mallory (id 41) in a private chat. Is that you, and the chat to ask in? [y/N]: ", NO),
        )
        word = terminal.shown.partition("?start=")[2].split()[0]
        portal.call(telegram.chats.say, 42, f"/start {word}")
        talk(
            terminal,
            ("Ann (id 42) in a private chat, by the link above. ", "y"),
            ("the bot has written there", None),
            ("another person who may answer? [y/N]: ", "y"),
            ("Waiting", None),
        )
        portal.call(telegram.chats.say, 43, "/start")
        talk(
            terminal,
            ("Ben (id 43) in a private chat. May they answer? [y/N]: ", "y"),
            ("another person who may answer? [y/N]: ", NO),
            ("Next, in ", None),
        )
        assert terminal.end() == 0
        assert EXAMPLE_BOT not in terminal.shown
    config = load_config(tmp_path / "new" / "config.yaml", environment={})
    assert config.messenger is not None
    phone = config.messenger.telegram
    assert (phone.chat_id, phone.names) == (42, {42: "owner", 43: "telegram:43"})
    (message,) = telegram.chats.seen(42)[-1:]
    assert "agent-gate will ask here" in message.text


def test_a_group_and_a_webhook_that_is_in_the_way(
    tmp_path: Path, port: int, telegram: TelegramStandIn, portal: BlockingPortal
) -> None:
    telegram.webhook = "https://other.example/hook"
    given = ("--host", "127.0.0.1", "--port", str(port), "--telegram-url", telegram.url)
    bot = ("--telegram", "--telegram-token", EXAMPLE_BOT)
    with at_terminal("init", "new", *given, *bot, "--policy", "ask", cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Connect Home Assistant? [y/N]: ", NO),
            ("has a webhook to other.example", None),
            ("sending the bot /start? [Y/n]: ", ENTER),
            ("goes to other.example (a webhook)", None),
            ("End it, and listen here? [y/N]: ", "y"),
            ("Waiting", None),
        )
        portal.call(lambda: telegram.chats.say(42, "/start@gate_bot", chat_id=-77))
        talk(
            terminal,
            ("Ann (id 42) in The house (id -77). Is that you", "y"),
            ("another person who may answer? [y/N]: ", NO),
            ("Next, in ", None),
        )
        assert terminal.end() == 0
    assert telegram.webhook == ""
    config = load_config(tmp_path / "new" / "config.yaml", environment={})
    assert config.messenger is not None
    assert config.messenger.telegram.chat_id == -77


def test_whoever_does_not_wait_gives_the_numbers_by_hand(
    tmp_path: Path, port: int, telegram: TelegramStandIn
) -> None:
    given = ("--host", "127.0.0.1", "--port", str(port), "--telegram-url", telegram.url)
    bot = ("--telegram", "--telegram-token", EXAMPLE_BOT)
    with at_terminal("init", "new", *given, *bot, "--policy", "ask", cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Connect Home Assistant? [y/N]: ", NO),
            ("sending the bot /start? [Y/n]: ", ENTER),
            ("Waiting", None),
        )
        terminal.interrupt()
        talk(
            terminal,
            ("not found; the numbers can be given by hand", None),
            ("it tells you) [0]: ", "-5"),
            ("with spaces between them: ", "5"),
            ("Next, in ", None),
        )
        assert terminal.end() == 0


def test_a_certificate_is_tried_with_its_key(tmp_path: Path, port: int) -> None:
    for name in ("one", "two"):
        make(tmp_path, name)
        (tmp_path / f"{name}.key").chmod(0o600)
    with at_terminal("init", "new", "--port", str(port), cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Address to listen on [127.0.0.1]: ", "0.0.0.0"),
            ("adds TLS): ", "nowhere.pem"),
            ("Its private key, a PEM file: ", "one.key"),
            ("file not found", None),
            ("Take it all the same? [y/N]: ", NO),
            ("adds TLS): ", "one.pem"),
            ("Its private key, a PEM file: ", "two.key"),
            ("belong together", None),
            ("Take it all the same? [y/N]: ", NO),
            ("adds TLS): ", "one.pem"),
            ("Its private key, a PEM file: ", "one.key"),
            ("the certificate is for localhost, 127.0.0.1", None),
            ("Connect Home Assistant? [y/N]: ", NO),
            ("Ask people by (telegram, ntfy, none) [none]: ", ENTER),
            ("Policy (ask, closed) [ask]: ", ENTER),
            ("Next, in ", None),
        )
        assert terminal.end() == 0
    config = load_config(tmp_path / "new" / "config.yaml", environment={})
    assert config.gateway.tls is not None
    assert config.gateway.tls.key == tmp_path / "one.key"


def test_whoever_breaks_off_is_told_how_to_go_on(tmp_path: Path, port: int) -> None:
    with at_terminal("init", cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Folder [.]: ", "my gateway"),
            ("Address to listen on [127.0.0.1]: ", ENTER),
            ("Port [8443]: ", str(port)),
            ("Connect Home Assistant? [y/N]: ", "\x04"),
            (f"agent-gate init 'my gateway' --host 127.0.0.1 --port {port}", None),
        )
        assert terminal.end() == 130
    assert list(tmp_path.iterdir()) == []


def test_what_is_secret_is_not_in_the_command_that_goes_on() -> None:
    names = (
        *("folder", "host", "port", "insecure", "tls_cert", "tls_key", "policy"),
        *("home_assistant", "home_assistant_token", "telegram", "telegram_token"),
        *("telegram_url", "telegram_chat", "telegram_topic", "telegram_user", "telegram_owner"),
        *("ntfy", "ntfy_url", "ntfy_token", "ntfy_topic", "public_url", "companion"),
    )
    options: dict[str, Any] = dict.fromkeys(names)
    assert go_on(options) == ""
    options |= {"folder": Path("x"), "port": 0, "telegram": True, "telegram_token": EXAMPLE_BOT}
    options |= {"telegram_user": (5, 6), "telegram_chat": -7, "home_assistant_token": HOME_TOKEN}
    told = go_on(options)
    assert told.endswith(
        "HOME_ASSISTANT_TOKEN=… TELEGRAM_TOKEN=… agent-gate init x --port 0 --telegram "
        "--telegram-chat -7 --telegram-user 5 --telegram-user 6"
    )
    assert EXAMPLE_BOT not in told
    assert HOME_TOKEN not in told


def test_without_a_terminal_all_is_tried_if_that_is_wanted(
    tmp_path: Path,
    port: int,
    house: HomeAssistant,
    telegram: TelegramStandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = (
        *("init", "new", "--probe", "--port", str(port), "--home-assistant", house.url),
        *("--telegram", "--telegram-url", telegram.url, "--telegram-token", EXAMPLE_BOT),
        *("--telegram-chat", "42", "--telegram-user", "42", "--telegram-owner", "42"),
        *("--house-rules", "propose"),
    )
    done = run(*options, "--home-assistant-token", "wrong", cwd=tmp_path)
    assert done.returncode == 1
    assert "it does not know the token (401)" in done.stdout
    assert "nothing was written" in done.stderr
    assert list(tmp_path.iterdir()) == []
    done = run(*options, "--home-assistant-token", HOME_TOKEN, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Garage doors and gates: ask (Garage)" in done.stdout
    monkeypatch.delenv("HOME_ASSISTANT_TOKEN", raising=False)
    assert anyio.run(diagnose, tmp_path / "new") == []
